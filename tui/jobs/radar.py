"""What a person should know before it is too late: who still trains, what ends soon, what was spent.

Read from the store and the catalog alone, so it is there without a network, and says how old it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from tui.jobs.ports import JobServices
from tui.jobs.untold_costs import untold_costs
from tui.money.lifetime import Lifetime, Lifetimes
from tui.money.usage_price import Amount, answers_cost, total_of, training_cost
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.remedies import NO_FINE_TUNING, TRAINING_REFUSED
from tui.records.jobs import Method
from tui.records.model_names import is_tuned
from tui.records.models import Account, ModelInfo
from tui.store.model_queries import ModelKey
from tui.store.usage_rows import UsageKind

if TYPE_CHECKING:
    from tui.jobs.deployment_costs import Standing


@dataclass(frozen=True, slots=True)
class Outlook:
    """Whether an account still takes jobs, in words, with the evidence."""

    can_train: bool
    words: str


@dataclass(frozen=True, slots=True)
class EndingModel:
    """A tuned model that answers for a short time only."""

    model: ModelInfo
    lifetime: Lifetime


@dataclass(frozen=True, slots=True)
class Radar:
    """What was known at one moment."""

    outlooks: Mapping[str, Outlook] = field(default_factory=dict)
    """By account; those that have none are not ready, or local."""
    ending: Sequence[EndingModel] = ()
    """Tuned models that end soon, the first to end first."""
    lifetimes: Mapping[ModelKey, Lifetime] = field(default_factory=dict)
    """Of every model with an announced end."""
    spent: Amount | None = None
    """Since the first of the month (UTC), at the catalog's prices; None when nothing priced was used.

    Jobs that go on count by what they have cost so far; what may not be charged counts from nothing up.
    """
    spent_is_partial: bool = False
    """Something was used whose price is not published, or is in another currency."""
    deployed: Sequence[Standing] = ()
    """What is deployed and costs by the hour, used or not, as last seen."""
    seen_at: int | None = None
    """Unix second of the oldest list of models of a service; None when no service was ever asked."""


def read_radar(services: JobServices, now: float, today: date | None = None) -> Radar:
    """Return the radar; asks no service.

    Args:
        services: Store, catalog and accounts.
        now: Unix seconds; its month is the one whose spending is told.
        today: Day that days are counted from; None takes that of `now`.

    Raises:
        TunedeckError: The store, or a file of the person's, can't be read.
    """
    moment = datetime.fromtimestamp(now, UTC)
    day = today or moment.date()
    store = services.store
    providers = {account.name: account.provider for account in services.accounts()}
    lifetimes = Lifetimes(services.catalog, store.model_dates(), day)
    models = store.models()
    known = {
        (one.account, one.id): lifetimes.of(
            providers.get(one.account, one.account), one.id, one.shutdown_date
        )
        for one in models
    }
    ending = [
        EndingModel(one, known[one.account, one.id])
        for one in models
        if one.is_fine_tuned and known[one.account, one.id].ends_soon
    ]
    spent, is_partial = _spent(services, providers, _month_start(moment), now)
    seen = [at for account, at in store.models_seen_at().items() if account != LOCAL_NAME]
    return Radar(
        _outlooks(services, day),
        sorted(ending, key=lambda one: (one.lifetime.days_left or 0, one.model.id)),
        {key: lifetime for key, lifetime in known.items() if lifetime.shutdown_date},
        spent, is_partial, _deployed(services, now), min(seen, default=None),
    )  # fmt: skip


def _outlooks(services: JobServices, today: date) -> dict[str, Outlook]:
    succeeded = services.store.succeeded_jobs()
    return {
        account.name: _outlook(services, account, succeeded.get(account.name, 0), today)
        for account in services.accounts()
        if account.ready and account.provider != LOCAL_NAME
    }


def _outlook(services: JobServices, account: Account, succeeded: int, today: date) -> Outlook:
    refused = services.store.account_note(account.name, TRAINING_REFUSED)
    if refused is not None:
        day = datetime.fromtimestamp(refused[1], UTC).date()
        return Outlook(False, f"no new jobs: the service refused one on {day}")
    missing = services.store.account_note(account.name, NO_FINE_TUNING)
    if missing is not None:
        return Outlook(False, "chat only: no fine-tuning jobs at its address")
    service = services.catalog.provider_dates(account.provider)
    until = ""
    if service.training_ends:
        left = (date.fromisoformat(service.training_ends) - today).days
        if left < 0:
            return Outlook(False, f"no new jobs since {service.training_ends}")
        until = f" until {service.training_ends}, {_days(left)}"
    jobs = "1 job has" if succeeded == 1 else f"{succeeded:,} jobs have"
    if succeeded:
        return Outlook(True, f"new jobs{until}; {jobs} succeeded")
    doubt = "not proven by a job yet" if service.eligibility else "no job yet"
    return Outlook(True, f"new jobs{until}; {doubt}")


def _deployed(services: JobServices, now: float) -> list[Standing]:
    if not services.store.deployments():
        return []
    from tui.jobs.deployment_costs import kept_deployments  # few people deploy

    return [one for one in kept_deployments(services, now) if one.per_hour is None or one.per_hour.high]


def _days(left: int) -> str:
    return "the last day" if left == 0 else ("1 day" if left == 1 else f"{left:,} days")


def _month_start(moment: datetime) -> int:
    return int(moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())


def _spent(
    services: JobServices, providers: Mapping[str, str], since: int, now: float
) -> tuple[Amount | None, bool]:
    amounts: list[Amount | None] = [cost for _, cost in untold_costs(services, since, now)]
    for account, model, method, tokens in services.store.trained_since(since):
        known = services.catalog.find(model, providers.get(account, account))
        amounts.append(training_cost(known, tokens, Method(method)) if known is not None else None)
    for used in services.store.usage(since):
        if used.kind is not UsageKind.CHAT:
            continue
        known = services.catalog.find(used.model, providers.get(used.account, used.account))
        amounts.append(
            None if known is None else answers_cost(
                known, tuned=is_tuned(used.model), prompt_tokens=used.prompt_tokens,
                cached_tokens=used.cached_tokens, completion_tokens=used.completion_tokens,
            )
        )  # fmt: skip
    priced = [amount for amount in amounts if amount is not None]
    total = total_of(priced) if priced else None
    return total, len(priced) < len(amounts) or (total is None and bool(priced))
