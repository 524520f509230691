"""Chance that a seed repeats on every machine and with every version of every library.

A key becomes its rank by SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators",
2014), which gives each 64-bit number another one and no number twice. Rows that are ordered by rank are
shuffled; where the key is a row's content, its rank does not depend on the rows around it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

DEFAULT_SEED = 42
_WORD = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def ranks(keys: Array, seed: int) -> Array:
    """Return a number for each key that looks like chance.

    Args:
        keys: 64-bit numbers.
        seed: Any whole number; only its lowest 64 bits count.
    """
    import numpy

    start = numpy.array([seed & _WORD], numpy.uint64)
    return _mix(keys.astype(numpy.uint64) ^ _mix(start)[0])


def _mix(values: Array) -> Array:
    import numpy

    word = numpy.uint64
    with numpy.errstate(over="ignore"):
        mixed = values + word(_GOLDEN)
        mixed = (mixed ^ (mixed >> word(30))) * word(0xBF58476D1CE4E5B9)
        mixed = (mixed ^ (mixed >> word(27))) * word(0x94D049BB133111EB)
        result: Array = mixed ^ (mixed >> word(31))
    return result


def shuffled(count: int, seed: int) -> Array:
    """Return the positions from 0 in an order by chance."""
    import numpy

    return numpy.argsort(ranks(numpy.arange(count, dtype=numpy.uint64), seed), kind="stable")


def allocate(sizes: Sequence[int], wanted: int) -> list[int]:
    """Share `wanted` out in proportion to sizes, none above its size, by the largest remainders."""
    total = sum(sizes)
    if not total:
        return [0 for _ in sizes]
    wanted = min(wanted, total)
    shares = [size * wanted // total for size in sizes]
    remainders = [size * wanted % total for size in sizes]
    by_remainder = sorted(range(len(sizes)), key=lambda index: -remainders[index])
    for index in by_remainder[: wanted - sum(shares)]:
        shares[index] += 1
    return shares
