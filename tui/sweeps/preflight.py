"""What speaks for and against a sweep before it begins: each value's preflight, caps, budget, goal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from tui.errors import TunedeckError
from tui.jobs.budget import month_spend, monthly_budgets
from tui.jobs.metrics import duration_text
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.preflight import preflight
from tui.money.amounts import format_money
from tui.providers.profiles import profile
from tui.records.models import Capability
from tui.records.sweeps import SettingValue
from tui.sweeps.ports import SweepServices
from tui.sweeps.pricing import Cost
from tui.sweeps.space import PLAN_AXES
from tui.sweeps.terms import RungsBy, Strategy, SweepTerms
from tui.sweeps.trial_plan import epochs_at, plan_of_trial

MOST_LOOKED_AT = 48
"""Launches that are looked at one by one before a sweep begins."""


def sweep_preflight(
    services: SweepServices, terms: SweepTerms, settings: Sequence[Mapping[str, SettingValue]], cost: Cost
) -> Iterator[PreflightLine]:
    """Yield what speaks for and against a sweep; a "stop" line forbids it. Asks no service.

    Args:
        services: Store, catalog and accounts.
        terms: The sweep.
        settings: Of the trials that may come.
        cost: Of all together.
    """
    for place, one in enumerate(_to_look_at(terms, settings)):
        plan = plan_of_trial(services, terms, one, rung=0)
        for line in preflight(plan, services):
            # Each job's own price says nothing of the whole; that it is an old one does, once.
            if "×" in line.text:
                if line.level == "warn":
                    yield replace(line, text="The prices were not read lately.", mends=())
            elif line.level != "ok" or place == 0:
                yield replace(line, mends=())
    yield from _about_objective(services, terms, settings)
    yield from _about_halving(services, terms, settings)
    yield from _about_caps(terms, cost)
    yield from _about_budgets(services, terms, settings, cost)
    yield from _about_search(terms)


def _to_look_at(
    terms: SweepTerms, settings: Sequence[Mapping[str, SettingValue]]
) -> Iterator[Mapping[str, SettingValue]]:
    """Yield trials until every value that is tried was in one: what is wrong with a value shows there."""
    seen: set[tuple[str, SettingValue]] = set()
    looked = 0
    for one in settings:
        new = {
            item
            for item in one.items()
            if not next(axis for axis in terms.axes if axis.name == item[0]).is_range
        } - seen
        if new or looked == 0:
            seen |= new
            looked += 1
            yield one
        if looked >= MOST_LOOKED_AT:
            return
    first = settings[0] if settings else {}
    for axis in terms.axes:
        if axis.is_range and axis.name not in PLAN_AXES:
            for value in axis.ends:
                yield {**first, axis.name: value}


def _about_objective(
    services: SweepServices, terms: SweepTerms, settings: Sequence[Mapping[str, SettingValue]]
) -> Iterator[PreflightLine]:
    goal = terms.objective
    needs_validation = not goal.is_score and "valid" in goal.metric
    plans = [plan_of_trial(services, terms, one) for one in settings[:MOST_LOOKED_AT]]
    if needs_validation and any(plan.validation is None and plan.split_share is None for plan in plans):
        yield PreflightLine(
            "stop", f"Trials are compared by {goal.metric}, and there is no validation file.",
            'Add validation = "valid.jsonl" or split_share = 0.1, or compare by an evaluation.',
        )  # fmt: skip
    elif not goal.is_score and "valid" not in goal.metric:
        yield PreflightLine(
            "warn", f"Trials are compared by {goal.metric}, which rewards learning by heart.",
            "valid_loss, or an evaluation, says more of rows that were not seen.",
        )  # fmt: skip
    if goal.is_score:
        for label in {_service(services, plan) for plan in plans if _needs_deployment(services, plan)}:
            yield PreflightLine(
                "stop", f"At {label} a tuned model answers once it is deployed, so no trial can be scored.",
                "Compare by valid_loss there.",
            )  # fmt: skip


def _service(services: SweepServices, plan: LaunchPlan) -> str:
    return profile(services.account(plan.account).provider).label


def _needs_deployment(services: SweepServices, plan: LaunchPlan) -> bool:
    return bool(profile(services.account(plan.account).provider).deployment)


def _about_halving(
    services: SweepServices, terms: SweepTerms, settings: Sequence[Mapping[str, SettingValue]]
) -> Iterator[PreflightLine]:
    halving = terms.halving
    if halving is None or not settings:
        return
    plan = plan_of_trial(services, terms, settings[0])
    if halving.by is RungsBy.PAUSE:
        if terms.objective.is_score:
            yield PreflightLine(
                "stop", "A paused job has no model yet that an evaluation could ask.",
                'Write by = "fresh" or by = "continue" under [halving], or compare by valid_loss.',
            )  # fmt: skip
        try:
            provider = services.provider(plan.account)
        except TunedeckError:
            return  # told about the account already
        for wanted in (Capability.PAUSE, Capability.RESUME, Capability.CANCEL):
            permission = provider.can(wanted)
            if not permission:
                yield PreflightLine("stop", permission.reason, 'Write by = "fresh" under [halving].')
                return
        yield PreflightLine(
            "ok", "Jobs are paused at each rung; the losers are cancelled there, the others go on. A service "
            "that trains on while the pause is on its way charges for that too.",
        )  # fmt: skip
    elif halving.by is RungsBy.CONTINUE:
        yield PreflightLine(
            "ok", "At each rung a new job trains the rung's model on; every epoch is paid once."
        )
    else:
        paid = sum(
            count * epochs_at(halving, rung) for rung, count in enumerate(halving.planned(len(settings)))
        )
        yield PreflightLine(
            "ok", f"At each rung a new job begins anew with more epochs: {paid:,} epochs are paid in all.",
        )  # fmt: skip


def _about_caps(terms: SweepTerms, cost: Cost) -> Iterator[PreflightLine]:
    cap = terms.caps.money
    if cap is not None and cost.money is None:
        yield PreflightLine(
            "stop", f"A money cap can't be kept: the price is not known beforehand ({cost.why_unknown}).",
            "Choose the epochs, take the cap out, or put the price into your own catalog file.",
        )  # fmt: skip
    elif cap is not None and cost.money is not None and cost.money.high > cap:
        yield PreflightLine(
            "warn", f"All of it would cost up to {format_money(cost.money.high, cost.money.currency)}; "
            f"the cap of {format_money(cap, cost.money.currency)} ends it before that.",
        )  # fmt: skip
    hours = terms.caps.hours
    if hours is not None and cost.seconds is not None and cost.seconds[0] > hours * 3600:
        yield PreflightLine(
            "warn", f"It takes at least {duration_text(cost.seconds[0])}; the cap of {hours:g} h is less.",
        )  # fmt: skip


def _about_budgets(
    services: SweepServices, terms: SweepTerms, settings: Sequence[Mapping[str, SettingValue]], cost: Cost
) -> Iterator[PreflightLine]:
    """Hold the whole sweep to the monthly budget of its account; each job alone is held to it too."""
    if cost.money is None or not cost.money.high or not settings:
        return
    account = plan_of_trial(services, terms, settings[0]).account
    budget = monthly_budgets().get(account)
    if budget is None:
        return
    most = cost.money.high if terms.caps.money is None else min(cost.money.high, terms.caps.money)
    after = month_spend(services, account, cost.money.currency).total + most
    if after > budget:
        allowed = format_money(budget, cost.money.currency)
        yield PreflightLine(
            "stop", f"The sweep may cost {format_money(most, cost.money.currency)}, which goes over "
            f"{account}'s budget of {allowed} a month.",
            f"Cap it with money under [caps], or `tunedeck account budget {account} AMOUNT`.",
        )  # fmt: skip


def _about_search(terms: SweepTerms) -> Iterator[PreflightLine]:
    if terms.search.strategy is Strategy.BAYESIAN:
        from tui.sweeps.bayesian import why_missing

        reason = why_missing()
        if reason:
            yield PreflightLine("stop", reason, "`pip install 'tunedeck[sweep]'`, or strategy = \"random\".")
