"""Lines that follow each other, read: plain rows at once, and what each of the others parses to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.datasets.duplicates import LineHashes
from tui.datasets.parsing import ParseProblem, parse_line
from tui.datasets.plain_rows import PlainRows, plain_rows

Parsed = tuple[Any, ParseProblem | None]


@dataclass(frozen=True, slots=True)
class ReadLines:
    """Some lines of a file, each of them a plain row or unusual."""

    first_line: int
    """Number of the first of them, from 1."""
    lines: Sequence[bytes]
    too_long: Mapping[int, int]
    """Line number -> bytes, of lines that were cut; of other lines, too."""
    plain: PlainRows
    unusual: Mapping[int, Parsed | None]
    """Place from 0 -> what the line parses to; None where it is blank or was cut."""

    @classmethod
    def of(
        cls, first_line: int, lines: Sequence[bytes], too_long: Mapping[int, int], *, may_be_plain: bool
    ) -> ReadLines:
        """Read lines; `may_be_plain` looks for plain rows among them."""
        if any(first_line <= number < first_line + len(lines) for number in too_long):
            may_be_plain = False  # what was kept of a line that was cut may be a row by itself
        plain = plain_rows(lines) if may_be_plain else PlainRows()
        places: Sequence[int] = range(len(lines))
        if plain.places:
            known = set(plain.places)
            places = [place for place in places if place not in known] if len(known) < len(lines) else ()
        unusual = {
            place: None
            if not (line := lines[place]) or line.isspace() or first_line + place in too_long
            else parse_line(line)
            for place in places
        }
        return cls(first_line, lines, too_long, plain, unusual)

    @property
    def are_examples(self) -> bool:
        """No line is blank or was cut."""
        return None not in self.unusual.values()

    @property
    def are_mostly_plain(self) -> bool:
        """At least half are plain rows."""
        return 2 * len(self.plain.places) >= len(self.lines)

    def hash(self, hashes: LineHashes) -> None:
        """Remember the lines that are valid JSON."""
        without = {place for place, read in self.unusual.items() if read is None or read[1] is not None}
        if not without:
            hashes.add_many(self.first_line, self.lines)
            return
        for place, line in enumerate(self.lines):
            if place not in without:
                hashes.add(self.first_line + place, line)

    def without_system(self) -> list[int]:
        """Return the numbers of plain rows that have no system message."""
        rows = zip(self.plain.places, self.plain.roles, strict=True)
        return [self.first_line + place for place, roles in rows if "system" not in roles]
