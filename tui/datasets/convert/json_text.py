"""JSON values one after another out of a stream of text that is never held whole."""

from __future__ import annotations

import json
from typing import Any, Protocol

from tui.datasets.convert.records import MAX_CELL_CHARACTERS
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_CHUNK = 1 << 20
_UNFINISHED_TAIL = 12
"""Characters at the end of what was read that may be the beginning of a number, -Infinity or an escape."""


class TextSource(Protocol):
    """Text that is read piece by piece."""

    def read(self, size: int, /) -> str:
        """Return about so many characters; empty only at the end."""
        ...


class JsonText:
    """A place in a text, and the values and marks that follow it.

    Args:
        text: Where it comes from.
        decoder: What reads a value.
    """

    def __init__(self, text: TextSource, decoder: json.JSONDecoder) -> None:
        self._text = text
        self._decoder = decoder
        self._buffer = ""
        self._at = 0
        self._ended = False
        self.line = 1
        """Of the place, from 1."""
        self.raw = ""
        """The text of the value read last."""

    def at_end(self) -> bool:
        """Pass blanks; return whether nothing else follows."""
        self._skip_blanks()
        return self._at >= len(self._buffer)

    def peek(self) -> str:
        """Pass blanks and return the character that follows.

        Raises:
            TunedeckError: Nothing does.
        """
        if self.at_end():
            raise self.broken("the file ends in the middle")
        return self._buffer[self._at]

    def mark(self) -> str:
        """As `peek`, and pass the character too."""
        char = self.peek()
        self._at += 1
        return char

    def value(self) -> Any:
        """Pass blanks and return the value that follows.

        Raises:
            TunedeckError: It is no JSON, or longer than any row can be.
        """
        self._skip_blanks()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if not self._may_go_on(error):
                    raise self.broken(error.msg, error.pos) from None
                if not self._read_more():
                    ended = error.pos >= len(self._buffer.rstrip()) or error.msg.startswith("Unterminated")
                    words = "the file ends in the middle" if ended else error.msg
                    raise self.broken(words, error.pos) from None
                continue
            except (ValueError, RecursionError) as error:
                words = "nested too deep" if isinstance(error, RecursionError) else str(error)
                raise self.broken(words) from None
            if end == len(self._buffer) and self._read_more():
                continue  # a number may go on
            self.raw = self._buffer[self._at : end]
            self._pass(end)
            return value

    def broken(self, words: str, position: int | None = None) -> TunedeckError:
        """Return the error for a text that can't be read on at this place."""
        end = self._at if position is None else position
        line = self.line + self._buffer.count("\n", self._at, end)
        return TunedeckError(
            f"The JSON list can't be read on line {line:,}: {safe_line(words, 200)}.",
            "Nothing after this place can be found again; mend the file there.",
        )

    def _skip_blanks(self) -> None:
        while True:
            end = self._at
            while end < len(self._buffer) and self._buffer[end] in " \t\r\n\ufeff":
                end += 1
            self._pass(end)
            if end < len(self._buffer) or not self._read_more():
                return

    def _pass(self, end: int) -> None:
        self.line += self._buffer.count("\n", self._at, end)
        self._at = end

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        if len(self._buffer) - self._at > MAX_CELL_CHARACTERS:
            return False
        return (
            error.msg.startswith("Unterminated") or error.pos >= len(self._buffer.rstrip()) - _UNFINISHED_TAIL
        )

    def _read_more(self) -> bool:
        if self._ended:
            return False
        # Twice what is waiting, so that a long value is not begun again for every chunk.
        more = self._text.read(max(_CHUNK, len(self._buffer) - self._at))
        self._ended = not more
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        return bool(more)
