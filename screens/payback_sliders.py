"""What can be turned on the pay-back screen: the steps of each number, and how it is shown."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from tui.money.amounts import format_money
from tui.money.catalog_model import CatalogModel
from tui.money.payback import PaybackChoice
from tui.widgets.slider_list import Slider

_CALLS = tuple(digit * 10**zeros for zeros in range(7) for digit in (1, 2, 5))[:-2]
_OTHER = (0, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000)
_HOSTING = tuple(Decimal(value) / 20 for value in range(401))
_PERCENT = tuple(range(0, 101, 5))
_ANSWER = tuple(range(0, 201, 10))
_EPOCHS = tuple(range(1, 51))

TUNED, PLAIN = 0, 1
"""Places of the models among the sliders."""


@dataclass(frozen=True, slots=True)
class PaybackSetting:
    """Everything that the sliders say."""

    models: Sequence[CatalogModel]
    tuned: int
    plain: int
    """Places in `models`."""
    choice: PaybackChoice

    @property
    def tuned_model(self) -> CatalogModel:
        """The base that is tuned."""
        return self.models[self.tuned]

    @property
    def plain_model(self) -> CatalogModel:
        """The model that gets the long prompt."""
        return self.models[self.plain]

    def turned(self, index: int, steps: int) -> PaybackSetting:
        """Return it with one slider moved on by so many steps."""
        if index == TUNED:
            return replace(self, tuned=(self.tuned + steps) % len(self.models))
        if index == PLAIN:
            return replace(self, plain=(self.plain + steps) % len(self.models))
        _, turn, _ = _NUMBERS[index - 2]
        return replace(self, choice=turn(self.choice, steps))

    def sliders(self, hosting: Decimal | None) -> list[Slider]:
        """Return them as they stand.

        Args:
            hosting: What the catalog says of a tuned model that stands by, per hour.
        """
        shown = [
            Slider("Tuned base", _name(self.tuned_model)),
            Slider("Plain model", _name(self.plain_model)),
        ]
        for name, _, show in _NUMBERS:
            value, share = show(self.choice, hosting)
            shown.append(Slider(name, value, share))
        return shown


def _name(model: CatalogModel) -> str:
    return f"{model.provider}/{model.id}"


Number = int | Decimal
_Turn = Callable[[PaybackChoice, int], PaybackChoice]
_Show = Callable[[PaybackChoice, Decimal | None], tuple[str, float | None]]


def _next(steps: Sequence[Number], value: Number, by: int) -> Number:
    """Return the value some steps on; from between two steps the next one counts as one on."""
    place = bisect.bisect_left(steps, value)
    between = place == len(steps) or steps[place] != value
    if between and by > 0:
        by -= 1
    return steps[max(0, min(len(steps) - 1, place + by))]


def _along(steps: Sequence[Number], value: Number) -> float:
    return min(1.0, bisect.bisect_left(steps, value) / (len(steps) - 1))


def _number(field: str, steps: Sequence[Number], words: str) -> tuple[_Turn, _Show]:
    def turn(choice: PaybackChoice, by: int) -> PaybackChoice:
        return replace(choice, **{field: _next(steps, getattr(choice, field), by)})  # type: ignore[arg-type]

    def show(choice: PaybackChoice, _: Decimal | None) -> tuple[str, float | None]:
        value = getattr(choice, field)
        return words.format(value), _along(steps, value)

    return turn, show


def _turn_other(choice: PaybackChoice, by: int) -> PaybackChoice:
    return replace(choice, other_costs=Decimal(_next(_OTHER, choice.other_costs, by)))


def _show_other(choice: PaybackChoice, _: Decimal | None) -> tuple[str, float | None]:
    return format_money(choice.other_costs), _along(_OTHER, choice.other_costs)


def _turn_hosting(choice: PaybackChoice, by: int) -> PaybackChoice:
    """Below nothing at all stands what the catalog says."""
    now = choice.hosting_per_hour
    if now is None:
        return replace(choice, hosting_per_hour=_HOSTING[min(by, 2) - 1]) if by > 0 else choice
    if not now and by < 0:
        return replace(choice, hosting_per_hour=None)
    return replace(choice, hosting_per_hour=Decimal(_next(_HOSTING, now, by)))


def _show_hosting(choice: PaybackChoice, catalog: Decimal | None) -> tuple[str, float | None]:
    now = choice.hosting_per_hour
    if now is not None:
        return f"{format_money(now)}/h, by you", _along(_HOSTING, now)
    return "not published" if catalog is None else f"{format_money(catalog)}/h", _along(
        _HOSTING, catalog or 0
    )


def _turn_paid(choice: PaybackChoice, _: int) -> PaybackChoice:
    return replace(choice, training_paid=not choice.training_paid)


def _show_paid(choice: PaybackChoice, _: Decimal | None) -> tuple[str, float | None]:
    return ("paid already" if choice.training_paid else "to be paid"), None


_NUMBERS: Sequence[tuple[str, _Turn, _Show]] = (
    ("Calls a day", *_number("calls_per_day", _CALLS, "{:,}")),
    ("Cached", *_number("cache_percent", _PERCENT, "{} % of calls")),
    ("Prompt kept", *_number("kept_percent", _PERCENT, "{} %")),
    ("Answer", *_number("answer_percent", _ANSWER, "{} % as long")),
    ("Epochs", *_number("epochs", _EPOCHS, "{}")),
    ("Other costs", _turn_other, _show_other),
    ("Hosting", _turn_hosting, _show_hosting),
    ("Training", _turn_paid, _show_paid),
)
"""Name, how it is turned, how it is shown."""
