"""Where two answers differ: by word, and by the token at which they part."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tui.records.chats import TokenLogprob
from tui.unspaced import UNSPACED

MOST_WORDS = 2_000
"""Beyond this an answer's words are compared line by line: matching words is quadratic."""
_WORDS = re.compile(rf"\s+|[{UNSPACED}]|(?:(?![{UNSPACED}])\w)+|[^\w\s]")
_LINES = re.compile(r"[^\n]*\n|[^\n]+")


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of an answer."""

    text: str
    differs: bool
    """It has no counterpart in the other answer."""


def word_differences(first: str, second: str) -> tuple[tuple[Piece, ...], tuple[Piece, ...]]:
    """Return both texts in pieces, each marked whether the other text has it at that place.

    The pieces of a text, put together, are the text.
    """
    words = _parts(first, _WORDS), _parts(second, _WORDS)
    if max(map(len, words)) > MOST_WORDS:
        words = _parts(first, _LINES), _parts(second, _LINES)
    left: list[Piece] = []
    right: list[Piece] = []
    for tag, a, b, c, d in SequenceMatcher(
        None, *words, autojunk=max(map(len, words)) > MOST_WORDS
    ).get_opcodes():
        for pieces, part in ((left, words[0][a:b]), (right, words[1][c:d])):
            if part:
                pieces.append(Piece("".join(part), tag != "equal"))
    return tuple(left), tuple(right)


def _parts(text: str, pattern: re.Pattern[str]) -> list[str]:
    return pattern.findall(text)


@dataclass(frozen=True, slots=True)
class Parting:
    """The first token in which two answers differ, and how sure each model was of its own."""

    index: int
    """Tokens that they have in common before it."""
    before: str
    """The last of what both say."""
    tokens: tuple[str, str]
    """Empty for an answer that ends there."""
    probabilities: tuple[float | None, float | None]
    """Of each token, by the model that wrote it; None for an answer that ends there."""
    other_probabilities: tuple[float | None, float | None]
    """Each model's for the other's token; None where it is not among the alternatives that were told."""


_BEFORE = 60


def parting(first: Sequence[TokenLogprob], second: Sequence[TokenLogprob]) -> Parting | None:
    """Return where two answers part; None when they are the same, or one has no logprobs.

    Models with different vocabularies cut the same text into other tokens: what counts is the text, and the
    tokens told are those in which the texts part.
    """
    if not first or not second:
        return None
    places, rests = [0, 0], ["", ""]
    sides = (first, second)
    while True:
        for which in (0, 1):
            if not rests[which] and places[which] < len(sides[which]):
                rests[which] = sides[which][places[which]].token
                places[which] += 1
        shared = min(map(len, rests))
        if not shared:  # one of them has ended
            return None if rests == ["", ""] else _parting(sides, places, rests)
        if rests[0][:shared] != rests[1][:shared]:
            return _parting(sides, places, rests)
        rests = [rest[shared:] for rest in rests]


def _parting(
    sides: tuple[Sequence[TokenLogprob], Sequence[TokenLogprob]], places: list[int], rests: list[str]
) -> Parting:
    # A side whose rest is empty has ended: of the other one, the token that goes on is told.
    one, two = (
        side[place - 1] if rest else None for side, place, rest in zip(sides, places, rests, strict=True)
    )
    common = max(place - bool(rest) for place, rest in zip(places, rests, strict=True))
    before = "".join(
        token.token
        for token in sides[0][max(0, places[0] - bool(rests[0]) - 20) : places[0] - bool(rests[0])]
    )
    return Parting(
        common, before[-_BEFORE:],
        (one.token if one else "", two.token if two else ""),
        (_probability(one), _probability(two)),
        (_of_other(one, two), _of_other(two, one)),
    )  # fmt: skip


def _probability(token: TokenLogprob | None) -> float | None:
    return None if token is None else math.exp(token.logprob)


def _of_other(mine: TokenLogprob | None, other: TokenLogprob | None) -> float | None:
    if mine is None or other is None:
        return None
    for token, logprob in mine.alternatives:
        if token == other.token:
            return math.exp(logprob)
    return None
