"""A row drawn token by token: what is trained on, what is only read, what the limit cuts, at any length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.events import Click
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.datasets.token_segments import SpanKind
from tui.datasets.token_view import TokenSpan, TokenView
from tui.widgets.keys import bindings
from tui.widgets.token_lines import TokenLines, TokenParts, span_text
from tui.widgets.tones import Tone, fit, tone_style

AT_ONCE = 16_384
"""Spans that are laid out before something is drawn; the rest follows in a thread of the screen's."""
GUTTER = 2
SIGNS: dict[tuple[bool, bool], tuple[str, Tone]] = {
    (True, False): ("✓ ", "good"),
    (False, False): ("  ", ""),
    (True, True): ("✗ ", "bad"),
    (False, True): ("✗ ", "muted"),
}
"""(trained, cut) -> the sign before a line of such tokens, and its tone."""
BOUND = "│"


class TokenText(ScrollView, can_focus=True, inherit_bindings=False):
    """The tokens of one row with a cursor on one of them."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("token-text")]
    COMPONENT_CLASSES: ClassVar[set[str]] = {"token-text--odd", "token-text--cursor", "token-text--found"}
    DEFAULT_CSS = """
    TokenText {
        height: 1fr; overflow-x: hidden; overflow-y: auto; scrollbar-size-vertical: 1;
        scrollbar-gutter: stable;
        & > .token-text--odd { background: $foreground 12%; }
        & > .token-text--found { background: $accent 40%; }
        & > .token-text--cursor { background: $block-cursor-background; color: $block-cursor-foreground;
            text-style: $block-cursor-text-style; }
        &:ansi > .token-text--odd { background: ansi_default; }
        &:ansi > .token-text--found { background: ansi_default; }
    }
    """

    cursor: reactive[int] = reactive(0, repaint=False)
    """Number of the span the cursor is on."""

    @dataclass
    class Moved(Message):
        """The cursor came to another token."""

        span: int

    @dataclass
    class Unfinished(Message):
        """A long row has lines that are still to be laid out, by whoever has a thread for it."""

        lines: TokenLines

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self.view: TokenView | None = None
        self.lines: TokenLines | None = None
        self._parts: TokenParts | None = None
        self.found = range(0)
        """Spans of the match that was found last."""
        self.bounds = False
        """A mark stands between two tokens; else every other one has another background."""
        self._strips: LRUCache[int, Strip] = LRUCache(512)
        self._cursor_waits = False
        """The cursor is on a token whose line is not laid out yet."""

    def show_view(self, view: TokenView | None, cursor: int = 0) -> None:
        """Show a row, or nothing."""
        self.view = view
        self._parts = None
        self.found = range(0)
        self.set_reactive(TokenText.cursor, 0)
        self.lay_out()
        self.scroll_to(y=0, animate=False, force=True)
        self.cursor = cursor
        self.post_message(self.Moved(self.cursor))

    def lay_out(self) -> None:
        """Break the row into lines for the width there is; of a long row only the first lines."""
        self._strips.clear()
        width = self.scrollable_content_region.width - GUTTER
        self.lines = TokenLines(self.view, width, int(self.bounds)) if self.view is not None else None
        if self.lines is not None:
            self.lines.extend(AT_ONCE)
            if not self.lines.is_complete:
                self.post_message(self.Unfinished(self.lines))
        self.lines_grew()

    def lines_grew(self) -> None:
        """Make room for lines that were laid out meanwhile."""
        self._fit()
        self.refresh()
        if self._cursor_waits:
            self.show_cursor()

    def _fit(self) -> None:
        count = self.lines.count if self.lines is not None else 0
        self.virtual_size = Size(self.scrollable_content_region.width, count)

    def on_resize(self) -> None:
        """Break the lines anew and keep the cursor in view."""
        if self.lines is None or self.scrollable_content_region.width - GUTTER != self.lines.width:
            self.lay_out()
        self.show_cursor()

    def notify_style_update(self) -> None:
        """Forget lines drawn in the old theme."""
        super().notify_style_update()
        self._strips.clear()

    # The cursor

    def validate_cursor(self, cursor: int) -> int:
        """Keep the cursor on a token."""
        count = self.view.span_count if self.view is not None else 0
        return max(0, min(cursor, count - 1))

    def watch_cursor(self, old: int, new: int) -> None:
        """Redraw the lines concerned and tell who listens."""
        for span in (old, new):
            if self.lines is not None:
                self._strips.discard(self.lines.line_of(span))
        self.refresh()
        self.show_cursor()
        self.post_message(self.Moved(new))

    def show_cursor(self) -> None:
        """Scroll to the cursor, with the heading above it where there is one."""
        if not self.size or self.lines is None or not self.lines.count:
            return
        self._fit()  # a thread may have laid out more since
        line = self.lines.line_of(self.cursor)
        self._cursor_waits = not self.lines.is_complete and line >= self.lines.count - 1
        top = round(self.scroll_target_y)
        above = line - 1 if line and self.lines.is_heading(line - 1) else line
        page = max(1, self.scrollable_content_region.height)
        if not top - page <= line < top + 2 * page:  # a jump: what is around it is to be seen too
            self.scroll_to(y=max(0, line - page // 2), animate=False, force=True)
        elif above < top:
            self.scroll_to(y=above, animate=False, force=True)
        elif line >= top + page:
            self.scroll_to(y=line - page + 1, animate=False, force=True)

    def show_found(self, first: int, last: int) -> None:
        """Mark a match and go to it."""
        self.found = range(first, last + 1)
        self._strips.clear()
        self.cursor = first
        self.refresh()

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.scrollable_content_region.width
        line = y + self.scroll_offset.y
        if self.lines is None or line >= self.lines.count:
            return Strip.blank(width, self.rich_style)
        known = self._strips.get(line)
        if known is None:
            known = self._strips[line] = self._line(line).adjust_cell_length(width, self.rich_style)
        return known

    def _line(self, line: int) -> Strip:
        assert self.lines is not None
        assert self.view is not None
        spans = self.lines.spans_of(line)
        if self.lines.is_heading(line):
            return self._heading(spans.start)
        first = self.view.span(spans.start)
        sign, tone = SIGNS[first.trained, first.cut]
        segments = [Segment(sign, self.rich_style + tone_style(self, tone))]
        for number in spans:
            span = self.view.span(number)
            style = self._style(number, span)
            segments.append(Segment(fit(span_text(self.view, number), self.lines.cells(number)), style))
            if self.bounds:
                segments.append(Segment(BOUND, self.rich_style + tone_style(self, "muted")))
        return Strip(segments)

    def _heading(self, span: int) -> Strip:
        assert self.view is not None
        words, tokens = self._parts_of(self.view).heading(span)
        return Strip(
            [
                Segment(words, self.rich_style + tone_style(self, "accent") + Style(bold=True)),
                Segment(f"  {tokens:,}", self.rich_style + tone_style(self, "muted")),
            ]
        )

    def _style(self, number: int, span: TokenSpan) -> Style:
        style = self.rich_style + tone_style(self, _tone(span))
        if span.cut:
            style += Style(strike=True)
        if number == self.cursor:
            return style + self.get_component_rich_style("token-text--cursor")
        if number in self.found:
            return style + self._ground("token-text--found") + Style(underline=True)
        if number % 2 and not self.bounds:
            return style + self._ground("token-text--odd")
        return style

    def _ground(self, name: str) -> Style:
        """Return a component's background alone, mixed with what lies below it."""
        return Style(bgcolor=self.get_component_rich_style(name).bgcolor)

    # Keys

    def action_move_token(self, direction: int) -> None:
        """Move by one token."""
        self.cursor += direction

    def action_move_line(self, direction: int) -> None:
        """Move to the token above or below."""
        self._move_lines(direction)

    def action_move_page(self, direction: int) -> None:
        """Move a page."""
        self._move_lines(direction * max(1, self.scrollable_content_region.height - 1))

    def action_move_half(self, direction: int) -> None:
        """Move half a page."""
        self._move_lines(direction * max(1, self.scrollable_content_region.height // 2))

    def action_move_edge(self, end: int) -> None:
        """Move to the first or the last token."""
        if self.view is not None:
            self.cursor = end * (self.view.span_count - 1)

    def action_move_stretch(self, direction: int) -> None:
        """Move to where another message begins, or tokens that are trained on, or cut."""
        view = self.view
        if view is None or not view.span_count:
            return
        begin = self._parts_of(view).next_begin(self.cursor, direction)
        if begin is not None:
            self.cursor = begin

    def _parts_of(self, view: TokenView) -> TokenParts:
        if self._parts is None:
            self._parts = TokenParts(view)
        return self._parts

    def _move_lines(self, lines: int) -> None:
        layout = self.lines
        if layout is None or not layout.count:
            return
        here = layout.line_of(self.cursor)
        wanted = max(0, min(here + lines, layout.count - 1))
        direction = 1 if lines > 0 else -1
        if layout.is_heading(wanted):
            beyond = layout.next_line(wanted, direction)
            wanted = here if beyond is None else beyond
        self.cursor = self._token_at(wanted, self._column_of(self.cursor, here))

    def _column_of(self, span: int, line: int) -> int:
        assert self.lines is not None
        start = self.lines.spans_of(line).start
        return sum(self.lines.cells(number) + self.bounds for number in range(start, span))

    def _token_at(self, line: int, column: int) -> int:
        assert self.lines is not None
        done = 0
        spans = self.lines.spans_of(line)
        for number in spans:
            done += self.lines.cells(number) + self.bounds
            if done > column:
                return number
        return spans[-1]

    def on_click(self, event: Click) -> None:
        """Move the cursor to the token clicked on."""
        offset = event.get_content_offset(self)
        if offset is None or self.lines is None:
            return
        line = offset.y + self.scroll_offset.y
        if line < self.lines.count and not self.lines.is_heading(line):
            self.cursor = self._token_at(line, max(0, offset.x - GUTTER))


def _tone(span: TokenSpan) -> Tone:
    if span.cut:
        return "bad" if span.trained else "muted"
    if span.trained:
        return "good"
    if span.kind is SpanKind.FRAMING:
        return "muted"
    return "warning" if span.kind in (SpanKind.IMAGE, SpanKind.TOOLS) else ""
