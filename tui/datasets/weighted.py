"""How tokens spread over the rows of a sample, each row as often as its share stands for."""

from __future__ import annotations

import itertools

from tui.datasets.report import Distribution


def weighted_distribution(lengths: list[tuple[int, float]], examples: float, total: float) -> Distribution:
    """Return how tokens spread over rows.

    Args:
        lengths: (tokens, share) of each row met.
        examples: Rows of the whole file.
        total: Their tokens.
    """
    if not lengths:
        return Distribution()
    ordered = sorted(lengths)
    mean = round(total / examples, 6) if examples else 0.0
    median, p95 = (_quantile(ordered, part) for part in (0.5, 0.95))
    return Distribution(ordered[0][0], mean, round(median, 6), round(p95, 6), ordered[-1][0])


def _quantile(ordered: list[tuple[int, float]], part: float) -> float:
    """Return the length below which `part` of the weight lies, between two rows by a straight line.

    Rows of equal weight give what numpy's percentile gives, so that a file counted whole has exact figures.
    """
    wanted = part * (sum(share for _, share in ordered) - (ordered[0][1] + ordered[-1][1]) / 2)
    passed = 0.0
    for (low, before), (high, after) in itertools.pairwise(ordered):
        step = (before + after) / 2
        if passed + step >= wanted:
            return low + (high - low) * (wanted - passed) / step
        passed += step
    return float(ordered[-1][0])
