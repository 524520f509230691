"""What a conversation with one or several models is made of: lanes, turns and answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from tui.chat.model_names import TUNED_PREFIX, short_model_name
from tui.records.chats import Usage

STOPPED = "stopped"
"""Finish reason of an answer that the person stopped; services have no word for it."""
FAILED = "error"
"""Finish reason of an answer that the service failed to give."""


@dataclass(frozen=True, slots=True)
class Lane:
    """One model of one account that answers the conversation."""

    account: str
    model: str

    @property
    def label(self) -> str:
        """The model's name, short enough for a heading; see `short_model_name`."""
        return short_model_name(self.model)

    @property
    def is_tuned(self) -> bool:
        """True for a model made by fine-tuning, as its name tells."""
        return self.model.startswith(f"{TUNED_PREFIX}:")


@dataclass(frozen=True, slots=True)
class LaneAnswer:
    """What one lane answered to one question, so far or for good."""

    text: str = ""
    finish_reason: str | None = None
    usage: Usage = field(default_factory=Usage)
    first_token_seconds: float | None = None
    """From the question to the first text; None while there is none."""
    seconds: float = 0.0
    """From the question to the last piece."""
    error: str = ""
    """What the service said when it failed; empty otherwise."""
    remedy: str = ""

    @property
    def failed(self) -> bool:
        """True when the service failed before it had finished."""
        return self.finish_reason == FAILED

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens after the first per second after the first; None without the service's own count."""
        if self.first_token_seconds is None or self.usage.completion_tokens < 2:
            return None
        elapsed = self.seconds - self.first_token_seconds
        return (self.usage.completion_tokens - 1) / elapsed if elapsed > 0 else None


@dataclass(slots=True)
class Turn:
    """One question with the answer of each lane that gave one."""

    number: int
    """Counts from 1 within the chat."""
    question: str
    answers: dict[Lane, LaneAnswer] = field(default_factory=dict)


def describe_speed(answer: LaneAnswer) -> str:
    """Return how an answer ended and how fast it came, as `41 tokens at 40/s, first in 0.5 s`."""
    words = []
    if answer.usage.completion_tokens:
        rate = answer.tokens_per_second
        pace = f" at {rate:,.0f}/s" if rate is not None else ""
        words.append(f"{answer.usage.completion_tokens:,} tokens{pace}")
    if answer.first_token_seconds is not None:
        words.append(f"first in {answer.first_token_seconds:.1f} s")
    if answer.finish_reason not in (None, "stop"):
        words.append(
            "cut at the token limit" if answer.finish_reason == "length" else str(answer.finish_reason)
        )
    return ", ".join(words)
