"""Reads several answers at once and hands them on in pieces that a screen can keep up with.

Each lane is read in a thread of its own; one caller gathers what has arrived at most twenty times a second,
so a fast model costs a screen no more than a slow one, and the caller's callback never runs twice at once.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from tui.chat.lanes import CUT, FAILED, STOPPED, Lane, LaneAnswer
from tui.errors import TunedeckError
from tui.records.chats import ChatDelta, TokenLogprob

UPDATES_PER_SECOND = 20
STOP_GRACE_SECONDS = 0.2
"""How long a stopped lane may take to let go; after that its thread is left to end by itself. Stopping is
felt as immediate below that, and a service that streams is told by the next piece it sends."""

MOST_CHARACTERS = 10_000_000
"""Of one answer; a stream without end would fill memory and disk."""
_GATHER_SECONDS = 0.05
"""How long what arrives is gathered at most, however fast it comes."""
_TOO_LONG = f"It was longer than {MOST_CHARACTERS:,} characters; the rest was not read."
_NO_END = "The service ended the stream without saying that the answer is finished."

OpenStream = Callable[[], Iterator[ChatDelta]]


@dataclass(frozen=True, slots=True)
class LaneUpdate:
    """What has newly arrived in a lane, and the answer as it stands with it."""

    lane: Lane
    text: str
    answer: LaneAnswer
    finished: bool


@dataclass(frozen=True, slots=True)
class _Arrival:
    lane: Lane
    seconds: float
    delta: ChatDelta | None = None
    """None marks the end of the lane."""
    failure: TunedeckError | None = None


class _LaneReader(threading.Thread):
    """Reads one answer and closes its stream as soon as it is told to stop."""

    def __init__(
        self,
        lane: Lane,
        open_stream: OpenStream,
        arrivals: queue.SimpleQueue[_Arrival],
        stop: threading.Event,
    ) -> None:
        super().__init__(name=f"chat {lane.model}", daemon=True)
        self._lane = lane
        self._open_stream = open_stream
        self._arrivals = arrivals
        self._stop_asked = stop
        self.enough = threading.Event()
        """Set when nothing more of this lane is wanted."""
        self._asked_at = time.monotonic()

    def run(self) -> None:
        """Put every piece on the queue, and in any case the end."""
        failure: TunedeckError | None = None
        try:
            self._read()
        except TunedeckError as error:
            failure = error
        except Exception as error:  # a client library's own failure must end the lane, not the program
            failure = TunedeckError(f"The answer broke off: {type(error).__name__}: {error}", "Try again.")
        self._put(None, failure)

    def _read(self) -> None:
        stream = self._open_stream()
        try:
            for delta in stream:
                if self._stop_asked.is_set() or self.enough.is_set():
                    return
                self._put(delta)
        finally:
            close = getattr(stream, "close", None)
            if close is not None:
                close()

    def _put(self, delta: ChatDelta | None, failure: TunedeckError | None = None) -> None:
        self._arrivals.put(_Arrival(self._lane, time.monotonic() - self._asked_at, delta, failure))


def stream_lanes(
    streams: Mapping[Lane, OpenStream], stop: threading.Event, on_update: Callable[[LaneUpdate], None]
) -> dict[Lane, LaneAnswer]:
    """Read all lanes to their end, or until `stop` is set, and return the answers.

    Args:
        streams: How to open each lane's answer; opened in the lane's own thread.
        stop: Set by anyone to end early; what has arrived until then is kept.
        on_update: Called in this thread, for each lane at most `UPDATES_PER_SECOND` times a second.
    """
    arrivals: queue.SimpleQueue[_Arrival] = queue.SimpleQueue()
    answers = {lane: LaneAnswer() for lane in streams}
    readers = {lane: _LaneReader(lane, opened, arrivals, stop) for lane, opened in streams.items()}
    for reader in readers.values():
        reader.start()
    open_lanes = set(streams)
    deadline: float | None = None
    while open_lanes:
        for lane, arrived in _gather(arrivals).items():
            if lane not in open_lanes:
                continue  # what a lane that had enough has still sent
            update = _apply(lane, answers[lane], arrived, stop)
            answers[lane] = update.answer
            if update.finished:
                open_lanes.discard(lane)
                readers[lane].enough.set()
            on_update(update)
        if not open_lanes or not stop.wait(1 / UPDATES_PER_SECOND):
            continue
        deadline = deadline or time.monotonic() + STOP_GRACE_SECONDS
        if time.monotonic() > deadline:
            break
    for lane in open_lanes:
        answers[lane] = replace(answers[lane], finish_reason=STOPPED)
        on_update(LaneUpdate(lane, "", answers[lane], finished=True))
    return answers


def _gather(arrivals: queue.SimpleQueue[_Arrival]) -> dict[Lane, list[_Arrival]]:
    """Wait a moment for something to arrive, then take all there is, by lane."""
    gathered: dict[Lane, list[_Arrival]] = {}
    try:
        arrival = arrivals.get(timeout=0.1)
        deadline = time.monotonic() + _GATHER_SECONDS
        while True:
            gathered.setdefault(arrival.lane, []).append(arrival)
            if time.monotonic() > deadline:
                return gathered
            arrival = arrivals.get_nowait()
    except queue.Empty:
        return gathered


def _apply(lane: Lane, answer: LaneAnswer, arrived: list[_Arrival], stop: threading.Event) -> LaneUpdate:
    pieces: list[str] = []
    logprobs: list[TokenLogprob] = []
    finished = False
    for arrival in arrived:
        answer = replace(answer, seconds=arrival.seconds)
        if arrival.delta is None:
            finished = True
            has_begun = bool(answer.text or answer.tool_calls or any(pieces))
            answer = _ended(answer, arrival.failure, stop, has_begun=has_begun)
            continue
        pieces.append(arrival.delta.text)
        logprobs += arrival.delta.logprobs
        answer = _with_delta(answer, arrival.delta, arrival.seconds)
    text = "".join(pieces)
    if len(answer.text) + len(text) > MOST_CHARACTERS:
        finished = True
        text = text[: MOST_CHARACTERS - len(answer.text)]
        answer = replace(answer, finish_reason=CUT, error=_TOO_LONG)
    grown = replace(answer, text=answer.text + text, logprobs=(*answer.logprobs, *logprobs))
    return LaneUpdate(lane, text, grown, finished)


def _with_delta(answer: LaneAnswer, delta: ChatDelta, seconds: float) -> LaneAnswer:
    first = answer.first_token_seconds
    says = bool(delta.text or delta.tool_calls or delta.calling)
    return replace(
        answer,
        finish_reason=delta.finish_reason or answer.finish_reason,
        usage=delta.usage or answer.usage,
        tool_calls=answer.tool_calls + delta.tool_calls,
        first_token_seconds=seconds if first is None and says else first,
    )


def _ended(
    answer: LaneAnswer, failure: TunedeckError | None, stop: threading.Event, *, has_begun: bool
) -> LaneAnswer:
    if answer.finish_reason is not None:
        return answer
    if stop.is_set():
        return replace(answer, finish_reason=STOPPED)
    if failure is not None:
        reason = CUT if has_begun else FAILED
        return replace(answer, finish_reason=reason, error=failure.message, remedy=failure.remedy)
    if answer.usage.completion_tokens:
        return replace(answer, finish_reason="stop")  # it told the count, which comes after the end
    return replace(answer, finish_reason=CUT if has_begun else FAILED, error=_NO_END, remedy="Ask again.")
