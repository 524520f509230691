"""A row's tokens broken into lines: a heading for each message, and no line with tokens of two states."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from itertools import pairwise

from rich.cells import cell_len

from tui.datasets.token_segments import Segment, SpanKind
from tui.datasets.token_view import TokenView

_AT_ONCE = 4_096
"""Spans laid out between two looks at whether to go on."""
Group = tuple[int, int, bool]
"""What shares a heading: sequence, message, and whether it is tool definitions."""


def group_of(segment: Segment) -> Group:
    """Return under which heading a segment stands."""
    return segment.sequence, segment.message, segment.kind is SpanKind.TOOLS


class TokenLines:
    """Lines of a row at one width, laid out piece by piece; 9 bytes are kept per line.

    Args:
        view: The row.
        width: Columns of a line of tokens.
        gap: Columns between two tokens.
    """

    def __init__(self, view: TokenView, width: int, gap: int) -> None:
        self.view = view
        self.width = max(1, width)
        self._gap = gap
        self._starts = array("Q")
        """Line -> its first span; a heading has that of the line below it."""
        self._headings = bytearray()
        self._steps = self._lay_out()
        self.is_complete = False

    def extend(self, spans: int = _AT_ONCE) -> None:
        """Lay out about so many more spans."""
        for _ in range(max(1, spans // _AT_ONCE)):
            if next(self._steps, None) is None:
                self.is_complete = True
                return

    @property
    def count(self) -> int:
        """Lines so far; the last one is held back until its end is known."""
        return len(self._starts) - (not self.is_complete and len(self._starts) > 0)

    def is_heading(self, line: int) -> bool:
        """Say whether a line is a heading."""
        return bool(self._headings[line])

    def spans_of(self, line: int) -> range:
        """Return the spans of a line; of a heading, the first one below it."""
        start = self._starts[line]
        if self._headings[line]:
            return range(start, start + 1)
        end = self._starts[line + 1] if line + 1 < len(self._starts) else self.view.span_count
        return range(start, end)

    def line_of(self, span: int) -> int:
        """Return the line that a span is on; the last one where it is not laid out yet."""
        return max(0, min(bisect_right(self._starts, span) - 1, self.count - 1))

    def next_line(self, line: int, direction: int) -> int | None:
        """Return the next line of tokens from a line, None where there is none."""
        line += direction
        while 0 <= line < self.count:
            if not self._headings[line]:
                return line
            line += direction
        return None

    def cells(self, span: int) -> int:
        """Return the columns that a span takes, without what stands between two."""
        return min(self.width, cell_len(span_text(self.view, span)))

    # Laying out

    def _lay_out(self) -> Iterator[bool]:
        """Yield after some thousand spans each; the lines grow meanwhile."""
        view = self.view
        group: Group | None = None
        state: tuple[bool, bool] | None = None
        column = done = 0
        for number, segment in enumerate(view.segments):
            first = view.first_span_of(number)
            if group_of(segment) != group:
                group, state = group_of(segment), None
                self._begin(first, heading=True)
            for start, end, is_cut in _stretches(view, number):
                if state != (segment.trained, is_cut):
                    state, column = (segment.trained, is_cut), 0
                    self._begin(first + start)
                for span in range(start, end):
                    column = self._place(segment, span, first + span, column)
                    done += 1
                    if done % _AT_ONCE == 0:
                        yield True

    def _place(self, segment: Segment, offset: int, span: int, column: int) -> int:
        """Put one span on the line, or begin the next; return the column behind it."""
        if segment.ids:
            text, _, ends_line = self.view.shown(segment.ids[offset])
        else:
            text, ends_line = span_text(self.view, span), False
        width = len(text) if text.isascii() else cell_len(text)
        width = min(self.width, width) + self._gap
        if column < 0 or (column > 0 and column + width - self._gap > self.width):
            self._begin(span)
            column = 0
        return -1 if ends_line else column + width

    def _begin(self, span: int, *, heading: bool = False) -> None:
        self._starts.append(span)
        self._headings.append(heading)


def _stretches(view: TokenView, segment: int) -> Iterator[tuple[int, int, bool]]:
    """Yield a segment's spans as (first, behind the last, are they cut)."""
    spans = view.segments[segment].spans
    cut = view.cut_from(segment)
    marks = sorted({0, spans if cut is None else cut, spans})
    for start, end in pairwise(marks):
        yield start, end, cut is not None and start >= cut


def span_text(view: TokenView, span: int) -> str:
    """Return what is drawn of a span: its text, or what its count stands for."""
    found = view.span(span)
    if found.tokens == 1 or found.id is not None:
        return found.text
    return f"{found.text} × {found.tokens:,}"


class TokenParts:
    """The messages of a row, and where what is trained on or cut begins; found once."""

    def __init__(self, view: TokenView) -> None:
        self._view = view
        self._groups: dict[Group, tuple[str, int]] = {}
        begins: set[int] = set()
        before: object = None
        for number, segment in enumerate(view.segments):
            group = group_of(segment)
            words, tokens = self._groups.get(group, ("", 0))
            self._groups[group] = (
                _heading(segment) if _says_more(segment, words) else words,
                (tokens + segment.tokens),
            )
            first, cut = view.first_span_of(number), view.cut_from(number)
            if (group, segment.trained) != before:
                begins.add(first)
            if cut:
                begins.add(first + cut)
            before = (group, segment.trained)
        self._begins = sorted(begins)

    def heading(self, span: int) -> tuple[str, int]:
        """Return what stands above a span: safe words such as `assistant · preferred`, and its tokens."""
        return self._groups[group_of(self._view.segments[self._view.segment_at(span)])]

    def next_begin(self, span: int, direction: int) -> int | None:
        """Return where the next part begins, or this one or the one before; None where there is none."""
        if direction > 0:
            at = bisect_right(self._begins, span)
            return self._begins[at] if at < len(self._begins) else None
        at = bisect_left(self._begins, span) - 1
        return self._begins[at] if at >= 0 else None


def _says_more(segment: Segment, words: str) -> bool:
    """Say whether a segment names its message better than the words there are."""
    return not words or (words in _NAMELESS and segment.role not in _NAMELESS)


def _heading(segment: Segment) -> str:
    if segment.kind is SpanKind.TOOLS:
        return "tools"
    if segment.message < 0:
        return "before the answer" if segment.role == "framing" else "around the messages"
    again = ["read again"] if segment.sequence and not segment.part else []
    return " · ".join([segment.role, *([segment.part] if segment.part else []), *again])


_NAMELESS = frozenset({"framing", "other"})
