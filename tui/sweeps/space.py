"""What a sweep tries: an axis for each hyperparameter, base model or dataset that it varies."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.errors import TunedeckError
from tui.records.sweeps import SettingValue

MODEL, TRAINING, VALIDATION, SEED, EPOCHS = "model", "training", "validation", "seed", "n_epochs"
PLAN_AXES = (MODEL, TRAINING, VALIDATION, SEED)
"""Axes that are no hyperparameter but a part of the job itself."""
MOST_TRIALS = 1_000
"""More would be a mistake of the file: each is a job."""
_REDRAWS = 100
_DIGITS = 6
"""Significant digits of a number drawn by chance: more would not change a training."""


@dataclass(frozen=True, slots=True)
class Axis:
    """One thing that differs between trials: a list of values, or a range of numbers."""

    name: str
    values: tuple[SettingValue, ...] = ()
    """What it may be; empty for a range."""
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    """Numbers lie as densely between 0.1 and 1 as between 1 and 10."""
    step: float | None = None
    """From one number to the next; None for any number, 1 where the ends are whole."""
    points: int | None = None
    """So many numbers of the range make a grid."""

    @property
    def is_range(self) -> bool:
        """True for a range of numbers."""
        return not self.values

    @property
    def is_whole(self) -> bool:
        """True when only whole numbers are tried."""
        return (
            self.is_range
            and self.step is not None
            and float(self.step).is_integer()
            and _whole_ends(self.low, self.high)
        )

    @property
    def grid(self) -> tuple[SettingValue, ...] | None:
        """Every value of a grid; None for a range that names neither a step nor how many points."""
        if self.values:
            return self.values
        if self.points is not None:
            return tuple(
                dict.fromkeys(self._at(place / max(1, self.points - 1)) for place in range(self.points))
            )
        if self.step is None or self.log:
            return None
        count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
        return tuple(self._tidy(self.low + self.step * place) for place in range(count))

    @property
    def ends(self) -> tuple[SettingValue, ...]:
        """The values that a price may depend on most: all of a list, the ends of a range."""
        return self.values or (self._tidy(self.low), self._tidy(self.high))

    @property
    def words(self) -> str:
        """The axis for people: `0.1 to 10, by powers`, `2, 4 or 8`."""
        if self.values:
            *first, last = map(str, self.values)
            return f"{', '.join(first)} or {last}" if first else last
        how = ", by powers" if self.log else f", in steps of {self.step:g}" if self.step is not None else ""
        return f"{self.low:g} to {self.high:g}{how}"

    def draw(self, chance: random.Random) -> SettingValue:
        """Return a value by chance."""
        if self.values:
            return self.values[chance.randrange(len(self.values))]
        if self.step is not None and not self.log:
            count = math.floor((self.high - self.low) / self.step + 1e-9) + 1
            return self._tidy(self.low + self.step * chance.randrange(count))
        return self._at(chance.random())

    def _at(self, share: float) -> SettingValue:
        """Return the number at a share of the range, 0 to 1."""
        if self.log:
            low, high = math.log(self.low), math.log(self.high)
            return self._tidy(math.exp(low + (high - low) * share))
        return self._tidy(self.low + (self.high - self.low) * share)

    def _tidy(self, number: float) -> SettingValue:
        if self.is_whole:
            return max(math.ceil(self.low), min(math.floor(self.high), round(number)))
        return max(self.low, min(self.high, float(f"{number:.{_DIGITS}g}")))

    def tidy(self, number: float) -> SettingValue:
        """Return a number of the range as it is sent: whole where only whole ones are tried, else short."""
        return self._tidy(number)

    def as_json(self) -> Any:
        """Return the axis as a sweep file holds it."""
        if self.values:
            return list(self.values)
        # Whole ends alone mean whole numbers, so those of any other range stay 1.0.
        shown = int if self.is_whole else float
        shape: dict[str, Any] = {"low": shown(self.low), "high": shown(self.high)}
        if self.log:
            shape["log"] = True
        if self.step is not None and not (self.is_whole and self.step == 1):
            shape["step"] = shown(self.step)
        if self.points is not None:
            shape["points"] = self.points
        return shape


def parse_axis(name: str, value: Any) -> Axis:
    """Return an axis from what a sweep file says: a list of values, or a table with low and high.

    Raises:
        TunedeckError: It is neither, is empty, or its numbers don't fit together.
    """
    if isinstance(value, list):
        return _list_axis(name, value)
    if not isinstance(value, Mapping):
        raise TunedeckError(
            f"space.{name} is neither a list nor a range.",
            f"Write {name} = [1, 2, 4], or {name} = {{ low = 0.1, high = 10, log = true }}.",
        )
    unknown = set(value) - {"low", "high", "log", "step", "points"}
    if unknown:
        raise TunedeckError(
            f"space.{name} has no {min(unknown)!r}.", "A range has low, high, and perhaps log, step, points."
        )
    low: Any = value.get("low")
    high: Any = value.get("high")
    step: Any = value.get("step")
    points: Any = value.get("points")
    if not _is_number(low) or not _is_number(high) or not low < high:
        raise TunedeckError(
            f"space.{name} needs low and high, low below high.", "Numbers, such as 0.1 and 10."
        )
    log = value.get("log", False)
    if not isinstance(log, bool) or (log and low <= 0):
        raise TunedeckError(f"space.{name}: log is true or false, and needs low above 0.", "")
    if step is not None and (not _is_number(step) or not 0 < step <= high - low):
        raise TunedeckError(
            f"space.{name}: the step {step!r} does not fit.", f"Above 0, up to {high - low:g}."
        )
    if points is not None and (
        not isinstance(points, int) or isinstance(points, bool) or not 2 <= points <= 100
    ):
        raise TunedeckError(f"space.{name}: points is a whole number from 2 to 100.", "")
    if step is None and _whole_ends(low, high) and isinstance(low, int) and isinstance(high, int):
        step = 1
    return Axis(name, (), float(low), float(high), log, None if step is None else float(step), points)


def _list_axis(name: str, value: list[Any]) -> Axis:
    if not value or any(not isinstance(one, int | float | str | bool) for one in value):
        raise TunedeckError(f"space.{name} is no list of numbers or texts.", f"Write {name} = [1, 2, 4].")
    if len({(type(one), one) for one in value}) < len(value):
        raise TunedeckError(f"space.{name} names a value twice.", "Take one of them out.")
    return Axis(name, tuple(value))


def grid_of(axes: Sequence[Axis]) -> Iterator[dict[str, SettingValue]]:
    """Yield every combination, the last axis changing first.

    Raises:
        TunedeckError: A range names neither a step nor how many points, or there are too many combinations.
    """
    grids = []
    for axis in axes:
        grid = axis.grid
        if grid is None:
            raise TunedeckError(
                f"A grid needs to know which numbers of {axis.name} to try.",
                f"Add points = 4 to space.{axis.name}, or list the values.",
            )
        grids.append(grid)
    count = math.prod(len(grid) for grid in grids)
    if count > MOST_TRIALS:
        raise TunedeckError(
            f"The grid has {count:,} combinations.", f"At most {MOST_TRIALS:,}; or search by chance."
        )
    for values in itertools.product(*grids):
        yield {axis.name: value for axis, value in zip(axes, values, strict=True)}


def size_of(axes: Sequence[Axis]) -> int | None:
    """Return how many different trials there are; None where a range has no end of numbers."""
    count = 1
    for axis in axes:
        if axis.is_range and (axis.step is None or axis.log):
            if not axis.is_whole:
                return None
            count *= math.floor(axis.high) - math.ceil(axis.low) + 1
            continue
        count *= len(axis.grid or ())
    return count


def drawn(
    axes: Sequence[Axis], seed: int, number: int, earlier: Sequence[Mapping[str, SettingValue]]
) -> dict[str, SettingValue] | None:
    """Return the settings of a trial by chance; the same for the same seed, number and earlier ones.

    Args:
        axes: What differs.
        seed: Of the sweep.
        number: Of the trial.
        earlier: Settings that were tried already and are not drawn again.

    Returns:
        None when everything there is was tried.
    """
    known = {tuple(sorted(one.items())) for one in earlier}
    size = size_of(axes)
    if size is not None and len(known) >= size:
        return None
    for attempt in range(_REDRAWS):
        chance = random.Random(f"{seed}/{number}/{attempt}")
        found = {axis.name: axis.draw(chance) for axis in axes}
        if tuple(sorted(found.items())) not in known:
            return found
    if size is None:
        return None
    # What is left of a small space is rare enough to be missed by chance: take one of it.
    rest = [one for one in _all_of(axes) if tuple(sorted(one.items())) not in known]
    return random.Random(f"{seed}/{number}").choice(rest) if rest else None


def _all_of(axes: Sequence[Axis]) -> Iterator[dict[str, SettingValue]]:
    lists: list[Sequence[SettingValue]] = []
    for axis in axes:
        whole = axis.is_range and axis.log and axis.is_whole
        lists.append(range(math.ceil(axis.low), math.floor(axis.high) + 1) if whole else axis.grid or ())
    for values in itertools.product(*lists):
        yield {axis.name: value for axis, value in zip(axes, values, strict=True)}


def settings_words(settings: Mapping[str, SettingValue], *, shorten: bool = True) -> str:
    """Return settings in a line: `batch_size 4 · learning_rate_multiplier 0.32`; paths by their names."""
    return " · ".join(
        f"{name} {value_words(name, value, shorten=shorten)}" for name, value in settings.items()
    )


def value_words(name: str, value: SettingValue, *, shorten: bool = True) -> str:
    """Return a value for people; a path by the name of its file."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if shorten and name in (TRAINING, VALIDATION):
        return str(value).replace("\\", "/").rpartition("/")[2]
    return str(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _whole_ends(low: float, high: float) -> bool:
    return float(low).is_integer() and float(high).is_integer()
