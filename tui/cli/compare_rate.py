"""Blind rating line by line: a pair, a word, the next pair."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click

from tui.cli.output import narrate, say
from tui.evals.compare.blind import LEFT, RIGHT, BlindRating, as_shown, rating_of
from tui.evals.compare.session import blind_words
from tui.records.comparisons import Rating, Round
from tui.safe_text import safe_text

_BACK, _QUIT = "back", "quit"
_WORDS = {
    "l": LEFT, "left": LEFT, "r": RIGHT, "right": RIGHT, "t": Rating.TIE, "tie": Rating.TIE,
    "b": Rating.BOTH_BAD, "bad": Rating.BOTH_BAD, "u": _BACK, "back": _BACK, "q": _QUIT, "quit": _QUIT,
}  # fmt: skip


def rate_pairs(rating: BlindRating, show: Callable[[str], None] = say) -> int:
    """Show pair after pair and keep what is said of each; returns how many had no two answers.

    Args:
        rating: What is rated.
        show: Prints the pairs: on stderr where the standard output is for JSON.
    """
    missing: set[int] = set()
    history: list[int] = []
    while True:
        one = next(
            (each for each in rating.rounds if each.rating is None and each.number not in missing), None
        )
        if one is None:
            return len(missing)
        if None in rating.answers(one):
            missing.add(one.number)
            continue
        _show(rating, one, show)
        word = _word()
        if word is None or word == _QUIT:
            return len(missing)
        if word == _BACK:
            if history:
                rating.rate(history.pop(), None)
            else:
                narrate("There is no rating to take back.")
            continue
        rating.rate(one.number, rating_of(word, one))
        history.append(one.number)
        narrate(blind_words(rating)[-1])


def _show(rating: BlindRating, one: Round, show: Callable[[str], None]) -> None:
    shown = as_shown(one, rating.answers(one))
    question = next((each.content for each in reversed(one.messages) if each.role == "user"), "")
    show(f"\n{one.number} of {len(rating.rounds)}\n> {safe_text(question)}")
    for name, answer in zip(("LEFT", "RIGHT"), shown, strict=True):
        show(f"\n{name}\n{safe_text(answer.text) if answer is not None else ''}")


def _word() -> str | None:
    """Return what was said of a pair; None at the end of the input."""
    while True:
        if sys.stdin.isatty():
            click.echo("l left, r right, t tie, b both bad, u back, q quit> ", nl=False, err=True)
        line = sys.stdin.readline()
        if not line:
            return None
        word = _WORDS.get(line.strip().casefold())
        if word is not None:
            return word
        narrate("Say left, right, tie, bad, back or quit.")
