"""Draws by ASCII characters what is drawn with others, for terminals and fonts that have none."""

from __future__ import annotations

from rich.segment import Segment
from textual.color import Color
from textual.filter import LineFilter

_ALIKE = {
    "-": "─━╌╍┄┅┈┉═▔–—‐‑−·",
    "|": "│┃╎╏┆┇┊┋║▌▐▎▏▍▋▊▉‖",
    "_": "▁␣",
    ".": "…",
    "=": "≈",
    "#": "█▓■▣◼▀",
    ":": "░▒",
    "*": "●◆★•⬤",
    "o": "○◇□◯",
    "+": "✓✔",
    "x": "✗✘×✕",
    "!": "✂⚠",
    "<": "◂◀◄←‹«⟨",
    ">": "▸▶►→›»⟩⇥",
    "^": "▴▲↑⇧",
    "v": "▾▼↓",
    "[": "⟦",
    "]": "⟧",
    "~": "✎",
    "/": "⏎␍␊␤",
    "'": "‘’",
    '"': "“”",
    " ": "▂▃▄▅▆▇",
}
_CORNERS = range(0x250C, 0x2580)
"""What is left of the box drawing characters: corners, tees and crosses."""
_BRAILLE = range(0x2801, 0x2900)
_CONTROL_PICTURES = range(0x2400, 0x2427)
_TABLE = {
    **dict.fromkeys(_CORNERS, "+"),
    **dict.fromkeys(_BRAILLE, "."),
    **dict.fromkeys(_CONTROL_PICTURES, "^"),
    **{ord(sign): alike for alike, signs in _ALIKE.items() for sign in signs},
}
"""Each is one cell wide, like what stands in its place: nothing moves."""


class AsciiLines(LineFilter):
    """Replaces signs for drawing by ASCII characters that look alike; letters of any script stay.

    This holds for what is shown, in a person's own texts too; they are kept, copied and sent as they are.
    """

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """Return `segments` drawn so, each as wide as it was."""
        return [
            segment if segment.text.isascii() else Segment(segment.text.translate(_TABLE), *segment[1:])
            for segment in segments
        ]
