"""What a sweep costs and takes: each trial's own estimate, added up before anything is sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from tui.jobs.plan import LaunchPlan
from tui.jobs.ports import JobServices
from tui.jobs.preflight import estimate_plan
from tui.money.estimate import Estimate, time_of
from tui.money.usage_price import Amount
from tui.sweeps.space import EPOCHS
from tui.sweeps.terms import Halving, RungsBy


class Estimates:
    """Estimates of launches; those that cost the same are counted once.

    Args:
        services: Store, catalog and accounts.
    """

    def __init__(self, services: JobServices) -> None:
        self._services = services
        self._known: dict[tuple[object, ...], Estimate] = {}

    def of(self, plan: LaunchPlan) -> Estimate:
        """Return the price of a launch.

        Raises:
            TunedeckError: A file can't be read, or a model is not known.
        """
        # A price tier may be named by any choice that is a text.
        texts = tuple(
            sorted((name, one) for name, one in plan.hyperparameters.items() if isinstance(one, str))
        )
        key = (
            plan.account, plan.model, plan.training, plan.split_share,
            plan.seed if plan.split_share else None, plan.hyperparameters.get(EPOCHS), plan.method, texts,
        )  # fmt: skip
        if key not in self._known:
            self._known[key] = estimate_plan(plan, self._services)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Cost:
    """Money and seconds of one or many launches, from the least to the most; None where nobody knows."""

    money: Amount | None
    seconds: tuple[float, float] | None
    why_unknown: str = ""
    """Why there is no money, in words."""


def cost_of(services: JobServices, plan: LaunchPlan, estimate: Estimate, share: float = 1.0) -> Cost:
    """Return what a launch costs, or a share of it."""
    time = time_of(estimate, services.store.training_rates(plan.account)) if estimate.is_free else None
    seconds = None if time is None else (time.low * share, time.high * share)
    if estimate.total is None:
        return Cost(None, seconds, estimate.amount)
    part = Decimal(str(share))
    high = estimate.highest_total or estimate.total
    return Cost(Amount(estimate.total * part, high * part, estimate.currency), seconds)


def added(costs: Sequence[Cost]) -> Cost:
    """Return the sum; what is not known of one is not known of all."""
    low = high = Decimal(0)
    currencies = {one.money.currency for one in costs if one.money is not None and one.money.high}
    for one in costs:
        if one.money is not None:
            low, high = low + one.money.low, high + one.money.high
    unknown = next((one.why_unknown for one in costs if one.money is None), "")
    if len(currencies) > 1:
        unknown = "prices in several currencies"
    money = None if unknown else Amount(low, high, next(iter(currencies), "USD"))
    spans = [one.seconds for one in costs]
    known = [one for one in spans if one is not None]
    seconds = (
        (sum(one[0] for one in known), sum(one[1] for one in known)) if len(known) == len(spans) else None
    )
    return Cost(money, seconds, unknown)


def of_some(costs: Sequence[Cost], count: int) -> Cost:
    """Return what so many trials cost: the cheapest of those that may come, to the dearest.

    Args:
        costs: Of the trials that may come; where they are fewer than `count`, some come more than once.
        count: How many do.
    """
    ordered = sorted(costs, key=lambda one: one.money.high if one.money is not None else Decimal(0))
    missing = max(0, count - len(ordered))
    least = [*ordered[:1] * missing, *ordered[: count - missing]]
    most = [*ordered[-1:] * missing, *ordered[max(0, len(ordered) - count) :]]
    return between(added(least), added(most))


def over_rungs(halving: Halving, trials: int, cost_at: Callable[[int], Sequence[Cost]]) -> Cost:
    """Return what a halving costs, rung by rung.

    Args:
        halving: The rungs.
        trials: How many begin.
        cost_at: Rung -> what each trial that may come would cost there.
    """
    rungs = [of_some(cost_at(rung), count) for rung, count in enumerate(halving.planned(trials))]
    return added(rungs)


def between(least: Cost, most: Cost) -> Cost:
    """Return the span from what one sum is at least to what another is at most."""
    if least.money is None or most.money is None:
        return Cost(None, _span(least, most), most.why_unknown or least.why_unknown)
    money = Amount(least.money.low, most.money.high, most.money.currency)
    return Cost(money, _span(least, most))


def _span(least: Cost, most: Cost) -> tuple[float, float] | None:
    if least.seconds is None or most.seconds is None:
        return None
    return least.seconds[0], most.seconds[1]


def rung_share(halving: Halving, rung: int) -> float:
    """Return the share of a paused job that a rung trains; 1 for a launch of its own."""
    if halving.by is not RungsBy.PAUSE:
        return 1.0
    before = halving.rungs[rung - 1] if rung else 0
    return (halving.rungs[rung] - before) / halving.rungs[-1]


def unit_prices(estimates: Mapping[str, Estimate]) -> dict[str, str | None]:
    """Return model -> the price of a million tokens, or of an hour, that a person agrees to."""
    found: dict[str, str | None] = {}
    for model, estimate in estimates.items():
        unit = estimate.price_per_million if estimate.price_per_hour is None else estimate.price_per_hour
        found[model] = None if unit is None else str(unit)
    return found
