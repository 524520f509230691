"""Characters that Unicode 17 added: engines with newer tables than tiktoken's take some for letters.

Every code point was put into 17 surroundings and counted by gigatoken 0.10 and tiktoken 0.14 with both
vocabularies (2026-11-25); only these ranges differed, all of them new in Unicode 17. Texts that hold one are
counted by tiktoken. Real data holds none, so what matters is that looking for them is cheap.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy

NEW_RANGES = (
    (0x088F, 0x088F), (0x0C5C, 0x0C5C), (0x0CDC, 0x0CDC), (0x1ACF, 0x1ADD), (0x1AE0, 0x1AEB),
    (0xA7CE, 0xA7CF), (0xA7D2, 0xA7D2), (0xA7D4, 0xA7D4), (0xA7F1, 0xA7F1),
    (0x10940, 0x10959), (0x10EC5, 0x10EC7), (0x10EFA, 0x10EFB), (0x11B60, 0x11B67), (0x11DB0, 0x11DDB),
    (0x11DE0, 0x11DE9), (0x16EA0, 0x16EB8), (0x16EBB, 0x16ED3), (0x16FF2, 0x16FF6), (0x187F8, 0x187FF),
    (0x18D09, 0x18D1E), (0x18D80, 0x18DF2), (0x1E6C0, 0x1E6DE), (0x1E6E0, 0x1E6F5), (0x1E6FE, 0x1E6FF),
    (0x2B73A, 0x2B73F), (0x2CEA2, 0x2CEAD), (0x323B0, 0x33479),
)  # fmt: skip

_NEW = re.compile("[" + "".join(f"{chr(low)}-{chr(high)}" for low, high in NEW_RANGES) + "]")


def has_new_character(text: str) -> bool:
    """Say whether an engine with newer tables may count this text otherwise than tiktoken."""
    return not text.isascii() and _NEW.search(text) is not None


@cache
def _suspects() -> numpy.ndarray[Any, numpy.dtype[numpy.bool_]]:
    """Return, for each UTF-16 unit, whether a new character may begin with it."""
    import numpy

    table = numpy.zeros(0x10000, dtype=numpy.bool_)
    for low, high in NEW_RANGES:
        if low < 0x10000:
            table[low : high + 1] = True
        else:
            table[_high_surrogate(low) : _high_surrogate(high) + 1] = True
    return table


def _high_surrogate(code: int) -> int:
    return 0xD800 + ((code - 0x10000) >> 10)


def texts_with_new_characters(texts: Sequence[str]) -> list[int]:
    """Return the indices of texts that hold a new character; some 4 ns for each character beyond ASCII."""
    foreign = [index for index, text in enumerate(texts) if not text.isascii()]
    if not foreign:
        return []
    import numpy

    joined = "".join([texts[index] for index in foreign]).encode("utf-16-le", "surrogatepass")
    if not _suspects()[numpy.frombuffer(joined, dtype=numpy.uint16)].any():
        return []
    return [index for index in foreign if _NEW.search(texts[index])]
