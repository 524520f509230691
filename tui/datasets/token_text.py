"""A token's bytes as text that can be shown, never nothing and never half a character."""

from __future__ import annotations

import unicodedata

from tui.safe_text import safe_text

_SIGNS = str.maketrans({"\n": "⏎", "\t": "⇥", "\r": "␍"})
_INVISIBLE = frozenset({"Mn", "Me", "Cf", "Zl", "Zp", "Cn"})


def shown_bytes(raw: bytes) -> tuple[str, bool]:
    """Return (text, is it only a part of a character).

    Line ends and tabs become signs; bytes that are no whole character become `\\xe2\\x82`; a token of nothing
    but marks and joiners, which would be drawn over its neighbour or not at all, becomes their numbers.
    """
    try:
        text, is_part = raw.decode(), False
    except UnicodeDecodeError:
        text, is_part = raw.decode("utf-8", "backslashreplace"), True
    if text.isascii() and text.isprintable():
        return text, is_part
    if all(unicodedata.category(char) in _INVISIBLE for char in text):
        return "".join(f"\\u{ord(char):04x}" for char in text), is_part
    return safe_text(text.translate(_SIGNS)), is_part
