"""A conversation with one or more models: asked once, answered by each, kept as it arrives.

Every lane keeps its own answers, so that from the second question on each model goes on from what it said
itself. A lane that gave no answer to a question does not see that question again: services refuse two
questions in a row, and a model should not be judged on a turn it never took.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from tui.chat.lanes import FAILED, STOPPED, Lane, LaneAnswer, Turn
from tui.chat.parameters import NEW_CHAT
from tui.chat.streams import LaneUpdate, OpenStream, stream_lanes
from tui.errors import TunedeckError
from tui.records.chats import Answer, ChatDelta, ChatMessage, ChatParameters, ChatRequest
from tui.store.chat_rows import StoredChat
from tui.store.database import StoreError
from tui.store.store import Store

SAVE_SECONDS = 1.0
"""How often an unfinished answer is saved: what a crash may lose of it."""
TITLE_LENGTH = 60


class Streamer(Protocol):
    """The one thing a conversation asks of a provider."""

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Yield the answer as it arrives; closing the iterator stops the service's work."""
        ...


class AnswersNotKept(TunedeckError):
    """A question was answered, and the answers could not be written to the store."""

    def __init__(self, turn: Turn, problem: StoreError) -> None:
        super().__init__(
            f"The answer is not kept yet. {problem.message}",
            f"{problem.remedy} It is written with the next question.",
        )
        self.turn = turn


class ChatSession:
    """Asks its lanes, keeps what they answer; one question at a time.

    `ask` and `retry` block, so they belong in a worker; `stop` may be called from anywhere.

    Args:
        lanes: The models that answer, each once.
        provider_of: Returns the provider of an account's name.
        store: Where everything is kept as it arrives.
        system: System prompt; empty for none.
        parameters: How answers are sampled; `NEW_CHAT` when None.
        clock: Unix seconds, for the record.
    """

    def __init__(
        self,
        lanes: Sequence[Lane],
        provider_of: Callable[[str], Streamer],
        store: Store,
        *,
        system: str = "",
        parameters: ChatParameters | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lanes = tuple(dict.fromkeys(lanes))
        self.system = system
        self.parameters = parameters or NEW_CHAT
        self.turns: list[Turn] = []
        self.chat_id: str | None = None
        self._provider_of = provider_of
        self._store = store
        self._clock = clock
        self._unkept: list[Answer] = []
        """Answers that the store could not take; written before the next question is asked."""
        self._stop = threading.Event()
        self._running = threading.Lock()

    @classmethod
    def resume(cls, stored: StoredChat, provider_of: Callable[[str], Streamer], store: Store) -> ChatSession:
        """Return a conversation as it was kept, ready for the next question.

        Answers of models that were taken out of the chat later are kept in the store, but don't come back.
        """
        summary = stored.summary
        lanes = [Lane(account, model) for account, model in summary.models]
        session = cls(lanes, provider_of, store, system=summary.system_prompt, parameters=summary.parameters)
        session.chat_id = summary.id
        turns = {
            number: Turn(number, said.content) for number, said in stored.messages if said.role == "user"
        }
        for answer in stored.answers:  # in the order they were given: an answer asked for again comes later
            if answer.turn in turns:
                turns[answer.turn].answers[Lane(answer.account, answer.model)] = answer_from_record(answer)
        session.turns = [turns[number] for number in sorted(turns)]
        return session

    @property
    def is_running(self) -> bool:
        """True while a question is being answered."""
        return self._running.locked()

    def ask(self, question: str, on_update: Callable[[LaneUpdate], None]) -> Turn:
        """Put a question to every lane and return the turn when all have answered, failed or been stopped.

        Args:
            question: What the person asks.
            on_update: Called in this thread with what has newly arrived, at most 20 times a second per lane.

        Raises:
            TunedeckError: There is nothing to ask, nobody to ask, or a question is still being answered.
            AnswersNotKept: All was answered, but the store could not take it; the error holds the turn.
        """
        if not question.strip():
            raise TunedeckError("There is nothing to ask: the message is empty.")
        if not self.lanes:
            raise TunedeckError("No model is chosen.", "Choose one first.")
        return self._answer(Turn(len(self.turns) + 1, question), on_update)

    def retry(self, on_update: Callable[[LaneUpdate], None]) -> Turn:
        """Ask the last question again; its answers are replaced.

        Raises:
            TunedeckError: Nothing was asked yet, or a question is still being answered.
            AnswersNotKept: All was answered, but the store could not take it; the error holds the turn.
        """
        if not self.turns:
            raise TunedeckError("Nothing was asked yet, so there is nothing to ask again.")
        last = self.turns[-1]
        return self._answer(Turn(last.number, last.question), on_update)

    def stop(self) -> None:
        """End the running answers; what has arrived is kept. Does nothing when none is running."""
        self._stop.set()

    def messages(self, lane: Lane, *, before: int | None = None) -> tuple[ChatMessage, ...]:
        """Return the conversation as `lane` knows it.

        Args:
            lane: Whose answers to include.
            before: Leave out this turn and all after it; None includes all.
        """
        messages = [ChatMessage("system", self.system)] if self.system.strip() else []
        for turn in self.turns:
            answer = turn.answers.get(lane)
            if before is not None and turn.number >= before:
                break
            if answer is None or answer.failed or not answer.text:
                continue
            messages += [ChatMessage("user", turn.question), ChatMessage("assistant", answer.text)]
        return tuple(messages)

    def _answer(self, turn: Turn, on_update: Callable[[LaneUpdate], None]) -> Turn:
        if not self._running.acquire(blocking=False):
            raise TunedeckError("The last question is still being answered.", "Stop it first, or wait.")
        try:
            self._stop.clear()
            self.turns[turn.number - 1 :] = [turn]
            chat_id = self._keep_question(turn)
            keeper = _AnswerKeeper(chat_id, turn, self._store, self._clock, on_update)
            stream_lanes({lane: self._opener(lane, turn) for lane in self.lanes}, self._stop, keeper)
            self._unkept += keeper.unkept.values()
            if keeper.unkept and keeper.problem is not None:
                raise AnswersNotKept(turn, keeper.problem)
            return turn
        finally:
            self._running.release()

    def _keep_question(self, turn: Turn) -> str:
        while self._unkept:
            self._store.add_answer(self._unkept[0])
            del self._unkept[0]
        models = [(lane.account, lane.model) for lane in self.lanes]
        if self.chat_id is None:
            title = " ".join(turn.question.split())[:TITLE_LENGTH]
            self.chat_id = self._store.create_chat(
                models, title=title, system_prompt=self.system, parameters=self.parameters
            )
        else:
            # All of them may have been changed since the last question.
            self._store.update_chat(
                self.chat_id, models=models, system_prompt=self.system, parameters=self.parameters
            )
        self._store.add_message(self.chat_id, turn.number, "user", turn.question)
        return self.chat_id

    def _opener(self, lane: Lane, turn: Turn) -> OpenStream:
        messages = (*self.messages(lane, before=turn.number), ChatMessage("user", turn.question))
        request = ChatRequest(lane.model, messages, self.parameters)
        return lambda: self._provider_of(lane.account).stream_chat(request)


class _AnswerKeeper:
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
        self._turn.answers[update.lane] = update.answer
        if update.finished or time.monotonic() - self._saved.get(update.lane, 0.0) > SAVE_SECONDS:
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
            text=answer.text or answer.error,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
            first_token_seconds=answer.first_token_seconds,
            seconds=answer.seconds,
            created_at=self._created_at,
        )


def answer_from_record(record: Answer) -> LaneAnswer:
    """Return a kept answer as a lane shows it; an unfinished one was cut off with the program."""
    failed = record.finish_reason == FAILED
    return LaneAnswer(
        text="" if failed else record.text,
        finish_reason=record.finish_reason or STOPPED,
        usage=record.usage,
        first_token_seconds=record.first_token_seconds,
        seconds=record.seconds,
        error=record.text if failed else "",
    )
