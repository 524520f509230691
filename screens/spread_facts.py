"""Tokens per row drawn as a histogram, and as lines of tables."""

from __future__ import annotations

from tui.datasets.histogram import Column as Bin
from tui.datasets.histogram import TokenHistogram
from tui.datasets.histogram_text import PERCENTILES, bar
from tui.datasets.report import Report, TokenSummary
from tui.datasets.token_spread import TokenSpread
from tui.widgets.line_list import LineList
from tui.widgets.table import Column, TableRow
from tui.widgets.tones import Line, Part
from tui.widgets.words import plural

ROLE_COLUMNS = (
    Column("Tokens of"),
    Column("Rows", 9, align="right", drop_below=68),
    *(
        Column(
            f"{share:.0%}".replace("%", " %"), 7, align="right", drop_below=0 if share in (0.5, 0.95) else 60
        )
        for share in PERCENTILES
    ),
    Column("Most", 8, align="right"),
)
CUT_COLUMNS = (
    Column("Line", 10, align="right"),
    Column("Tokens", 11, align="right"),
    Column("Lost", 10, align="right", tone="warning"),
)
_BINS = 16
_LEAST_BINS = 5
_LEAST_BAR = 8


class SpreadChart(LineList):
    """A histogram as a list: one line for each range of tokens, and one where the limit cuts."""

    def __init__(self, *, id: str | None = None, classes: str | None = None, empty: str = "") -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes, empty=empty)
        self._bins: list[Bin | int] = []
        self._histogram = TokenHistogram()
        self._limit: int | None = None
        self.is_logarithmic = True

    def show(self, histogram: TokenHistogram, limit: int | None) -> None:
        """Draw a histogram, with a line at the limit where one is."""
        self._histogram, self._limit = histogram, limit
        page = self.size.height if self.size else _BINS
        bins = histogram.columns(
            max(_LEAST_BINS, min(_BINS, page - (limit is not None))), logarithmic=self.is_logarithmic
        )
        above = next((at for at, one in enumerate(bins) if limit is not None and one.high > limit), len(bins))
        self._bins = [*bins[:above], *([limit] if limit is not None and bins else []), *bins[above:]]
        self.border_subtitle = "equal ratios" if self.is_logarithmic else "equal widths"
        self.items_changed()

    def on_resize(self) -> None:
        """Draw as many ranges as can be seen at once."""
        self.show(self._histogram, self._limit)
        super().on_resize()

    def toggle_scale(self) -> None:
        """Change between equal ratios and equal widths."""
        self.is_logarithmic = not self.is_logarithmic
        self.show(self._histogram, self._limit)

    def item_count(self) -> int:
        """Return how many lines there are."""
        return len(self._bins)

    def item_line(self, index: int, width: int) -> Line:
        """Return a range with its bar, rows and share of all tokens, or the limit."""
        one = self._bins[index]
        room = max(len(_name(each)) for each in self._bins if isinstance(each, Bin))
        if isinstance(one, int):
            words = f"{'─' * room}  limit {one:,}: what is beyond is cut "
            return [(words.ljust(width, "─"), "warning")]
        most = max(each.count for each in self._bins if isinstance(each, Bin))
        counts = len(f"{most:,}")
        tail = f"  {one.count:>{counts},}  {one.tokens / max(1, self._histogram.total):>6.1%} of tokens"
        length = max(_LEAST_BAR, width - room - 2 - len(tail))
        is_cut = self._limit is not None and one.high > self._limit
        return [
            (f"{_name(one):>{room}}  ", "muted"),
            (f"{bar(one.count, most, length):<{length}}", "warning" if is_cut else "accent"),
            (tail, ""),
        ]


def _name(one: Bin) -> str:
    return f"{one.low:,} to {one.high:,}" if one.high > one.low else f"{one.low:,}"


def role_rows(spread: TokenSpread) -> list[TableRow]:
    """Return percentiles of all rows and of each role."""
    named = [("all", spread.rows), *spread.roles.items()]
    return [
        TableRow(
            name,
            [
                (name, "strong" if name == "all" else ""),
                f"{found.count:,}",
                *(f"{found.percentile(share):,.0f}" for share in PERCENTILES),
                f"{found.most:,}",
            ],
        )
        for name, found in named
        if found.count
    ]


def cut_rows(tokens: TokenSummary) -> list[TableRow]:
    """Return the rows that the limit cuts; where it cuts none, the longest ones."""
    limit = tokens.limit or 0
    if tokens.spread.beyond:
        pairs = tokens.spread.beyond
        return [
            TableRow(f"{line}", [f"{line:,}", f"{count:,}", f"{max(0, count - limit):,}"])
            for line, count in pairs
        ]
    return [TableRow(f"{line}", [f"{line:,}", f"{count:,}", "–"]) for line, count in tokens.longest]


def cut_title(tokens: TokenSummary) -> str:
    """Return the heading of those rows."""
    if not tokens.over_limit:
        return "Longest rows"
    kept = len(tokens.spread.beyond)
    more = f", the first {kept:,}" if kept < tokens.over_limit else ""
    return f"Cut: {plural(tokens.over_limit, 'row')}{more}"


def spread_sentence(report: Report) -> list[Part]:
    """Return sums and what the limit does."""
    tokens = report.tokens
    parts: list[Part] = [
        (f"  {plural(tokens.examples, 'example')} · {plural(tokens.total, 'token')}", "muted")
    ]
    if tokens.over_limit:
        lost = f"  the limit cuts {plural(tokens.lost_tokens, 'token')} of {plural(tokens.over_limit, 'row')}"
        parts.append((lost, "warning"))
    elif tokens.limit:
        parts.append((f"  the limit of {tokens.limit:,} cuts nothing", "good"))
    return parts
