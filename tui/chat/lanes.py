"""What a conversation with one or several models is made of: lanes, turns and answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tui.chat.model_names import short_model_name
from tui.records.chats import ChatImage, TokenLogprob, ToolCall, Usage
from tui.records.model_names import is_tuned

STOPPED = "stopped"
"""Finish reason of an answer that the person stopped; services have no word for it."""
FAILED = "error"
"""Finish reason of an answer that the service failed to give."""
CUT = "cut off"
"""Finish reason of an answer that broke off: a lost connection, a killed program, a stream without end."""


_SHORTEST_SECONDS = 0.01
"""Less between the first piece and the last says nothing of a pace."""


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
        return is_tuned(self.model)


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
    """Why it failed or was cut off; empty otherwise."""
    remedy: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of its tokens in order, where they were asked for and the service gives them."""

    @property
    def failed(self) -> bool:
        """True when the service failed before anything had arrived."""
        return self.finish_reason == FAILED

    @property
    def is_cut(self) -> bool:
        """True when a part has arrived and the rest was lost."""
        return self.finish_reason == CUT

    @property
    def is_whole(self) -> bool:
        """True when nothing is missing that the model would have said: what others may learn from."""
        return self.finish_reason not in (None, FAILED, CUT, STOPPED, "length")

    @property
    def is_broken(self) -> bool:
        """True when the service did not bring it to an end."""
        return self.failed or self.is_cut

    @property
    def said(self) -> bool:
        """True when there is something to go on from."""
        return not self.failed and bool(self.text or self.tool_calls)

    @property
    def tokens_per_second(self) -> float | None:
        """Tokens after the first per second after the first.

        None without the service's own count, and where all came at once: tool calls come whole.
        """
        if self.first_token_seconds is None or self.usage.completion_tokens < 2:
            return None
        elapsed = self.seconds - self.first_token_seconds
        return (self.usage.completion_tokens - 1) / elapsed if elapsed >= _SHORTEST_SECONDS else None


@dataclass(slots=True)
class Turn:
    """One question with the answer of each lane that gave one."""

    number: int
    """Counts from 1 within the chat, over all its branches; never used twice."""
    question: str
    answers: dict[Lane, LaneAnswer] = field(default_factory=dict)
    parent: int | None = None
    """Number of the turn that it follows; None for a first one."""
    images: tuple[ChatImage, ...] = ()
    results: Mapping[Lane, tuple[str, ...]] = field(default_factory=dict)
    """What the person answered for the tools that a lane called in the turn before, in order; not empty
    only in a turn that asks nothing else."""


def end_words(answer: LaneAnswer) -> str:
    """Return how an answer ended, where it did not just come to its end."""
    if answer.finish_reason in (None, "stop"):
        return ""
    return _ENDS.get(answer.finish_reason, answer.finish_reason)


_ENDS = {"length": "cut at the token limit", "tool_calls": "calls tools"}
"""Finish reasons that need other words."""


def describe_speed(answer: LaneAnswer) -> str:
    """Return how an answer ended and how fast it came, as `41 tokens at 40/s, first in 0.5 s`."""
    words = []
    if answer.usage.completion_tokens:
        rate = answer.tokens_per_second
        pace = f" at {rate:,.0f}/s" if rate is not None else ""
        words.append(f"{answer.usage.completion_tokens:,} tokens{pace}")
    if answer.first_token_seconds is not None:
        words.append(f"first in {answer.first_token_seconds:.1f} s")
    words += filter(None, [end_words(answer)])
    return ", ".join(words)
