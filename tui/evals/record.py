"""Records what a model answers before it is shut down: paced, within a money cap, nothing asked twice.

Questions are kept before the first of them is asked, answers as they come, both under the digest of what is
asked. Whoever records the same again, after kill -9 too, asks only for what has no answer yet.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.asking import AnswerAsker, AskingOutcome
from tui.evals.cases import Case
from tui.evals.plan import EvalOptions, EvalPlan, Planned, plan_answers, questions_of
from tui.evals.ports import EvalServices
from tui.evals.pricing import CostMeter, Prices
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet
from tui.money.usage_price import Amount
from tui.records.chats import ChatParameters
from tui.records.recordings import RecordedRequest, Recording

ALTERNATIVES = 5
"""Likeliest tokens that are kept beside each token: they can't be asked for later."""
NEW_RECORDING = ChatParameters(temperature=0.0, max_tokens=512, logprobs=ALTERNATIVES)
_IDENTIFIER_LENGTH = 12
Progress = Callable[[int, int], None]
"""Called with (questions done, questions to ask)."""


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """What recording would ask and cost; nothing has been asked or kept."""

    source: str
    plan: EvalPlan

    @property
    def is_free(self) -> bool:
        """True when nothing that costs is asked."""
        return self.plan.is_free

    @property
    def words(self) -> str:
        """The plan as a sentence for people."""
        return self.plan.words

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The models."""
        return tuple(one.lane for one in self.plan.contenders)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        models = [{"account": lane.account, "model": lane.model} for lane in self.lanes]
        return {"source": self.source, "models": models, **self.plan.as_json()}


@dataclass(frozen=True, slots=True)
class RecordResult:
    """How a round of recording ended."""

    recordings: tuple[Recording, ...]
    asked: int
    spent: Amount | None
    """None where no price is published."""
    why_incomplete: str = ""
    without_logprobs: bool = False
    """The service takes no request for logprobs, so that they were left out."""

    @property
    def complete(self) -> bool:
        """True when every question has an answer or was refused."""
        return not self.why_incomplete

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "recordings": [recording_json(one) for one in self.recordings],
            "asked": self.asked,
            "spent": None if self.spent is None else str(self.spent.high),
            "currency": None if self.spent is None else self.spent.currency,
            "complete": self.complete,
            "why_incomplete": self.why_incomplete,
            "without_logprobs": self.without_logprobs,
        }


def recording_json(recording: Recording) -> dict[str, Any]:
    """Return a recording as JSON values."""
    return {
        "id": recording.id,
        "account": recording.account,
        "model": recording.model,
        "source": recording.source,
        "created_at": recording.created_at,
        "rows": recording.rows,
        "answered": recording.answered,
        "refused": recording.refused,
        "missing": recording.missing,
        "temperature": recording.parameters.temperature,
        "max_tokens": recording.parameters.max_tokens,
    }


def plan_recording(
    services: EvalServices,
    source: str,
    cases: Sequence[Case],
    lanes: Sequence[Lane],
    *,
    parameters: ChatParameters = NEW_RECORDING,
    max_cost: Decimal | None = None,
    at_once: int = 4,
) -> RecordPlan:
    """Count what recording would ask; asks no service.

    Args:
        services: Store, catalog and accounts.
        source: Where the questions are from, for the list of recordings.
        cases: The questions.
        lanes: The models.
        parameters: How answers are sampled.
        max_cost: Beyond which nothing more is asked.
        at_once: Requests under way together.

    Raises:
        TunedeckError: There is nothing to ask, or a cap can't be kept because no price is published.
    """
    if not cases or not lanes:
        raise TunedeckError("There is nothing to record.", "Choose questions and at least one model.")
    test_set = TestSet(Path(source), tuple(cases))
    options = EvalOptions(parameters=parameters, max_cost=max_cost, at_once=at_once, perplexity=False)
    return RecordPlan(source, plan_answers(services, test_set, [Contender(lane) for lane in lanes], options))


def plan_again(
    services: EvalServices, recording: Recording, *, max_cost: Decimal | None = None, at_once: int = 4
) -> RecordPlan:
    """Plan the rest of a recording from what is kept of it: its file or chats need not be there.

    Raises:
        TunedeckError: A cap can't be kept because no price is published.
    """
    cases = cases_of(services.store.recorded_requests(recording.id))
    return plan_recording(
        services, recording.source, cases, [Lane(recording.account, recording.model)],
        parameters=recording.parameters, max_cost=max_cost, at_once=at_once,
    )  # fmt: skip


def record(
    services: EvalServices,
    plan: RecordPlan,
    *,
    on_progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
    clock: Callable[[], float] = time.time,
) -> RecordResult:
    """Ask and keep; what was kept stays, however this ends.

    Args:
        services: Providers, prices and the store.
        plan: From `plan_recording`, seen and agreed to by a person.
        on_progress: Called in this thread.
        cancelled: Asked often; True ends the asking.
        first_wait: Seconds before the first repetition of a request that failed.
        clock: Unix seconds.

    Raises:
        ProviderError: A service refuses everything or goes on failing; what it answered is kept.
    """
    identifiers = _keep_questions(services, plan, int(clock()))
    meter = CostMeter(Prices(services), plan.plan.options.max_cost)
    asker = AnswerAsker(
        services.store, services.provider, meter, at_once=plan.plan.options.at_once, first_wait=first_wait
    )
    questions = questions_of(plan.plan, services)
    outcome = AskingOutcome()
    if questions:
        outcome = asker.ask(questions, on_answer=on_progress, cancelled=cancelled)
    for lane, identifier in identifiers.items():
        said = {digest: why for (where, digest), why in outcome.refused.items() if where == lane}
        services.store.save_refusals(identifier, said)
    found = tuple(filter(None, map(services.store.recording, identifiers.values())))
    spent = None if plan.plan.price is None else Amount(meter.spent, meter.spent, plan.plan.price.currency)
    why = _why_incomplete(outcome, sum(one.missing for one in found), stopped=outcome.stopped or cancelled())
    return RecordResult(found, outcome.asked, spent, why, bool(asker.without_logprobs))


def _why_incomplete(outcome: AskingOutcome, missing: int, *, stopped: bool) -> str:
    if not missing:
        return ""
    if outcome.capped:
        return "the money cap was reached"
    return "it was stopped" if stopped else f"{missing:,} answers are missing"


def _keep_questions(services: EvalServices, plan: RecordPlan, now: int) -> dict[Lane, str]:
    """Keep each model's questions; returns lane -> recording."""
    found = {}
    for lane in plan.lanes:
        planned = [one for one in plan.plan.asks if one.contender.lane == lane]
        identifier = _identifier(lane, plan, planned)
        empty = Recording(
            identifier, lane.account, lane.model, plan.source, plan.plan.options.parameters, now,
            len(planned), 0, 0,
        )  # fmt: skip
        services.store.save_recording(empty, [_request(one) for one in planned])
        found[lane] = identifier
    return found


def _identifier(lane: Lane, plan: RecordPlan, planned: Sequence[Planned]) -> str:
    content = sha256(f"{lane.account}\n{lane.model}\n{plan.source}\n".encode())
    for one in planned:
        content.update(one.ask.digest)
    return content.hexdigest()[:_IDENTIFIER_LENGTH]


def _request(planned: Planned) -> RecordedRequest:
    case, request = planned.case, planned.ask.request
    return RecordedRequest(
        planned.ask.digest, case.id, case.line, request.messages, request.tools, case.expected
    )


def cases_of(requests: Sequence[RecordedRequest]) -> list[Case]:
    """Return a recording's questions as cases, so that they can be asked of another model, or again."""
    return [
        Case(
            one.line, one.case_id, one.messages, one.expected, tools=tuple(_plain(tool) for tool in one.tools)
        )
        for one in requests
    ]


def _plain(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    return dict(tool)
