"""McNemar's test: do two models differ in how often they are right, asked the same rows?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True, slots=True)
class McNemar:
    """The rows on which two models differ, and how likely so uneven a split is by chance alone."""

    gained: int
    """Rows that only the second model has right."""
    lost: int
    """Rows that only the first has right."""
    exact_p: float
    """Two-sided exact conditional (binomial) p: never too small, often too large."""
    mid_p: float
    """The same with half the probability of the split itself; nearer to its nominal level."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"gained": self.gained, "lost": self.lost, "exact_p": self.exact_p, "mid_p": self.mid_p}


def mcnemar(gained: int, lost: int) -> McNemar:
    """Return both p values of the split of the rows that differ.

    Exact: McNemar (1947), Psychometrika 12, with the binomial distribution in place of chi-squared, as
    `scipy.stats.binomtest(gained, gained + lost)`. Mid-p: Fagerland, Lydersen and Laake (2013), "The McNemar
    test for binary matched-pairs data: mid-p and asymptotic are better than exact conditional", BMC Medical
    Research Methodology 13:91.

    Args:
        gained: Rows that only the second model has right.
        lost: Rows that only the first has right.
    """
    rows, fewer = gained + lost, min(gained, lost)
    if rows == 0:
        return McNemar(0, 0, 1.0, 1.0)
    # Whole numbers, for a float of two to the power of minus 1,100 rows is 0.
    term = tail = 1
    for number in range(1, fewer + 1):
        term = term * (rows - number + 1) // number
        tail += term
    everything = 2**rows
    exact = min(Fraction(1), Fraction(2 * tail, everything))
    point = Fraction(math.comb(rows, fewer), everything)
    mid = 1 - point / 2 if gained == lost else Fraction(2 * tail, everything) - point
    return McNemar(gained, lost, float(exact), float(mid))
