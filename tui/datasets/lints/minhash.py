"""MinHash signatures of sets of words: 64 values of one byte each."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

VALUES = 64
_SEED = 20_261_125
_PRIME = (1 << 61) - 1


def signatures(word_sets: Sequence[Sequence[str]]) -> bytes:
    """Return the signatures of sets of words, one behind the other.

    rensa computes them at some 350 MB a second and comes with the extra "quality"; without it numpy does, ten
    times slower. The two do not agree with each other, so one file is always compared by one of them.

    Args:
        word_sets: Each without repetitions.
    """
    if not word_sets:
        return b""
    import numpy

    try:
        from rensa import RMinHash
    except ImportError:
        return _by_numpy(word_sets)
    rows = []
    for words in word_sets:
        sketch = RMinHash(num_perm=VALUES, seed=_SEED)
        sketch.update(words)
        rows.append(sketch.digest())
    return numpy.array(rows, dtype=numpy.uint32).astype(numpy.uint8).tobytes()


def _by_numpy(word_sets: Sequence[Sequence[str]]) -> bytes:
    import numpy

    factors, shifts = _permutations()
    result = bytearray()
    for words in word_sets:
        hashes = numpy.array(
            [zlib.crc32(word.encode("utf-8", "surrogatepass")) for word in words], numpy.uint64
        )
        mixed = (hashes[:, None] * factors + shifts) >> numpy.uint64(24)
        result += mixed.min(axis=0).astype(numpy.uint8).tobytes()
    return bytes(result)


def _permutations() -> tuple[numpy.ndarray[Any, Any], numpy.ndarray[Any, Any]]:
    import numpy

    source = numpy.random.default_rng(_SEED)
    factors = source.integers(1, _PRIME, VALUES, dtype=numpy.uint64) | numpy.uint64(1)
    return factors, source.integers(0, _PRIME, VALUES, dtype=numpy.uint64)
