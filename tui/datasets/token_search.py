"""Text looked for in a row token by token, also where it begins in the middle of one and ends in another."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate

from tui.datasets.token_view import TokenView


class TokenSearch:
    """Searches one row; its bytes are laid end to end once, some 0.2 s for a million tokens.

    Upper and lower case of the Latin letters a to z are the same; all else has to be equal.
    """

    def __init__(self, view: TokenView) -> None:
        pieces = list(view.pieces())
        self._text = b"".join(pieces).lower()
        lengths = accumulate(map(len, pieces), initial=0)
        self._starts = array("Q", lengths)
        if self._starts:
            self._starts.pop()  # the end of the last

    def find(self, wanted: str, start: int, direction: int) -> tuple[int, int] | None:
        """Return first and last span of the nearest match, round the end of the row, or None without one.

        Args:
            wanted: What to look for.
            start: A match that begins in this span is not taken, unless it is the only one.
            direction: 1 forward, -1 back.
        """
        needle = wanted.encode("utf-8", "replace").lower()
        if not needle or not len(self._starts):
            return None
        here = self._starts[start]
        after = self._starts[start + 1] if start + 1 < len(self._starts) else len(self._text)
        if direction > 0:
            found = self._text.find(needle, after)
            found = self._text.find(needle) if found < 0 else found
        else:
            found = self._text.rfind(needle, 0, max(0, here + len(needle) - 1))
            found = self._text.rfind(needle) if found < 0 else found
        if found < 0:
            return None
        return self._span_at(found), self._span_at(found + len(needle) - 1)

    def _span_at(self, offset: int) -> int:
        """Return the span that holds a byte; those without bytes share their start with the next."""
        return bisect_right(self._starts, offset) - 1
