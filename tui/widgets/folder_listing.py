"""What is in a folder, datasets first; rows are counted only where that is quick."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

DATASET_ENDINGS = (".jsonl", ".ndjson", ".json")
IMPORTABLE_ENDINGS = (".csv", ".tsv", ".tab", ".parquet", ".pq", ".xlsx", ".xlsm")
MOST_ENTRIES = 5_000
"""Entries of one folder that are listed."""
COUNT_BUDGET = 256 * 1024 * 1024
"""Bytes of files, together, whose lines are counted when a folder is shown (about a quarter of a second)."""
_CHUNK = 1 << 20
_BLANK_RUN = re.compile(rb"\n\s*\n")
"""The end of a line and every blank line after it."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A folder or a file."""

    path: Path
    is_folder: bool
    size: int = 0

    @property
    def is_dataset(self) -> bool:
        """True for a file whose name ends like a dataset's."""
        return not self.is_folder and self.path.suffix.lower() in DATASET_ENDINGS

    @property
    def is_importable(self) -> bool:
        """True for a file that a dataset can be made of."""
        return not self.is_folder and self.path.suffix.lower() in IMPORTABLE_ENDINGS

    @property
    def order(self) -> tuple[int, str]:
        """Datasets first, then folders, then the rest; each by name."""
        rank = 0 if self.is_dataset else 1 if self.is_folder else 2
        return rank, self.path.name.casefold()


def list_folder(folder: Path) -> list[Entry]:
    """Return a folder's visible entries in their order; unreadable ones are left out.

    Raises:
        OSError: The folder itself can't be read.
    """
    entries = []
    with os.scandir(folder) as found:
        for item in found:
            if item.name.startswith("."):
                continue
            try:
                facts = item.stat()
            except OSError:
                continue
            if stat.S_ISDIR(facts.st_mode) or stat.S_ISREG(facts.st_mode):
                entries.append(Entry(Path(item.path), stat.S_ISDIR(facts.st_mode), facts.st_size))
            if len(entries) >= MOST_ENTRIES:
                break
    return sorted(entries, key=lambda entry: entry.order)


def count_rows(entries: list[Entry]) -> Iterator[tuple[Path, int]]:
    """Yield the rows (no blank lines) of each dataset, smallest first, until the budget is used up."""
    budget = COUNT_BUDGET
    for entry in sorted((entry for entry in entries if entry.is_dataset), key=lambda entry: entry.size):
        budget -= entry.size
        if budget < 0:
            return
        try:
            yield entry.path, _count_lines(entry.path)
        except OSError:
            continue


def _count_lines(path: Path) -> int:
    """Return the lines that are not blank, as the check counts examples; memory stays at one chunk."""
    lines, has_text = 0, False  # has_text: of the line that the chunks read so far left unended
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            first, last = chunk.find(b"\n"), chunk.rfind(b"\n")
            if first < 0:
                has_text = has_text or not chunk.isspace()
                continue
            lines += has_text or bool(chunk[:first].strip())
            lines += chunk.count(b"\n", first + 1, last + 1)
            for run in _BLANK_RUN.finditer(chunk, first, last + 1):
                lines -= chunk.count(b"\n", *run.span()) - 1
            has_text = bool(chunk[last + 1 :].strip())
    return lines + has_text
