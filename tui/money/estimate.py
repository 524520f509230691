"""What a job would cost; every number comes with its formula."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from tui.errors import TunedeckError
from tui.money.amounts import format_money, money_range
from tui.money.catalog import Catalog, CatalogModel
from tui.money.catalog_model import NOT_PUBLISHED
from tui.money.job_price import JobPrice, job_price
from tui.money.time_estimate import TimeEstimate, estimate_local_time
from tui.records.jobs import Method

__all__ = [
    "EpochChoice", "Estimate", "TimeEstimate", "auto_epochs", "compare_models", "estimate_by_hour",
    "estimate_cost", "estimate_local_time", "format_money", "time_of",
]  # fmt: skip

_MAXIMUM_EPOCHS = 50

# OpenAI's published notebook (Chat_finetuning_data_prep.ipynb); it matches the jobs observed up to 2026-11.
_TARGET_EPOCHS = 3
_MINIMUM_TARGET_EXAMPLES = 100
_MAXIMUM_TARGET_EXAMPLES = 25_000
_MAXIMUM_DEFAULT_EPOCHS = 25

# The local engine's own rule: about 300 looks at an example make a small model follow it.
_LOCAL_TARGET_EXAMPLES = 300
_LOCAL_MINIMUM_EPOCHS = 3
_LOCAL_MAXIMUM_EPOCHS = 10


_HERE = "local"
"""The provider whose jobs run on this machine."""


@dataclass(frozen=True, slots=True)
class EpochChoice:
    """How many times the file is read, and why."""

    epochs: int | None
    """None where the service chooses and its rule is not published."""
    source: str
    """A sentence with the formula, or "chosen by you"."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """The price of a job: tokens of an epoch x epochs x price per million; None where it can't be known."""

    provider: str
    model: str
    method: Method
    tokens_per_epoch: int
    epochs: int | None
    """None where the service chooses and its rule is not published; then there is a price for each only."""
    epochs_source: str
    price_per_million: Decimal | None
    """With the method's factor; the low end of a range."""
    currency: str
    total: Decimal | None
    price_read_on: str
    price_source: str
    highest_total: Decimal | None = None
    """The other end, where the price is a range."""
    priced_formula: str = ""
    free_words: str = ""
    """Ends the calculation of what costs nothing, where it runs on no machine of the engine's."""
    price_per_hour: Decimal | None = None
    """Where the time of the training loop is charged, which nobody knows beforehand."""
    epoch_total: Decimal | None = None
    """One pass over the file, where the number of passes is not known."""
    highest_epoch_total: Decimal | None = None

    @property
    def is_free(self) -> bool:
        """True when nothing is charged."""
        return self.total == 0 and self.price_per_million == 0

    @property
    def _size(self) -> str:
        if self.epochs is None:
            return f"{self.tokens_per_epoch:,} tokens × as many epochs as the service chooses"
        word = "epoch" if self.epochs == 1 else "epochs"
        return f"{self.tokens_per_epoch:,} tokens × {self.epochs} {word}"

    @property
    def formula(self) -> str:
        """The calculation as a line of text."""
        if self.is_free:
            machine = "free on this machine" if self.provider == _HERE else "free on that machine"
            return f"{self._size}, {self.free_words or machine}"
        return self.priced_formula or f"{self._size}; the price is {NOT_PUBLISHED}"

    @property
    def amount(self) -> str:
        """The price for people: "free", "$12.34", "$1.20 to $3.40", "$0.30 per epoch" or "not published"."""
        if self.total is not None:
            return money_range(self.total, self.highest_total or self.total, self.currency)
        if self.price_per_hour is not None:
            return f"{format_money(self.price_per_hour, self.currency)} per hour"
        if self.epoch_total is not None:
            highest = self.highest_epoch_total or self.epoch_total
            return f"{money_range(self.epoch_total, highest, self.currency)} per epoch"
        return NOT_PUBLISHED

    @property
    def is_published(self) -> bool:
        """True when a price was read, be it for a token or for an hour."""
        return self.price_per_million is not None or self.price_per_hour is not None

    @property
    def offer(self) -> str:
        """The price as the end of "launch ...": "for $12.34", "at $0.30 per epoch"."""
        if self.total is not None:
            return f"for {self.amount}"
        return f"at {self.amount}" if self.is_published else "at a price that is not published"

    def as_json(self) -> dict[str, Any]:
        """Return the stable shape that `tunedeck cost --json` prints; money as numbers, null when unknown.

        What only other ways of charging need, a price per hour or of one epoch, is there where it is known.
        """
        shape = {
            "provider": self.provider,
            "model": self.model,
            "method": str(self.method),
            "tokens_per_epoch": self.tokens_per_epoch,
            "epochs": self.epochs,
            "epochs_source": self.epochs_source,
            "price_per_million": None if self.price_per_million is None else float(self.price_per_million),
            "currency": self.currency,
            "total": None if self.total is None else float(self.total),
            "price_read_on": self.price_read_on,
            "price_source": self.price_source,
        }
        other = {"price_per_hour": self.price_per_hour, "epoch_total": self.epoch_total}
        return shape | {name: float(amount) for name, amount in other.items() if amount is not None}


_ONE_PASS = ("together", "fireworks")
"""Services whose jobs are sent with one pass unless somebody chose (Together's default, 2026-11-29)."""


def auto_epochs(examples: int, provider: str = "openai") -> EpochChoice:
    """Return what "auto" comes to for a file of `examples`, with the formula as a sentence.

    OpenAI's rule is its own: elsewhere, where none was read, the number is left open rather than guessed.
    """
    if provider in ("local", "tunedeck-engine"):
        target = round(_LOCAL_TARGET_EXAMPLES / max(1, examples))
        epochs = min(_LOCAL_MAXIMUM_EPOCHS, max(_LOCAL_MINIMUM_EPOCHS, target))
        return EpochChoice(
            epochs,
            f"auto, the local engine's rule: {_LOCAL_TARGET_EXAMPLES} / {examples} examples, rounded, "
            f"at least {_LOCAL_MINIMUM_EPOCHS} and at most {_LOCAL_MAXIMUM_EPOCHS}",
        )
    if provider in _ONE_PASS:
        return EpochChoice(1, "auto: one pass, which is what a job there is sent with")
    if provider != "openai":
        return EpochChoice(None, "chosen by the service, whose rule is not published")
    if examples * _TARGET_EPOCHS < _MINIMUM_TARGET_EXAMPLES:
        epochs = min(_MAXIMUM_DEFAULT_EPOCHS, _MINIMUM_TARGET_EXAMPLES // max(1, examples))
        reason = f"{_MINIMUM_TARGET_EXAMPLES} / {examples} examples, at most {_MAXIMUM_DEFAULT_EPOCHS}"
    elif examples * _TARGET_EPOCHS > _MAXIMUM_TARGET_EXAMPLES:
        epochs = max(1, _MAXIMUM_TARGET_EXAMPLES // examples)
        reason = f"{_MAXIMUM_TARGET_EXAMPLES:,} / {examples:,} examples, at least 1"
    else:
        epochs, reason = _TARGET_EPOCHS, f"{_TARGET_EPOCHS} for {examples:,} examples"
    return EpochChoice(epochs, f"auto, by OpenAI's published notebook: {reason}")


def estimate_cost(
    tokens_per_epoch: int,
    model: CatalogModel,
    *,
    epochs: int | None = None,
    examples: int | None = None,
    method: Method = Method.SUPERVISED,
    tier: str | None = None,
) -> Estimate:
    """Return the price of training on `tokens_per_epoch` (already cut at the model's example limit).

    Args:
        tokens_per_epoch: Tokens that one pass over the training file costs.
        model: The base model with its price.
        epochs: Passes over the file; None takes the automatic choice for `examples`.
        examples: Examples in the file; needed when `epochs` is None.
        method: How the model is tuned.
        tier: Name of a price tier of the model.

    Raises:
        TunedeckError: The model is charged by the hour, or epochs can't be known.
    """
    if model.training_price_per_million is None and model.training_price_per_hour is not None:
        raise TunedeckError(
            f"{model.id} is charged by the hour, so tokens have no price.", "Choose another model."
        )
    if tokens_per_epoch < 0:
        raise TunedeckError("The number of tokens can't be negative.", "")
    if epochs is not None:
        if not 1 <= epochs <= _MAXIMUM_EPOCHS:
            raise TunedeckError(
                f"{epochs} epochs is out of range.", f"Choose 1 to {_MAXIMUM_EPOCHS}, or leave it out."
            )
        choice = EpochChoice(epochs, "chosen by you")
    elif examples is not None:
        choice = auto_epochs(examples, model.provider)
    else:
        raise TunedeckError("The price depends on the number of epochs.", "Give --epochs N.")
    price = job_price(model, tokens_per_epoch, choice.epochs or 1, method=method, tier=tier)
    if price is not None and choice.epochs is None and price.high > 0:
        return _per_epoch(model, method, tokens_per_epoch, choice, price)
    return Estimate(
        model.provider, model.id, method, tokens_per_epoch, choice.epochs, choice.source,
        price.unit_price if price else None, model.currency, price.low if price else None,
        model.price_read_on, model.price_source, price.high if price else None,
        price.formula if price else "",
    )  # fmt: skip


def _per_epoch(
    model: CatalogModel, method: Method, tokens: int, choice: EpochChoice, price: JobPrice
) -> Estimate:
    """Return the price of a job whose number of passes nobody knows beforehand: that of one."""
    unit = money_range(price.unit_price, price.highest_unit_price, model.currency)
    each = money_range(price.low, price.high, model.currency)
    return Estimate(
        model.provider, model.id, method, tokens, None, choice.source, price.unit_price, model.currency, None,
        model.price_read_on, model.price_source, None,
        f"{tokens:,} tokens × {unit} per million = {each} for each epoch; how many there are, the service "
        "chooses",
        epoch_total=price.low, highest_epoch_total=price.high,
    )  # fmt: skip


def estimate_by_hour(
    tokens_per_epoch: int, model: CatalogModel, *, epochs: int | None, examples: int, method: Method
) -> Estimate:
    """Return the price of a job that is charged by the hour of its training loop: no total, for nobody knows.

    Args:
        tokens_per_epoch: Tokens of one pass over the training file.
        model: The base model, which has a price for each hour.
        epochs: Passes over the file; None takes the automatic choice.
        examples: Examples in the file.
        method: How the model is tuned.
    """
    choice = auto_epochs(examples, model.provider) if epochs is None else EpochChoice(epochs, "chosen by you")
    per_hour = model.training_price_per_hour
    assert per_hour is not None
    return Estimate(
        model.provider, model.id, method, tokens_per_epoch, choice.epochs, choice.source, None,
        model.currency, None, model.price_read_on, model.price_source,
        priced_formula=f"{format_money(per_hour, model.currency)} for each hour of training, "
        "however many there are",
        price_per_hour=per_hour,
    )  # fmt: skip


def compare_models(
    catalog: Catalog,
    tokens: Mapping[str, int],
    *,
    examples: int,
    epochs: int | None = None,
    method: Method = Method.SUPERVISED,
) -> list[Estimate]:
    """Return what the file would cost on every model that can be trained from here, cheapest first.

    Those without a published price come last; those charged by the hour are left out.

    Args:
        catalog: Where the models come from.
        tokens: Tokens per epoch by vocabulary; a free model takes any of the counts.
        examples: Examples in the training file.
        epochs: Passes over the file, or None for each provider's automatic choice.
        method: How the model is tuned.
    """
    found = []
    for model in catalog.trainable(method):
        if model.training_price_per_million is None and model.training_price_per_hour is not None:
            continue
        count = tokens.get(model.vocabulary)
        if count is None and model.training_price_per_million == 0:
            count = max(tokens.values(), default=None)
        if count is not None:
            found.append(estimate_cost(count, model, epochs=epochs, examples=examples, method=method))
    return sorted(found, key=lambda estimate: (estimate.total is None, estimate.total or 0))


def time_of(estimate: Estimate | None, measured_rates: Sequence[float] = ()) -> TimeEstimate | None:
    """Return how long a free job takes; None where it costs, or epochs or machine are not known.

    Args:
        estimate: The job's.
        measured_rates: Tokens per second of past jobs of the account; for another machine only they tell.
    """
    if estimate is None or not estimate.is_free or estimate.epochs is None:
        return None
    if estimate.provider != _HERE and not measured_rates:
        return None
    if estimate.free_words:  # it runs at a place whose pace was not measured
        return None
    return estimate_local_time(estimate.tokens_per_epoch, estimate.epochs, measured_rates)
