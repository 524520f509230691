"""Does fine-tuning pay back: a long prompt on a plain model against a short one on a tuned model.

    a prompted call = cached · pc + fresh · p + answer · po
    a tuned call    = cached' · pc' + fresh' · p' + answer' · po'
    calls to break even = (training + other costs) / (a prompted call - a tuned call - hosting per call)

Cached is the part of the instructions and tools that a service has read before; OpenAI caches only beginnings
of 1,024 tokens and more. Of published ranges the dearer end is taken. Where a price that is needed is not
published, nothing is reckoned and the price is named.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from enum import StrEnum

from tui.datasets.call_tokens import CallTokens
from tui.money.catalog_model import CatalogModel
from tui.money.job_price import job_price
from tui.money.lifetime import Lifetime
from tui.records.jobs import Method
from tui.records.models import Permission

_MILLION = Decimal(1_000_000)
_HOURS = Decimal(24)
_HUNDRED = 100
CACHED_FROM: dict[str, int] = {"openai": 1024, "azure": 1024}
"""Fewest tokens of a beginning that a service caches (OpenAI's guide on prompt caching); 0 elsewhere."""
MOST_CALLS = 10_000_000


@dataclass(frozen=True, slots=True)
class PaybackChoice:
    """What a person can turn."""

    calls_per_day: int = 1_000
    cache_percent: int = 50
    """Of calls whose beginning the service has cached."""
    kept_percent: int = 10
    """Of the long prompt's tokens that the tuned model still gets."""
    answer_percent: int = 100
    """Length of the tuned model's answer against the file's."""
    epochs: int = 3
    other_costs: Decimal = Decimal(0)
    """Paid once: making data, evaluating."""
    hosting_per_hour: Decimal | None = None
    """Takes the place of the catalog's price."""
    training_paid: bool = False
    """The model is trained already; only what it costs from now on counts."""


@dataclass(frozen=True, slots=True)
class CallPrice:
    """A call on one side: its tokens, its prices, its cost."""

    model: str
    provider: str
    tuned: bool
    cached: Decimal
    """Tokens on average, as are the next two."""
    fresh: Decimal
    answer: Decimal
    cached_price: Decimal | None
    """Per million; None where none is published, and then nothing counts as cached."""
    fresh_price: Decimal | None
    answer_price: Decimal | None
    currency: str

    @property
    def cost(self) -> Decimal | None:
        """Of one call; None where a price that is needed is not published."""
        if self.fresh_price is None or self.answer_price is None:
            return None
        of_cache = self.cached * (self.cached_price if self.cached_price is not None else self.fresh_price)
        return (of_cache + self.fresh * self.fresh_price + self.answer * self.answer_price) / _MILLION


class Verdict(StrEnum):
    """Whether it pays back."""

    PAYS = "pays back"
    ONLY_IF = "only if"
    NEVER = "never"
    UNKNOWN = "can't be told"


@dataclass(frozen=True, slots=True)
class Payback:
    """What came out; money in the currency of the tuned side."""

    verdict: Verdict
    prompted: CallPrice
    tuned: CallPrice
    choice: PaybackChoice
    training: Decimal | None
    """None where no price is published."""
    training_tokens: int
    """Of one epoch, with the short prompt in the rows."""
    hosting_per_day: Decimal | None
    saved_per_call: Decimal | None
    """Before hosting; negative where a tuned call is dearer."""
    saved_per_day: Decimal | None
    """After hosting."""
    break_even_calls: int | None
    """None where there is none at these calls a day."""
    break_even_days: Decimal | None
    saved_in_life: Decimal | None
    """Until the tuned model is shut down, all costs taken off; None without a date."""
    life: Lifetime = field(default_factory=Lifetime)
    conditions: tuple[str, ...] = ()
    """Each alone would make it pay: `more than 3,000 calls a day`."""
    reasons: tuple[str, ...] = ()
    """Why it is not simply "pays back"."""

    @property
    def investment(self) -> Decimal | None:
        """Paid once."""
        return None if self.training is None else self.training + self.choice.other_costs


@dataclass(frozen=True, slots=True)
class PaybackCase:
    """What does not change while a person turns the sliders.

    Args:
        prompted: The plain model that gets the long prompt.
        tuned: The base of the tuned model.
        prompted_call: The file's mean call by the first's vocabulary, with the long prompt.
        tuned_call: The same by the second's.
        rows: Of the training file.
        tokens_per_epoch: Of the file as it is, uncut, by the tuned model's vocabulary.
        file_system: Tokens of instructions in a call of the file as it is, by the same.
        life: When the tuned model stops answering.
        method: How it is tuned.
        tier: Name of a price tier.
        today: UTC; None takes the clock's.
        longest_row: Tokens of a row that the service trains on at most; None where no limit is known.
    """

    prompted: CatalogModel
    tuned: CatalogModel
    prompted_call: CallTokens
    tuned_call: CallTokens
    rows: int
    tokens_per_epoch: int
    file_system: float
    life: Lifetime
    method: Method = Method.SUPERVISED
    tier: str | None = None
    today: date | None = None
    longest_row: int | None = None

    @property
    def permission(self) -> Permission:
        """Whether a job can be created today at all."""
        return self.tuned.can_train(self.method, self.today)


def payback(case: PaybackCase, choice: PaybackChoice) -> Payback:
    """Return whether and when tuning pays back, and what would make it so."""
    found = _reckon(case, choice)
    if found.verdict is Verdict.PAYS or found.saved_per_day is None:
        return found
    conditions = tuple(_conditions(case, choice))
    verdict = Verdict.ONLY_IF if conditions else Verdict.NEVER
    return replace(found, verdict=verdict, conditions=conditions)


def pays(case: PaybackCase, choice: PaybackChoice) -> bool:
    """Say whether it pays back before the model's end."""
    return _reckon(case, choice).verdict is Verdict.PAYS


def _reckon(case: PaybackCase, choice: PaybackChoice) -> Payback:
    prompted = _prompted(case, choice)
    tuned = _tuned(case, choice)
    tokens = training_tokens(case, choice)
    price = job_price(case.tuned, tokens, choice.epochs, method=case.method, tier=case.tier)
    training = Decimal(0) if choice.training_paid else None if price is None else price.high
    hosting = choice.hosting_per_hour
    if hosting is None:
        hosting = case.tuned.highest_hosting_price_per_hour or case.tuned.hosting_price_per_hour
    per_day = None if hosting is None else hosting * _HOURS
    missing = _missing(prompted, tuned, training, per_day)
    result = Payback(
        Verdict.UNKNOWN, prompted, tuned, choice, training, tokens, per_day, None, None, None, None, None,
        case.life, reasons=tuple(missing),
    )  # fmt: skip
    if missing or prompted.cost is None or tuned.cost is None or training is None or per_day is None:
        return result
    saved = prompted.cost - tuned.cost
    saved_per_day = saved * choice.calls_per_day - per_day
    result = replace(result, saved_per_call=saved, saved_per_day=saved_per_day)
    invested = training + choice.other_costs
    days_left = case.life.days_left
    if days_left is not None:
        result = replace(result, saved_in_life=saved_per_day * max(0, days_left) - invested)
    return _judged(result, case, invested)


def _judged(result: Payback, case: PaybackCase, invested: Decimal) -> Payback:
    saved, per_day, life = result.saved_per_call, result.saved_per_day, case.life
    assert saved is not None
    assert per_day is not None
    reasons = []
    if not result.choice.training_paid and not case.permission:
        reasons.append(case.permission.reason)
    if not result.prompted.cost and not result.tuned.cost and not invested:
        reasons.append("Both are free, so there is nothing to pay back.")
    elif saved <= 0:
        reasons.append("A tuned call costs no less than a prompted one.")
    elif per_day <= 0:
        reasons.append("Hosting takes all that the calls save.")
    else:
        calls = _ceiling(invested * result.choice.calls_per_day / per_day)
        result = replace(result, break_even_calls=calls, break_even_days=invested / per_day)
        if life.days_left is not None and invested / per_day > max(0, life.days_left):
            reasons.append(f"The model is shut down on {life.shutdown_date}, before that.")
    if life.is_over:
        reasons.append(f"The model was shut down on {life.shutdown_date}.")
    return replace(result, verdict=Verdict.NEVER if reasons else Verdict.PAYS, reasons=tuple(reasons))


def _missing(
    prompted: CallPrice, tuned: CallPrice, training: Decimal | None, hosting: Decimal | None
) -> list[str]:
    found = []
    if prompted.currency != tuned.currency:
        found.append(f"Prices in {prompted.currency} and {tuned.currency} can't be compared.")
    for side, word in ((prompted, "plain"), (tuned, "tuned")):
        if side.cost is None:
            found.append(f"The price of calls to {word} {side.model} at {side.provider} is not published.")
    if training is None:
        found.append(f"The price of training {tuned.model} at {tuned.provider} is not published.")
    if hosting is None:
        found.append(f"The price of hosting {tuned.model} at {tuned.provider} is not published.")
    return found


def _ceiling(value: Decimal) -> int:
    whole = int(value)
    return whole if whole == value else whole + 1


def training_tokens(case: PaybackCase, choice: PaybackChoice) -> int:
    """Return the tokens of one epoch once the rows carry the prompt that the tuned model will get."""
    short = case.tuned_call.system * choice.kept_percent / _HUNDRED
    tokens = max(0, round(case.tokens_per_epoch + case.rows * (short - case.file_system)))
    return tokens if case.longest_row is None else min(tokens, case.rows * case.longest_row)


def _prompted(case: PaybackCase, choice: PaybackChoice) -> CallPrice:
    call, model = case.prompted_call, case.prompted
    prices = (
        model.base_cached_input_price_per_million,
        model.base_input_price_per_million,
        model.base_output_price_per_million,
    )
    return _priced(model, call, call.system, 100, choice, prices, tuned=False)


def _tuned(case: PaybackCase, choice: PaybackChoice) -> CallPrice:
    call, model = case.tuned_call, case.tuned
    prices = (
        model.cached_input_price_per_million,
        model.input_price_per_million,
        model.output_price_per_million,
    )
    kept = call.system * choice.kept_percent / _HUNDRED
    return _priced(model, call, kept, choice.answer_percent, choice, prices, tuned=True)


def _priced(
    model: CatalogModel,
    call: CallTokens,
    system: float,
    answer_percent: int,
    choice: PaybackChoice,
    prices: tuple[Decimal | None, Decimal | None, Decimal | None],
    *,
    tuned: bool,
) -> CallPrice:
    prefix = system + call.tools
    cacheable = prefix if prices[0] is not None and prefix >= CACHED_FROM.get(model.provider, 0) else 0.0
    cached = _decimal(cacheable) * choice.cache_percent / _HUNDRED
    fresh = _decimal(prefix + call.question) - cached
    answer = _decimal(call.answer) * answer_percent / _HUNDRED
    return CallPrice(model.id, model.provider, tuned, cached, fresh, answer, *prices, model.currency)


def _decimal(tokens: float) -> Decimal:
    return Decimal(str(round(tokens, 3)))


def _conditions(case: PaybackCase, choice: PaybackChoice) -> list[str]:
    """Return what would make it pay, one thing changed at a time."""
    found = []
    if choice.training_paid or case.permission:
        calls = fewest_calls(case, choice)
        if calls is not None:
            found.append(f"there are at least {calls:,} calls a day")
        kept = _last(lambda kept: pays(case, replace(choice, kept_percent=kept)), choice.kept_percent)
        if kept is not None:
            found.append(f"the prompt can be cut to {kept} %")
        cached = _last(lambda hit: pays(case, replace(choice, cache_percent=hit)), choice.cache_percent)
        if cached is not None:
            found.append(f"the cache is hit by at most {cached} % of calls")
        answer = _last(lambda share: pays(case, replace(choice, answer_percent=share)), choice.answer_percent)
        if answer is not None:
            found.append(f"answers shrink to {answer} % of their length")
    return found


def _last(holds: Callable[[int], bool], below: int) -> int | None:
    """Return the largest value below `below` for which it holds."""
    return next((value for value in range(below - 1, -1, -1) if holds(value)), None)


def fewest_calls(case: PaybackCase, choice: PaybackChoice) -> int | None:
    """Return how many calls a day it takes to pay back before the end; None where no number does."""
    if not pays(case, replace(choice, calls_per_day=MOST_CALLS)):
        return None
    low, high = 0, MOST_CALLS  # more calls never make it pay less: halve
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if pays(case, replace(choice, calls_per_day=middle)) else (middle, high)
    return high
