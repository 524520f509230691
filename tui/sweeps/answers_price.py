"""What it costs to score a trial by an evaluation, reckoned with the base model's name as a tuned one's."""

from __future__ import annotations

from collections.abc import Sequence

from tui.chat.lanes import Lane
from tui.evals.checks.spec import parse_check
from tui.evals.plan import EvalOptions, plan_evaluation
from tui.evals.requests import Contender
from tui.evals.test_set import read_test_set
from tui.jobs.plan import LaunchPlan
from tui.records.model_names import base_of
from tui.sweeps.ports import SweepServices
from tui.sweeps.pricing import Cost, of_some
from tui.sweeps.terms import SweepTerms


def answers_price(services: SweepServices, terms: SweepTerms, plans: Sequence[LaunchPlan]) -> Cost | None:
    """Return what scoring one trial costs, by the cheapest and the dearest model; None without scores.

    Raises:
        TunedeckError: The test set can't be read, or a check is wrong.
    """
    goal = terms.objective
    if goal.evaluate is None:
        return None
    test_set = read_test_set(goal.evaluate, limit=goal.rows)
    options = EvalOptions(checks=tuple(parse_check(text) for text in goal.checks), perplexity=False)
    costs = []
    for account, model in {(plan.account, plan.model) for plan in plans}:
        # A tuned model has prices of its own, and is known by such a name.
        lane = Lane(account, f"ft:{base_of(model)}:sweep::price")
        plan = plan_evaluation(services, test_set, [Contender(lane)], options)
        seconds = None if plan.seconds is None else (plan.seconds, plan.seconds)
        why = "" if plan.price is not None else "answers have no published price"
        costs.append(Cost(plan.price, seconds, why))
    return of_some(costs, 1)
