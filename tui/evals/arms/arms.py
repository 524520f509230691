"""Should I fine-tune at all? The same held-out rows by three ways to the same end, score against price.

A long prompt and the nearest training examples in the prompt need no training: both go to the base model. A
tuned model has to be better than the better of the two to be worth its job, and the interval of that
difference is what decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.arms.nearest import Nearness, nearest_examples
from tui.evals.cases import Case
from tui.evals.checks.registry import JUDGE
from tui.evals.checks.spec import CheckSpec
from tui.evals.numbers import compared, cost_per_thousand, mean_seconds, mean_tokens_in
from tui.evals.plan import NEW_EVALUATION, EvalOptions, EvalPlan, plan_evaluation
from tui.evals.ports import EvalServices
from tui.evals.pricing import Prices
from tui.evals.requests import Contender, system_of
from tui.evals.result import EvalResult, RowResult
from tui.evals.run import Progress, run_evaluation
from tui.evals.statistics.intervals import Interval
from tui.evals.statistics.verdict import PairedVerdict
from tui.evals.test_set import TestSet
from tui.money.usage_price import Amount
from tui.records.chats import ChatParameters


class ArmKind(StrEnum):
    """A way to make a model do a task."""

    PROMPT = "long prompt"
    NEAREST = "nearest examples"
    TUNED = "tuned model"


FRESHNESS = {
    ArmKind.PROMPT: "at once: change the prompt",
    ArmKind.NEAREST: "at once: add a row to the examples",
    ArmKind.TUNED: "by a new job only",
}
"""How new knowledge gets in."""
ORDER = (ArmKind.PROMPT, ArmKind.NEAREST, ArmKind.TUNED)


@dataclass(frozen=True, slots=True)
class ArmsPlan:
    """What the arms would ask; nothing has been asked."""

    plan: EvalPlan
    """Its contenders are the arms, in `ORDER`."""
    training: Path
    """Where examples are from."""
    training_rows: int
    examples: int
    """In each prompt, at most."""
    how: Nearness
    own_words: int
    """Training rows that were left out because they ask a held-out question word for word."""
    job_seconds: float | None = None
    """How long the job of the tuned model took; None where that is not known."""


@dataclass(frozen=True, slots=True)
class Arm:
    """One way, and what came of it."""

    kind: ArmKind
    lane: Lane
    score: Interval
    tokens_in: float | None
    """Mean tokens that went in, as the service counted them."""
    cost_per_thousand: Amount | None
    """Of a thousand calls; None where no price is published."""
    seconds: float | None
    """Mean of an answer; None where nothing is known of it."""
    freshness: str
    against_tuned: PairedVerdict | None
    """The tuned model against this one; None for itself, or without a row to compare."""

    @property
    def has_score(self) -> bool:
        """True when any row has one."""
        return self.score.estimate == self.score.estimate


@dataclass(frozen=True, slots=True)
class Arms:
    """What came out."""

    plan: ArmsPlan
    arms: tuple[Arm, ...]
    """In `ORDER`."""
    nearest_against_prompt: PairedVerdict | None
    result: EvalResult

    @property
    def tuned(self) -> Arm:
        """The fine-tuned model."""
        return self.arms[-1]

    @property
    def rival(self) -> Arm | None:
        """The better of the two that need no training; None while neither can be compared."""
        scored = [one for one in self.arms[:-1] if one.has_score and one.against_tuned is not None]
        return max(scored, key=lambda one: one.score.estimate, default=None)

    @property
    def verdict(self) -> PairedVerdict | None:
        """The tuned model against its best rival."""
        return self.rival.against_tuned if self.rival is not None else None

    def worst_rows(self) -> list[RowResult]:
        """Return the rows, those first on which the tuned model loses most against its best rival."""
        rival = self.arms.index(self.rival) if self.rival is not None else 0

        def order(row: RowResult) -> tuple[float, float, int]:
            tuned, other = row.answers[-1].score, row.answers[rival].score
            lost = tuned - other if tuned is not None and other is not None else 0.0
            return lost, 2.0 if tuned is None else tuned, row.case.line

        return sorted(self.result.rows, key=order)


def plan_arms(
    services: EvalServices,
    test_set: TestSet,
    base: Lane,
    tuned: Lane,
    training: TestSet,
    checks: Sequence[CheckSpec],
    *,
    prompt: str | None = None,
    examples: int = 4,
    how: Nearness | None = None,
    parameters: ChatParameters = NEW_EVALUATION,
    max_cost: Decimal | None = None,
    at_once: int = 4,
    job_seconds: float | None = None,
) -> ArmsPlan:
    """Count what the arms would ask; asks no service.

    Args:
        services: Store, catalog and accounts.
        test_set: Held-out rows.
        base: Who gets the long prompt, and the examples.
        tuned: Who was trained.
        training: Rows that examples are taken from: those that `tuned` was trained on.
        checks: How answers are judged.
        prompt: The long prompt; None takes each row's own.
        examples: In each prompt, at most.
        how: What is near; None means by words.
        parameters: How answers are sampled.
        max_cost: Beyond which nothing more is asked.
        at_once: Requests under way together.
        job_seconds: How long the tuned model's job took.

    Raises:
        TunedeckError: A check is wrong, a cap can't be kept, held-out rows were trained on, or vectors are
            missing.
    """
    every = (*checks, *(one for case in test_set.cases for one in case.checks))
    if any(spec.name == JUDGE for spec in every):
        raise TunedeckError(
            "A judge compares two answers, and here are three.", "Use another check, such as normalised."
        )
    if base == tuned:
        raise TunedeckError("The tuned model and its base are the same.", "Name a tuned model.")
    _refuse_trained_rows(test_set, training)
    how = how or Nearness()
    near, own_words = nearest_examples(services, test_set.cases, training.cases, examples, how)
    contenders = [Contender(base, prompt), Contender(base, prompt, near), Contender(tuned)]
    options = EvalOptions(
        parameters=parameters, checks=tuple(checks), max_cost=max_cost, at_once=at_once, perplexity=False
    )
    plan = plan_evaluation(services, test_set, contenders, options)
    return ArmsPlan(
        plan, training.path, len(training.cases), examples, how, own_words, job_seconds
    )  # fmt: skip


def _refuse_trained_rows(test_set: TestSet, training: TestSet) -> None:
    trained = {_row_key(case) for case in training.cases}
    shared = sum(_row_key(case) in trained for case in test_set.cases)
    if shared == len(test_set.cases):
        raise TunedeckError(
            "Every one of these rows was trained on: all that would be measured is memory.",
            "Name rows that were held out.",
        )


def _row_key(case: Case) -> tuple[str, tuple[str, ...]]:
    return system_of(case.messages) + "\0" + case.question, case.expected


def run_arms(
    services: EvalServices,
    plan: ArmsPlan,
    *,
    on_progress: Progress = lambda what, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
) -> Arms:
    """Ask, compare, and keep the report; a run that is stopped or capped is reported as far as it came.

    Raises:
        ProviderError: A service refuses everything or goes on failing; what it answered is kept.
        TunedeckError: A person's own check can't be loaded.
    """
    result = run_evaluation(
        services, plan.plan, on_progress=on_progress, cancelled=cancelled, first_wait=first_wait, keep=False
    )
    prices, last = Prices(services), len(ORDER) - 1
    arms = []
    for place, (kind, contender) in enumerate(zip(ORDER, plan.plan.contenders, strict=True)):
        own = [row.answers[place] for row in result.rows]
        arms.append(
            Arm(
                kind, contender.lane, result.contenders[place].score, mean_tokens_in(own),
                cost_per_thousand(prices, contender.lane, own), mean_seconds(own), _freshness(kind, plan),
                compared(result, place, last) if place != last else None,
            )
        )  # fmt: skip
    found = Arms(plan, tuple(arms), compared(result, 0, 1), result)
    from tui.evals.arms.report import kept_arms  # it reads this module's types

    services.store.save_eval_run(*kept_arms(found))
    return found


def _freshness(kind: ArmKind, plan: ArmsPlan) -> str:
    words = FRESHNESS[kind]
    if kind is not ArmKind.TUNED or plan.job_seconds is None:
        return words
    minutes = max(1, round(plan.job_seconds / 60))
    return f"{words} (the last one took {minutes:,} min)"
