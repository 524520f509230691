"""The most that a run may cost, so that a yes to a price is a yes to nothing beyond it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from tui.evals.plan import EvalPlan, questions_of
from tui.evals.ports import EvalServices
from tui.money.usage_price import Amount


def dearest_end(services: EvalServices, plan: EvalPlan) -> Amount | None:
    """Return what a run costs at most, each answer as long as allowed.

    Returns:
        None where no price is published, or where a judge is asked: what it reads is not known before.
    """
    ends = [question.most for question in questions_of(plan, services)]
    if plan.price is None or plan.judge_asks or any(end is None for end in ends):
        return None
    total = sum((end for end in ends if end is not None), Decimal(0))
    return Amount(total, total, plan.price.currency)


def kept_below(plan: EvalPlan, cap: Amount | None) -> EvalPlan:
    """Return a plan that asks nothing more beyond `cap`, unless it has a cap of its own."""
    if cap is None or not cap.high or plan.options.max_cost is not None:
        return plan
    return replace(plan, options=replace(plan.options, max_cost=cap.high))
