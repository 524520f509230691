"""What is asked of a conversion, and the account of what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.datasets.convert.losses import BadRow, Loss
from tui.datasets.convert.mapping import ColumnMapping, Role, SourceShape
from tui.datasets.convert.records import SourceOptions
from tui.datasets.convert.targets import Target
from tui.safe_text import safe_line


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """What is asked of a conversion."""

    source: SourceOptions = field(default_factory=SourceOptions)
    shape: SourceShape | None = None
    """What the rows are; None finds out."""
    overrides: Mapping[str, Role] = field(default_factory=dict)
    """Column -> role, instead of what was found out."""
    target_shape: str | None = None
    """Name of a shape to write; None takes OpenAI's form of these rows."""
    provider: str | None = None
    skip_bad: bool = False
    """Leave bad rows out instead of writing nothing."""
    lossless: bool = False
    """Write nothing when anything would be lost."""
    force: bool = False


@dataclass(frozen=True, slots=True)
class Conversion:
    """What a conversion did. All text is safe to show."""

    source: str
    target: str
    source_kind: str
    mapping: ColumnMapping | None
    to: Target
    rows_read: int
    rows_written: int
    bad_count: int
    bad_rows: tuple[BadRow, ...]
    """The first ones."""
    losses: tuple[Loss, ...]
    notes: tuple[str, ...]
    place: str
    """What rows are numbered by: "line", or "row" where several stand on one line."""
    written: bool
    """False when bad rows (or losses that were not allowed) kept the file from being written."""

    def account(self, most_bad_rows: int) -> list[str]:
        """Return what was not carried over and which rows were left out, a line each, for a person."""
        lines = [f"{loss.sentence(self.place)}" for loss in self.losses]
        shown = self.bad_rows[:most_bad_rows]
        lines += [f"{self.place} {row.line:,}: {row.reason}" for row in shown]
        if more := self.bad_count - len(shown):
            lines.append(f"and {more:,} more row{'' if more == 1 else 's'}")
        return lines

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        roles = (
            {safe_line(column, 200): role.value for column, role in self.mapping.roles}
            if self.mapping
            else {}
        )
        return {
            "source": self.source,
            "target": self.target,
            "written": self.written,
            "source_kind": self.source_kind,
            "from": self.mapping.shape.value if self.mapping else "chats",
            "reason": self.mapping.reason if self.mapping else "",
            "mapping": roles,
            "to": self.to.shape.value,
            "provider": self.to.rules.name or None,
            "rows_read": self.rows_read,
            "rows_written": self.rows_written,
            "bad_rows": self.bad_count,
            "bad": [{"line": row.line, "reason": row.reason} for row in self.bad_rows],
            "losses": [loss.as_json() for loss in self.losses],
            "numbered_by": self.place,
            "notes": list(self.notes),
        }
