"""Findings under their rules: folded to counts, unfolded to lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from tui.datasets.report import Finding, Report, Severity
from tui.datasets.rules import RULES
from tui.safe_text import safe_line
from tui.widgets.line_list import LineList
from tui.widgets.tones import Line, Tone, fit

SIGNS: Mapping[Severity, tuple[str, Tone]] = {
    Severity.ERROR: ("✗ error", "bad"),
    Severity.WARNING: ("! warning", "warning"),
    Severity.INFO: ("· info", "muted"),
}
"""Severity -> sign and word, and the tone that repeats what they say."""
LINTS = "Quality lints"
"""Heading above what is about quality."""
_ORDER = list(SIGNS)
_SIGN_WIDTH = max(len(text) for text, _ in SIGNS.values())


@dataclass(frozen=True, slots=True)
class Group:
    """One rule with what it found."""

    rule: str
    severity: Severity
    findings: tuple[Finding, ...]
    more: int = 0
    """Found as well, but not kept."""

    @property
    def count(self) -> int:
        """All that was found."""
        return len(self.findings) + self.more

    @property
    def is_lint(self) -> bool:
        """It is about quality, and never makes a file invalid."""
        rule = RULES.get(self.rule)
        return rule is not None and bool(rule.lints)

    @property
    def summary(self) -> str:
        """The rule in a few words."""
        rule = RULES.get(self.rule)
        return rule.summary if rule is not None else self.rule


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the list: a rule, one of its findings, or the note that there are more."""

    group: Group
    finding: Finding | None = None
    is_note: bool = False
    heading: str = ""
    """The line only says what follows."""


def group_findings(report: Report) -> list[Group]:
    """Return the findings by rule: errors first, then by how often the rule was broken."""
    by_rule: dict[str, list[Finding]] = {}
    for finding in report.findings:
        by_rule.setdefault(finding.rule, []).append(finding)
    groups = [
        Group(rule, findings[0].severity, tuple(findings), report.findings_truncated.get(rule, 0))
        for rule, findings in by_rule.items()
    ]
    return sorted(
        groups,
        key=lambda group: (group.is_lint, _ORDER.index(group.severity), -group.count, group.rule),
    )


class FindingList(LineList):
    """The findings of a report; enter on a line opens its row, space folds and unfolds a rule."""

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes=classes)
        self._groups: Sequence[Group] = ()
        self._unfolded: set[str] = set()
        self._items: list[Item] = []

    def set_groups(self, groups: Sequence[Group], *, empty: str) -> None:
        """Show these groups; a rule that was unfolded stays so, a single one comes unfolded."""
        self._groups = groups
        self.empty_text = empty
        if len(groups) == 1:
            self._unfolded.add(groups[0].rule)
        self._lay_out()
        self.cursor = 0

    def _lay_out(self) -> None:
        self._items = []
        for index, group in enumerate(self._groups):
            if group.is_lint and (index == 0 or not self._groups[index - 1].is_lint):
                self._items.append(Item(group, heading=LINTS))
            self._items.append(Item(group))
            if group.rule in self._unfolded:
                self._items += [Item(group, finding) for finding in group.findings]
                self._items += [Item(group, is_note=True)] if group.more else []
        self.items_changed()

    @property
    def current(self) -> Item | None:
        """What the cursor is on."""
        return self._items[self.cursor] if self._items else None

    def toggle_fold(self) -> None:
        """Fold or unfold the rule under the cursor; the cursor stays on the rule."""
        item = self.current
        if item is None:
            return
        self._unfolded ^= {item.group.rule}
        self._lay_out()
        self.cursor = next(
            index
            for index, known in enumerate(self._items)
            if known.group.rule == item.group.rule and not known.heading
        )

    def toggle_all(self) -> None:
        """Unfold every rule, or fold all of them when every one is unfolded."""
        rules = {group.rule for group in self._groups}
        self._unfolded = set() if rules <= self._unfolded else rules
        self._lay_out()

    def item_count(self) -> int:
        """Return how many lines there are."""
        return len(self._items)

    def item_line(self, index: int, width: int) -> Line:
        """Return a rule with its count, or a finding with its line number."""
        item = self._items[index]
        if item.heading:
            return ((f"{item.heading}; no file is refused for them", "muted"),)
        if item.is_note:
            return ((f"      and {item.group.more:,} more that are not listed", "muted"),)
        return (
            self._group_line(item.group, width)
            if item.finding is None
            else _finding_line(item.finding, width)
        )

    def _group_line(self, group: Group, width: int) -> Line:
        sign, tone = SIGNS[group.severity]
        fold = "▾" if group.rule in self._unfolded else "▸"
        count = f"{group.count:,}"
        room = width - 2 - _SIGN_WIDTH - 2 - len(count) - 1
        return (
            (f"{fold} ", "muted"),
            (f"{sign:<{_SIGN_WIDTH}}  ", tone),
            (fit(safe_line(group.summary, 200), room), "strong"),
            (f" {count}", ""),
        )


def _finding_line(finding: Finding, width: int) -> Line:
    place = "    file" if finding.line is None else f"    line {finding.line:,}"
    place += "  "
    room = max(1, width - cell_len(place))
    return ((place, "accent"), (fit(safe_line(finding.message, 400), room), ""))
