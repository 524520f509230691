"""A conversation with one or more models: asked once, answered by each, kept as it arrives.

Every lane keeps its own answers, so that from the second question on each model goes on from what it said
itself. Nothing that was answered is ever replaced: a question that is asked again, or in other words, begins
a branch of its own beside the old one, which can be gone back to.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from tui.chat.answer_keeper import AnswerKeeper
from tui.chat.history import asked, conversation
from tui.chat.lanes import Lane, Turn
from tui.chat.parameters import NEW_CHAT
from tui.chat.stored import kept_turn, turns_from
from tui.chat.streams import LaneUpdate, OpenStream, stream_lanes
from tui.chat.tree import TurnTree
from tui.errors import TunedeckError
from tui.records.chats import Answer, ChatDelta, ChatImage, ChatMessage, ChatParameters, ChatRequest, ToolCall
from tui.store.chat_rows import StoredChat
from tui.store.database import StoreError
from tui.store.store import Store

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
        tools: Tools that the models may call, as a service takes them.
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
        tools: Sequence[Mapping[str, Any]] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.lanes = tuple(dict.fromkeys(lanes))
        self.system = system
        self.parameters = parameters or NEW_CHAT
        self.tools = tuple(tools)
        self.tags: tuple[str, ...] = ()
        self._tree = TurnTree()
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
        session = cls(
            lanes, provider_of, store, system=summary.system_prompt, parameters=summary.parameters,
            tools=summary.tools,
        )  # fmt: skip
        session.chat_id, session.tags = summary.id, summary.tags
        session._tree = TurnTree(turns_from(stored), summary.head)
        return session

    @property
    def turns(self) -> list[Turn]:
        """The turns of the branch that is shown."""
        return self._tree.path

    @property
    def all_turns(self) -> list[Turn]:
        """The turns of every branch, in the order in which they were asked."""
        return self._tree.all

    @property
    def is_running(self) -> bool:
        """True while a question is being answered."""
        return self._running.locked()

    def ask(
        self,
        question: str,
        on_update: Callable[[LaneUpdate], None],
        *,
        images: Sequence[ChatImage] = (),
        instead_of: Turn | None = None,
    ) -> Turn:
        """Put a question to every lane and return the turn when all have answered, failed or been stopped.

        Args:
            question: What the person asks.
            on_update: Called in this thread with what has newly arrived, at most 20 times a second per lane.
            images: What goes with it.
            instead_of: Begin a branch beside this turn; None goes on from the end of the one that is shown.

        Raises:
            TunedeckError: There is nothing to ask, nobody to ask, or a question is still being answered.
            AnswersNotKept: All was answered, but the store could not take it; the error holds the turn.
        """
        return self.answer(self.new_turn(question, images=images, instead_of=instead_of), on_update)

    def new_turn(
        self, question: str, *, images: Sequence[ChatImage] = (), instead_of: Turn | None = None
    ) -> Turn:
        """Return the turn that `ask` would ask; nothing is asked yet.

        Raises:
            TunedeckError: There is nothing to ask, or nobody to ask.
        """
        if not question.strip() and not images:
            raise TunedeckError("There is nothing to ask: the message is empty.")
        if not self.lanes:
            raise TunedeckError("No model is chosen.", "Choose one first.")
        parent = self._last_number if instead_of is None else instead_of.parent
        return Turn(self._tree.next_number, question, parent=parent, images=tuple(images))

    def retry(self, on_update: Callable[[LaneUpdate], None], turn: Turn | None = None) -> Turn:
        """Ask a question again, in a branch of its own; the answers that it had stay beside it.

        Args:
            on_update: As of `ask`.
            turn: Which; the last one when None.

        Raises:
            TunedeckError: Nothing was asked yet, or a question is still being answered.
            AnswersNotKept: All was answered, but the store could not take it; the error holds the turn.
        """
        return self.answer(self.same_turn(turn), on_update)

    def same_turn(self, turn: Turn | None = None) -> Turn:
        """Return the turn that `retry` would ask; nothing is asked yet.

        Raises:
            TunedeckError: Nothing was asked yet.
        """
        if not self.turns:
            raise TunedeckError("Nothing was asked yet, so there is nothing to ask again.")
        former = turn or self.turns[-1]
        return Turn(
            self._tree.next_number, former.question, parent=former.parent, images=former.images,
            results=former.results,
        )  # fmt: skip

    def answer_calls(
        self, results: Mapping[Lane, Sequence[str]], on_update: Callable[[LaneUpdate], None]
    ) -> Turn:
        """Answer the tools that lanes called in the last turn, and let those lanes go on.

        Args:
            results: For each lane that called, one answer per call, in order.
            on_update: As of `ask`.

        Raises:
            TunedeckError: An answer is missing or there is no call, or a question is still being answered.
            AnswersNotKept: All was answered, but the store could not take it; the error holds the turn.
        """
        return self.answer(self.results_turn(results), on_update)

    def results_turn(self, results: Mapping[Lane, Sequence[str]]) -> Turn:
        """Return the turn that `answer_calls` would give; nothing is asked yet.

        Raises:
            TunedeckError: An answer is missing, or there is no call.
        """
        calling = self.calling_lanes()
        if not results:
            raise TunedeckError("There is no tool call to answer.")
        for lane, said in results.items():
            if len(said) != len(calling.get(lane, ())):
                raise TunedeckError(f"{lane.label} waits for {len(calling.get(lane, ()))} answers.")
        return Turn(
            self._tree.next_number, "", parent=self._last_number,
            results={lane: tuple(said) for lane, said in results.items()},
        )  # fmt: skip

    def asked_lanes(self, turn: Turn) -> tuple[Lane, ...]:
        """Return who is to answer a turn: of one with tool results, those who called."""
        return tuple(lane for lane in self.lanes if lane in turn.results) if turn.results else self.lanes

    def calling_lanes(self) -> dict[Lane, tuple[ToolCall, ...]]:
        """Return the lanes whose answer to the last turn calls tools, with the calls."""
        if not self.turns:
            return {}
        answers = self.turns[-1].answers
        return {lane: answers[lane].tool_calls for lane in self.lanes
                if lane in answers and answers[lane].tool_calls}  # fmt: skip

    def branches(self, turn: Turn) -> tuple[int, int]:
        """Return which one a turn is of the branches at its place, from 1, and how many there are."""
        siblings = self._tree.siblings(turn)
        if turn not in siblings:
            siblings.append(turn)
        return siblings.index(turn) + 1, len(siblings)

    def show_branch(self, turn: Turn, direction: int) -> Turn | None:
        """Show the branch before (-1) or after (1) at the place of a turn, and keep that it is shown.

        Returns:
            The turn there now; None when there is no such branch.
        """
        shown = self._tree.step(turn, direction)
        if shown is not None and self.chat_id is not None:
            self._store.show_branch(self.chat_id, self.turns[-1].number)
        return shown

    def show_turn(self, number: int) -> Turn | None:
        """Show the branch that holds a turn, for as long as this session lives.

        Returns:
            The turn; None when the chat has none of that number.
        """
        return self._tree.show(number)

    def set_tags(self, tags: Sequence[str]) -> None:
        """Give the chat these tags; one that nothing was asked in yet has no place to keep them.

        Raises:
            TunedeckError: Nothing was asked yet.
        """
        if self.chat_id is None:
            raise TunedeckError("Nothing was asked yet, so there is no chat to tag.")
        self.tags = tuple(dict.fromkeys(tags))
        self._store.set_chat_tags(self.chat_id, self.tags)

    def stop(self) -> None:
        """End the running answers; what has arrived is kept. Does nothing when none is running."""
        self._stop.set()

    def messages(self, lane: Lane, *, before: int | None = None) -> tuple[ChatMessage, ...]:
        """Return the conversation as `lane` knows it, in the branch that is shown.

        Args:
            lane: Whose answers to include.
            before: Leave out this turn and all after it; None includes all.
        """
        numbers = [turn.number for turn in self.turns]
        end = numbers.index(before) if before in numbers else len(numbers)
        return tuple(conversation(self.turns[:end], lane, self.system))

    @property
    def _last_number(self) -> int | None:
        return self.turns[-1].number if self.turns else None

    def answer(self, turn: Turn, on_update: Callable[[LaneUpdate], None]) -> Turn:
        """Ask a turn that `new_turn`, `same_turn` or `results_turn` has made; see `ask`.

        Raises:
            TunedeckError: A question is still being answered.
            AnswersNotKept: All was answered, but the store could not take it; the error holds the turn.
        """
        if not self._running.acquire(blocking=False):
            raise TunedeckError("The last question is still being answered.", "Stop it first, or wait.")
        try:
            self._stop.clear()
            self._tree.add(turn)
            chat_id = self._keep_question(turn)
            keeper = AnswerKeeper(chat_id, turn, self._store, self._clock, on_update)
            stream_lanes(
                {lane: self._opener(lane, turn) for lane in self.asked_lanes(turn)}, self._stop, keeper
            )
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
                models, title=title, system_prompt=self.system, parameters=self.parameters, tools=self.tools
            )
        else:
            # All of them may have been changed since the last question.
            self._store.update_chat(
                self.chat_id, models=models, system_prompt=self.system, parameters=self.parameters,
                tools=self.tools,
            )  # fmt: skip
        self._store.add_turn(self.chat_id, kept_turn(turn))
        return self.chat_id

    def _opener(self, lane: Lane, turn: Turn) -> OpenStream:
        messages = conversation(self.turns, lane, self.system)
        if not turn.results:
            messages.append(asked(turn))
        request = ChatRequest(lane.model, tuple(messages), self.parameters, self.tools)
        return lambda: self._provider_of(lane.account).stream_chat(request)
