"""The one gate for text that others wrote: what passes can't move a cursor, set a clipboard or hide itself.

Terminals act on C0 and C1 control bytes, and bidirectional controls reorder what a reader sees. A row of a
dataset or the answer of a model may hold any of them, so every such text passes here once, where it enters
the program. The visible stand-ins keep one column per character, so positions still agree with the source.

Characters that draw nothing (zero-width spaces, soft hyphens, blank letters, invisible operators) hide text
and words, and terminals disagree over their width: each becomes a middle dot. Three kinds stay where a
script needs them, for without them Persian, Sinhala or an emoji is another word or picture: a joiner or
non-joiner after a character that is no Latin, Greek or Cyrillic letter, one variation selector after a
character that has variants, and combining marks. A second one in a row, which could carry hidden bytes, is
a dot. (tmux 3.3a draws an emoji with selector 16 a column narrower than Textual counts it; it stays all
the same.)
"""

from __future__ import annotations

import re
import unicodedata

_CONTROL_PICTURES = 0x2400
_DELETE_PICTURE = "\u2421"
_REPLACEMENT = "\ufffd"
_C1_CONTROLS = range(0x80, 0xA0)
_TAG_CHARACTERS = range(0xE0000, 0xE0080)
_BIDI = "\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
_INVISIBLE = (
    "\ufeff\u2060\u2061\u2062\u2063\u2064\u2065\u206a\u206b\u206c\u206d\u206e\u206f\ufff9\ufffa\ufffb"
    # Soft hyphen, grapheme joiner, blank letters of Hangul and Khmer, zero-width spaces.
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u3164\uffa0"
    # Controls of shorthand and of music.
    "\U0001bca0\U0001bca1\U0001bca2\U0001bca3"
    "\U0001d173\U0001d174\U0001d175\U0001d176\U0001d177\U0001d178\U0001d179\U0001d17a"
)
"""Drawn by no terminal, or not by every one."""
_DOT = "\u00b7"
_SELECTORS = "\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef"
_JOINERS_AND_SELECTORS = re.compile(f"[\u200c\u200d{_SELECTORS}]")
_SELECTOR = re.compile(f"[{_SELECTORS}]")
_FIRST_WITH_JOINERS = "\u0590"
"""Latin, Greek, Cyrillic and Armenian come before; none of them joins its letters."""
_KEYCAPS = "0123456789#*\u00a9\u00ae"
"""What becomes a picture by a variation selector, among the characters before."""


def _build_table(dotted: str) -> dict[int, str]:
    table = {code: chr(_CONTROL_PICTURES + code) for code in range(0x20) if code not in (0x09, 0x0A)}
    table[0x7F] = _DELETE_PICTURE
    table.update(dict.fromkeys(_C1_CONTROLS, _REPLACEMENT))
    table.update({ord(char): _DOT for char in dotted})
    table.update(dict.fromkeys(_TAG_CHARACTERS, _REPLACEMENT))
    return table


_TABLE = _build_table(_BIDI + _INVISIBLE)
_TYPED_TABLE = _build_table(_BIDI)
_LINE_TABLE = {**_TABLE, 0x09: " ", 0x0A: "\u2424"}


def _without_surrogates(text: str) -> str:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def _without_idle_joiners(text: str) -> str:
    """Return `text` with a dot for each joiner and variation selector that does nothing where it stands."""
    if text.isascii() or _JOINERS_AND_SELECTORS.search(text) is None:
        return text
    kept = -1  # where the newest selector that stays is

    def judge(match: re.Match[str]) -> str:
        nonlocal kept
        at, char = match.start(), match[0]
        before = text[at - 1] if at else " "
        if _SELECTOR.match(char):
            stays = before in _KEYCAPS or _has_shape(before)
            kept = at if stays else kept
        else:
            stays = _has_shape(before) or (kept == at - 1 and at > 0)
        return char if stays else _DOT

    return _JOINERS_AND_SELECTORS.sub(judge, text)


def _has_shape(char: str) -> bool:
    """Say whether a joiner or selector can change how this character is drawn."""
    drawn = char >= _FIRST_WITH_JOINERS and unicodedata.category(char)[0] in "LMNPS"
    return drawn and ord(char) not in _TABLE and _SELECTOR.match(char) is None


def safe_text(text: str) -> str:
    """Return `text` with every control, bidirectional, invisible and unpaired surrogate made visible.

    Newline and tab stay, CRLF becomes a plain newline. Never raises.
    """
    return _visible(text, _TABLE)


def safe_line(text: str, limit: int | None = None) -> str:
    """Return `text` safe and on one line, cut to `limit` characters with an ellipsis.

    Args:
        text: Anything, of any length; only what is kept is looked at.
        limit: Most characters of the result, counted before the terminal's own wide characters.
    """
    if limit is not None and len(text) > limit:
        text = text[: max(0, limit - 1)] + "\u2026"
    return _visible(text, _LINE_TABLE)


def safe_to_type(text: str) -> str:
    """Return text that goes where a person types, with what a terminal acts on made visible.

    Unlike in `safe_text`, what draws nothing stays as it is: here it may be meant, and a stand-in would be
    sent or saved.
    """
    return _without_surrogates(text.replace("\r\n", "\n")).translate(_TYPED_TABLE)


def _visible(text: str, table: dict[int, str]) -> str:
    return _without_idle_joiners(_without_surrogates(text.replace("\r\n", "\n"))).translate(table)
