"""What a conversion can't carry over, counted by name with the first lines; nothing is lost in silence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui.safe_text import safe_line

_LINES_KEPT = 5
_NAMES_PER_KIND = 200
"""Distinct names that are counted by themselves; a file may have any number of keys."""
BAD_ROWS_KEPT = 1_000


class RowProblem(Exception):
    """A row that can't be converted, for a reason in words."""


class ConversionCancelled(Exception):
    """The caller asked the conversion to stop."""


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that can't be converted. All text is safe to show."""

    line: int
    """Physical line (row of the sheet or table where there are no lines), from 1."""
    reason: str

    @classmethod
    def of(cls, line: int, reason: str) -> BadRow:
        """Return the bad row with its reason made safe."""
        return cls(line, safe_line(reason, 300))


@dataclass(slots=True)
class Loss:
    """One kind of thing that does not come through. All text is safe to show."""

    kind: str
    """What it is: column, image, role, weight ..."""
    name: str
    """Which one; empty where the kind says it all."""
    detail: str
    """What becomes of it."""
    count: int = 0
    lines: tuple[int, ...] = ()
    """The first few lines."""

    def sentence(self, place: str = "line") -> str:
        """Return it as one line for a person; `place` says what rows are numbered by."""
        named = f"{self.kind} {self.name}" if self.name else self.kind
        places = ", ".join(f"{line:,}" for line in self.lines)
        more = ", ..." if self.count > len(self.lines) else ""
        return f"{named}: {self.detail} ({self.count:,}x; {place} {places}{more})"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "kind": self.kind,
            "name": self.name,
            "detail": self.detail,
            "count": self.count,
            "lines": list(self.lines),
        }


class LossList:
    """All losses of one conversion.

    What a row loses is only counted when the row is written: `begin_row`, then `keep_row`.
    """

    def __init__(self) -> None:
        self._losses: dict[tuple[str, str, str], Loss] = {}
        self._names: dict[str, int] = {}
        self._pending: list[tuple[str, str, str]] = []
        self._line = 0

    def begin_row(self, line: int) -> None:
        """Go on to a row; what the row before lost is forgotten unless it was kept."""
        self._pending.clear()
        self._line = line

    def note(self, kind: str, name: str = "", detail: str = "left out") -> None:
        """Say that the row loses something; any text may be its name."""
        self._pending.append((kind, safe_line(name, 60), detail))

    def keep_row(self) -> None:
        """Count what the row loses."""
        for key in self._pending:
            self._count(key)
        self._pending.clear()

    def _count(self, key: tuple[str, str, str]) -> None:
        loss = self._losses.get(key)
        if loss is None:
            kind, name, detail = key
            if self._names.get(kind, 0) >= _NAMES_PER_KIND:
                name = "(further names)"
            key = (kind, name, detail)
            loss = self._losses.get(key)
            if loss is None:
                self._names[kind] = self._names.get(kind, 0) + 1
                loss = self._losses[key] = Loss(kind, name, detail)
        loss.count += 1
        if len(loss.lines) < _LINES_KEPT and (not loss.lines or loss.lines[-1] != self._line):
            loss.lines = (*loss.lines, self._line)

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The losses so far, the most frequent first."""
        return tuple(sorted(self._losses.values(), key=lambda loss: -loss.count))
