"""Collects what the rules find: everything is counted, the first of each rule are kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Set
from dataclasses import replace
from typing import Any

from tui.datasets.locate import JsonPath, locate, locate_repeat, path_text
from tui.datasets.report import Finding, Severity
from tui.datasets.rules import severities_at
from tui.datasets.services import DEFAULT_SERVICE, SERVICES
from tui.safe_text import safe_line

KEPT_PER_RULE = 1_000
SHOWN_TEXT = 80
_REPEATED_KEY = "duplicate-key"
_LOCATE_BUDGET = 32_000_000
"""Bytes that may be walked through for the columns of one rule, so that huge bad lines stay cheap (0.5 s)."""


class FindingCollector:
    """All findings of one file.

    Args:
        ignored: Rules that are switched off.
        service: Whose severities count; a rule that it does not know is never broken.
        full: Rules of which enough is kept already, in an earlier part of the file; they are only counted.
    """

    def __init__(
        self,
        ignored: Set[str] = frozenset(),
        service: str = DEFAULT_SERVICE,
        full: Set[str] = frozenset(),
    ) -> None:
        self.speaks = SERVICES[service].words_of_openai
        """Whether the sentences known, which are OpenAI's, are those of the service."""
        known = severities_at(service)
        self._severities: Mapping[str, Severity] = (
            {rule: severity for rule, severity in known.items() if rule not in ignored} if ignored else known
        )
        self._full = full
        self._found: Counter[str] = Counter()
        self._kept: list[Finding] = []
        self._walked: Counter[str] = Counter()
        """Rule -> bytes walked through for columns."""
        self._placed: dict[int, tuple[int, str | None]] = {}
        """Index in `_kept` -> (bytes walked through for its column, its text without the column)."""

    def add(
        self,
        rule: str,
        message: str,
        *,
        line: int | None = None,
        column: int | None = None,
        path: str | None = None,
        text: str | None = None,
        service_text: str | None = None,
    ) -> None:
        """Count a finding and keep it while its rule has room; every text is made safe here."""
        if not self.wants(rule):
            return
        self._kept.append(
            Finding(
                rule=rule,
                severity=self._severities[rule],
                line=line,
                message=safe_line(message),
                path=None if path is None else safe_line(path, 200),
                column=column,
                text=None if text is None else safe_line(text, SHOWN_TEXT),
                service_text=None if service_text is None or not self.speaks else safe_line(service_text),
            )
        )

    def wants(self, rule: str) -> bool:
        """Count one more of a rule; return whether it is to be kept."""
        if rule not in self._severities:
            return False
        self._found[rule] += 1
        return self._found[rule] <= KEPT_PER_RULE and rule not in self._full

    @property
    def full(self) -> frozenset[str]:
        """Rules of which no further finding will be kept."""
        return frozenset(rule for rule, count in self._found.items() if count >= KEPT_PER_RULE)

    def merge(self, later: FindingCollector) -> None:
        """Take over what was found in the part of the file that follows.

        The result is what one collector would hold: of each rule the first are kept, and the budget for
        columns is spent in the order of the file.
        """
        kept = Counter(finding.rule for finding in self._kept)
        for index, finding in enumerate(later._kept):
            rule = finding.rule
            if kept[rule] >= KEPT_PER_RULE:
                continue
            kept[rule] += 1
            if index in later._placed:
                length, text = later._placed[index]
                self._walked[rule] += length
                self._placed[len(self._kept)] = length, text
                if self._walked[rule] > _LOCATE_BUDGET:
                    path = "$" if rule == _REPEATED_KEY else finding.path  # found by the walk, as its column
                    finding = replace(finding, path=path, column=None, text=text)
            self._kept.append(finding)
        self._found.update(later._found)

    def state(self) -> Any:
        """Return all of it as plain values, for another process or a file."""
        kept = [
            [one.rule, one.line, one.message, one.path, one.column, one.text, one.service_text]
            for one in self._kept
        ]
        placed = [[index, length, text] for index, (length, text) in self._placed.items()]
        return [dict(self._found), kept, dict(self._walked), placed]

    def restore(self, state: Any) -> None:
        """Make a fresh collector of the same service what the one was that `state` came from."""
        found, kept, walked, placed = state
        self._found, self._walked = Counter(found), Counter(walked)
        self._kept = [
            Finding(rule, self._severities[rule], line, message, path, column, text, service_text)
            for rule, line, message, path, column, text, service_text in kept
        ]
        self._placed = {index: (length, text) for index, length, text in placed}

    def severity(self, rule: str) -> Severity:
        """Return how bad a rule that is switched on is."""
        return self._severities[rule]

    def keep(self, finding: Finding, placed: tuple[int, str | None] | None = None) -> None:
        """Keep a finding that `wants` has counted already.

        Args:
            finding: What was found.
            placed: (bytes walked through for its column, its text without the column).
        """
        if placed is not None:
            self._placed[len(self._kept)] = placed
        self._kept.append(finding)

    def drop(self, rule: str, line: int) -> None:
        """Take back what a rule found in a line, where another says the same of the whole file."""
        at = next((at for at, one in enumerate(self._kept) if one.rule == rule and one.line == line), None)
        if at is None:
            return
        del self._kept[at]
        self._found[rule] -= 1
        self._placed = {index - (index > at): place for index, place in self._placed.items() if index != at}

    def knows(self, rule: str) -> bool:
        """Say whether a rule is switched on."""
        return rule in self._severities

    def add_uncounted(self, rule: str, more: int) -> None:
        """Count findings of a rule that nobody kept."""
        if rule in self._severities:
            self._found[rule] += more

    def place(
        self, rule: str, raw: bytes, path: JsonPath, *, at_key: bool = False, needle: str | None = None
    ) -> tuple[int | None, str | None]:
        """Return the column of a path in a line and what stands there, while the rule's budget for it lasts.

        Args:
            rule: Whose finding it is.
            raw: The line.
            path: Where to.
            at_key: To the key instead of the value.
            needle: To the first place of this text in the value, if it stands there unescaped.
        """
        self._walked[rule] += len(raw)
        if self._walked[rule] > _LOCATE_BUDGET:
            return None, None
        text = raw.decode("utf-8", "replace")
        column = locate(text, path, at_key=at_key)
        if column is None:
            return None, None
        if needle is not None:
            column = max(column, text.find(needle, column - 1) + 1)
        return column, text[column - 1 : column - 1 + SHOWN_TEXT + 1]

    def place_repeat(self, raw: bytes, key: str) -> tuple[JsonPath, int | None]:
        """Return the path and column of a key that stands twice in an object, while the budget lasts."""
        self._walked[_REPEATED_KEY] += len(raw)
        found = None
        if self._walked[_REPEATED_KEY] <= _LOCATE_BUDGET:
            found = locate_repeat(raw.decode("utf-8", "replace"), key)
        return found or ((), None)

    @property
    def counts(self) -> dict[str, int]:
        """Severity -> findings, kept or not."""
        sums = {severity.value: 0 for severity in Severity}
        for rule, count in self._found.items():
            sums[self._severities[rule].value] += count
        return sums

    @property
    def truncated(self) -> dict[str, int]:
        """Rule -> how many more were found than kept."""
        kept = Counter(finding.rule for finding in self._kept)
        return {rule: count - kept[rule] for rule, count in self._found.items() if count > kept[rule]}

    def sorted(self) -> tuple[Finding, ...]:
        """Return what was kept, by line; findings about the whole file come first."""
        return tuple(sorted(self._kept, key=lambda finding: finding.line or 0))


class RowFindings:
    """Where the checks of one row put what they find; one object serves all rows of a file."""

    def __init__(self, collector: FindingCollector) -> None:
        self._collector = collector
        self.line = 0
        self.example = 0
        self.raw = b""
        self.added = 0
        """Findings so far, of all rows and of rules that are switched off, too."""

    def start(self, line: int, example: int, raw: bytes) -> None:
        """Go on to the next row: its physical line, its number among examples (both from 1) and its bytes."""
        self.line = line
        self.example = example
        self.raw = raw

    def add(
        self,
        rule: str,
        message: str,
        path: JsonPath = (),
        *,
        text: str | None = None,
        service: str | None = None,
        at_key: bool = False,
        needle: str | None = None,
    ) -> None:
        """Report a finding in this row.

        Args:
            rule: Key of RULES.
            message: Our sentence.
            path: What it is about.
            text: The offending text; None quotes the line from the column on.
            service: What the service says after "Invalid file format. Example N"; None where nobody has
                published its words (N counts examples from 1, as its published errors do).
            at_key: The column is that of the key, not of the value.
            needle: The column is that of this text within the value.
        """
        self.added += 1
        if not self._collector.wants(rule):
            return
        column, shown = self._collector.place(rule, self.raw, path, at_key=at_key, needle=needle)
        own = safe_line(text, SHOWN_TEXT) if text else None
        self._collector.keep(
            Finding(
                rule=rule,
                severity=self._collector.severity(rule),
                line=self.line,
                message=safe_line(message, 400),
                path=safe_line(path_text(path), 200),
                column=column,
                text=own if own or shown is None else safe_line(shown, SHOWN_TEXT),
                service_text=self._service_text(service),
            ),
            (len(self.raw), own),
        )

    def add_repeat(self, key: str) -> None:
        """Report a key that stands twice in one object of this row, at the second of them."""
        self.added += 1
        if not self._collector.wants(_REPEATED_KEY):
            return
        path, column = self._collector.place_repeat(self.raw, key)
        shown = safe_line(key, SHOWN_TEXT)
        message = f'The key "{key}" stands twice in one object.'
        self._collector.keep(
            Finding(
                rule=_REPEATED_KEY,
                severity=self._collector.severity(_REPEATED_KEY),
                line=self.line,
                message=safe_line(message, 400),
                path=safe_line(path_text(path), 200),
                column=column,
                text=shown,
                service_text=None,
            ),
            (len(self.raw), shown),
        )

    def _service_text(self, service: str | None) -> str | None:
        if service is None or not self._collector.speaks:
            return None
        return safe_line(f"Invalid file format. Example {self.example}{service}", 400)
