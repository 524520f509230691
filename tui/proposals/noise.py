"""Slips of the keyboard in a text, by chance and with a seed: no model, no network, the same every time."""

from __future__ import annotations

import random
import re

SHARE = 0.04
"""Of the letters that slip; at least one in a text."""
_ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
_NEIGHBOURS = {
    letter: "".join(row[place] for place in (at - 1, at + 1) if 0 <= place < len(row))
    for row in _ROWS
    for at, letter in enumerate(row)
}
_WORD = re.compile(r"[^\W\d_]{3,}")
_KEPT = re.compile(r"\S*(?:://|@|\{|\}|<|>|_)\S*")
"""Addresses, placeholders and tags: a slip there changes what is meant."""


def with_slips(text: str, chance: random.Random, share: float = SHARE) -> str:
    """Return a text with a few letters swapped, doubled, dropped, or hit beside.

    Numbers, addresses, placeholders and the first letter of a word stay, so that what is meant stays too.

    Args:
        text: Any; one without a word of three letters comes back as it is.
        chance: Decides where and how.
        share: Of the letters that may slip.
    """
    kept = [range(*found.span()) for found in _KEPT.finditer(text)]
    places = [
        place
        for found in _WORD.finditer(text)
        for place in range(found.start() + 1, found.end())
        if not any(place in span for span in kept)
    ]
    if not places:
        return text
    letters, may_slip = list(text), set(places)
    for place in chance.sample(places, max(1, round(share * len(places)))):
        letters[place] = _slipped(letters, place, chance, may_swap=place - 1 in may_slip)
    return "".join(letters)


def _slipped(letters: list[str], place: int, chance: random.Random, *, may_swap: bool) -> str:
    """Return what stands in the place of a letter; swaps it with the one before where that is the slip."""
    letter, before = letters[place], letters[place - 1]
    slips = ["double", "drop"]
    if may_swap and before.isalpha() and before != letter and len(before) == 1:
        slips.append("swap")
    if letter.lower() in _NEIGHBOURS:
        slips.append("beside")
    match chance.choice(slips):
        case "double":
            return letter * 2
        case "drop":
            return ""
        case "swap":
            letters[place - 1] = letter
            return before
        case _:
            other = chance.choice(_NEIGHBOURS[letter.lower()])
            return other.upper() if letter.isupper() else other
