"""What a change does to a row, line by line of its JSON laid out, with the characters that differ."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from tui.datasets.row_layout import text_to_edit
from tui.safe_text import safe_line

_CONTEXT = 2
"""Lines shown around what differs."""
_MOST_COMPARED = 600
"""Lines that differ and are still compared with each other; more are shown as removed and added."""
_MOST_SHOWN = 400
_MOST_CHARACTERS = 2_000


@dataclass(frozen=True, slots=True)
class DiffLine:
    """One line of a diff; safe to show."""

    sign: str
    """"-" before, "+" after, " " both, "…" lines left out."""
    text: str
    start: int = 0
    """First character that differs from the line it stands against."""
    end: int = 0


def diff_rows(before: bytes, after: tuple[bytes, ...]) -> list[DiffLine]:
    """Return the difference; () after is a row that is removed.

    Args:
        before: The row.
        after: What takes its place, each without line end.
    """
    old = _lines(before)
    new = [line for row in after for line in _lines(row)]
    shown = list(_diff(old, new))
    if len(shown) > _MOST_SHOWN:
        more = len(shown) - _MOST_SHOWN
        shown[_MOST_SHOWN:] = [DiffLine("…", f"{more:,} more lines")]
    return shown


def _lines(row: bytes) -> list[str]:
    return text_to_edit(row).split("\n")


def _diff(old: list[str], new: list[str]) -> Iterator[DiffLine]:
    # The ends that are alike are cut off first: comparing all of a large row takes time with its square.
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    yield from _context(old[:head], at_end=True)
    old_middle, new_middle = old[head : len(old) - tail], new[head : len(new) - tail]
    if max(len(old_middle), len(new_middle)) > _MOST_COMPARED:
        yield from _replaced(old_middle, new_middle)
    else:
        matcher = SequenceMatcher(None, old_middle, new_middle, autojunk=False)
        for tag, old_start, old_end, new_start, new_end in matcher.get_opcodes():
            if tag == "equal":
                yield from _context(old_middle[old_start:old_end], at_end=False, both=True)
            else:
                yield from _replaced(old_middle[old_start:old_end], new_middle[new_start:new_end])
    yield from _context(old[len(old) - tail :] if tail else [], at_end=False)


def _alike(old: Sequence[str], new: Sequence[str]) -> int:
    """Return how many items both begin with."""
    pairs = enumerate(zip(old, new, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(old), len(new)))


def _context(lines: list[str], *, at_end: bool, both: bool = False) -> Iterator[DiffLine]:
    """Yield the lines next to a difference, and a note in place of the others."""
    keep = 2 * _CONTEXT if both else _CONTEXT
    if len(lines) <= keep + 1:
        yield from (_line(" ", line) for line in lines)
        return
    first = [] if at_end else lines[:_CONTEXT]
    last = lines[-_CONTEXT:] if at_end or both else []
    yield from (_line(" ", line) for line in first)
    yield DiffLine("…", f"{len(lines) - len(first) - len(last):,} lines")
    yield from (_line(" ", line) for line in last)


def _replaced(old: list[str], new: list[str]) -> Iterator[DiffLine]:
    pairs = min(len(old), len(new))
    for index in range(pairs):
        yield from _pair(old[index], new[index])
    yield from (_line("-", line) for line in old[pairs:])
    yield from (_line("+", line) for line in new[pairs:])


def _pair(old: str, new: str) -> Iterator[DiffLine]:
    head = _alike(old, new)
    tail = _alike(old[head:][::-1], new[head:][::-1])
    # Whole words are easier to compare than the letters that differ in them.
    while head and old[head - 1].isalnum():
        head -= 1
    while tail and old[len(old) - tail].isalnum():
        tail -= 1
    for sign, line in (("-", old), ("+", new)):
        yield _line(sign, line, head, len(line) - tail)


def _line(sign: str, line: str, start: int = 0, end: int = 0) -> DiffLine:
    """Return a line cut so that what differs is in it."""
    first = max(0, start - 200) if len(line) > _MOST_CHARACTERS else 0
    cut = line[first : first + _MOST_CHARACTERS]
    lead = "…" if first else ""
    rest = "…" if first + _MOST_CHARACTERS < len(line) else ""
    shift = len(lead) - first
    text = lead + safe_line(cut) + rest
    return DiffLine(sign, text, max(0, start + shift), min(len(text), max(0, end + shift)))
