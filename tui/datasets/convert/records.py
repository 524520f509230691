"""What every reader gives: records with their line, and bad rows in between."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from tui.datasets.convert.losses import BadRow

Tick = Callable[[int, int], None]
"""Called with (done, in all) as a source is read; raises ConversionCancelled to stop."""
MAX_CELL_CHARACTERS = 128 << 20
"""Longest cell that is read; ten pictures of the service's largest size would fit."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row of a source, before anything is made of it."""

    line: int
    """Where it stands, from 1: `SourceFacts.place` says of what."""
    value: dict[str, Any]
    """Column or key -> value; of a text table all values are text."""


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """How a file is to be read; None finds out."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    has_header: bool = True


@dataclass(slots=True)
class SourceFacts:
    """What was found out about a source."""

    kind: str
    """Such as "CSV, separated by semicolons, UTF-8"."""
    notes: list[str] = field(default_factory=list)
    """Guesses and oddities, each a sentence that is safe to show."""
    blank_rows: int = 0
    place: str = "line"
    """What rows are numbered by: "line", or "row" where several stand on one line."""


class RecordSource(Protocol):
    """An open file as records."""

    @property
    def facts(self) -> SourceFacts:
        """What was found out; complete when all records have been read."""
        ...

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every row once."""
        ...
