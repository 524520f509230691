"""How many different system messages a file has, and which of them were meant to be one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Self

from tui.datasets.findings import FindingCollector
from tui.datasets.lints.protocol import LintRow

_MOST_VARIANTS = 1_000
_KEPT_WHOLE = 2_000
"""Longer messages are remembered by their digest."""


@dataclass(slots=True)
class _Variant:
    normal: str
    """The text without regard to spaces and letter case, or its digest."""
    first_line: int
    rows: int = 0


class SystemMessages:
    """The different system messages of a file, up to a thousand."""

    def __init__(self) -> None:
        self._variants: dict[str, _Variant] = {}
        self._too_many = False

    def row(self, row: LintRow) -> None:
        """Count the row's first system message."""
        if self._too_many:
            return
        text = next((said.text for said in row.text.said if said.role in ("system", "developer")), None)
        if text is None:
            return
        key = _short(text)
        variant = self._variants.get(key)
        if variant is None:
            normal = _short(" ".join(text.split()).casefold())
            variant = self._variants[key] = _Variant(normal, row.line)
            self._check_room()
        variant.rows += 1

    def _check_room(self) -> None:
        if len(self._variants) > _MOST_VARIANTS:
            self._too_many = True
            self._variants.clear()

    def merge(self, later: Self) -> None:
        """Add the later part's messages."""
        self._too_many = self._too_many or later._too_many
        if self._too_many:
            self._variants.clear()
            return
        for key, theirs in later._variants.items():
            ours = self._variants.setdefault(key, _Variant(theirs.normal, theirs.first_line))
            ours.rows += theirs.rows
        self._check_room()

    def state(self) -> Any:
        """Return each message with its rows."""
        variants = [[key, one.normal, one.first_line, one.rows] for key, one in self._variants.items()]
        return [self._too_many, variants]

    def restore(self, state: Any) -> None:
        """Take each message with its rows."""
        self._too_many, variants = state
        self._variants = {key: _Variant(normal, line, rows) for key, normal, line, rows in variants}

    def finish(self, findings: FindingCollector) -> None:
        """Report how many there are, and those that differ only in form."""
        if self._too_many:
            findings.add("many-systems", f"There are more than {_MOST_VARIANTS:,} different system messages.")
            return
        if len(self._variants) < 2:
            return
        most = max(self._variants.values(), key=lambda variant: variant.rows)
        total = sum(variant.rows for variant in self._variants.values())
        findings.add(
            "many-systems",
            f"There are {len(self._variants):,} different system messages; the most frequent stands in "
            f"{most.rows:,} of {total:,} rows, first in line {most.first_line:,}.",
        )
        groups: defaultdict[str, list[_Variant]] = defaultdict(list)
        for variant in self._variants.values():
            groups[variant.normal].append(variant)
        for group in groups.values():
            _report_group(group, findings)


def _report_group(group: list[_Variant], findings: FindingCollector) -> None:
    main = max(group, key=lambda variant: variant.rows)
    for variant in group:
        if variant is not main:
            rows = "1 row has" if variant.rows == 1 else f"{variant.rows:,} rows have"
            findings.add(
                "system-variants",
                f"It differs from the system message of line {main.first_line:,} ({main.rows:,} rows) "
                f"only in spaces or letter case; {rows} it.",
                line=variant.first_line,
                path="$",
                column=1,
            )


def _short(text: str) -> str:
    if len(text) <= _KEPT_WHOLE:
        return text
    return "#" + blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
