"""The app's own chats as training examples: one for each model that answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from tui.chat.rows import trainable_messages, trainable_turns
from tui.chat.session import ChatSession
from tui.datasets.convert.example import Example
from tui.store.store import Store

_ALL = 1_000_000
_NAMED_CHATS = 5


@dataclass(slots=True)
class LeftOut:
    """Answers of chats that became no part of a row."""

    answers: int = 0
    chats: list[str] = field(default_factory=list)
    """Ids of the chats that they stand in, the oldest chat first."""

    def note(self, chat_id: str, answers: int) -> None:
        """Count answers of one model in a chat."""
        self.answers += answers
        if answers and chat_id not in self.chats[-1:]:
            self.chats.append(chat_id)

    @property
    def sentence(self) -> str:
        """How many answers there are, why, and in which chats; empty when there are none."""
        if not self.answers:
            return ""
        named = ", ".join(one[:8] for one in self.chats[:_NAMED_CHATS])
        more = f" and {len(self.chats) - _NAMED_CHATS:,} more" if len(self.chats) > _NAMED_CHATS else ""
        who, were = ("One answer", "was") if self.answers == 1 else (f"{self.answers:,} answers", "were")
        return (
            f"{who} {were} left out, for nobody should learn half a sentence: what failed, was stopped or "
            f"was cut at the token limit, and what followed it. Chats: {named}{more}."
        )


def training_examples(
    store: Store, model: str | None = None, left_out: LeftOut | None = None
) -> Iterator[Example]:
    """Yield the kept conversations, the oldest first, one chat in memory at a time.

    Answers that failed are left out with their question. A conversation ends before an answer that was
    stopped, cut off or ended by the token limit: nobody should learn half a sentence. Of branches, the one
    that was shown last is taken.

    Args:
        store: Where chats are kept.
        model: Only what this model answered; None takes all.
        left_out: Where to note the answers that are in no example.
    """
    for summary in reversed(store.chats(_ALL)):
        stored = store.chat(summary.id)
        if stored is None:
            continue
        session = ChatSession.resume(stored, _nobody, store)
        for lane in session.lanes:
            if model in (None, lane.model):
                messages = trainable_messages(session.turns, lane, session.system)
                if left_out is not None:
                    answers = [turn.answers[lane] for turn in session.turns if lane in turn.answers]
                    taken = [turn.answers.get(lane) for turn in trainable_turns(session.turns, lane)]
                    left_out.note(summary.id, len(answers) - sum(bool(one and one.said) for one in taken))
                if messages:
                    yield Example(messages, tools=[dict(tool) for tool in session.tools])


def _nobody(account: str) -> NoReturn:
    raise AssertionError(f"{account} is not asked anything here")
