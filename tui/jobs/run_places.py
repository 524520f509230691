"""Where an engine has a job trained: on its own machine, or at a place that it can send work to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tui.errors import TunedeckError
from tui.jobs.mend import Mend, MendKind
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import Profile
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.money.catalog_model import CatalogModel

RUN_ON, HERE = "run_on", "local"
_LONGEST_REASON = 300


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A place that an engine knows."""

    name: str
    why_not: str = ""
    """Why it can't be used now; empty when it can."""
    bills: bool = False
    costs: str = ""
    """What is known of its price, where it bills and was asked."""


def run_places(provider: str, ask: str = "") -> list[RunPlace]:
    """Return the places that the engine of this machine can use or not; none when it is not running.

    Args:
        provider: The account's service; engines elsewhere are not asked.
        ask: Name of a place to ask itself, which may take some seconds.
    """
    from tui.local_engine import engine_executors, find_engine  # psutil, which the first paint has no use for

    address = find_engine() if provider == LOCAL_NAME else None
    if address is None:
        return []
    try:
        return [_place(one) for one in engine_executors(address, ask)]
    except TunedeckError:
        return []  # an older engine knows no places; its own refusal tells


def _place(state: dict[str, Any]) -> RunPlace:
    return RunPlace(
        name=safe_line(str(state.get("name", "")), 40),
        why_not=safe_line(str(state.get("why_not") or ""), _LONGEST_REASON),
        bills=state.get("bills") is True,
        costs=safe_line(str(state.get("costs") or ""), _LONGEST_REASON),
    )


def run_on(plan: LaunchPlan) -> str:
    """Return the place that a plan asks for."""
    return str(plan.hyperparameters.get(RUN_ON) or HERE)


def is_billed(plan: LaunchPlan, service: Profile) -> bool:
    """True when a plan's place costs money at somebody else's."""
    known = service.parameter(RUN_ON, plan.method)
    return known is not None and run_on(plan) in known.billed


def priced_model(plan: LaunchPlan, model: CatalogModel, service: Profile) -> CatalogModel:
    """Return a model with the price of this plan, which nobody publishes where a place bills."""
    return replace(model, training_price_per_million=None) if is_billed(plan, service) else model


def about_place(plan: LaunchPlan, service: Profile, provider: str) -> Iterator[PreflightLine]:
    """Say whether the place of a plan can be used, and what is known of its price."""
    name = run_on(plan)
    if name == HERE or service.parameter(RUN_ON, plan.method) is None:
        return
    here = Mend(MendKind.LEAVE_OUT, "run it on the engine's own machine", RUN_ON)
    place = next((one for one in run_places(provider, name) if one.name == name), None)
    if place is None:
        text = f"Whether jobs can run on {name} is told by the engine, which could not be asked now."
        yield PreflightLine("warn", text, "A refusal at the launch is free.", (here,))
    elif place.why_not:
        yield PreflightLine("stop", f"Jobs can't run on {name}: {place.why_not}", "", (here,))
    elif not place.bills:
        yield PreflightLine("ok", f"The job runs on {name}.")
    if is_billed(plan, service):
        told = place.costs if place is not None else ""
        costs = told or f"{name} bills at your own account there; its price is not known here."
        yield PreflightLine("warn", costs, "Starting it confirms that you pay for it.", (here,))
