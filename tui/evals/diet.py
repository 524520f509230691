"""Prompt diet: the same rows with ever less of the system prompt, on base and tuned; score against tokens.

The shortest prompt within noise is the shortest one whose interval of the difference from the whole prompt
does not lie below 0 as a whole. Shortest is what takes the fewest tokens in: some templates put a prompt of
their own where a conversation has none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tui.chat.lanes import Lane
from tui.datasets.tokens import TextTokenizer
from tui.errors import TunedeckError
from tui.evals.checks.registry import JUDGE
from tui.evals.checks.spec import CheckSpec
from tui.evals.numbers import compared, cost_per_thousand, mean_tokens_in
from tui.evals.plan import NEW_EVALUATION, EvalOptions, EvalPlan, plan_evaluation
from tui.evals.ports import EvalServices
from tui.evals.pricing import Prices
from tui.evals.prompt_cut import SHARES, Prompt, prompts_of
from tui.evals.requests import Contender, system_of
from tui.evals.result import EvalResult, RowResult
from tui.evals.run import Progress, run_evaluation
from tui.evals.statistics.intervals import Interval
from tui.evals.statistics.verdict import PairedVerdict
from tui.evals.test_set import TestSet
from tui.money.usage_price import Amount
from tui.records.chats import ChatParameters
from tui.safe_text import safe_line


@dataclass(frozen=True, slots=True)
class DietPlan:
    """What the diet would ask; nothing has been asked."""

    lanes: tuple[Lane, ...]
    """The base first, where there is one."""
    prompts: tuple[Prompt, ...]
    """The whole one first; equal ones once."""
    plan: EvalPlan


@dataclass(frozen=True, slots=True)
class DietMeal:
    """A model with one length of the prompt."""

    lane: Lane
    prompt: Prompt
    score: Interval
    asked_tokens: float | None
    """Mean tokens that went in, as the service counted them."""
    cost_per_thousand: Amount | None
    """Of a thousand calls; None where no price is published."""
    is_whole: bool
    """It is the whole prompt."""
    against_whole: PairedVerdict | None
    """Against the same model with the whole prompt; None for that itself, or without a row to compare."""
    against_base: PairedVerdict | None
    """Against the base with the whole prompt; None for that itself, or without a base."""

    @property
    def is_compared(self) -> bool:
        """True when something can be told of it: the whole prompt with a score, or a comparison with it."""
        if self.is_whole:
            return self.score.estimate == self.score.estimate
        return self.against_whole is not None

    @property
    def is_within_noise(self) -> bool:
        """True when nothing says that it is worse than the model's own whole prompt."""
        return self.is_compared and (self.against_whole is None or not _is_worse(self.against_whole))


@dataclass(frozen=True, slots=True)
class Diet:
    """What came out."""

    meals: tuple[DietMeal, ...]
    result: EvalResult

    def shortest(self, lane: Lane) -> DietMeal | None:
        """Return the shortest prompt of a model within noise of its own whole prompt."""
        mine = [one for one in self.meals if one.lane == lane and one.is_within_noise]
        return min(mine, key=_tokens_in, default=None)

    def places(self, lane: Lane) -> list[int]:
        """Return which of the meals, and of a row's answers, are a model's; the whole prompt first."""
        return [place for place, meal in enumerate(self.meals) if meal.lane == lane]

    def worst_rows(self, lane: Lane) -> list[RowResult]:
        """Return the rows, those first that lose most of a model's score with any shorter prompt."""
        whole, *shorter = self.places(lane)

        def order(row: RowResult) -> tuple[float, float, int]:
            before = row.answers[whole].score
            after = [one for place in shorter if (one := row.answers[place].score) is not None]
            lost = min(after) - before if before is not None and after else 0.0
            return lost, 2.0 if before is None else before, row.case.line

        return sorted(self.result.rows, key=order)

    @property
    def lanes(self) -> tuple[Lane, ...]:
        """The models, the base first where there is one."""
        return tuple(dict.fromkeys(meal.lane for meal in self.meals))

    @property
    def instead_of_base(self) -> DietMeal | None:
        """The shortest prompt of the tuned model within noise of the base with its whole prompt."""
        found = [
            one
            for one in self.meals
            if one.against_base is not None
            and one.lane != self.meals[0].lane
            and not _is_worse(one.against_base)
        ]
        return min(found, key=_tokens_in, default=None)

    @property
    def put_in_place(self) -> list[DietMeal]:
        """What had no system prompt and yet took more tokens in than with a short one."""
        return [
            none
            for none in self.meals
            if not none.prompt.tokens and none.asked_tokens is not None
            and any(
                one.asked_tokens < none.asked_tokens
                for one in self.meals
                if one.lane == none.lane and one.asked_tokens is not None
            )
        ]  # fmt: skip


def _tokens_in(meal: DietMeal) -> tuple[float, int]:
    """Return what a prompt is measured by: what the service counted, else its own tokens."""
    tokens = meal.prompt.tokens
    return (float(tokens) if meal.asked_tokens is None else meal.asked_tokens), tokens


def _is_worse(verdict: PairedVerdict) -> bool:
    return verdict.difference.high < 0


def plan_diet(
    services: EvalServices,
    test_set: TestSet,
    lanes: Sequence[Lane],
    checks: Sequence[CheckSpec],
    tokenizer: TextTokenizer,
    *,
    system: str | None = None,
    shares: Sequence[int] = SHARES,
    variants: Sequence[str] = (),
    parameters: ChatParameters = NEW_EVALUATION,
    max_cost: Decimal | None = None,
    at_once: int = 4,
) -> DietPlan:
    """Count what the diet would ask; asks no service.

    Args:
        services: Store, catalog and accounts.
        test_set: Held-out rows.
        lanes: The base, then the tuned model; or one model.
        checks: How answers are judged.
        tokenizer: Counts the prompt.
        system: The whole prompt; None takes the one that all rows have.
        shares: Percent of its tokens to try; the whole is always tried.
        variants: Shorter prompts of a person's own, tried too.
        parameters: How answers are sampled.
        max_cost: Beyond which nothing more is asked.
        at_once: Requests under way together.

    Raises:
        TunedeckError: The rows have no prompt, or different ones; a check is wrong; a cap can't be kept.
    """
    if any(
        spec.name == JUDGE for spec in (*checks, *(one for case in test_set.cases for one in case.checks))
    ):
        raise TunedeckError(
            "A judge compares two answers, and a diet has many.", "Use another check, such as normalised."
        )
    whole = _common_prompt(test_set) if system is None else system
    prompts = prompts_of(whole, shares, variants, tokenizer)
    contenders = [Contender(lane, prompt.text) for lane in lanes for prompt in prompts]
    options = EvalOptions(
        parameters=parameters, checks=tuple(checks), max_cost=max_cost, at_once=at_once, perplexity=False
    )
    return DietPlan(tuple(lanes), prompts, plan_evaluation(services, test_set, contenders, options))


def _common_prompt(test_set: TestSet) -> str:
    found = {system_of(case.messages) for case in test_set.cases}
    if found == {""}:
        raise TunedeckError("The rows have no system prompt to cut.", "Name one with --system FILE.")
    if len(found) > 1:
        raise TunedeckError(
            f"The rows have {len(found):,} different system prompts.",
            "Name the one to cut with --system FILE; it takes the place of all.",
        )
    return found.pop()


def run_diet(
    services: EvalServices,
    plan: DietPlan,
    *,
    on_progress: Progress = lambda what, done, total: None,
    cancelled: Callable[[], bool] = lambda: False,
    first_wait: float = 1.0,
) -> Diet:
    """Ask, compare, and keep the report; a run that is stopped or capped is reported as far as it came.

    Raises:
        ProviderError: A service refuses everything or goes on failing; what it answered is kept.
        TunedeckError: A person's own check can't be loaded.
    """
    result = run_evaluation(
        services, plan.plan, on_progress=on_progress, cancelled=cancelled, first_wait=first_wait, keep=False
    )
    prices = Prices(services)
    meals = []
    for place, contender in enumerate(plan.plan.contenders):
        own = [row.answers[place] for row in result.rows]
        whole = plan.lanes.index(contender.lane) * len(plan.prompts)
        base = len(plan.lanes) > 1
        meals.append(
            DietMeal(
                contender.lane, plan.prompts[place - whole], result.contenders[place].score,
                mean_tokens_in(own),
                cost_per_thousand(prices, contender.lane, own), place == whole,
                compared(result, whole, place) if place != whole else None,
                compared(result, 0, place) if base and place else None,
            )
        )  # fmt: skip
    from tui.evals.kept_others import kept_diet  # it reads this module's types

    diet = Diet(tuple(meals), result)
    services.store.save_eval_run(*kept_diet(diet, plan.plan.test_set))
    return diet


def sentences(diet: Diet) -> list[str]:
    """Return what came out in a few sentences."""
    lines = []
    lanes = diet.lanes
    for lane in lanes:
        short = diet.shortest(lane)
        if short is None:
            lines.append(f"{safe_line(lane.model)}: no row has a score with two lengths of the prompt yet.")
            continue
        words = f"the shortest prompt within noise is {_length(short)}{_doubt(diet, short)}"
        lines.append(f"{safe_line(lane.model)}: {words}.")
    base, tuned = safe_line(lanes[0].model), diet.instead_of_base
    if tuned is not None and tuned.against_base is not None:
        interval = tuned.against_base.difference
        points = f"{100 * interval.low:+.1f} to {100 * interval.high:+.1f} points"
        lines.append(
            f"In place of {base} with the whole prompt: {safe_line(tuned.lane.model)} with {_length(tuned)}"
            f" ({points})."
        )
    elif len(lanes) > 1 and all(diet.meals[place].against_base for place in diet.places(lanes[1])):
        lines.append(f"With no prompt does {safe_line(lanes[1].model)} come up to {base} with all of it.")
    lines += [
        f"{safe_line(meal.lane.model)} without a system prompt took {meal.asked_tokens:,.0f} tokens in, more "
        "than with a short one: its template puts a prompt of its own in its place."
        for meal in diet.put_in_place
    ]
    if not diet.result.complete:
        lines.append(f"Not complete: {diet.result.why_incomplete}.")
    return lines


def _length(meal: DietMeal) -> str:
    if not meal.prompt.tokens:
        return "none at all"
    words = "all of it" if meal.is_whole else f"{meal.prompt.share} %"
    return f"{words} ({meal.prompt.tokens:,} tokens)"


def _doubt(diet: Diet, meal: DietMeal) -> str:
    verdict = meal.against_whole
    if verdict is None:
        whole = all(diet.meals[place].is_compared for place in diet.places(meal.lane))
        return ": every shorter one is worse" if whole else ": every shorter one that was compared is worse"
    low, high = 100 * verdict.difference.low, 100 * verdict.difference.high
    return f", {low:+.1f} to {high:+.1f} points against all of it over {verdict.rows:,} rows"
