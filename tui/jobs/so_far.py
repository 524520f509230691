"""What a job has trained and cost by now: told by its service where it tells, else reckoned and said so.

Nothing is made up: where neither service, confirmed price nor catalog has a number, there is none.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.metrics import progress_from
from tui.jobs.ports import JobServices
from tui.money.amounts import money_range, unit_price
from tui.money.catalog_model import NOT_PUBLISHED, CatalogModel
from tui.money.job_price import job_price
from tui.money.usage_price import Amount
from tui.records.jobs import ESTIMATED_COST, PROGRESS, Job, JobEvent, JobState
from tui.store.launch_rows import LaunchRecord

_HOUR = Decimal(3600)
_UNPROVEN = " Whether a job that failed or was cancelled is charged for its steps, the service does not say."


@dataclass(frozen=True, slots=True)
class SoFar:
    """Tokens and money of a job until now, and of the whole job."""

    tokens: int | None = None
    """None when neither the service nor the confirmed price says."""
    tokens_are_told: bool = False
    """The service told them; they are reckoned from what was counted at the launch otherwise."""
    total_tokens: int | None = None
    cost: Amount | None = None
    """None when no price is published, or nobody knows how far the job is."""
    cost_is_told: bool = False
    """By the tokens that the service told, or free; it is reckoned by the share of the job otherwise."""
    total_cost: Amount | None = None
    basis: str = ""
    """A sentence about where the cost is from; empty when there is none."""
    is_over: bool = False
    unit_price: str = ""
    """The catalog's price of a million tokens, or of an hour; empty where none is published."""
    may_be_less: bool = False
    """The job failed or was cancelled, and nobody says what is charged then."""

    @property
    def tokens_words(self) -> str:
        """The tokens for people; empty when nobody knows."""
        if self.tokens is None:
            return ""
        if self.tokens_are_told:
            return f"{self.tokens:,} tokens trained"
        if not self.tokens and self.total_tokens:
            return f"none of {self.total_tokens:,} tokens{'' if self.is_over else ' yet'}"
        if self.total_tokens is None or self.total_tokens == self.tokens:
            return f"about {self.tokens:,} tokens trained"
        return f"about {self.tokens:,} of {self.total_tokens:,} tokens"

    @property
    def cost_words(self) -> str:
        """The money for people: `free`, `$1.20`, `about $0.70 of $1.20`, `price not published`."""
        whole = "" if self.total_cost is None else self.total_cost.words
        if whole == "free":
            return whole
        if self.cost is None:
            unknown = f"not known yet, at {self.unit_price}" if self.unit_price else f"price {NOT_PUBLISHED}"
            return f"{whole} in all" if whole else unknown.replace(" yet", "" if self.is_over else " yet")
        if not self.cost.high:
            return f"nothing{'' if self.is_over else ' yet'}{f' of {whole}' if whole else ''}"
        now = self.cost.words
        if self.cost_is_told:
            return now
        if self.may_be_less:
            return f"at most about {now}"
        return f"about {now} of {whole}" if whole and whole != now else f"about {now}"

    def as_json(self) -> dict[str, Any]:
        """Return the shape of `--json`; money as numbers, null where nobody knows."""
        return {
            "tokens": self.tokens, "tokens_are_told": self.tokens_are_told,
            "total_tokens": self.total_tokens, "cost": _json(self.cost), "cost_is_told": self.cost_is_told,
            "total_cost": _json(self.total_cost), "cost_basis": self.basis or None,
        }  # fmt: skip


def share_done(job: Job, events: Sequence[JobEvent]) -> float | None:
    """Return how much of a job is done, 0 to 1, by its newest step or its service's percent, or None."""
    if job.state is JobState.SUCCEEDED:
        return 1.0
    progress = progress_from(events)
    if progress is not None:
        return None if progress.share is None else max(0.0, progress.share)
    for event in reversed(events):
        percent = event.data.get("percent")
        if event.type == PROGRESS and isinstance(percent, int | float):
            return max(0.0, min(1.0, percent / 100))
    # A job that waits has done nothing; one that runs without a word may have done anything.
    return 0.0 if job.state in (JobState.PREPARING, JobState.QUEUED) else None


def so_far(services: JobServices, job: Job, events: Sequence[JobEvent], *, now: float | None = None) -> SoFar:
    """Return what a job has trained and cost by now; asks no service.

    Args:
        services: Store, catalog and accounts.
        job: As the service described it last.
        events: All that are kept, in the order they happened.
        now: Unix seconds; None takes the clock's.
    """
    launch = services.store.launch_of_job(job.account, job.id)
    share = share_done(job, events)
    told = job.trained_tokens if job.state.is_final else None
    total = _counted(launch)
    reckoned = None if total is None or share is None else round(total * share)
    tokens = told if told is not None else reckoned
    costs = _costs(services, job, events, launch, told, share, now)
    may_be_less = job.state in (JobState.FAILED, JobState.CANCELLED) and costs.is_reckoned
    return SoFar(
        tokens, told is not None, told if told is not None else total, costs.now,
        costs.now is not None and not costs.is_reckoned, costs.whole,
        costs.basis + (_UNPROVEN if may_be_less and costs.now is not None else ""),
        job.state.is_final, _unit_price(services, job), may_be_less,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Costs:
    now: Amount | None = None
    whole: Amount | None = None
    basis: str = ""
    is_reckoned: bool = True


def _costs(
    services: JobServices, job: Job, events: Sequence[JobEvent], launch: LaunchRecord | None,
    told_tokens: int | None, share: float | None, now: float | None,
) -> _Costs:  # fmt: skip
    """Return the first known of: free, the service's estimate, told tokens, hours, the confirmed price."""
    known = _catalog_model(services, job)
    if known is not None and known.training_price_per_million == 0 and not known.training_price_per_hour:
        return _Costs(Amount(), Amount(), f"{known.price_source.capitalize()}.", is_reckoned=False)
    estimate = _own_estimate(events)
    if estimate is not None:
        return _Costs(_part(estimate, share), estimate, "The service's own estimate, by the share done.")
    if known is not None and told_tokens:
        exact = _by_tokens(known, job, told_tokens)
        if exact is not None:
            return _Costs(exact, exact, f"Tokens told by the service × {_price_of(known)}.", False)
    if known is not None and known.training_price_per_hour is not None:
        hours = _hours(job, events, time.time() if now is None else now)
        if hours is not None and (price := job_price(known, 0, 1, method=job.method, hours=hours)):
            amount = Amount(price.low, price.high, price.currency)
            return _Costs(amount, None, f"Time since the first step × {_price_of(known)}.")
    confirmed = _confirmed(launch)
    if confirmed is not None:
        return _Costs(
            _part(confirmed, share), confirmed, "The price confirmed at the launch, by the share done."
        )
    return _Costs()


def _unit_price(services: JobServices, job: Job) -> str:
    known = _catalog_model(services, job)
    if known is None:
        return ""
    if known.training_price_per_hour is not None:
        return f"{unit_price(known.training_price_per_hour, known.currency)} per hour"
    price = job_price(known, 0, 1, method=job.method)
    if price is None:
        return ""
    return f"{money_range(price.unit_price, price.highest_unit_price, price.currency)} per million tokens"


def _catalog_model(services: JobServices, job: Job) -> CatalogModel | None:
    try:
        return services.catalog.find(job.model, services.account(job.account).provider)
    except TunedeckError:
        return services.catalog.find(job.model)  # the account was taken out of the settings


def _counted(launch: LaunchRecord | None) -> int | None:
    """Return the tokens of all epochs as counted when the price was confirmed.

    None for a split, whose part was not counted.
    """
    if launch is None or launch.request.get("split_share") is not None:
        return None
    tokens, epochs = launch.price.get("tokens_per_epoch"), launch.price.get("epochs")
    if not isinstance(tokens, int) or not isinstance(epochs, int) or tokens <= 0 or epochs <= 0:
        return None
    return tokens * epochs


def _own_estimate(events: Sequence[JobEvent]) -> Amount | None:
    for event in reversed(events):
        if event.type == ESTIMATED_COST:
            amount = _decimal(event.data.get("amount"))
            if amount is not None:
                return Amount(amount, amount, str(event.data.get("currency") or "USD"))
    return None


def _confirmed(launch: LaunchRecord | None) -> Amount | None:
    total = _decimal(launch.price.get("total")) if launch is not None else None
    if launch is None or total is None:
        return None
    return Amount(total, total, str(launch.price.get("currency") or "USD"))


def _by_tokens(known: CatalogModel, job: Job, tokens: int) -> Amount | None:
    tier = known.tier_among([*job.hyperparameters.values(), *job.raw.values()])
    price = job_price(known, tokens, 1, method=job.method, tier=tier)
    return None if price is None else Amount(price.low, price.high, price.currency)


def _hours(job: Job, events: Sequence[JobEvent], now: float) -> Decimal | None:
    """Return the hours of the training loop: from its first step to its last, or until now while it runs."""
    steps = [event.created_at for event in events if event.type == "metrics"]
    if not steps:
        return None
    end = now if job.state in (JobState.RUNNING, JobState.FINISHING) else steps[-1]
    return Decimal(max(0, round(end - steps[0]))) / _HOUR


def _part(whole: Amount, share: float | None) -> Amount | None:
    if share is None:
        return None
    part = Decimal(str(share))
    return Amount(whole.low * part, whole.high * part, whole.currency)


def _decimal(value: object) -> Decimal | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    return amount if amount.is_finite() and amount >= 0 else None


def _price_of(known: CatalogModel) -> str:
    read_on = f" of {known.price_read_on}" if known.price_read_on else ""
    return f"the catalog's price{read_on}"


def _json(amount: Amount | None) -> dict[str, Any] | None:
    if amount is None:
        return None
    return {"low": float(amount.low), "high": float(amount.high), "currency": amount.currency}
