"""The few tones that text is drawn in, and the lines made of them; never markup, never a colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

from rich.cells import cell_len, set_cell_size
from textual.content import Content

Tone = Literal["", "muted", "strong", "accent", "good", "warning", "bad"]
"""What a piece of text means; the theme decides how that looks."""

Part = tuple[str, Tone]
"""A piece of text with its tone; the text is safe already and holds no newline."""

Line = Sequence[Part]
"""One line of the screen."""

TONE_CSS = """
    & > .tone--muted { color: $text-muted; }
    &:ansi > .tone--muted { text-style: dim; }
    & > .tone--strong { text-style: bold; }
    & > .tone--accent { color: $text-accent; }
    & > .tone--good { color: $text-success; }
    & > .tone--warning { color: $text-warning; }
    & > .tone--bad { color: $text-error; text-style: bold; }
"""
"""Nested in the DEFAULT_CSS of widgets that draw lines by themselves."""

TONE_CLASSES = {f"tone--{tone}" for tone in ("muted", "strong", "accent", "good", "warning", "bad")}
"""Component classes that belong to `TONE_CSS`."""

_CONTENT_STYLES: dict[Tone, str] = {
    "": "",
    "muted": "$text-muted",
    "strong": "bold",
    "accent": "$text-accent",
    "good": "$text-success",
    "warning": "$text-warning",
    "bad": "bold $text-error",
}


def content(*parts: str | Part) -> Content:
    """Return parts as Textual content, for widgets that lay text out by themselves."""
    pieces: list[Part] = [(part, "") if isinstance(part, str) else part for part in parts]
    return Content.assemble(*((text, _CONTENT_STYLES[tone]) for text, tone in pieces if text))


def content_lines(lines: Iterable[Line]) -> Content:
    """Return several lines as one piece of content."""
    return Content("\n").join([content(*line) for line in lines])


def fit(text: str, width: int, align: Literal["left", "right"] = "left") -> str:
    """Return `text` exactly `width` terminal columns wide, cut with an ellipsis or padded.

    Args:
        text: Safe text without newline; wide characters count as two columns.
        width: Columns.
        align: Which side keeps the text when there is room to spare.
    """
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…"
    padding = " " * (width - length)
    return padding + text if align == "right" else text + padding
