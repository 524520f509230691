"""Asks several models many things at once: paced, patient, within a money cap, each answer kept as it comes.

An answer is written to the store before anybody is told of it, under the digest of what was asked. A run that
is killed at any instant loses the answers that had not come yet, and asks for nothing else again.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from tui.chat.lanes import Lane
from tui.evals.logprobs import refuses_logprobs, without_logprobs
from tui.evals.pricing import CostMeter
from tui.evals.requests import Ask
from tui.providers.account_limits import background_work
from tui.providers.failures import NOT_REACHED, UNREADABLE
from tui.providers.protocol import Provider, ProviderError
from tui.records.chats import ChatRequest, TokenLogprob, ToolCall, Usage
from tui.records.evaluations import EvalAnswer
from tui.store.store import Store

AT_ONCE = 4
"""Requests under way together; what a service's limits allow beyond that is left to the person in front."""
LONGEST_ANSWER = 1_000_000
"""Characters; a model that never ends is stopped there."""
TOO_LONG = "too long"
"""Our finish reason for an answer that was stopped."""
_MOST_FAILURES, _MOST_UNREACHED = 6, 3
_LONGEST_WAIT = 60.0
_GRACE_SECONDS = 1.0
_REFUSED_INPUT = (400, 413, 422)
_REFUSED_AT_FIRST = 8
"""So many refused requests of a model before any answer mean that it takes none."""


@dataclass(frozen=True, slots=True)
class Question:
    """One request to one model, and what it may cost at most."""

    lane: Lane
    ask: Ask
    most: Decimal | None = None


@dataclass(slots=True)
class AskingOutcome:
    """How a round ended."""

    asked: int = 0
    """Requests that were answered now."""
    refused: dict[tuple[Lane, bytes], str] = field(default_factory=dict)
    """What the service would not answer, and why."""
    capped: bool = False
    """The money cap was reached; what is left was not asked."""
    stopped: bool = False
    """The caller asked to stop."""


class AnswerAsker:
    """One round of questions.

    Args:
        store: Keeps the answers.
        provider_of: Returns the provider of an account's name.
        meter: Counts what is spent and says when the cap would be passed.
        at_once: Requests under way together.
        first_wait: Seconds before the first repetition, where the service names none; doubled each time.
        clock: Unix seconds, for the record.
    """

    def __init__(
        self,
        store: Store,
        provider_of: Callable[[str], Provider],
        meter: CostMeter,
        *,
        at_once: int = AT_ONCE,
        first_wait: float = 1.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._provider_of = provider_of
        self._meter = meter
        self._at_once = at_once
        self._first_wait = first_wait
        self._clock = clock
        self.without_logprobs: set[Lane] = set()
        """Models whose service takes no request for logprobs: they were asked for without."""
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._answered: set[Lane] = set()
        self._refusals: dict[Lane, int] = {}

    def ask(
        self,
        questions: Sequence[Question],
        *,
        on_answer: Callable[[int, int], None] = lambda done, total: None,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> AskingOutcome:
        """Ask everything, and return when all is answered, refused, capped or stopped.

        Args:
            questions: In the order in which to ask.
            on_answer: Called in this thread with (done, in all).
            cancelled: Asked ten times a second; True ends the round, and what has come is kept.

        Raises:
            ProviderError: A service refuses everything, or goes on failing; what was answered is kept.
        """
        self._stopping.clear()
        outcome = AskingOutcome(stopped=cancelled())
        if outcome.stopped:
            return outcome  # what is stopped before it begins asks for nothing
        waiting: queue.SimpleQueue[Question | None] = queue.SimpleQueue()
        for question in questions:
            waiting.put(question)
        arrivals: queue.SimpleQueue[Question | BaseException | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._work, args=(waiting, arrivals, outcome), daemon=True)
            for _ in range(min(self._at_once, len(questions)))
        ]
        for thread in threads:
            waiting.put(None)
            thread.start()
        try:
            self._gather(arrivals, len(threads), len(questions), outcome, on_answer, cancelled)
        finally:
            self._stopping.set()
            _leave(threads)
        return outcome

    def _gather(
        self,
        arrivals: queue.SimpleQueue[Question | BaseException | None],
        working: int,
        total: int,
        outcome: AskingOutcome,
        on_answer: Callable[[int, int], None],
        cancelled: Callable[[], bool],
    ) -> None:
        done = 0
        while working:
            try:
                arrival = arrivals.get(timeout=0.1)
            except queue.Empty:
                if cancelled():
                    # A stream that hangs is left to its thread: nobody waits for it.
                    outcome.stopped = True
                    return
                continue
            if arrival is None:
                working -= 1
            elif isinstance(arrival, BaseException):
                raise arrival
            else:
                done += 1
                on_answer(done, total)
            if cancelled():
                outcome.stopped = True
                return

    def _work(
        self,
        waiting: queue.SimpleQueue[Question | None],
        arrivals: queue.SimpleQueue[Question | BaseException | None],
        outcome: AskingOutcome,
    ) -> None:
        try:
            with background_work(self._stopping):
                while not self._stopping.is_set() and (question := waiting.get()) is not None:
                    if not self._meter.reserve(question.most):
                        outcome.capped = True
                        break
                    if self._answer(question, outcome):
                        arrivals.put(question)
        except BaseException as error:
            # Told to whoever gathers: a thread has nobody else to tell.
            arrivals.put(error)
        finally:
            arrivals.put(None)

    def _answer(self, question: Question, outcome: AskingOutcome) -> bool:
        """Ask one question and keep what comes; False when it was stopped before."""
        used: tuple[Lane, Usage] | None = None
        try:
            answer = self._ask_patiently(question)
            if answer is None:
                return False
            used = (question.lane, answer.usage)
            lane = question.lane
            self._store.save_eval_answer(lane.account, lane.model, question.ask.digest, answer)
            with self._lock:
                self._answered.add(lane)
                outcome.asked += 1
        except ProviderError as error:
            if error.status not in _REFUSED_INPUT and error.code != UNREADABLE:
                raise
            self._note_refusal(question, error, outcome)
        finally:
            self._meter.settle(question.most, used)
        return True

    def _note_refusal(self, question: Question, error: ProviderError, outcome: AskingOutcome) -> None:
        lane = question.lane
        with self._lock:
            outcome.refused[lane, question.ask.digest] = error.message
            self._refusals[lane] = self._refusals.get(lane, 0) + 1
            if lane not in self._answered and self._refusals[lane] >= _REFUSED_AT_FIRST:
                raise error

    def _ask_patiently(self, question: Question) -> EvalAnswer | None:
        wait = self._first_wait
        failures = 0
        while not self._stopping.is_set():
            try:
                return self._ask_once(question)
            except ProviderError as error:
                failures += 1
                most = _MOST_UNREACHED if error.code == NOT_REACHED else _MOST_FAILURES
                if not error.retryable or failures >= most:
                    raise
                seconds = wait if error.retry_after is None else error.retry_after
                self._stopping.wait(min(_LONGEST_WAIT, seconds))
                wait = min(_LONGEST_WAIT, 2 * wait)
        return None

    def _ask_once(self, question: Question) -> EvalAnswer | None:
        lane, request = question.lane, question.ask.request
        if lane in self.without_logprobs:
            request = without_logprobs(request)
        try:
            return self._read_answer(lane, request)
        except ProviderError as error:
            if not refuses_logprobs(error, request):
                raise
        self.without_logprobs.add(lane)
        return self._read_answer(lane, without_logprobs(request))

    def _read_answer(self, lane: Lane, request: ChatRequest) -> EvalAnswer | None:
        started = time.monotonic()
        first: float | None = None
        parts: list[str] = []
        length = 0
        reason: str | None = None
        usage = Usage()
        calls: tuple[ToolCall, ...] = ()
        logprobs: list[TokenLogprob] = []
        stream = self._provider_of(lane.account).stream_chat(request)
        try:
            for delta in stream:
                if delta.text or delta.calling:
                    first = time.monotonic() - started if first is None else first
                    parts.append(delta.text)
                reason, usage = delta.finish_reason or reason, delta.usage or usage
                calls = delta.tool_calls or calls
                logprobs += delta.logprobs
                length += (
                    len(delta.text) + len(delta.logprobs) + 1
                )  # one of nothing but empty pieces ends, too
                if length > LONGEST_ANSWER:
                    reason = TOO_LONG
                    break
                if self._stopping.is_set() and reason is None:
                    return None
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()
        if reason is None and not parts and not calls:
            raise ProviderError(
                "The service ended its answer before it began.", "Try again.", code=UNREADABLE, retryable=True
            )
        return EvalAnswer(
            "".join(parts)[:LONGEST_ANSWER], calls, reason, usage, first, time.monotonic() - started,
            int(self._clock()), logprobs=tuple(logprobs),
        )  # fmt: skip


def _leave(threads: Sequence[threading.Thread]) -> None:
    """Give answers that have just come the time to be kept; a stream that hangs is left to its thread."""
    deadline = time.monotonic() + _GRACE_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
