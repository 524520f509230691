"""What the calls of a chat have used and cost, one by one and in all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from tui.chat.lanes import Lane, LaneAnswer, Turn, end_words
from tui.errors import TunedeckError
from tui.money.amounts import small_money
from tui.money.catalog_model import NOT_PUBLISHED
from tui.money.usage_price import Amount, answers_cost, total_of
from tui.records.chats import Usage

if TYPE_CHECKING:
    from tui.money.catalog import Catalog
    from tui.records.models import Account


class PricedServices(Protocol):
    """What pricing needs of the running program."""

    @property
    def catalog(self) -> Catalog:
        """Prices, limits and dates."""
        ...

    def account(self, name: str) -> Account:
        """One account by name; TunedeckError when there is none."""
        ...


@dataclass(frozen=True, slots=True)
class Call:
    """One answer with what it has cost."""

    usage: Usage
    cost: Amount | None
    """None where no price is published."""


@dataclass(frozen=True, slots=True)
class Spent:
    """The sum of several calls."""

    calls: int = 0
    usage: Usage = field(default_factory=Usage)
    cost: Amount | None = field(default_factory=Amount)
    """Of those whose price is published; None when their currencies differ."""
    unpriced: int = 0
    """Calls that used tokens at a price that is not published."""
    untold: int = 0
    """Calls whose tokens the service did not tell, as of most that were stopped; they are in no sum."""

    @property
    def words(self) -> str:
        """The sum on one line: `3 calls · in 72 (24 cached) · out 45 · $0.00012`."""
        if not self.calls:
            return "nothing answered yet"
        parts = ["1 call" if self.calls == 1 else f"{self.calls:,} calls"]
        if self.untold < self.calls:
            parts += [usage_words(self.usage), self.money]
        if self.untold:
            parts.append(f"tokens of {self.untold:,} not told")
        return " · ".join(parts)

    @property
    def money(self) -> str:
        """The money alone; what no price is published for is never counted as nothing."""
        if self.unpriced and self.unpriced == self.calls - self.untold:
            return f"price {NOT_PUBLISHED}"
        known = "several currencies" if self.cost is None else amount_words(self.cost)
        if not self.unpriced:
            return known
        return f"{known} and {self.unpriced:,} at a price {NOT_PUBLISHED}"


def cost_of(services: PricedServices, lane: Lane, usage: Usage) -> Amount | None:
    """Return what a call that used so much has cost by the catalog; None where no price is published."""
    from tui.records.model_names import base_of

    try:
        provider = services.account(lane.account).provider
    except TunedeckError:
        return None  # an account that is gone: nobody knows whose prices held
    model = services.catalog.find(base_of(lane.model), provider)
    if model is None:
        return None
    return answers_cost(
        model, tuned=lane.is_tuned, prompt_tokens=usage.prompt_tokens, cached_tokens=usage.cached_tokens,
        completion_tokens=usage.completion_tokens,
    )  # fmt: skip


def spent(services: PricedServices, turns: Iterable[Turn]) -> Spent:
    """Return what all answers of these turns have cost, those of hidden branches too: all were paid."""
    calls: list[Call] = []
    untold = 0
    for turn in turns:
        for lane, answer in turn.answers.items():
            if answer.usage != Usage():
                calls.append(Call(answer.usage, cost_of(services, lane, answer.usage)))
            elif answer.said:
                untold += 1
    used = [call.usage for call in calls]
    return Spent(
        len(calls) + untold,
        Usage(
            sum(one.prompt_tokens for one in used),
            sum(one.completion_tokens for one in used),
            sum(one.cached_tokens for one in used),
        ),
        total_of([call.cost for call in calls if call.cost is not None]),
        sum(call.cost is None for call in calls),
        untold,
    )


def usage_words(usage: Usage) -> str:
    """Return tokens as `in 72 (24 cached) · out 45`; nothing is said of what a service did not tell."""
    if usage == Usage():
        return "tokens not told"
    cached = f" ({usage.cached_tokens:,} cached)" if usage.cached_tokens else ""
    return f"in {usage.prompt_tokens:,}{cached} · out {usage.completion_tokens:,}"


def amount_words(amount: Amount | None) -> str:
    """Return the money of a call with as many digits as tell it from nothing."""
    return f"price {NOT_PUBLISHED}" if amount is None else small_money(amount.high, amount.currency)


def call_words(answer: LaneAnswer, cost: Amount | None) -> str:
    """Return all about one call: tokens, money, time to the first token and in all, and how it ended."""
    if answer.failed and answer.usage == Usage():
        return ""
    times = []
    if answer.first_token_seconds is not None:
        times.append(f"first {answer.first_token_seconds:.1f} s")
    if answer.seconds:
        times.append(f"{answer.seconds:.1f} s in all")
    if answer.tokens_per_second is not None:
        times.append(f"{answer.tokens_per_second:,.0f}/s")
    told = answer.usage != Usage()
    money = amount_words(cost) if told else ""
    parts = [usage_words(answer.usage), money, ", ".join(times), end_words(answer)]
    return " · ".join(part for part in parts if part)
