"""The app's own chats as training examples: one for each model that answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from tui.chat.rows import trainable_messages
from tui.chat.session import ChatSession
from tui.datasets.convert.example import Example
from tui.store.store import Store

_ALL = 1_000_000


def training_examples(store: Store, model: str | None = None) -> Iterator[Example]:
    """Yield the kept conversations, the oldest first, one chat in memory at a time.

    Answers that failed are left out with their question. A conversation ends before an answer that was
    stopped, cut off or ended by the token limit: nobody should learn half a sentence. Of branches, the one
    that was shown last is taken.

    Args:
        store: Where chats are kept.
        model: Only what this model answered; None takes all.
    """
    for summary in reversed(store.chats(_ALL)):
        stored = store.chat(summary.id)
        if stored is None:
            continue
        session = ChatSession.resume(stored, _nobody, store)
        for lane in session.lanes:
            if model in (None, lane.model):
                messages = trainable_messages(session.turns, lane, session.system)
                if messages:
                    yield Example(messages, tools=[dict(tool) for tool in session.tools])


def _nobody(account: str) -> NoReturn:
    raise AssertionError(f"{account} is not asked anything here")
