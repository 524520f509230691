"""How many tokens rows have, as a histogram of fixed size that can be merged, kept and asked for percentiles.

Up to 127 tokens each number has a bin of its own; above, each doubling is cut into 64 bins, so a bin is at
most 1.6 % wide. Percentiles and shares are off by less than a bin; counts, sums, least and most are exact.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

BIN_ERROR = 1 / 64
"""Relative width of the widest bin: what a percentile may be off by."""
_EXACT = 128
_PER_DOUBLING = 64
_EXACT_BITS = 7


def bin_of(tokens: int) -> int:
    """Return the number of the bin that `tokens` falls into."""
    if tokens < _EXACT:
        return max(0, tokens)
    doublings = tokens.bit_length() - _EXACT_BITS
    return _EXACT + (doublings - 1) * _PER_DOUBLING + (tokens >> doublings) - _PER_DOUBLING


def bin_start(number: int) -> int:
    """Return the least tokens that fall into bin `number`."""
    if number < _EXACT:
        return number
    doublings, step = divmod(number - _EXACT, _PER_DOUBLING)
    return (_PER_DOUBLING + step) << (doublings + 1)


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a drawn histogram: rows with `low` to `high` tokens, both included."""

    low: int
    high: int
    count: int
    tokens: int


@dataclass(slots=True)
class TokenHistogram:
    """Counts and sums per bin; adding a number twice counts it twice."""

    counts: dict[int, int] = field(default_factory=dict)
    """Bin -> how many numbers fell into it."""
    sums: dict[int, int] = field(default_factory=dict)
    """Bin -> their exact sum."""
    least: int = 0
    most: int = 0

    def add(self, tokens: int) -> None:
        """Count one number."""
        self._extend(tokens, tokens)
        number = bin_of(tokens)
        self.counts[number] = self.counts.get(number, 0) + 1
        self.sums[number] = self.sums.get(number, 0) + tokens

    def add_many(self, tokens: Sequence[int]) -> None:
        """Count many numbers at once; an `array("I")` costs some 40 ns each."""
        if not len(tokens):
            return
        import numpy  # 80 ms that `--help` must not pay

        values = numpy.asarray(tokens, dtype=numpy.int64)
        self._extend(int(values.min()), int(values.max()))
        doublings = numpy.maximum(numpy.frexp(values.astype(numpy.float64))[1] - _EXACT_BITS, 0)
        fine = _EXACT + (doublings - 1) * _PER_DOUBLING + (values >> doublings) - _PER_DOUBLING
        bins = numpy.where(values < _EXACT, values, fine)
        found, inverse = numpy.unique(bins, return_inverse=True)
        counts = numpy.bincount(inverse)
        sums = numpy.zeros(len(found), dtype=numpy.int64)
        numpy.add.at(sums, inverse, values)
        for number, count, total in zip(found.tolist(), counts.tolist(), sums.tolist(), strict=True):
            self.counts[number] = self.counts.get(number, 0) + count
            self.sums[number] = self.sums.get(number, 0) + total

    def merge(self, other: TokenHistogram) -> None:
        """Add what another histogram counted."""
        if not other.counts:
            return
        self._extend(other.least, other.most)
        for number, count in other.counts.items():
            self.counts[number] = self.counts.get(number, 0) + count
            self.sums[number] = self.sums.get(number, 0) + other.sums[number]

    def _extend(self, least: int, most: int) -> None:
        empty = not self.counts
        self.least = least if empty else min(self.least, least)
        self.most = most if empty else max(self.most, most)

    @property
    def count(self) -> int:
        """How many numbers were counted."""
        return sum(self.counts.values())

    @property
    def total(self) -> int:
        """Their exact sum."""
        return sum(self.sums.values())

    @property
    def mean(self) -> float:
        """Their exact mean; 0 when there is none."""
        count = self.count
        return self.total / count if count else 0.0

    def percentile(self, share: float) -> float:
        """Return the number that `share` of all (0 to 1) do not exceed, within `BIN_ERROR`; 0 when empty."""
        count = self.count
        if not count:
            return 0.0
        if share <= 0:
            return float(self.least)
        wanted, seen = share * count, 0
        for number in sorted(self.counts):
            seen += self.counts[number]
            if seen >= wanted:
                return min(self.sums[number] / self.counts[number], float(self.most))
        return float(self.most)

    def longest_share(self, share: float, limit: int | None = None) -> float:
        """Return which part of all tokens the longest `share` of the numbers holds, both 0 to 1.

        Args:
            share: Part of the numbers, the largest first.
            limit: Each number counts up to it only, as a bill does.
        """
        wanted, held, whole = share * self.count, 0.0, 0.0
        for number in sorted(self.counts, reverse=True):
            count, mean = self.counts[number], self.sums[number] / self.counts[number]
            billed = mean if limit is None else min(mean, limit)
            whole += count * billed
            taken = min(count, max(0.0, wanted))
            held += taken * billed
            wanted -= taken
        return held / whole if whole else 0.0

    def columns(self, most: int, *, logarithmic: bool) -> list[Column]:
        """Return at most `most` columns that cover all numbers without a gap, the least first.

        Args:
            most: Columns at most.
            logarithmic: Equal ratios instead of equal widths, so that long tails keep their shape.
        """
        if not self.counts or most < 1:
            return []
        edges = _edges(self.least, self.most, most, logarithmic=logarithmic)
        counts, tokens = [0] * len(edges), [0] * len(edges)
        at = 0
        for number in sorted(self.counts):
            value = self.sums[number] // self.counts[number]
            while at + 1 < len(edges) and edges[at + 1] <= value:
                at += 1
            counts[at] += self.counts[number]
            tokens[at] += self.sums[number]
        ends = [*(edge - 1 for edge in edges[1:]), self.most]
        return [Column(*each) for each in zip(edges, ends, counts, tokens, strict=True)]

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values: `bins` holds [least tokens of the bin, rows, tokens]."""
        bins = [[bin_start(number), self.counts[number], self.sums[number]] for number in sorted(self.counts)]
        return {"least": self.least, "most": self.most, "bins": bins}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> TokenHistogram:
        """Return the histogram that `as_json` turned into `value`."""
        found = cls(least=value["least"], most=value["most"])
        for start, count, total in value["bins"]:
            found.counts[bin_of(start)] = count
            found.sums[bin_of(start)] = total
        return found

    @classmethod
    def of(cls, tokens: Iterable[int]) -> TokenHistogram:
        """Return the histogram of some numbers."""
        found = cls()
        for number in tokens:
            found.add(number)
        return found


def _edges(least: int, most: int, columns: int, *, logarithmic: bool) -> list[int]:
    """Return the first number of each column, rising; fewer than `columns` where numbers are few."""
    if logarithmic:
        low = max(1, least)
        ratio = (max(most, low) + 1) / low
        edges = [round(low * ratio ** (index / columns)) for index in range(columns)]
        edges[0] = least
    else:
        span = most - least + 1
        edges = [least + index * span // columns for index in range(columns)]
    return sorted(set(edges))
