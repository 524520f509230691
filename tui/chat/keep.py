"""Adds what a chat has shown to a file of the person's choice, after our own check of it."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui.datasets.append import append_line
from tui.datasets.check_row import check_row
from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.report import Severity
from tui.errors import ExitCode, TunedeckError

_LONGEST_FIRST_LINE = 1 << 24


class RowKind(StrEnum):
    """What a turn can be made."""

    EXAMPLE = "example"
    """A row to train on."""
    PAIR = "pair"
    """A better answer beside the one that was given."""
    CASE = "case"
    """A question of a test set with its right answer."""

    @property
    def default_name(self) -> str:
        """The file it goes to unless another is named."""
        return {"example": "chat-rows.jsonl", "pair": "chat-pairs.jsonl", "case": "chat-tests.jsonl"}[self]

    @property
    def words(self) -> str:
        """What it is, for people."""
        return {"example": "training row", "pair": "preference pair", "case": "case of a test set"}[self]


_FORMATS = {
    RowKind.EXAMPLE: DatasetFormat.CHAT,
    RowKind.PAIR: DatasetFormat.PREFERENCE,
    RowKind.CASE: DatasetFormat.REINFORCEMENT,
}
"""What a file of that kind looks like: a case has no answer among its messages and a key of its own."""


@dataclass(frozen=True, slots=True)
class KeptRow:
    """What was added, and what the rules say of it."""

    path: Path
    kind: RowKind
    warnings: tuple[str, ...] = ()
    """Sentences, safe to show."""


def keep_row(path: Path, kind: RowKind, row: dict[str, Any]) -> KeptRow:
    """Check a row and add it to the end of a file.

    Raises:
        TunedeckError: The rules find an error in it, the file holds rows of another kind, or it can't be
            written; nothing was added.
    """
    line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")
    warnings = _judge_case(line) if kind is RowKind.CASE else _judge(line, _FORMATS[kind])
    _refuse_other_kind(path, kind)
    append_line(path, line)
    return KeptRow(path, kind, warnings)


def _judge(line: bytes, dataset_format: DatasetFormat) -> tuple[str, ...]:
    findings = check_row(line, dataset_format)
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if errors:
        raise TunedeckError(
            f"The rules refuse that row: {errors[0].message}", "Nothing was added.", exit_code=ExitCode.BAD
        )
    return tuple(finding.message for finding in findings if finding.severity is Severity.WARNING)


def _judge_case(line: bytes) -> tuple[str, ...]:
    from tui.evals.test_set import read_test_set

    with tempfile.TemporaryDirectory(prefix="tunedeck-") as folder:
        file = Path(folder) / "case.jsonl"
        file.write_bytes(line + b"\n")
        test_set = read_test_set(file)
    return () if test_set.expected_rows else ("It names no right answer.",)


def _refuse_other_kind(path: Path, kind: RowKind) -> None:
    try:
        with path.open("rb") as file:
            first = file.readline(_LONGEST_FIRST_LINE)
    except FileNotFoundError:
        return
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.") from error
    if not first.strip():
        return
    try:
        found = row_format(json.loads(first))
    except (ValueError, RecursionError):
        found = DatasetFormat.UNKNOWN
    if found is not _FORMATS[kind]:
        raise TunedeckError(
            f"{path.name} does not hold rows of this kind: its first line is no {kind.words}.",
            "Choose another file; rows of two kinds in one are refused by every service.",
        )
