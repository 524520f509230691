"""What the rules say of one row, with the places as paths and without a file around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tui.datasets.checks_rows import (
    check_chat_row,
    check_completion_row,
    check_preference_row,
    check_reinforcement_row,
    check_text_row,
)
from tui.datasets.findings import FindingCollector, RowFindings
from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.locate import JsonPath
from tui.datasets.parsing import ParseProblem, parse_line, repeated_keys
from tui.datasets.report import Severity
from tui.datasets.rules import RULES
from tui.datasets.services import DEFAULT_SERVICE

_MARK_RULES = ("byte-order-mark", "byte-order-mark-inside")


@dataclass(frozen=True, slots=True)
class Wrong:
    """One finding in a row."""

    rule: str
    path: JsonPath


@dataclass(frozen=True, slots=True)
class RowVerdict:
    """A row and all that its rules found."""

    value: Any
    """None when it did not parse."""
    format: DatasetFormat
    wrong: tuple[Wrong, ...]
    problem: ParseProblem | None
    was_checked: bool
    """False when it is blank or no object, so that nothing is known of its inside."""

    def of(self, rule: str) -> tuple[Wrong, ...]:
        """Return what one rule found."""
        return tuple(wrong for wrong in self.wrong if wrong.rule == rule)

    @property
    def rules(self) -> frozenset[str]:
        """The rules that found something."""
        return frozenset(wrong.rule for wrong in self.wrong)

    @property
    def errors(self) -> frozenset[str]:
        """The rules among them that are errors at the default service."""
        return frozenset(
            rule for rule in self.rules if RULES[rule].severity_at(DEFAULT_SERVICE) is Severity.ERROR
        )


class _Recorder(RowFindings):
    """Notes rule and path and makes no sentence."""

    def __init__(self) -> None:
        super().__init__(FindingCollector())
        self.wrong: list[Wrong] = []

    def add(self, rule: str, message: str, path: JsonPath = (), **_: object) -> None:
        self.added += 1
        self.wrong.append(Wrong(rule, path))


def judge(line: bytes, dataset_format: DatasetFormat = DatasetFormat.UNKNOWN) -> RowVerdict:
    """Check one row by every rule that needs no other row; never raises.

    Args:
        line: Without its line end.
        dataset_format: Of the file; UNKNOWN looks at the row.
    """
    if not line or line.isspace():
        return RowVerdict(None, dataset_format, (Wrong("blank-line", ()),), None, False)
    value, problem = parse_line(line)
    if problem is not None:
        # A row does not know whether it is the first.
        rules = _MARK_RULES if problem.rule in _MARK_RULES else (problem.rule,)
        return RowVerdict(None, dataset_format, tuple(Wrong(rule, ()) for rule in rules), problem, False)
    if not isinstance(value, dict):
        return RowVerdict(value, dataset_format, (Wrong("not-an-object", ()),), None, False)
    if dataset_format is DatasetFormat.UNKNOWN:
        dataset_format = row_format(value)
    recorder = _Recorder()
    try:
        _check(recorder, value, dataset_format)
    except RecursionError:
        recorder.add("nested-too-deep", "")
    recorder.wrong.extend(Wrong("duplicate-key", (key,)) for key in repeated_keys(line))
    return RowVerdict(value, dataset_format, tuple(recorder.wrong), None, True)


def _check(row: RowFindings, value: dict[str, Any], dataset_format: DatasetFormat) -> None:
    match dataset_format:
        case DatasetFormat.PREFERENCE:
            check_preference_row(row, value)
        case DatasetFormat.REINFORCEMENT:
            check_reinforcement_row(row, value)
        case DatasetFormat.COMPLETION:
            check_completion_row(row, value)
            row.add("completion-format", "")
        case DatasetFormat.TEXT:
            check_text_row(row, value)
            row.add("text-format", "")
        case _:
            check_chat_row(row, value)
