"""Scores of rows brought together: means with intervals, verdicts, order, cost and latency."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from tui.evals.checks.labels import OTHER
from tui.evals.checks.protocol import Grade
from tui.evals.judging import JudgeReport
from tui.evals.plan import EvalPlan
from tui.evals.ports import EvalServices
from tui.evals.pricing import Prices
from tui.evals.requests import Contender
from tui.evals.result import CheckSummary, ContenderResult, EvalResult, RowAnswer, RowResult
from tui.evals.scoring import LikelihoodReport
from tui.evals.statistics.intervals import Interval, bootstrap_mean, wilson
from tui.evals.statistics.labels import label_report
from tui.evals.statistics.verdict import PairedVerdict, compare_paired
from tui.money.usage_price import Amount, total_of
from tui.records.chats import Usage
from tui.records.evaluations import EvalAnswer

_CUT = ("length", "too long")


def summarised(
    services: EvalServices,
    plan: EvalPlan,
    rows: Sequence[RowResult],
    likelihoods: Sequence[LikelihoodReport],
    judges: tuple[JudgeReport, ...],
    *,
    asked: int,
    spent: Amount | None,
    why_incomplete: str,
) -> EvalResult:
    """Bring the judged rows of a run together."""
    titles = _titles(plan)
    contenders = tuple(
        _contender(services, contender, [row.answers[place] for row in rows], titles, likelihoods[place])
        for place, contender in enumerate(plan.contenders)
    )
    compared = len(plan.contenders) > 1
    verdicts = (
        {key: found for key in titles if (found := _verdict_of(rows, key)) is not None} if compared else {}
    )
    return EvalResult(
        plan=plan,
        contenders=contenders,
        rows=tuple(sorted(rows, key=_worst_first)),
        verdict=_verdict(rows) if compared else None,
        verdicts=verdicts,
        judges=judges,
        asked=asked,
        spent=spent,
        complete=not why_incomplete,
        why_incomplete=why_incomplete,
        titles=titles,
    )


def _titles(plan: EvalPlan) -> dict[str, str]:
    """Return key -> title of every check that a row uses, those of the run first; no title twice."""
    specs = [*plan.options.checks, *(judge.spec for judge in plan.judges)]
    if all(case.checks for case in plan.test_set.cases):
        specs = [judge.spec for judge in plan.judges]
    specs += [spec for case in plan.test_set.cases for spec in case.checks]
    titles: dict[str, str] = {}
    for spec in specs:
        if spec.key not in titles:
            taken = sum(
                title == spec.title or title.startswith(f"{spec.title} (") for title in titles.values()
            )
            titles[spec.key] = f"{spec.title} ({taken + 1})" if taken else spec.title
    return titles


def _worst_first(row: RowResult) -> tuple[float, float, int]:
    last = row.answers[-1].score
    return (row.change if row.change is not None else 0.0, 2.0 if last is None else last, row.case.line)


def mean_interval(scores: Sequence[float]) -> Interval:
    """Return the mean of scores: Wilson's interval where all are 0 or 1, else the bootstrap's."""
    if all(score in (0, 1) for score in scores):
        return wilson(sum(scores), len(scores))
    return bootstrap_mean(scores)


def _contender(
    services: EvalServices,
    contender: Contender,
    answers: Sequence[RowAnswer],
    titles: dict[str, str],
    likelihood: LikelihoodReport,
) -> ContenderResult:
    given = [one.answer for one in answers if one.answer is not None]
    prices = Prices(services)
    timed = sorted(one.seconds for one in given if one.seconds is not None)
    firsts = [one.first_token_seconds for one in given if one.first_token_seconds is not None]
    checks = {}
    for key, title in titles.items():
        grades = [one.grades[key] for one in answers if key in one.grades]
        if any(grade.score is not None for grade in grades):
            checks[key] = _check(title, grades)
    return ContenderResult(
        contender=contender,
        answered=len(given),
        refused=sum(bool(one.refusal) for one in answers),
        cut=sum(one.finish_reason in _CUT for one in given),
        score=mean_interval([one.score for one in answers if one.score is not None]),
        checks=checks,
        likelihood=likelihood,
        usage=_used(given),
        cost=total_of(prices.answer_cost(contender.lane, one) for one in given),
        seconds=statistics.median(timed) if timed else None,
        slow_seconds=timed[min(len(timed) - 1, int(0.95 * len(timed)))] if timed else None,
        first_token_seconds=statistics.median(firsts) if firsts else None,
    )


def _check(title: str, grades: Iterable[Grade]) -> CheckSummary:
    applying = [grade for grade in grades if grade.score is not None]
    pairs = [grade.labels for grade in applying if grade.labels is not None]
    labels = label_report([one for one, _ in pairs], [other for _, other in pairs], OTHER) if pairs else None
    scores = [grade.score for grade in applying if grade.score is not None]
    return CheckSummary(title, len(scores), mean_interval(scores), labels)


def _used(answers: Sequence[EvalAnswer]) -> Usage:
    return Usage(
        sum(one.usage.prompt_tokens for one in answers),
        sum(one.usage.completion_tokens for one in answers),
        sum(one.usage.cached_tokens for one in answers),
    )


def _verdict(rows: Sequence[RowResult]) -> PairedVerdict:
    pairs = [(row.answers[0].score, row.answers[-1].score) for row in rows]
    return _compared(pairs)


def _verdict_of(rows: Sequence[RowResult], key: str) -> PairedVerdict | None:
    pairs = []
    for row in rows:
        first, last = row.answers[0].grades.get(key), row.answers[-1].grades.get(key)
        if first is not None and last is not None:
            pairs.append((first.score, last.score))
    return _compared(pairs) if any(None not in pair for pair in pairs) else None


def _compared(pairs: Iterable[tuple[float | None, float | None]]) -> PairedVerdict:
    """Compare the rows that both models have a score for."""
    both = [(first, last) for first, last in pairs if first is not None and last is not None]
    return compare_paired([first for first, _ in both], [last for _, last in both])
