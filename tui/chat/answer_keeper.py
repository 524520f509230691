"""Keeps answers while they stream: each update is in the store before anyone else sees it."""

from __future__ import annotations

import time
from collections.abc import Callable

from tui.chat.lanes import Lane, LaneAnswer, Turn
from tui.chat.streams import LaneUpdate
from tui.records.chats import Answer
from tui.store.database import StoreError
from tui.store.store import Store

SAVE_SECONDS = 1.0
"""How often an unfinished answer is saved: what a crash may lose of it."""
_CHARACTERS_PER_SAVE_SECOND = 1_000_000
"""A longer answer is saved less often: each time it is written whole."""


class AnswerKeeper:
    """Puts each update into the turn and the store before anyone else sees it.

    A store that can't be written (a full disk) does not take the answer away from who is reading it.
    """

    def __init__(
        self,
        chat_id: str,
        turn: Turn,
        store: Store,
        clock: Callable[[], float],
        on_update: Callable[[LaneUpdate], None],
    ) -> None:
        self._chat_id = chat_id
        self._turn = turn
        self._store = store
        self._created_at = int(clock())
        self._on_update = on_update
        self._saved: dict[Lane, float] = {}
        self.unkept: dict[Lane, Answer] = {}
        """Answers that the store does not hold as they are now."""
        self.problem: StoreError | None = None

    def __call__(self, update: LaneUpdate) -> None:
        """Keep an update, then hand it on."""
        self._turn.answers[update.lane] = update.answer
        pause = max(SAVE_SECONDS, len(update.answer.text) / _CHARACTERS_PER_SAVE_SECOND)
        if update.finished or time.monotonic() - self._saved.get(update.lane, 0.0) > pause:
            self._saved[update.lane] = time.monotonic()
            self._keep(update.lane, self._record(update.lane, update.answer))
        self._on_update(update)

    def _keep(self, lane: Lane, record: Answer) -> None:
        try:
            self._store.add_answer(record)
        except StoreError as error:
            self.unkept[lane], self.problem = record, error
        else:
            self.unkept.pop(lane, None)

    def _record(self, lane: Lane, answer: LaneAnswer) -> Answer:
        return Answer(
            chat_id=self._chat_id,
            turn=self._turn.number,
            model=lane.model,
            account=lane.account,
            text=answer.text,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            first_token_seconds=answer.first_token_seconds,
            seconds=answer.seconds,
            created_at=self._created_at,
            error=f"{answer.error} {answer.remedy}".strip(),
            tool_calls=answer.tool_calls,
            logprobs=answer.logprobs,
        )
