"""Shorter forms of a system prompt: its beginning, in whole sentences or lines.

A cut prompt keeps whole sentences or lines from its beginning, as many as fit into its share of tokens; where
not even the first fits, as many words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.datasets.tokens import TextTokenizer
from tui.errors import TunedeckError

SHARES = (100, 50, 25, 10, 0)
"""Percent of the prompt's tokens that are tried."""
_PIECE = re.compile(r"(?<=[.!?。！？])\s+|\n+")
_LONGEST_PROMPT = 1 << 20


@dataclass(frozen=True, slots=True)
class Prompt:
    """One length of the system prompt."""

    share: int
    """Percent of the whole prompt's tokens that it may have."""
    text: str
    tokens: int


def cut_prompt(text: str, share: int, tokenizer: TextTokenizer) -> str:
    """Return the beginning of a prompt that has at most so many percent of its tokens."""
    if share >= 100:
        return text
    room = tokenizer.count(text) * share // 100
    for pieces in (_pieces(text), re.findall(r"\s*\S+", text)):
        kept = ""
        for piece in pieces:
            if tokenizer.count((kept + piece).rstrip()) > room:
                break
            kept += piece
        if kept.strip():
            return kept.rstrip()
    return ""


def _pieces(text: str) -> list[str]:
    """Return sentences and lines, each with the space that follows it."""
    ends = [match.end() for match in _PIECE.finditer(text)]
    starts = [0, *ends]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True) if start < end]


def prompts_of(
    whole: str, shares: Sequence[int], variants: Sequence[str], tokenizer: TextTokenizer
) -> tuple[Prompt, ...]:
    """Return the lengths of a prompt that are tried: the whole one first, equal ones once.

    Raises:
        TunedeckError: The prompt is empty.
    """
    full = tokenizer.count(whole)
    if not full:
        raise TunedeckError("The system prompt is empty, so there is nothing to cut.", "")
    found: dict[str, Prompt] = {}
    for share in sorted({100, *shares}, reverse=True):
        text = cut_prompt(whole, share, tokenizer)
        found.setdefault(text, Prompt(share if text else 0, text, tokenizer.count(text)))
    for text in variants:
        tokens = tokenizer.count(text)
        found.setdefault(text, Prompt(round(100 * tokens / full), text, tokens))
    return tuple(sorted(found.values(), key=lambda one: (one.text != whole, -one.tokens)))


def parse_shares(text: str) -> tuple[int, ...]:
    """Return the percentages in a text like `100,50,25`.

    Raises:
        TunedeckError: Not all are whole numbers from 0 to 100.
    """
    try:
        shares = tuple(int(part) for part in text.split(","))
    except ValueError:
        shares = (-1,)
    if not all(0 <= share <= 100 for share in shares):
        raise TunedeckError(f"{text}: not all are percentages.", "Write them like 100,50,25,10,0.")
    return shares


def read_prompt(path: Path) -> str:
    """Return the prompt that a file holds.

    Raises:
        TunedeckError: It can't be read, is no UTF-8, or is far too long.
    """
    try:
        if path.stat().st_size > _LONGEST_PROMPT:
            raise TunedeckError(
                f"{path} is over 1 MB, which no prompt is.", "Give a file with the prompt alone."
            )
        return path.read_text("utf-8").strip()
    except UnicodeDecodeError:
        raise TunedeckError(f"{path} is no UTF-8 text.", "Save it as UTF-8.") from None
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "Check the path.") from None
