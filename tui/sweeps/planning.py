"""A whole sweep before it begins: how many jobs, at what price, in what time, and what speaks against it."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.metrics import duration_text
from tui.jobs.plan import PreflightLine, may_launch
from tui.jobs.reports import file_sha256
from tui.money.estimate import Estimate
from tui.providers.profile_data import LOCAL_NAME
from tui.records.sweeps import SettingValue, Sweep, SweepState
from tui.sweeps.answers_price import answers_price
from tui.sweeps.ports import SweepServices
from tui.sweeps.preflight import MOST_LOOKED_AT, sweep_preflight
from tui.sweeps.pricing import Cost, Estimates, added, cost_of, of_some, over_rungs, rung_share
from tui.sweeps.sampling import known_settings
from tui.sweeps.space import Axis
from tui.sweeps.terms import RungsBy, Strategy, SweepTerms
from tui.sweeps.trial_plan import plan_of_trial


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """What a sweep would do; nothing has been sent."""

    terms: SweepTerms
    trials: int
    """At most."""
    jobs: int
    """Jobs that are created, at most."""
    at_once: int
    cost: Cost
    lines: tuple[PreflightLine, ...]
    agreed: Mapping[str, Any]
    """What a person agrees to by saying yes; kept with the sweep."""

    @property
    def may_begin(self) -> bool:
        """True when nothing forbids it."""
        return may_launch(list(self.lines))

    @property
    def is_free(self) -> bool:
        """True when nothing is charged."""
        return self.cost.money is not None and not self.cost.money.high

    @property
    def price_words(self) -> str:
        """The price of everything together, for people."""
        if self.cost.money is not None:
            return self.cost.money.words
        return f"not known beforehand ({self.cost.why_unknown})"

    @property
    def time_words(self) -> str:
        """The time of everything together, for people."""
        if self.cost.seconds is None:
            return "as long as the services take"
        low, high = self.cost.seconds
        return f"about {duration_text(low)} to {duration_text(high)}"

    @property
    def words(self) -> str:
        """The plan as a sentence."""
        jobs = "1 job" if self.jobs == 1 else f"{self.jobs:,} jobs"
        trials = "1 trial" if self.trials == 1 else f"{self.trials:,} trials"
        return f"{trials}, up to {jobs}, {self.at_once} at once: {self.price_words}; {self.time_words}."

    def as_json(self) -> dict[str, Any]:
        """Return the plan for `--json`; money as numbers, null when unknown."""
        money, seconds = self.cost.money, self.cost.seconds
        return {
            "name": self.terms.name, "trials": self.trials, "jobs": self.jobs, "at_once": self.at_once,
            "price": None if money is None else {
                "low": float(money.low), "high": float(money.high), "currency": money.currency,
            },
            "seconds": None if seconds is None else {"low": seconds[0], "high": seconds[1]},
            "may_begin": self.may_begin, "lines": [line.as_json() for line in self.lines],
        }  # fmt: skip


def plan_sweep(services: SweepServices, terms: SweepTerms) -> SweepPlan:
    """Count and check everything that a sweep would launch; asks no service, sends nothing.

    Reads each training file once, so a large one takes time.

    Raises:
        TunedeckError: The grid can't be laid out, or a file that is hashed can't be read.
    """
    known = known_settings(terms)
    settings: Sequence[Mapping[str, SettingValue]] = known if known is not None else _corners(terms.axes)
    trials = len(known) if known is not None else terms.search.trials or 1
    rungs = [trials] if terms.halving is None else terms.halving.planned(trials)
    paused = terms.halving is not None and terms.halving.by is RungsBy.PAUSE
    lines: list[PreflightLine] = []
    cost = Cost(None, None, "a trial can't be priced")
    units: dict[str, Estimate] = {}
    try:
        cost, units = _cost(services, terms, settings, trials)
    except TunedeckError as error:
        lines.append(PreflightLine("stop", error.message, error.remedy))
    try:
        answers = answers_price(services, terms, [plan_of_trial(services, terms, one) for one in settings])
        if answers is not None:
            cost = added([cost, *[answers] * sum(rungs)])
    except TunedeckError as error:
        lines.append(PreflightLine("stop", error.message, error.remedy))
    lines += sweep_preflight(services, terms, settings, cost)
    plans = [plan_of_trial(services, terms, one) for one in settings[:1]]
    local = bool(plans) and plans[0].account == LOCAL_NAME
    at_once = terms.search.at_once or (1 if local else 2)
    files = _files(services, terms, settings, lines)
    agreed = {**agreement(cost, units, files), "at_once": at_once}
    return SweepPlan(
        terms, trials, trials if paused else sum(rungs), at_once, cost, _without_repeats(lines), agreed
    )


def agreement(cost: Cost, units: Mapping[str, Estimate], files: Mapping[str, str]) -> dict[str, Any]:
    """Return what a person agrees to: the most it may cost, unit prices by model, and files by content."""
    from tui.sweeps.pricing import unit_prices

    money = cost.money
    return {
        "total": None if money is None else str(money.high),
        "currency": "USD" if money is None else money.currency,
        "units": unit_prices(units),
        "files": dict(files),
    }


def sweep_of(plan: SweepPlan, now: int) -> Sweep:
    """Return a new sweep of a plan that a person agreed to, ready to be kept."""
    return Sweep(
        uuid.uuid4().hex[:12], plan.terms.name, plan.terms.as_json(), plan.agreed, SweepState.READY,
        created_at=now,
    )  # fmt: skip


def _corners(axes: Sequence[Axis]) -> list[dict[str, SettingValue]]:
    """Return settings among which are the cheapest and the dearest that a search by results may come to."""
    first: dict[str, SettingValue] = {axis.name: axis.ends[0] for axis in axes}
    found = [first]
    for axis in axes:
        if axis.name in ("model", "training", "validation", "n_epochs") or not axis.is_range:
            found = [{**one, axis.name: value} for one in found for value in axis.ends][:MOST_LOOKED_AT]
    found += [{**first, axis.name: value} for axis in axes for value in axis.ends]
    return [dict(one) for one in dict.fromkeys(tuple(sorted(one.items())) for one in found)]


def _cost(
    services: SweepServices, terms: SweepTerms, settings: Sequence[Mapping[str, SettingValue]], trials: int
) -> tuple[Cost, dict[str, Estimate]]:
    estimates = Estimates(services)
    units: dict[str, Estimate] = {}

    def costs_at(rung: int) -> list[Cost]:
        found = []
        for one in settings:
            plan = plan_of_trial(services, terms, one, rung=rung)
            estimate = estimates.of(plan)
            units[estimate.model] = estimate
            share = 1.0 if terms.halving is None else rung_share(terms.halving, rung)
            found.append(cost_of(services, plan, estimate, share))
        return found

    if terms.halving is None:
        costs = costs_at(0)
        exact = len(costs) == trials and terms.search.strategy is not Strategy.BAYESIAN
        return (added(costs) if exact else of_some(costs, trials)), units
    return over_rungs(terms.halving, trials, costs_at), units


def _files(
    services: SweepServices,
    terms: SweepTerms,
    settings: Sequence[Mapping[str, SettingValue]],
    lines: list[PreflightLine],
) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in settings:
        path: Path = plan_of_trial(services, terms, one).training
        if str(path) not in found:
            try:
                found[str(path)] = file_sha256(path)
            except TunedeckError as error:
                lines.append(PreflightLine("stop", error.message, error.remedy))
                found[str(path)] = ""
    return found


def _without_repeats(lines: Sequence[PreflightLine]) -> tuple[PreflightLine, ...]:
    return tuple({(line.level, line.text): line for line in lines}.values())


def cap_of(sweep: Sweep, terms: SweepTerms) -> Decimal | None:
    """Return the most that a sweep may cost: its cap, or what was agreed to where that is less."""
    agreed = sweep.agreed.get("total")
    limits = [
        one for one in (terms.caps.money, None if agreed is None else Decimal(str(agreed))) if one is not None
    ]
    return min(limits, default=None)
