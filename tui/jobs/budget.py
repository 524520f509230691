"""A monthly budget for each account, in the settings file, and what the month has cost so far."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from tui.config import BUDGETS_TABLE, edit_settings_file, read_settings_file
from tui.errors import TunedeckError
from tui.jobs.ports import JobServices
from tui.jobs.untold_costs import untold_costs
from tui.money.amounts import format_money
from tui.money.usage_price import answers_cost, training_cost
from tui.records.jobs import Method
from tui.records.model_names import base_of
from tui.store.usage_rows import UsageKind, UsageTotal


@dataclass(frozen=True, slots=True)
class MonthSpend:
    """What an account has cost since the month began, UTC, as far as prices are published."""

    currency: str
    used: Decimal = Decimal(0)
    """Jobs that ended and answers; the dear end where a price is a range."""
    promised: Decimal = Decimal(0)
    """Confirmed prices of jobs under way and of launches that wait."""
    unpriced: int = 0
    """Jobs and answers whose price is not known, or is in another currency."""

    @property
    def total(self) -> Decimal:
        """All of it."""
        return self.used + self.promised

    @property
    def words(self) -> str:
        """The amount for people, and what it leaves out: `$3.10, 2 uses without a price left out`."""
        amount = format_money(self.total, self.currency)
        if not self.unpriced:
            return amount
        uses = "1 use" if self.unpriced == 1 else f"{self.unpriced:,} uses"
        return f"{amount}, {uses} without a price left out"


def monthly_budgets() -> dict[str, Decimal]:
    """Return the budgets by account, in the currency of its service's prices.

    Raises:
        TunedeckError: The settings file can't be read, or an amount in it is wrong.
    """
    path, _text, values = read_settings_file()
    table = values.get(BUDGETS_TABLE, {})
    if not isinstance(table, dict):
        raise TunedeckError(f"{path}: {BUDGETS_TABLE} is no table.", f"Begin it with [{BUDGETS_TABLE}].")
    for account, amount in table.items():
        if isinstance(amount, bool) or not isinstance(amount, int | float) or not 0 <= amount < 1e12:
            raise TunedeckError(
                f"{path}: the budget of {account} is {amount!r}.",
                f"Write the amount for a month under [{BUDGETS_TABLE}], such as {account} = 50.",
            )
    return {account: Decimal(str(amount)) for account, amount in table.items()}


def set_budget(services: JobServices, account: str, amount: Decimal | None) -> None:
    """Write an account's monthly budget to the settings file; None takes it out.

    Raises:
        TunedeckError: There is no such account, the amount is none, or the file can't be used.
    """
    services.account(account)
    monthly_budgets()
    if amount is not None and not (amount.is_finite() and 0 <= amount < 10**12):
        raise TunedeckError(f"{amount} is no budget.", "Give an amount for a month, such as 50.")

    def change(document: Any) -> None:
        import tomlkit  # only writing needs it

        table = document.setdefault(BUDGETS_TABLE, tomlkit.table())
        if amount is None:
            table.pop(account, None)
        else:
            table[account] = int(amount) if amount == int(amount) else float(amount)

    edit_settings_file(change)


def month_spend(services: JobServices, account: str, currency: str, now: float | None = None) -> MonthSpend:
    """Return what an account has cost this month, and what is promised.

    Args:
        services: Store and catalog.
        account: Whose.
        currency: Of the amounts; what is priced in another one is left out and counted.
        now: Unix seconds; None takes the clock's.
    """
    today = datetime.fromtimestamp(time.time() if now is None else now, UTC)
    begin = int(today.replace(day=1, hour=0, minute=0, second=0, microsecond=0).timestamp())
    used, unpriced = Decimal(0), 0
    for one in services.store.usage(since=begin):
        if one.account == account:
            cost = _cost(services, one, currency)
            used, unpriced = (used + cost, unpriced) if cost is not None else (used, unpriced + one.uses)
    for job, ended in untold_costs(services, begin, today.timestamp()):
        if job.account == account and job.state.is_final:  # the others are promised
            priced = not ended.high or ended.currency == currency
            used, unpriced = (used + ended.high, unpriced) if priced else (used, unpriced + 1)
    promised = Decimal(0)
    for price in _promises(services, account):
        total = price.get("total")
        if isinstance(total, int | float) and price.get("currency") == currency:
            promised += Decimal(str(total))
        else:
            unpriced += 1
    return MonthSpend(currency, used, promised, unpriced)


def _cost(services: JobServices, used: UsageTotal, currency: str) -> Decimal | None:
    provider = services.account(used.account).provider
    model = services.catalog.find(base_of(used.model), provider)
    if model is None:
        return None
    if used.kind is UsageKind.TRAINING:
        cost = training_cost(model, used.trained_tokens, Method.SUPERVISED)
    else:
        cost = answers_cost(
            model, tuned=base_of(used.model) != used.model, prompt_tokens=used.prompt_tokens,
            cached_tokens=used.cached_tokens, completion_tokens=used.completion_tokens,
        )  # fmt: skip
    return None if cost is None or (cost.high and cost.currency != currency) else cost.high


def _promises(services: JobServices, account: str) -> list[dict[str, Any]]:
    store = services.store
    launches = [store.launch_of_job(account, job.id) for job in store.jobs(account, active_only=True)]
    waiting = [one.record for one in store.queued_launches() if one.record.account == account]
    unknown = [one for one in store.open_launches() if one.account == account]
    return [dict(one.price) for one in [*launches, *waiting, *unknown] if one is not None]
