"""What is pasted stays text, whatever is in it.

Textual's parser (8.2.8) looks for key sequences inside a bracketed paste too: after an escape character of
the pasted text up to 32 characters leave the paste and come as keys, line ends as enter. A log with colours
that is pasted by tmux would send half a message so. The text is made harmless before that parser reads it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.driver import Driver
from textual.message import Message

_ESCAPE = "\x1b"
_SHOWN_ESCAPE = "␛"
"""As `safe_text` shows it."""


class PasteGuard:
    """Replaces escape characters between the two marks of a paste; what is read may be cut anywhere."""

    def __init__(self) -> None:
        self._is_paste = False
        self._begun = ""
        """Of a mark, which the next read may complete; held back only inside a paste."""

    def harmless(self, data: str) -> str:
        """Return what the parser may read of `data` now, with what was held back before."""
        if not self._is_paste and not self._begun and _ESCAPE not in data:
            return data
        shown = 0 if self._is_paste else len(self._begun)
        data = self._begun + data
        parts: list[str] = []
        at = 0
        while True:
            mark = BRACKETED_PASTE_END if self._is_paste else BRACKETED_PASTE_START
            found = data.find(mark, at)
            stop = len(data) if found < 0 else found
            self._begun = "" if found >= 0 else _beginning(data[at:], mark)
            if self._is_paste:
                parts.append(data[at : stop - len(self._begun)].replace(_ESCAPE, _SHOWN_ESCAPE))
            else:
                parts.append(data[at:stop])
            if found < 0:
                break
            parts.append(mark)
            at = found + len(mark)
            self._is_paste = not self._is_paste
        return "".join(parts)[shown:]


def _beginning(text: str, mark: str) -> str:
    """Return the end of `text` that may be the beginning of `mark`."""
    for length in range(min(len(mark) - 1, len(text)), 0, -1):
        if text.endswith(mark[:length]):
            return mark[:length]
    return ""


class PasteSafeParser(XTermParser):
    """Textual's parser of what a terminal sends, behind a guard."""

    def __init__(self, debug: bool = False) -> None:
        self._guard = PasteGuard()
        super().__init__(debug)

    def feed(self, data: str) -> Iterable[Message]:
        """Parse `data`; no data is the end."""
        harmless = self._guard.harmless(data)
        return super().feed(harmless) if harmless or not data else ()


def guard_pastes(driver: type[Driver]) -> None:
    """Let a driver that reads a terminal parse with `PasteSafeParser`; others stay as they are."""
    names = vars(sys.modules[driver.__module__])
    if "XTermParser" in names:
        names["XTermParser"] = PasteSafeParser
