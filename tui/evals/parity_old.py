"""Where the answers of a model that was recorded are found: in the store, or in golden rows themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.plan import EvalOptions, plan_answers
from tui.evals.ports import EvalServices
from tui.evals.record import cases_of
from tui.evals.recorded import RECORDED_KEY, is_meant
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet
from tui.records.chats import ChatParameters, Usage
from tui.records.evaluations import EvalAnswer
from tui.records.recordings import Recording


@dataclass(frozen=True, slots=True)
class OldAnswers:
    """What the old model answered, and where that is known from."""

    lane: Lane
    cases: tuple[Case, ...]
    """Those with an answer; `expected` is what the row itself holds for right."""
    answers: tuple[EvalAnswer, ...]
    """In the same order."""
    parameters: ChatParameters
    missing: int = 0
    """Rows that the old model has no answer to."""

    @property
    def pairs(self) -> tuple[tuple[Case, EvalAnswer], ...]:
        """Each case with its answer."""
        return tuple(zip(self.cases, self.answers, strict=True))


def old_answers(services: EvalServices, name: str, test_set: TestSet | None) -> OldAnswers:
    """Return what a model that was recorded answered.

    Args:
        services: The store.
        name: The model's id, its end, or a recording's id.
        test_set: The rows; golden rows carry their old answers themselves. None takes the recording's own.

    Raises:
        TunedeckError: Nothing is recorded of that model, or nothing to these rows.
    """
    golden = None if test_set is None else _golden_answers(name, test_set)
    if golden is not None:
        return golden
    recordings = [one for one in services.store.recordings() if is_meant(name, one)]
    if not recordings:
        raise TunedeckError(
            f"Nothing is recorded of {name}.", f"While it still answers: tunedeck record FILE --model {name}"
        )
    found = [_of_recording(services, one, test_set) for one in recordings]
    best = max(found, key=lambda one: len(one.answers))
    if not best.answers:
        raise TunedeckError(
            f"{best.lane.model} has no recorded answer to these rows.",
            "`tunedeck record list` shows what was asked.",
        )
    return best


def _of_recording(services: EvalServices, recording: Recording, test_set: TestSet | None) -> OldAnswers:
    lane = Lane(recording.account, recording.model)
    cases: Sequence[Case] = (
        cases_of(services.store.recorded_requests(recording.id)) if test_set is None else test_set.cases
    )
    options = EvalOptions(parameters=replace(recording.parameters, logprobs=None), perplexity=False)
    plan = plan_answers(services, TestSet(Path(recording.source), tuple(cases)), [Contender(lane)], options)
    digests = [one.ask.digest for one in plan.asks]
    kept = services.store.eval_answers(lane.account, lane.model, digests)
    pairs = [(one.case, kept[one.ask.digest]) for one in plan.asks if one.ask.digest in kept]
    return OldAnswers(
        lane, tuple(case for case, _ in pairs), tuple(answer for _, answer in pairs), recording.parameters,
        len(cases) - len(pairs),
    )  # fmt: skip


def _golden_answers(name: str, test_set: TestSet) -> OldAnswers | None:
    """Return the old answers that rows of `record export` carry; None where these are no such rows."""
    found = [(case, case.item.get(RECORDED_KEY)) for case in test_set.cases]
    mine = [
        (case, told)
        for case, told in found
        if isinstance(told, dict) and isinstance(told.get("model"), str)
        and (told["model"] == name or told["model"].endswith(f":{name}"))
    ]  # fmt: skip
    if not mine:
        return None
    first = mine[0][1]
    assert isinstance(first, dict)
    parameters = ChatParameters(
        temperature=_number(first.get("temperature")), max_tokens=_whole(first.get("max_tokens"))
    )
    # The calls of such a row are the old answer's; which ones are right it does not say.
    cases = [
        replace(case, expected=_texts(told.get("expected_before")), expected_calls=None)
        for case, told in mine
    ]
    answers = [_golden_answer(case, told) for case, told in mine]
    lane = Lane(str(first.get("account", "")), str(first["model"]))
    return OldAnswers(lane, tuple(cases), tuple(answers), parameters, len(test_set.cases) - len(mine))


def _golden_answer(case: Case, told: dict[str, Any]) -> EvalAnswer:
    usage = told.get("usage")
    counts = usage if isinstance(usage, dict) else {}
    prompt, completion, cached = (
        _whole(counts.get(f"{name}_tokens")) or 0 for name in ("prompt", "completion", "cached")
    )
    reason = told.get("finish_reason")
    return EvalAnswer(
        "".join(case.expected[:1]), case.expected_calls or (), reason if isinstance(reason, str) else None,
        Usage(prompt, completion, cached), _number(told.get("first_token_seconds")),
        _number(told.get("seconds")), _whole(told.get("asked_at")) or 0,
    )  # fmt: skip


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()
