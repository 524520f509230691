"""From the bytes of tokens to text that can be sent: whole characters, no stop strings, logprobs in step."""

from __future__ import annotations

import codecs
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from tui.engine.serving.stop_strings import StopMatcher


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """One token's natural-log probability, and the likeliest alternatives at its place."""

    token_id: int
    token: bytes
    logprob: float | None
    """None for the first token of a text, which nothing predicts."""
    alternatives: tuple[tuple[bytes, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that may be sent now, with the logprobs of the tokens that began in it."""

    text: str
    logprobs: tuple[TokenLogprob, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.text or self.logprobs)


class TextStream:
    """Decodes one answer as its tokens arrive.

    Args:
        stops: Strings that end the answer and are not part of it.
    """

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._matcher = StopMatcher(stops)
        self._decoded = 0
        self._sent = 0
        self._waiting: deque[tuple[int, TokenLogprob]] = deque()

    @property
    def stopped(self) -> bool:
        """Whether a stop string has been found."""
        return self._matcher.matched is not None

    def feed(self, token: bytes, logprob: TokenLogprob | None = None) -> Piece:
        """Take one token's bytes and return what can be sent now, which may be nothing."""
        if logprob is not None:
            self._waiting.append((self._decoded, logprob))
        text = self._decoder.decode(token)
        self._decoded += len(text)
        return self._release(self._matcher.feed(text))

    def finish(self, *, cut_short: bool = False) -> Piece:
        """Return what was held back.

        Args:
            cut_short: The token limit ended the answer, so an unfinished character is dropped instead of
                being shown as a replacement character.
        """
        tail = "" if cut_short else self._decoder.decode(b"", final=True)
        piece = self._release(self._matcher.feed(tail) + self._matcher.finish())
        if self.stopped:
            return piece
        rest = tuple(entry for _, entry in self._waiting)
        self._waiting.clear()
        return Piece(piece.text, piece.logprobs + rest)

    def _release(self, text: str) -> Piece:
        self._sent += len(text)
        ready: list[TokenLogprob] = []
        while self._waiting and self._waiting[0][0] < self._sent:
            ready.append(self._waiting.popleft()[1])
        return Piece(text, tuple(ready))
