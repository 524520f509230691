"""How tokens spread over the rows of a file: in all, by role, and which rows the limit cuts."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.datasets.histogram import TokenHistogram

BEYOND_KEPT = 1_000
"""Rows beyond the limit that are listed; all of them are counted."""
_FOLDED_AT = 1 << 16


@dataclass(frozen=True, slots=True)
class TokenSpread:
    """What a file's report keeps of its rows' lengths."""

    rows: TokenHistogram = field(default_factory=TokenHistogram)
    """Tokens of each row, in full."""
    roles: Mapping[str, TokenHistogram] = field(default_factory=dict)
    """Role -> its tokens in each row that has any; "framing" and "tools" stand beside the roles."""
    beyond: tuple[tuple[int, int], ...] = ()
    """(line, tokens) of rows longer than the limit, in the file's order, at most `BEYOND_KEPT`."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "rows": self.rows.as_json(),
            "roles": {role: histogram.as_json() for role, histogram in self.roles.items()},
            "beyond": [list(pair) for pair in self.beyond],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> TokenSpread:
        """Return the spread that `as_json` turned into `value`; empty for an older report."""
        if not value:
            return cls()
        return cls(
            TokenHistogram.from_json(value["rows"]),
            {role: TokenHistogram.from_json(each) for role, each in value["roles"].items()},
            tuple((line, count) for line, count in value["beyond"]),
        )


class SpreadBuilder:
    """Collects rows; its state is bounded (numbers are folded into histograms as they come).

    Args:
        limit: Most tokens of a row, or None.
    """

    def __init__(self, limit: int | None) -> None:
        self._limit = limit
        self._pending: dict[str, array[int]] = {}
        self._rows: array[int] = array("I")
        self._folded = TokenSpread(roles={})
        self._roles: dict[str, TokenHistogram] = {}
        self._beyond: list[tuple[int, int]] = []

    def add_row(self, line: int, total: int, is_cut: bool | None = None) -> None:
        """Note a row's tokens alone."""
        self._rows.append(total)
        if is_cut is None:
            is_cut = self._limit is not None and total > self._limit
        if is_cut and len(self._beyond) < BEYOND_KEPT:
            self._beyond.append((line, total))
        if len(self._rows) >= _FOLDED_AT:
            self._fold()

    def add_rows(self, totals: array[int]) -> None:
        """Note the tokens of many rows that the limit does not cut, an `array("I")`."""
        self._rows.extend(totals)
        if len(self._rows) >= _FOLDED_AT:
            self._fold()

    def add_role(self, role: str, tokens: int) -> None:
        """Note the tokens that one row has of a role; 0 is no row of it."""
        if tokens:
            self._role(role, tokens)

    def add_roles(self, role: str, tokens: array[int]) -> None:
        """Note the tokens that many rows have of a role, an `array("I")` without zeros."""
        pending = self._pending.get(role)
        if pending is None:
            pending = self._pending[role] = array("I")
        pending.extend(tokens)

    def _role(self, role: str, tokens: int) -> None:
        pending = self._pending.get(role)
        if pending is None:
            pending = self._pending[role] = array("I")
        pending.append(tokens)

    def _fold(self) -> None:
        self._folded.rows.add_many(self._rows)
        self._rows = array("I")
        for role, pending in self._pending.items():
            self._roles.setdefault(role, TokenHistogram()).add_many(pending)
        self._pending = {}

    def merge(self, later: SpreadBuilder) -> None:
        """Take over what was seen in the part of the file that follows."""
        self._fold()
        later._fold()
        self._folded.rows.merge(later._folded.rows)
        for role, histogram in later._roles.items():
            self._roles.setdefault(role, TokenHistogram()).merge(histogram)
        self._beyond += later._beyond[: BEYOND_KEPT - len(self._beyond)]

    def state(self) -> Any:
        """Return all of it as JSON values."""
        return self.spread().as_json()

    def restore(self, state: Any) -> None:
        """Make a fresh builder what the one was that `state` came from."""
        self._folded = TokenSpread.from_json(state)
        self._roles = dict(self._folded.roles)
        self._beyond = list(self._folded.beyond)

    def spread(self) -> TokenSpread:
        """Return what was collected so far."""
        self._fold()
        return TokenSpread(self._folded.rows, dict(sorted(self._roles.items())), tuple(self._beyond))
