"""The one gate for text that others wrote: what passes can't move a cursor, set a clipboard or hide itself.

Terminals act on C0 and C1 control bytes, and bidirectional controls reorder what a reader sees. A row of a
dataset or the answer of a model may hold any of them, so every such text passes here once, where it enters
the program. The visible stand-ins keep one column per character, so positions still agree with the source.
"""

from __future__ import annotations

_CONTROL_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"
_REPLACEMENT = "\ufffd"
_C1_CONTROLS = range(0x80, 0xA0)
_TAG_CHARACTERS = range(0xE0000, 0xE0080)
_BIDI_AND_INVISIBLE = (
    "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
    "\u2060\u2061\u2062\u2063\u2064\u206a\u206b\u206c\u206d\u206e\u206f\ufff9\ufffa\ufffb"
)


def _build_table() -> dict[int, str]:
    table = {code: chr(_CONTROL_PICTURES + code) for code in range(0x20) if code not in (0x09, 0x0A)}
    table[0x7F] = _DELETE_PICTURE
    table.update(dict.fromkeys(_C1_CONTROLS, _REPLACEMENT))
    table.update({ord(char): "\u00b7" for char in _BIDI_AND_INVISIBLE})
    table.update(dict.fromkeys(_TAG_CHARACTERS, _REPLACEMENT))
    return table


_TABLE = _build_table()
_LINE_TABLE = {**_TABLE, 0x09: " ", 0x0A: "\u2424"}


def _without_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def safe_text(text: str) -> str:
    """Return `text` with every control, bidirectional and unpaired surrogate character made visible.

    Newline and tab stay, CRLF becomes a plain newline. Never raises.
    """
    return _without_surrogates(text.replace("\r\n", "\n")).translate(_TABLE)


def safe_line(text: str, limit: int | None = None) -> str:
    """Return `text` safe and on one line, cut to `limit` characters with an ellipsis.

    Args:
        text: Anything, of any length; only what is kept is looked at.
        limit: Most characters of the result, counted before the terminal's own wide characters.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(0, limit - 1)] + "\u2026"
    return _without_surrogates(text.replace("\r\n", "\n")).translate(_LINE_TABLE)
