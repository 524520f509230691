"""A row drawn as the conversation it is: roles in words and tone, weights, tools, images, preferences."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from tui.safe_text import safe_text
from tui.widgets.keys import bindings
from tui.widgets.tones import Part, Tone, content

if TYPE_CHECKING:
    from tui.datasets.conversation import Turn
    from tui.datasets.source import Row

MOST_CHARACTERS = 40_000
"""Characters of one row that are laid out."""
_LINES_ABOVE = 3
"""Lines that stay in view above what was found."""
_MOST_FOUND = 200
FindingLine = tuple[str, str]
"""Severity and sentence of a finding; both are safe."""
_SIGNS: dict[str, Part] = {"error": ("✗ ", "bad"), "warning": ("! ", "warning"), "info": ("– ", "muted")}
ROLE_TONES: dict[str, Tone] = {
    "system": "muted",
    "developer": "muted",
    "user": "accent",
    "assistant": "good",
    "tools": "muted",
    "tool": "warning",
    "function": "warning",
}


class MessageView(VerticalScroll, inherit_bindings=False):
    """One text in one scrolling pane, so that no row costs more than one widget."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]
    DEFAULT_CSS = """
    MessageView { scrollbar-size-vertical: 1; }
    MessageView > Static { width: 1fr; height: auto; min-height: 100%; }
    """

    def compose(self) -> ComposeResult:
        """Yield the one text."""
        yield Static("", markup=False)

    def show_turns(
        self, turns: Sequence[Turn], findings: Sequence[FindingLine] = (), found: str = ""
    ) -> None:
        """Show a conversation, below what is wrong with it.

        Args:
            turns: Its messages.
            findings: What the check says of the row.
            found: Text that was searched for, marked where it stands.
        """
        text = Content("\n\n").join([*_finding_lines(findings), *(turn_content(turn) for turn in turns)])
        self._show(*_with_found(text, safe_text(found), after=0))

    def show_raw(
        self,
        row: Row,
        findings: Sequence[FindingLine] = (),
        found: str = "",
        path: str | None = None,
        *,
        as_it_is: bool = False,
    ) -> None:
        """Show the row's JSON, indented where it is valid, and where it breaks where it isn't.

        Args:
            row: The row.
            findings: What the check says of it.
            found: Text that was searched for, marked where it stands.
            path: JSON path of a finding, whose line is marked.
            as_it_is: The line of the file instead.
        """
        known = findings if row.error is None else ()
        heading = Content("").join([line + Content("\n\n") for line in _finding_lines(known)])
        as_written = as_it_is and row.error is None
        body, place = (Content(safe_text(row.raw)), None) if as_written else raw_content(row, path)
        text = heading + body
        if found:
            self._show(*_with_found(text, safe_text(found), after=len(heading)))
        else:
            self._show(text, None if place is None else len(heading) + place)

    def show_note(self, text: str) -> None:
        """Show a sentence instead of a row."""
        self._show(content((text, "muted")), None)

    def _show(self, text: Content, place: int | None) -> None:
        """Show a text, scrolled so that a character of it is in view."""
        if len(text) > MOST_CHARACTERS:
            start = max(0, (place or 0) - MOST_CHARACTERS // 2)
            place = None if place is None else place - start
            # How much more is not said: what is drawn may be the beginning of a text already.
            note = content((f"\n… {MOST_CHARACTERS:,} characters are shown; y copies the whole row", "muted"))
            text = text[start : start + MOST_CHARACTERS] + note
        self._draw(text)
        top = 0 if place is None else self._line_of(text.plain, place) - _LINES_ABOVE
        if top <= 0:
            self.scroll_home(animate=False)
        else:
            self.call_after_refresh(self.scroll_to, y=top, animate=False, force=True)

    def _draw(self, text: Content) -> None:
        """Draw a text; what fills the pane as the one before did needs no layout of the whole screen."""
        body = self.query_one(Static)
        body.update(text, layout=False)
        if not body.size or self._height_of(body) != body.size.height:
            body.refresh(layout=True)

    def _height_of(self, body: Static) -> int:
        """Return how high the text wants to be: its lines, and at least the pane."""
        lines = body.get_content_height(self.size, self.app.size, body.content_size.width)
        return max(lines, self.scrollable_content_region.height)

    def _line_of(self, text: str, place: int) -> int:
        """Return about which line of the pane a character is on, long lines wrapped."""
        width = max(1, self.scrollable_content_region.width)
        return sum(max(1, -(-cell_len(line) // width)) for line in text[:place].split("\n")) - 1


def _with_found(text: Content, found: str, after: int) -> tuple[Content, int | None]:
    """Return a text with what was found marked, and where that first stands."""
    wanted, plain = found.lower(), text.plain.lower()
    if not wanted or len(plain) != len(text.plain):
        return text, None
    first, at = None, plain.find(wanted, after)
    for _ in range(_MOST_FOUND):
        if at < 0:
            break
        first = at if first is None else first
        text = text.stylize("reverse", at, at + len(wanted))
        at = plain.find(wanted, at + len(wanted))
    return text, first


def _finding_lines(findings: Sequence[FindingLine]) -> list[Content]:
    lines = [content(_SIGNS[severity], safe_text(words)) for severity, words in findings]
    return [Content("\n").join(lines)] if lines else []


def turn_content(turn: Turn) -> Content:
    """Return a turn: a heading of its role and facts, its text, its tool calls."""
    tone = ROLE_TONES.get(turn.role, "strong")
    parts: list[Part] = [(f"▌{turn.role}", tone)]
    parts += [(f" · {fact}", "muted") for fact in turn.facts]
    body = content(*parts)
    if turn.thinking:
        body = body + content(("\n" + turn.thinking, "muted"))
    if turn.text:
        body = body + Content("\n" + turn.text)
    for image in turn.images:
        body = body + content(("\n▣ ", "warning"), image)
    for call in turn.tool_calls:
        body = body + content(("\n→ ", "warning"), call)
    return body


def raw_content(row: Row, path: str | None = None) -> tuple[Content, int | None]:
    """Return a row's JSON for reading, and which character of it is to be in view.

    Args:
        row: An invalid one is shown as it is, with a mark at the place.
        path: JSON path, such as $.messages[2].content; its line is marked.
    """
    if row.error is None:
        text = safe_text(_pretty(row))
        place = _place_of(text, path)
        if place is None:
            return Content(text), None
        start, end = text.rfind("\n", 0, place) + 1, text.find("\n", place)
        return Content(text).stylize("bold reverse", start, end if end >= 0 else len(text)), place
    text = safe_text(row.raw)
    heading = content((safe_text(row.error), "bad"), "\n\n")
    if row.error_column is None or not 0 < row.error_column <= len(text) + 1:
        return heading + Content(text), None
    at = row.error_column - 1
    broken = Content.styled(text[at : at + 1] or " ", "bold reverse")
    return heading + Content(text[:at]) + broken + Content(text[at + 1 :]), len(heading) + at


def _pretty(row: Row) -> str:
    import json

    import orjson

    try:
        return orjson.dumps(row.value, option=orjson.OPT_INDENT_2).decode()
    except TypeError:
        pass  # deeper than it writes, or a number that it does not know; the standard library is far slower
    try:
        return json.dumps(row.value, indent=2, ensure_ascii=False)
    except (RecursionError, ValueError):
        return row.raw


def _place_of(text: str, path: str | None) -> int | None:
    from tui.datasets.locate import locate, parse_path

    if not path or path == "$" or (steps := parse_path(path)) is None:
        return None
    column = locate(text, steps, at_key=isinstance(steps[-1], str))
    return None if column is None or column <= 1 else column - 1
