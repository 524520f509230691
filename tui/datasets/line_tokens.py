"""Tokens of the lines that a rule found, so that a group of rows has a price."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from tui.datasets.formats import DatasetFormat
from tui.datasets.layout_tokens import RowCounter, row_counter
from tui.datasets.report import Report, Severity
from tui.datasets.source import Dataset
from tui.datasets.tokens import TextTokenizer, TiktokenCounter

RULES_MEASURED = 8
"""Rules with the most lines."""
LINES_MEASURED = 500
"""Of each rule; more are reckoned from these."""


@dataclass(frozen=True, slots=True)
class LineTokens:
    """What the lines of one rule cost an epoch."""

    rule: str
    found: int
    """Lines that the rule found."""
    measured: int
    """Of these, how many were counted."""
    tokens: int
    """Of the measured ones, each up to the limit."""


def measure_found_lines(
    path: Path,
    report: Report,
    tokenizer: TextTokenizer | None = None,
    *,
    cancelled: Callable[[], bool] = lambda: False,
) -> list[LineTokens]:
    """Return the tokens of the lines that the report's warnings are about, rules with most lines first.

    Args:
        path: The file that the report is about.
        report: What was found.
        tokenizer: Counts; None takes the report's encoding.
        cancelled: Asked now and then; True ends with what is measured so far.

    Raises:
        TunedeckError: The file can't be read or has changed.
    """
    lines = _lines_by_rule(report)
    if not lines:
        return []
    counter = row_counter(tokenizer or TiktokenCounter(report.tokens.encoding), report.tokens.limit)
    dataset = Dataset.open(path)
    try:
        last = max(max(some) for some in lines.values())
        dataset.build_index(cancelled=lambda: cancelled() or dataset.row_count >= last)
        return [
            _measured(rule, some, report, dataset, counter) for rule, some in lines.items() if not cancelled()
        ]
    finally:
        dataset.close()


def _lines_by_rule(report: Report) -> dict[str, list[int]]:
    lines: dict[str, set[int]] = {}
    for finding in report.findings:
        if finding.line is not None and finding.severity is Severity.WARNING:
            lines.setdefault(finding.rule, set()).add(finding.line)
    lines.pop("over-token-limit", None)  # a group of its own, known exactly
    lines.pop("blank-line", None)  # costs nothing
    largest = sorted(lines, key=lambda rule: -len(lines[rule]))[:RULES_MEASURED]
    return {rule: sorted(lines[rule]) for rule in largest}


def _measured(
    rule: str, lines: list[int], report: Report, dataset: Dataset, counter: RowCounter
) -> LineTokens:
    found = len(lines) + report.findings_truncated.get(rule, 0)
    chosen = _spread_out(lines, LINES_MEASURED)
    limit = report.tokens.limit
    tokens = sum(_billed(dataset.row(line).value, report.format, counter, limit) for line in chosen)
    return LineTokens(rule, found, len(chosen), tokens)


def _billed(value: object, dataset_format: DatasetFormat, counter: RowCounter, limit: int | None) -> int:
    tokens = counter.row(value, dataset_format)
    if tokens.billed is not None:
        return tokens.billed
    return tokens.total if limit is None else min(tokens.total, limit)


def _spread_out(lines: Iterable[int], most: int) -> list[int]:
    every = list(lines)
    step = max(1, -(-len(every) // most))
    return every[::step]
