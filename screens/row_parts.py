"""What of a row can be copied: all of it, its place, a message, a JSON path, what the check says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from screens.choose import ChooseScreen, Option
from tui.datasets.locate import path_text
from tui.datasets.row_draft import MOST_BYTES, RowDraft
from tui.datasets.row_layout import text_to_edit
from tui.safe_text import safe_line
from tui.widgets.table import Column

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Finding

_MOST_MESSAGES = 200
_MOST_FINDINGS = 20
_COLUMNS = (Column("What", 26), Column("", tone="muted"))


@dataclass(frozen=True, slots=True)
class RowPart:
    """Something to copy."""

    name: str
    """Safe; names it in the list and in the message afterwards."""
    shown: str
    """Its beginning, safe."""
    text: str
    """All of it, as it is."""


def row_parts(
    path: Path, number: int, line: bytes, dataset_format: DatasetFormat, findings: Sequence[Finding]
) -> list[RowPart]:
    """Return what can be copied of a row.

    Args:
        path: The file.
        number: Of the row.
        line: The row.
        dataset_format: Of the file.
        findings: What the check said of it.
    """
    raw = line.decode("utf-8", "replace")
    parts = [RowPart("JSON as in the file", safe_line(raw, 200), raw)]
    if len(line) <= MOST_BYTES:
        parts.append(RowPart("JSON over several lines", "", text_to_edit(line)))
    place = f"{path}:{number}"
    parts.append(RowPart("place", safe_line(place, 200), place))
    for finding in findings[:_MOST_FINDINGS]:
        words = f"{place}: {finding.severity}: {finding.message} ({finding.path or '$'})"
        parts.append(RowPart("finding", safe_line(finding.message, 200), words))
    if len(line) <= MOST_BYTES:
        parts += _message_parts(RowDraft(line, dataset_format))
    return parts


def _message_parts(draft: RowDraft) -> Iterator[RowPart]:
    messages = draft.messages()[:_MOST_MESSAGES]
    for at, message in enumerate(messages, 1):
        text = message.text if message.text is not None else message.shown
        yield RowPart(f"message {at}: {message.role}", safe_line(text, 200), text)
    for at, message in enumerate(messages, 1):
        where = path_text(message.path)
        yield RowPart(f"path of message {at}", where, where)


def parts_dialog(parts: Sequence[RowPart]) -> ChooseScreen:
    """Return the list to choose one from; it is dismissed with its index as text."""
    options = [Option(str(at), [(part.name, ""), part.shown], part.name) for at, part in enumerate(parts)]
    return ChooseScreen("Copy", _COLUMNS, options, hint="row, place, finding, message or path")
