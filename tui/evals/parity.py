"""Old against new: what a recorded model answered beside what its successor answers now, row by row."""

from __future__ import annotations

import json
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from difflib import SequenceMatcher
from pathlib import Path

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.asking import AnswerAsker, AskingOutcome
from tui.evals.cases import Case, Given
from tui.evals.checks.registry import JUDGE, opened_checks
from tui.evals.checks.spec import CheckSpec
from tui.evals.checks.texts import normalised
from tui.evals.judging import given_of
from tui.evals.parity_old import OldAnswers
from tui.evals.plan import EvalOptions, EvalPlan, plan_answers, questions_of
from tui.evals.ports import EvalServices
from tui.evals.pricing import CostMeter, Prices
from tui.evals.record import Progress
from tui.evals.requests import Contender
from tui.evals.statistics.intervals import Interval, bootstrap_mean, wilson
from tui.evals.statistics.verdict import PairedVerdict, compare_paired
from tui.evals.summary import mean_interval
from tui.evals.test_set import TestSet
from tui.money.usage_price import Amount, total_of
from tui.records.chats import ToolCall
from tui.records.evaluations import EvalAnswer

_MOST_WORDS = 3_000
"""Of each answer are compared: the comparison takes time with their square."""


@dataclass(frozen=True, slots=True)
class ParityPlan:
    """What asking the new model takes; nothing has been asked."""

    old: OldAnswers
    new: Contender
    checks: tuple[CheckSpec, ...]
    plan: EvalPlan
    agreement: CheckSpec | None = None
    """Tells how alike two answers are, the old one being the right one; None counts shared words."""


@dataclass(frozen=True, slots=True)
class ParityRow:
    """One question with both answers."""

    case: Case
    old: EvalAnswer
    new: EvalAnswer | None
    """None where there is none yet, or the service would not answer."""
    refusal: str = ""
    agreement: float | None = None
    """1 the same, 0 nothing in common; None without a new answer, or where the check does not apply."""
    is_same: bool = False
    """The same but for spaces, letter case and punctuation; tool calls included."""
    old_score: float | None = None
    """Against the row's own right answer, by the checks; None where none applies."""
    new_score: float | None = None


@dataclass(frozen=True, slots=True)
class ParityReport:
    """What came out, worst rows first."""

    old: Lane
    new: Contender
    rows: tuple[ParityRow, ...]
    missing_old: int
    same: Interval
    """Share of rows with the same answer."""
    agreement: Interval
    """Mean agreement."""
    verdict: PairedVerdict | None
    """New against old by the checks; None where no row has a right answer of its own."""
    old_cost: Amount | None
    new_cost: Amount | None
    old_seconds: float | None
    """Median."""
    new_seconds: float | None
    asked: int
    why_incomplete: str = ""
    checks: tuple[CheckSpec, ...] = field(default=())
    agreement_by: CheckSpec | None = None
    """As in the plan."""
    old_tokens: float | None = None
    """Tokens of an answer, mean."""
    new_tokens: float | None = None

    @property
    def compared(self) -> int:
        """Rows with both answers."""
        return sum(row.new is not None for row in self.rows)


def plan_parity(
    services: EvalServices,
    old: OldAnswers,
    new: Contender,
    checks: Sequence[CheckSpec] = (),
    *,
    agreement: CheckSpec | None = None,
    max_cost: Decimal | None = None,
    at_once: int = 4,
) -> ParityPlan:
    """Count what asking the new model would cost; asks no service.

    Args:
        services: Store, catalog and accounts.
        old: What was recorded.
        new: Whom to ask.
        checks: Score both against the right answers that the rows themselves hold.
        agreement: Tells how alike two answers are, the old one being the right one; None counts shared words.
        max_cost: Beyond which nothing more is asked.
        at_once: Requests under way together.

    Raises:
        TunedeckError: A check is wrong, or a cap can't be kept because no price is published.
    """
    _refuse_wrong_checks(old.cases, checks)
    if agreement is not None:
        _refuse_wrong_checks([_as_old_said(*pair) for pair in old.pairs], [agreement])
    parameters = replace(old.parameters, logprobs=None)
    options = EvalOptions(parameters=parameters, max_cost=max_cost, at_once=at_once, perplexity=False)
    plan = plan_answers(services, TestSet(Path("recorded"), old.cases), [new], options)
    return ParityPlan(old, new, tuple(checks), plan, agreement)


def _refuse_wrong_checks(cases: Sequence[Case], specs: Sequence[CheckSpec]) -> None:
    """Try checks before anything is paid for.

    Raises:
        TunedeckError: One is wrong, or is a judge.
    """
    if any(spec.name == JUDGE for spec in specs):
        raise TunedeckError(
            "A parity report asks no judge.",
            "`tunedeck eval --check judge:MODEL` does, of models that answer.",
        )
    with opened_checks(specs, cases) as checks:
        for check in checks.values():
            check.try_out()


def _as_old_said(case: Case, old: EvalAnswer) -> Case:
    """Return a case in which the old answer is the right one."""
    item = {**case.item, "expected": old.text}
    # A row without tools and calls says nothing of tools, as the check tool-call understands it.
    calls = old.tool_calls if old.tool_calls or case.tools else None
    return replace(case, expected=(old.text,), expected_calls=calls, item=item)


def run_parity(
    services: EvalServices,
    plan: ParityPlan,
    *,
    on_progress: Progress = lambda done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
) -> ParityReport:
    """Ask the new model what has no answer yet, compare, and keep the report.

    Raises:
        ProviderError: The service refuses everything or goes on failing; what it answered is kept.
    """
    meter = CostMeter(Prices(services), plan.plan.options.max_cost)
    asker = AnswerAsker(
        services.store, services.provider, meter, at_once=plan.plan.options.at_once, first_wait=first_wait
    )
    questions = questions_of(plan.plan, services)
    outcome = AskingOutcome()
    if questions:
        outcome = asker.ask(questions, on_answer=on_progress, cancelled=cancelled)
    from tui.evals.kept_others import kept_parity  # it reads this module's types

    report = _report(services, plan, outcome)
    services.store.save_eval_run(*kept_parity(report, plan.plan.test_set))
    return report


def _report(services: EvalServices, plan: ParityPlan, outcome: AskingOutcome) -> ParityReport:
    lane = plan.new.lane
    asks = {one.case.id: one.ask for one in plan.plan.asks}
    kept = services.store.eval_answers(lane.account, lane.model, [one.digest for one in asks.values()])
    rows = []
    pairs = [_as_old_said(*pair) for pair in plan.old.pairs] if plan.agreement is not None else []
    alike = [plan.agreement] if plan.agreement is not None else []
    with opened_checks(plan.checks, plan.old.cases) as checks, opened_checks(alike, pairs) as measures:
        measure = next(iter(measures.values()), None)

        def score(case: Case, given: Given) -> float | None:
            grades = [check.grade(case, given).score for check in checks.values()]
            known = [one for one in grades if one is not None]
            return sum(known) / len(known) if known else None

        for case, old in plan.old.pairs:
            digest = asks[case.id].digest
            new = kept.get(digest)
            refusal = outcome.refused.get((lane, digest), "")
            row = ParityRow(case, old, new, refusal, old_score=score(case, given_of(old)))
            if new is not None:
                first, second = given_of(old), given_of(new)
                alike_by = (
                    agreement(first, second)
                    if measure is None
                    else measure.grade(_as_old_said(case, old), second).score
                )
                row = replace(
                    row, agreement=alike_by, new_score=score(case, second), is_same=_is_same(first, second)
                )
            rows.append(row)
    return _summed(services, plan, outcome, rows)


def _summed(
    services: EvalServices, plan: ParityPlan, outcome: AskingOutcome, rows: list[ParityRow]
) -> ParityReport:
    agreements = [row.agreement for row in rows if row.agreement is not None]
    same = sum(row.is_same for row in rows)
    scored = [
        (row.old_score, row.new_score)
        for row in rows
        if row.old_score is not None and row.new_score is not None
    ]
    verdict = compare_paired([one for one, _ in scored], [two for _, two in scored]) if scored else None
    prices = Prices(services)
    compared = [(row.old, row.new) for row in rows if row.new is not None]
    waiting = len(rows) - len(compared) - sum(bool(row.refusal) for row in rows)
    why = "the money cap was reached" if outcome.capped else "it was stopped"
    return ParityReport(
        plan.old.lane, plan.new, tuple(sorted(rows, key=_worst_first)), plan.old.missing,
        wilson(same, len(compared)),
        _mean_agreement(agreements, plan.agreement),
        verdict,
        total_of(prices.answer_cost(plan.old.lane, old) for old, _ in compared),
        total_of(prices.answer_cost(plan.new.lane, new) for _, new in compared),
        _median([old for old, _ in compared]), _median([new for _, new in compared]), outcome.asked,
        why if waiting and (outcome.capped or outcome.stopped)
        else f"{waiting:,} answers are missing" if waiting else "",
        plan.checks, plan.agreement, _tokens([old for old, _ in compared]),
        _tokens([new for _, new in compared]),
    )  # fmt: skip


def _mean_agreement(agreements: Sequence[float], by: CheckSpec | None) -> Interval:
    if not agreements:
        return Interval(float("nan"), 0.0, 1.0)
    return bootstrap_mean(agreements) if by is None else mean_interval(agreements)


def _tokens(answers: Sequence[EvalAnswer]) -> float | None:
    told = [one.usage.completion_tokens for one in answers if one.usage.completion_tokens]
    return statistics.mean(told) if told else None


def _worst_first(row: ParityRow) -> tuple[float, float, int]:
    change = 0.0
    if row.old_score is not None and row.new_score is not None:
        change = row.new_score - row.old_score
    return change, 2.0 if row.agreement is None else row.agreement, row.case.line


def _median(answers: Sequence[EvalAnswer]) -> float | None:
    seconds = [one.seconds for one in answers if one.seconds is not None]
    return statistics.median(seconds) if seconds else None


def agreement(old: Given, new: Given) -> float:
    """Return how far two answers agree, 0 to 1.

    The share of words in common blocks (Ratcliff and Obershelp's, `difflib`) of the normalised texts; where
    tools are called, the share of calls that are the same takes half the weight, or all without any text.
    """
    texts = _words(old.text), _words(new.text)
    of_text = 1.0 if texts[0] == texts[1] else SequenceMatcher(None, *texts, autojunk=False).ratio()
    if not old.tool_calls and not new.tool_calls:
        return of_text
    matcher = SequenceMatcher(None, _calls(old.tool_calls), _calls(new.tool_calls), autojunk=False)
    of_calls = matcher.ratio()
    return of_calls if not texts[0] and not texts[1] else (of_text + of_calls) / 2


def _is_same(old: Given, new: Given) -> bool:
    return normalised(old.text) == normalised(new.text) and _calls(old.tool_calls) == _calls(new.tool_calls)


def _words(text: str) -> list[str]:
    return normalised(text).split()[:_MOST_WORDS]


def _calls(calls: Sequence[ToolCall]) -> list[str]:
    return [f"{call.name} {_plain_json(call.arguments)}" for call in calls]


def _plain_json(text: str) -> str:
    """Return JSON in one spelling; what is broken stays as it is."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except (ValueError, RecursionError):
        return text
