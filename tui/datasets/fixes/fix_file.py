"""Fixes a whole file in one pass and bounded memory: rows that are right keep their bytes."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

from tui.datasets.atomic import new_file
from tui.datasets.files import unchanged_file
from tui.datasets.fixes import FIXES
from tui.datasets.fixes.base import REMOVED
from tui.datasets.fixes.file_fixes import FILE_FIXES, repaired
from tui.datasets.fixes.row_rules import RowVerdict, judge
from tui.datasets.formats import DatasetFormat, detect_format
from tui.datasets.lines import LineReader
from tui.datasets.parsing import parse_line
from tui.errors import TunedeckError

_MOST_ROUNDS = 8
REPEATED = "duplicate-row"


@dataclass(frozen=True, slots=True)
class RowChange:
    """One row that was fixed."""

    line: int
    """In the file, from 1."""
    before: bytes
    after: tuple[bytes, ...]
    rules: tuple[str, ...]
    """The rules whose fixes were applied, in that order."""


@dataclass(slots=True)
class FixResult:
    """What a pass did."""

    rows: int = 0
    changed: int = 0
    removed: int = 0
    by_rule: Counter[str] = field(default_factory=Counter)
    """Rule -> rows that its fix changed."""
    whole_file: tuple[str, ...] = ()
    """Rules whose fixes made JSON lines of the file, before its rows were looked at."""

    @property
    def changes(self) -> bool:
        """True when anything is not as it was."""
        return bool(self.by_rule or self.whole_file)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "rows": self.rows,
            "changed": self.changed,
            "removed": self.removed,
            "fixes": dict(sorted(self.by_rule.items())),
            "whole_file": list(self.whole_file),
        }


def fix_row(
    line: bytes, rules: Collection[str], dataset_format: DatasetFormat = DatasetFormat.UNKNOWN
) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """Apply the fixes of some rules until none has anything left to do.

    Returns:
        What the row becomes, and the rules whose fixes were applied.
    """
    wanted = [fix for rule, fix in FIXES.items() if rule in rules and not fix.needs_finding]
    rows: list[bytes] = [line]
    applied: list[str] = []
    verdicts: dict[bytes, RowVerdict] = {}
    """Each row as it was on the way, judged once for all fixes."""
    for _ in range(_MOST_ROUNDS):
        before = len(applied)
        for fix in wanted:
            after: list[bytes] = []
            for row in rows:
                if row not in verdicts:
                    verdicts[row] = judge(row, dataset_format)
                fixed = fix.apply(row, None, dataset_format, verdict=verdicts[row])
                if fixed is not None:
                    applied.append(fix.rule)
                after.extend((row,) if fixed is None else fixed.rows)
            rows = after
        if len(applied) == before:
            break
    return tuple(rows), tuple(dict.fromkeys(applied))


def fix_file(
    path: Path,
    rules: Collection[str],
    output: BinaryIO | None = None,
    *,
    dataset_format: DatasetFormat = DatasetFormat.UNKNOWN,
    on_change: Callable[[RowChange], None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> FixResult:
    """Apply the fixes of some rules to a file as a whole and to every row.

    Memory: a line at a time; with duplicate-row some 60 bytes for each row. After a fix of the whole file a
    row's number is that of its new line.

    Args:
        path: The file.
        rules: Whose fixes.
        output: Where the rows go; None only looks.
        dataset_format: Of the rows; UNKNOWN finds it out.
        on_change: Called with every row that changes.
        on_progress: Called with (bytes done, bytes in all).

    Raises:
        TunedeckError: The file can't be read, was written to meanwhile, has a line above 256 MB, or can't be
            made JSON lines.
    """
    result, seen = FixResult(), set[bytes]()
    for number, line, line_end in _lines(path, rules, result, on_progress):
        if dataset_format is DatasetFormat.UNKNOWN and line.strip():
            dataset_format = detect_format([parse_line(line)[0]])
        result.rows += 1
        after, applied = (
            ((line,), ()) if _is_right(line, rules, dataset_format) else fix_row(line, rules, dataset_format)
        )
        if REPEATED in rules:
            kept = tuple(row for row in after if _is_new(row, seen))
            applied = applied if kept == after else (*applied, REPEATED)
            after = kept
        if applied:
            result.by_rule.update(applied)
            result.changed += bool(after)
            result.removed += after == REMOVED.rows
            if on_change:
                on_change(RowChange(number, line, after, applied))
        if output is not None:
            ends = [line_end or b"\n"] * (len(after) - 1) + [line_end]
            output.writelines(row + end for row, end in zip(after, ends, strict=False))
    return result


def free_name(path: Path) -> Path:
    """Return the name of a new file beside one that is fixed; none that is taken."""
    for number in range(1, 10_000):
        ending = "fixed" if number == 1 else f"fixed-{number}"
        target = path.with_name(f"{path.stem}.{ending}.jsonl")
        if not os.path.lexists(target):
            return target
    raise TunedeckError(f"There are too many fixed files beside {path}.", "Delete some.")


def fix_whole_file(
    path: Path, target: Path, *, on_progress: Callable[[int, int], None] | None = None
) -> FixResult:
    """Make JSON lines of a file whose encoding, line ends or form is another; its rows stay as they are.

    Args:
        path: The file.
        target: The new one, which must not exist.
        on_progress: Called with (bytes done, bytes in all); may raise to stop, and nothing is left.

    Raises:
        TunedeckError: As `fix_file`; there was nothing to fix; or the target can't be written.
    """
    with new_file(target, like=path) as stream:
        result = fix_file(path, frozenset(FILE_FIXES), stream, on_progress=on_progress)
        if not result.whole_file:
            raise TunedeckError(
                f"{path} can't be made JSON lines of safely.", "tunedeck convert may know its shape."
            )
    return result


def _is_right(line: bytes, rules: Collection[str], dataset_format: DatasetFormat) -> bool:
    """Spare a row without findings the search for fixes; lints look for themselves."""
    of_rows = [FIXES[rule] for rule in rules if rule in FIXES]
    looks = any(fix.finds_itself for fix in of_rows)
    return not of_rows or (not looks and judge(line, dataset_format).rules.isdisjoint(rules))


def _is_new(row: bytes, seen: set[bytes]) -> bool:
    digest = blake2b(row.strip(), digest_size=8).digest()
    if not row.strip() or digest not in seen:
        seen.add(digest)
        return True
    return False


def _lines(
    path: Path,
    rules: Collection[str],
    result: FixResult,
    on_progress: Callable[[int, int], None] | None,
) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield (number, line, line end); only the last one may have none."""
    with unchanged_file(path) as (stream, size):
        source, result.whole_file = repaired(_Watched(stream, size, on_progress), rules)
        last = b""

        def note_end(block: bytes) -> None:
            nonlocal last
            last = block[-1:]

        reader = LineReader(source, note_end)
        held: tuple[int, bytes] | None = None
        for first, lines in reader.batches():
            if reader.too_long:
                number = min(reader.too_long)
                raise TunedeckError(
                    f"Line {number:,} of {path} has more than 256 MB.", "Delete it, then try again."
                )
            for number, line in enumerate(lines, first):
                if held is not None:
                    yield _with_end(*held, b"\n")
                held = number, line
        if held is not None:
            yield _with_end(*held, b"\n" if last == b"\n" else b"")


class _Watched:
    """A file that tells how far it has been read."""

    def __init__(self, stream: FileIO, size: int, on_progress: Callable[[int, int], None] | None) -> None:
        self._stream = stream
        self._size = size
        self._on_progress = on_progress
        self._done = 0

    def read(self, size: int, /) -> bytes:
        block = self._stream.read(size) or b""
        self._done += len(block)
        if self._on_progress and block:
            self._on_progress(self._done, max(self._size, self._done))
        return block


def _with_end(number: int, line: bytes, line_end: bytes) -> tuple[int, bytes, bytes]:
    if line.endswith(b"\r"):
        return number, line[:-1], b"\r" + line_end
    return number, line, line_end
