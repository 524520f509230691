"""A histogram as lines of plain text, for people, pipes and screen readers."""

from __future__ import annotations

from collections.abc import Iterator

from tui.datasets.histogram import TokenHistogram

PERCENTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_EIGHTHS = " ▏▎▍▌▋▊▉█"


def histogram_lines(
    histogram: TokenHistogram,
    *,
    lines: int = 10,
    width: int = 30,
    logarithmic: bool = True,
    limit: int | None = None,
    ascii_only: bool = False,
) -> Iterator[str]:
    """Yield one line per range of tokens: the range, a bar, rows, their share of all tokens.

    Args:
        histogram: Tokens of each row.
        lines: Ranges at most.
        width: Columns of the longest bar.
        logarithmic: Ranges of equal ratio instead of equal width.
        limit: Ranges beyond it are marked as cut.
        ascii_only: Bars of `#`.
    """
    columns = histogram.columns(lines, logarithmic=logarithmic)
    most = max((column.count for column in columns), default=0)
    whole = max(1, histogram.total)
    names = [f"{one.low:,} to {one.high:,}" if one.high > one.low else f"{one.low:,}" for one in columns]
    room = max(map(len, names), default=0)
    counts = max((len(f"{column.count:,}") for column in columns), default=0)
    for name, column in zip(names, columns, strict=True):
        drawn = bar(column.count, most, width, ascii_only=ascii_only)
        cut = "  cut" if limit is not None and column.high > limit and column.count else ""
        share = column.tokens / whole
        yield f"{name:>{room}}  {drawn:<{width}}  {column.count:>{counts},}  {share:>6.1%} of tokens{cut}"


def bar(count: int, most: int, width: int, *, ascii_only: bool = False) -> str:
    """Return a bar as long as `count` is of `most`; whatever is not nothing is seen.

    Args:
        count: What the bar shows.
        most: What fills `width`.
        width: Columns.
        ascii_only: Of `#`.
    """
    if not count:
        return ""
    if ascii_only:
        return "#" * max(1, round(count * width / most))
    full, part = divmod(max(1, round(count * width * 8 / most)), 8)
    return "█" * full + (_EIGHTHS[part] if part else "")


def percentiles_json(histogram: TokenHistogram) -> dict[str, float | int]:
    """Return rows, sum, mean, least, most and percentiles as JSON values."""
    found: dict[str, float | int] = {
        "rows": histogram.count,
        "tokens": histogram.total,
        "mean": round(histogram.mean, 3),
        "min": histogram.least,
        "max": histogram.most,
    }
    for share in PERCENTILES:
        found[f"p{share * 100:.0f}"] = round(histogram.percentile(share), 3)
    return found
