"""Every line of a file that holds a text or matches a pattern, found block by block without loading the file.

A literal takes 0.3 s for a gigabyte (`bytes.find`, one thread); a pattern is matched in processes.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tui.datasets.files import FileState, open_file
from tui.datasets.literal_search import FindNext, needle_finder
from tui.datasets.pattern_search import compile_pattern
from tui.datasets.row_pass import PassCancelled, ask_every_line, check_only_grown
from tui.errors import TunedeckError
from tui.safe_text import safe_line

MOST_HITS = 5_000_000
"""Lines that are remembered (12 bytes each); further ones are counted."""
SECONDS_FOR_PART = 10.0
"""How long a pattern may take for 4 MB; an honest one takes less than a second."""
_BLOCK = 4 << 20
_LONGEST_LINE = 256 << 20
_BEFORE, _AFTER = 30, 60
"""Characters of an excerpt around what was found."""


@dataclass(frozen=True, slots=True)
class Query:
    """What to look for."""

    text: str
    is_pattern: bool = False
    ignore_case: bool = False

    def check(self) -> None:
        """Raise a TunedeckError when this can't be searched for."""
        if self.is_pattern:
            compile_pattern(self.text, ignore_case=self.ignore_case)
        else:
            needle_finder(self.text, ignore_case=self.ignore_case)

    def __str__(self) -> str:
        return safe_line(f"/{self.text}/" if self.is_pattern else self.text, 60)


@dataclass(frozen=True, slots=True)
class Hit:
    """The first place in a line that was found."""

    line: int
    """Physical line, from 1; negative for a new row."""
    column: int
    """Character within the line, from 1."""
    length: int
    """Characters."""


@dataclass(slots=True)
class Hits:
    """Lines that were found, in the order of the file; grows while the search runs."""

    lines: array[int] = field(default_factory=lambda: array("I"))
    """Ascending. Of rows as they are shown: new ones by their own negative numbers, so first."""
    columns: array[int] = field(default_factory=lambda: array("I"))
    lengths: array[int] = field(default_factory=lambda: array("I"))
    found: int = 0
    """Lines found, also those above `MOST_HITS`."""

    def add(self, line: int, column: int, length: int) -> None:
        """Take one more; the line last, so that a reader in another thread finds the rest there already."""
        self.found += 1
        if len(self.lines) < MOST_HITS:
            self.columns.append(column)
            self.lengths.append(length)
            self.lines.append(line)

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, index: int) -> Hit:
        return Hit(self.lines[index], self.columns[index], self.lengths[index])


def find_lines(
    path: Path,
    query: Query,
    hits: Hits | None = None,
    *,
    on_progress: Callable[[int, int], None] | None = None,
    cancelled: Callable[[], bool] = lambda: False,
    most: int | None = None,
) -> Hits:
    """Return every line that holds what is looked for.

    Args:
        path: A regular file.
        query: What.
        hits: Filled while the search runs, for those who show it meanwhile.
        on_progress: Called with (bytes done, bytes in all).
        cancelled: True ends the search.
        most: The search ends after so many lines.

    Raises:
        TunedeckError: No pattern, or it takes too long; the file can't be read or is rewritten meanwhile.
        PassCancelled: `cancelled` returned True.
    """
    hits = hits if hits is not None else Hits()
    if query.is_pattern:
        _find_pattern(path, query, hits, on_progress, cancelled, most)
    else:
        _find_literal(path, query, hits, on_progress, cancelled, most)
    return hits


def _find_pattern(
    path: Path,
    query: Query,
    hits: Hits,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
    most: int | None,
) -> None:
    query.check()
    too_slow = TunedeckError(
        f"The pattern {query} takes more than {SECONDS_FOR_PART:.0f} seconds for 4 MB.",
        "Nested repetitions such as (a+)+ do that: write it without, or search for plain text.",
    )
    job = {"kind": "search", "pattern": query.text, "ignore_case": query.ignore_case}
    parts = ask_every_line(
        path,
        job,
        on_progress=on_progress,
        cancelled=cancelled,
        seconds_for_part=SECONDS_FOR_PART,
        too_slow=too_slow,
    )
    for part in parts:
        numbers = array("I")
        numbers.frombytes(part.payload)
        for at in range(0, len(numbers), 3):
            hits.add(part.first_line + numbers[at], numbers[at + 1], numbers[at + 2])
            if most is not None and hits.found >= most:
                parts.close()
                return


def _find_literal(
    path: Path,
    query: Query,
    hits: Hits,
    on_progress: Callable[[int, int], None] | None,
    cancelled: Callable[[], bool],
    most: int | None,
) -> None:
    find = needle_finder(query.text, ignore_case=query.ignore_case)
    with open_file(path) as stream:
        before = FileState.of(os.fstat(stream.fileno()))
        rest, line, done = b"", 1, 0
        while done < before.size:
            if cancelled():
                raise PassCancelled
            # A line longer than a block is read in doubling steps: joining it stays linear.
            block = stream.read(min(max(_BLOCK, len(rest)), before.size - done))
            if not block:
                break
            done += len(block)
            end = block.rfind(b"\n") + 1
            is_last = done >= before.size
            if end == 0 and not is_last and len(rest) < _LONGEST_LINE:
                rest += block
                continue
            whole = rest + (block if is_last or end == 0 else block[:end])
            rest = b"" if is_last or end == 0 else block[end:]
            line = _search_block(whole, find, line, hits, most)
            if on_progress:
                on_progress(done, before.size)
            if most is not None and hits.found >= most:
                return
    check_only_grown(path, before)


def _search_block(block: bytes, find: FindNext, line: int, hits: Hits, most: int | None) -> int:
    """Search whole lines and return the number of the line after them."""
    is_ascii = block.isascii()
    counted = position = 0
    while True:
        start, end = find(block, position)
        if start < 0:
            break
        line += block.count(b"\n", counted, start)
        line_start = block.rfind(b"\n", counted, start) + 1 or counted
        column = start - line_start if is_ascii else _characters(block[line_start:start])
        length = end - start if is_ascii else _characters(block[start:end])
        hits.add(line, column + 1, max(1, length))
        if most is not None and hits.found >= most:
            return line
        counted = position = block.find(b"\n", start) + 1
        if position == 0:
            return line + 1
        line += 1
    return line + block.count(b"\n", counted)


def _characters(text: bytes) -> int:
    return len(text.decode("utf-8", "replace"))


def excerpt(text: str, hit: Hit) -> tuple[str, str, str]:
    """Return what stands before, at and after a hit in its line, short, on one line and safe.

    Args:
        text: The line, as `Row.raw` has it.
        hit: Where.
    """
    start = hit.column - 1
    end = start + min(hit.length, 200)
    first = max(0, start - _BEFORE)
    before = safe_line(text[first:start])
    after = safe_line(text[end : end + _AFTER])
    return (
        "…" + before if first else before,
        safe_line(text[start:end]),
        after + "…" if end + _AFTER < len(text) else after,
    )


def found_text(text: str, hit: Hit) -> str:
    """Return what was found as it reads, JSON's escapes resolved; not yet safe."""
    import json

    written = text[hit.column - 1 : hit.column - 1 + min(hit.length, 1_000)]
    try:
        value = json.loads(f'"{written}"', strict=False)
    except ValueError:
        return written
    return value if isinstance(value, str) else written
