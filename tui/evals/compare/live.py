"""Several sides answer one prompt at once, streamed; whole answers are kept and never asked for again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from tui.chat.lanes import CUT, FAILED, STOPPED, Lane, LaneAnswer
from tui.chat.streams import LaneUpdate, OpenStream, stream_lanes
from tui.evals.cases import Case
from tui.evals.logprobs import refuses_logprobs, without_logprobs
from tui.evals.ports import EvalServices
from tui.evals.requests import Ask, Contender, ask_of
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatDelta, ChatRequest, TokenLogprob
from tui.records.comparisons import Side
from tui.records.evaluations import EvalAnswer

FEWEST_SIDES, MOST_SIDES = 2, 4
OnSide = Callable[[int, LaneAnswer, bool], None]
"""Called with (place of the side, its answer so far, whether that is all)."""


@dataclass(frozen=True, slots=True)
class PaneLane(Lane):
    """A lane at a place: the same model may stand in two panes with other prompts or settings."""

    place: int = 0


def stream_sides(
    services: EvalServices, sides: Sequence[Side], case: Case, stop: threading.Event, on_side: OnSide
) -> None:
    """Have all sides answer; what is kept is handed on at once and asked of nobody.

    Args:
        services: Providers and the store.
        sides: Who answers; two that ask exactly the same share one answer.
        case: The prompt.
        stop: Set by anyone to end early; an answer that is not whole is handed on, but not kept.
        on_side: Called in this thread.
    """
    streams: dict[Lane, OpenStream] = {}
    asked: dict[Lane, Ask] = {}
    places: dict[Lane, list[int]] = {}
    same: dict[tuple[Lane, bytes], Lane] = {}
    for place, side in enumerate(sides):
        lane = Lane(side.account, side.model)
        ask = ask_of(Contender(lane, side.system), case, side.parameters)
        kept = _kept(services, lane, ask)
        if kept is not None:
            on_side(place, kept, True)
        elif (lane, ask.digest) in same:
            places[same[lane, ask.digest]].append(place)
        else:
            pane = same[lane, ask.digest] = PaneLane(side.account, side.model, place)
            streams[pane] = partial(_opened, services, lane, ask.request)
            asked[pane], places[pane] = ask, [place]

    def hand_on(update: LaneUpdate) -> None:
        if update.finished:
            _keep(services, update.lane, asked[update.lane], update.answer)
        for place in places[update.lane]:
            on_side(place, update.answer, update.finished)

    if streams:
        stream_lanes(streams, stop, hand_on)


def _opened(services: EvalServices, lane: Lane, request: ChatRequest) -> Iterator[ChatDelta]:
    provider = services.provider(lane.account)
    try:
        yield from provider.stream_chat(request)
    except ProviderError as error:
        if not refuses_logprobs(error, request):
            raise
        yield from provider.stream_chat(without_logprobs(request))


def _kept(services: EvalServices, lane: Lane, ask: Ask) -> LaneAnswer | None:
    found = services.store.eval_answers(lane.account, lane.model, [ask.digest]).get(ask.digest)
    if found is None:
        return None
    told = services.store.answer_logprobs(lane.account, lane.model, [ask.digest])
    return lane_answer(found, told.get(ask.digest, ()))


def lane_answer(answer: EvalAnswer, logprobs: tuple[TokenLogprob, ...] = ()) -> LaneAnswer:
    """Return a kept answer as one that has just come."""
    return LaneAnswer(
        answer.text, answer.finish_reason or "stop", answer.usage, answer.first_token_seconds,
        answer.seconds or 0.0, tool_calls=answer.tool_calls, logprobs=logprobs,
    )  # fmt: skip


def _keep(services: EvalServices, lane: Lane, ask: Ask, answer: LaneAnswer) -> None:
    if answer.finish_reason in (None, FAILED, CUT, STOPPED):
        return
    kept = EvalAnswer(
        answer.text, answer.tool_calls, answer.finish_reason, answer.usage, answer.first_token_seconds,
        answer.seconds, int(time.time()), logprobs=answer.logprobs,
    )  # fmt: skip
    services.store.save_eval_answer(lane.account, lane.model, ask.digest, kept)
