"""The app's own chats as training examples: one for each model that answered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NoReturn

from tui.chat.lanes import STOPPED, Lane
from tui.chat.session import ChatSession
from tui.datasets.convert.example import Example
from tui.store.store import Store

_ALL = 1_000_000


def training_examples(store: Store, model: str | None = None) -> Iterator[Example]:
    """Yield the kept conversations, the oldest first, one chat in memory at a time.

    Answers that failed are left out with their question. A conversation whose last answer was stopped by the
    person ends before it: nobody should learn half a sentence.

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
                messages = _messages(session, lane)
                if any(message["role"] == "assistant" for message in messages):
                    yield Example(messages)


def _messages(session: ChatSession, lane: Lane) -> list[dict[str, str]]:
    said = session.messages(lane)
    answered = [turn for turn in session.turns if (answer := turn.answers.get(lane)) and answer.text]
    if answered and answered[-1].answers[lane].finish_reason == STOPPED:
        said = said[:-2]
    return [{"role": message.role, "content": message.content} for message in said]


def _nobody(account: str) -> NoReturn:
    raise AssertionError(f"{account} is not asked anything here")
