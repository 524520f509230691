"""Characters that are not what they seem: look-alikes, invisible ones, controls, damaged text."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tui.datasets.lints.protocol import LintRow, RowLint
from tui.datasets.lints.row_text import Said

# Cyrillic and Greek letters that are drawn like Latin ones (Unicode confusables, read 2026-11-25).
_LOOK_ALIKES = frozenset(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0458\u0455\u0501\u04bb\u051b\u051d"
    "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0425\u0406\u0408\u0405"
    "\u03bf\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7"
)
_CONTROLS = "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"
_INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200d\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    "\u3164\ufeff\uffa0\U000e0000-\U000e007f"
)
_DAMAGED = "\ufffd\u00c3\u20ac"
_SUSPICIOUS = re.compile(f"[{_CONTROLS}{_INVISIBLE}{_DAMAGED}{''.join(sorted(_LOOK_ALIKES))}]")
"""One class of characters, for one walk over a text costs as much as many classes in one."""
_LATIN_RUN = re.compile(r"[A-Za-z]+")
_BROKEN = re.compile("\ufffd|\u00c3[\u0080-\u00bf]|\u00e2\u20ac[\u2122\u0153\u009d\u201c\u201d\u2013\u00a6]")
_CONTROL = re.compile(f"[{_CONTROLS}]")
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
_JOINERS = "\u200c\u200d"
_BLACK_FLAG = "\U0001f3f4"
_ESCAPE = re.compile(rb"\\[ubf]")


def _control(text: str) -> int | None:
    match = _CONTROL.search(text)
    return match.start() if match else None


def _invisible(text: str) -> int | None:
    """Return where something invisible stands that has no business there."""
    for match in _UNSEEN.finditer(text):
        start = match.start()
        before = text[start - 1] if start else ""
        if match[0] in _JOINERS and not (before.isascii() and before.isalpha()):
            continue  # emoji and the scripts of Persia and India need joiners
        if match[0] >= "\U000e0000" and (before == _BLACK_FLAG or before >= "\U000e0000"):
            continue  # tags spell the flags of regions
        return start
    return None


def _damaged(text: str) -> int | None:
    match = _BROKEN.search(text)
    return match.start() if match else None


def _look_alike(text: str) -> int | None:
    """Return where a look-alike touches a Latin letter."""
    for match in _LATIN_RUN.finditer(text):
        start, end = match.span()
        if start and text[start - 1] in _LOOK_ALIKES:
            return start - 1
        if end < len(text) and text[end] in _LOOK_ALIKES:
            return end
    return None


_KINDS: Mapping[str, tuple[str, Callable[[str], int | None]]] = {
    "control-characters": ("The text holds the control character U+{code:04X}.", _control),
    "invisible-characters": ("The text holds the invisible character U+{code:04X}.", _invisible),
    "replacement-character": ("The text was damaged by a wrong conversion at U+{code:04X}.", _damaged),
    "look-alike": ("A letter that looks Latin is U+{code:04X}.", _look_alike),
}


class Characters(RowLint):
    """Rows in pure ASCII without escapes, the most, are passed over at the speed of memory.

    Args:
        ignored: Rules that are switched off and need no look.
    """

    def __init__(self, ignored: frozenset[str] = frozenset()) -> None:
        self._rules = tuple(rule for rule in _KINDS if rule not in ignored)

    def row(self, row: LintRow) -> None:
        """Look into the row's texts, where its bytes give a reason to."""
        raw = row.raw
        plain = b"\x7f" not in raw and not _ESCAPE.search(raw)
        if plain and raw.isascii():
            return
        for said in row.text.said:
            if not (plain and said.text.isascii()) and _SUSPICIOUS.search(said.text):
                self._look(row, said)

    def _look(self, row: LintRow, said: Said) -> None:
        for rule in self._rules:
            summary, find = _KINDS[rule]
            start = find(said.text)
            if start is not None:
                row.findings.add(
                    rule,
                    summary.format(code=ord(said.text[start])),
                    said.path,
                    text=said.text[max(0, start - 20) : start + 40],
                    needle=said.text[start],
                )
