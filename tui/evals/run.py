"""Runs an evaluation: asks what has no answer yet, judges every answer, compares the models row by row."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tui.chat.lanes import Lane
from tui.evals.asking import AnswerAsker, AskingOutcome, Question
from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import Check, Grade
from tui.evals.checks.registry import JUDGE, opened_checks
from tui.evals.checks.spec import CheckSpec
from tui.evals.human import blind_ratings
from tui.evals.judging import (
    Judge,
    JudgedPair,
    JudgeReport,
    given_of,
    judge_report,
    judged_pair,
    pair_to_judge,
    verdict_of,
)
from tui.evals.kept import kept_text
from tui.evals.plan import EvalPlan, Planned, questions_of
from tui.evals.ports import EvalServices
from tui.evals.pricing import CostMeter, Prices
from tui.evals.requests import Ask, Contender
from tui.evals.result import EvalResult, RowAnswer, RowResult
from tui.evals.scoring import LikelihoodReport, score_expected
from tui.evals.summary import summarised
from tui.money.usage_price import Amount
from tui.providers.protocol import ProviderError
from tui.records.chats import Usage
from tui.records.evaluations import EvalAnswer

Progress = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""


@dataclass(frozen=True, slots=True)
class _Round:
    """One run's parts."""

    services: EvalServices
    plan: EvalPlan
    asker: AnswerAsker
    meter: CostMeter
    progress: Progress
    cancelled: Callable[[], bool]

    def ask(self, what: str, questions: Sequence[Question]) -> AskingOutcome:
        """Ask, telling progress."""
        if not questions:
            return AskingOutcome()
        return self.asker.ask(
            questions,
            on_answer=lambda done, total: self.progress(what, done, total),
            cancelled=self.cancelled,
        )


def run_evaluation(
    services: EvalServices,
    plan: EvalPlan,
    *,
    on_progress: Progress = lambda what, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
    keep: bool = True,
    refused: Mapping[tuple[Lane, bytes], str] | None = None,
) -> EvalResult:
    """Ask, judge and compare; a run that is stopped or capped is reported as far as it came.

    Args:
        services: Providers, prices and the store, which keeps each answer as it arrives.
        plan: From `plan_evaluation`, seen and agreed to by a person.
        on_progress: Called in this thread.
        cancelled: Asked often; True ends the asking.
        first_wait: Seconds before the first repetition of a request that failed.
        keep: Keep the report in the store.
        refused: What a batch would not answer, and why; with it nothing but judges is asked.

    Raises:
        ProviderError: A service refuses everything or goes on failing; what it answered is kept.
        TunedeckError: A person's own check can't be loaded.
    """
    meter = CostMeter(Prices(services), plan.options.max_cost)
    asker = AnswerAsker(
        services.store, services.provider, meter, at_once=plan.options.at_once, first_wait=first_wait
    )
    one_round = _Round(services, plan, asker, meter, on_progress, cancelled)
    if refused is None:
        outcome = one_round.ask("Asking", questions_of(plan, services))
    else:
        outcome = AskingOutcome(refused=dict(refused))
    answers = _answers(services, plan)
    judged, judge_outcome = _judge(one_round, answers)
    rows = _graded(plan, answers, outcome, judged, on_progress)
    stopped = outcome.stopped or judge_outcome.stopped or cancelled()
    likelihoods = _likelihoods(one_round, stopped=stopped)
    capped = outcome.capped or judge_outcome.capped
    missing = sum(answer.answer is None and not answer.refusal for row in rows for answer in row.answers)
    why = (
        "the money cap was reached" if capped else "it was stopped" if stopped
        else f"{missing:,} answers are missing" if missing else ""
    )  # fmt: skip
    result = summarised(
        services, plan, rows, likelihoods, tuple(report for report, _ in judged.values()),
        asked=outcome.asked + judge_outcome.asked, spent=_spent(plan, meter), why_incomplete=why,
    )  # fmt: skip
    if keep:
        names = " against ".join(one.label for one in reversed(plan.contenders))
        services.store.save_eval_run(f"{plan.test_set.path.name}: {names}", kept_text(result))
    return result


def _spent(plan: EvalPlan, meter: CostMeter) -> Amount | None:
    if plan.price is None and plan.unknown:
        return None
    currency = "USD" if plan.price is None else plan.price.currency
    return Amount(meter.spent, meter.spent, currency)


def _answers(services: EvalServices, plan: EvalPlan) -> dict[tuple[Contender, str], EvalAnswer]:
    """Return every answer that there is: (contender, case id) -> answer."""
    found: dict[tuple[Contender, str], EvalAnswer] = {}
    for contender in plan.contenders:
        asks = [one for one in plan.asks if one.contender == contender]
        lane = contender.lane
        kept = services.store.eval_answers(lane.account, lane.model, [one.ask.digest for one in asks])
        found |= {(contender, one.case.id): kept[one.ask.digest] for one in asks if one.ask.digest in kept}
    return found


Judged = dict[str, tuple[JudgeReport, dict[str, JudgedPair]]]
"""Key of a judge's check -> its report, and what it said by case."""


def _judge(
    one_round: _Round, answers: Mapping[tuple[Contender, str], EvalAnswer]
) -> tuple[Judged, AskingOutcome]:
    plan, services = one_round.plan, one_round.services
    pairs: dict[str, list[tuple[Case, Given, Given, tuple[Ask, Ask]]]] = {}
    questions: list[Question] = []
    for judge in plan.judges:
        entries = pairs[judge.spec.key] = _pairs(plan, judge, answers)
        asks = [ask for *_, both in entries for ask in both]
        kept = services.store.eval_answers(judge.lane.account, judge.lane.model, [ask.digest for ask in asks])
        # Where both answers are alike, both orders are one question.
        questions += [
            Question(judge.lane, ask, _judge_cost(services, judge, ask))
            for digest, ask in {ask.digest: ask for ask in asks}.items()
            if digest not in kept
        ]
    outcome = one_round.ask("Judging", questions)
    blind = blind_ratings(services, plan) if plan.judges else {}
    judged: Judged = {}
    for judge in plan.judges:
        entries = pairs[judge.spec.key]
        digests = [ask.digest for *_, both in entries for ask in both]
        kept = services.store.eval_answers(judge.lane.account, judge.lane.model, digests)
        said: dict[str, JudgedPair] = {}
        for case, first, second, (plain, swapped) in entries:
            verdicts = tuple(
                verdict_of(kept[ask.digest].text) if ask.digest in kept else None for ask in (plain, swapped)
            )
            pair = judged_pair(case, first, second, (verdicts[0], verdicts[1]))
            if pair is not None:
                said[case.id] = pair
        report = judge_report(
            judge, list(said.values()), len(entries) - len(said), human=plan.options.human, blind=blind
        )
        judged[judge.spec.key] = (report, said)
    return judged, outcome


def _pairs(
    plan: EvalPlan, judge: Judge, answers: Mapping[tuple[Contender, str], EvalAnswer]
) -> list[tuple[Case, Given, Given, tuple[Ask, Ask]]]:
    found = []
    for case in plan.test_set.cases:
        there = [answers.get((contender, case.id)) for contender in plan.contenders]
        pair = pair_to_judge(case, [None if one is None else given_of(one) for one in there])
        if pair is not None:
            found.append((case, *pair, judge.asks(case, *pair)))
    return found


def _judge_cost(services: EvalServices, judge: Judge, ask: Ask) -> Decimal | None:
    # Three characters a token: a judge's question is prose, and prose has four.
    tokens = sum(len(message.content) for message in ask.request.messages) // 3 + 8
    cost = Prices(services).cost(judge.lane, Usage(tokens, judge.parameters.max_tokens or 0))
    return None if cost is None else cost.high


def _graded(
    plan: EvalPlan,
    answers: Mapping[tuple[Contender, str], EvalAnswer],
    outcome: AskingOutcome,
    judged: Judged,
    progress: Progress,
) -> list[RowResult]:
    cases = plan.test_set.cases
    specs = [*plan.options.checks, *(spec for case in cases for spec in case.checks)]
    asks: dict[tuple[Contender, str], Planned] = {(one.contender, one.case.id): one for one in plan.asks}
    rows = []
    with opened_checks(specs, cases) as checks:
        for number, case in enumerate(cases, 1):
            graded = []
            for place, contender in enumerate(plan.contenders):
                answer = answers.get((contender, case.id))
                refusal = _refusal(outcome, contender.lane, asks[contender, case.id].ask)
                is_last = place == len(plan.contenders) - 1
                grades = _grades(plan, case, answer, checks, judged, is_last=is_last)
                graded.append(RowAnswer(answer, refusal, grades, _mean(grades)))
            rows.append(RowResult(case, tuple(graded)))
            progress("Checking", number, len(cases))
    return rows


def _refusal(outcome: AskingOutcome, lane: Lane, ask: Ask) -> str:
    return outcome.refused.get((lane, ask.digest), "")


def _grades(
    plan: EvalPlan,
    case: Case,
    answer: EvalAnswer | None,
    checks: Mapping[str, Check],
    judged: Judged,
    *,
    is_last: bool,
) -> dict[str, Grade]:
    if answer is None:
        return {}
    given = given_of(answer)
    grades: dict[str, Grade] = {}
    for spec in specs_of(plan, case):
        if spec.name != JUDGE:
            grades[spec.key] = checks[spec.key].grade(case, given)
        elif (pair := judged[spec.key][1].get(case.id)) is not None:
            grade = pair.grade
            # Against a second model the first one's score is what the other leaves.
            grades[spec.key] = grade if is_last else Grade(1 - (grade.score or 0.0), grade.note)
    return grades


def specs_of(plan: EvalPlan, case: Case) -> tuple[CheckSpec, ...]:
    """Return the checks of a row: its own, else those of the run; judges are always asked."""
    judges = tuple(judge.spec for judge in plan.judges)
    own = case.checks or tuple(spec for spec in plan.options.checks if spec.name != JUDGE)
    return (*own, *(spec for spec in judges if spec not in own))


def _mean(grades: Mapping[str, Grade]) -> float | None:
    scores = [grade.score for grade in grades.values() if grade.score is not None]
    return sum(scores) / len(scores) if scores else None


def _likelihoods(one_round: _Round, *, stopped: bool) -> list[LikelihoodReport]:
    plan = one_round.plan
    found = []
    for contender in plan.contenders:
        if stopped or not plan.options.perplexity:
            reason = "it was stopped before" if stopped else "not asked for"
            found.append(LikelihoodReport(0, 0, None, None, reason))
            continue
        found.append(_likelihood(one_round, contender))
    return found


def _likelihood(one_round: _Round, contender: Contender) -> LikelihoodReport:
    """Score the expected answers; a service that fails here takes nothing from the answers that were paid."""
    try:
        return score_expected(
            one_round.services, contender, one_round.plan.test_set.cases,
            on_progress=lambda done, total: one_round.progress("Scoring texts", done, total),
            cancelled=one_round.cancelled,
        )  # fmt: skip
    except ProviderError as error:
        return LikelihoodReport(0, 0, None, None, f"could not be asked: {error.message}")
