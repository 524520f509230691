"""The few tones that text is drawn in, and the lines made of them; never markup, never a colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

from rich.cells import cell_len, set_cell_size
from rich.style import Style
from textual.color import Color
from textual.content import Content
from textual.widget import Widget

Tone = Literal["", "muted", "strong", "accent", "good", "warning", "bad"]
"""What a piece of text means; the theme decides how that looks."""

Part = tuple[str, Tone]
"""A piece of text with its tone; the text is safe already and holds no newline."""

Line = Sequence[Part]
"""One line of the screen."""

_LOOKS: dict[Tone, tuple[str, bool]] = {
    "": ("", False),
    "muted": ("text-muted", False),
    "strong": ("", True),
    "accent": ("text-accent", False),
    "good": ("text-success", False),
    "warning": ("text-warning", False),
    "bad": ("text-error", True),
}
"""Tone -> variable of the theme and whether it is bold."""


def tone_style(widget: Widget, tone: Tone) -> Style:
    """Return the theme's style of a tone, without background, for widgets that draw line by line.

    Component classes would say the same in CSS, at a cost of ten rules for every list at every start.
    """
    variables = widget.app.theme_variables
    variable, bold = _LOOKS[tone]
    return _resolve(variables.get(variable, ""), variables.get("background", ""), bold)


@lru_cache(256)
def _resolve(colour: str, background: str, bold: bool) -> Style:
    name, _, share = colour.partition(" ")
    if not name:
        return Style(bold=bold or None)
    alpha = float(share.rstrip("%")) / 100 if share else 1.0
    ground = Color.parse(background)
    found = ground.get_contrast_text(1.0) if name == "auto" else Color.parse(name)
    if found.ansi is not None:
        # The terminal's own colours can't be mixed; dim is what it has for less.
        return Style(color=found.rich_color, bold=bold or None, dim=alpha < 1 or None)
    return Style(color=ground.blend(found, alpha).rich_color, bold=bold or None)


def content(*parts: str | Part) -> Content:
    """Return parts as Textual content, for widgets that lay text out by themselves."""
    pieces: list[Part] = [(part, "") if isinstance(part, str) else part for part in parts]
    return Content.assemble(*((text, _markup_style(tone)) for text, tone in pieces if text))


def _markup_style(tone: Tone) -> str:
    variable, bold = _LOOKS[tone]
    return " ".join(filter(None, ("bold" if bold else "", f"${variable}" if variable else "")))


def content_lines(lines: Iterable[Line]) -> Content:
    """Return several lines as one piece of content."""
    return Content("\n").join([content(*line) for line in lines])


def fit(
    text: str, width: int, align: Literal["left", "right"] = "left", cut: Literal["end", "middle"] = "end"
) -> str:
    """Return `text` exactly `width` terminal columns wide, cut with an ellipsis or padded.

    Args:
        text: Safe text without newline; wide characters count as two columns.
        width: Columns.
        align: Which side keeps the text when there is room to spare.
        cut: What is lost when there is no room; names that differ in their ends lose their middle.
    """
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width and cut == "middle":
        return _without_middle(text, width)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - length)
    return padding + text if align == "right" else text + padding


def _without_middle(text: str, width: int) -> str:
    tail = (width - 1) // 2
    head = set_cell_size(text, width - 1 - tail)
    end = text[len(text) - tail :]
    while cell_len(end) > tail:
        end = end[1:]
    return head + "…" + end + " " * (tail - cell_len(end))
