"""What an evaluation found as tables: the report's own, turned where they are wider than a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tui.chat.model_names import short_model_name
from tui.evals.reports.blocks import (
    Heading,
    Paragraph,
    Quoted,
    Table,
    points,
    report_blocks,
    row_blocks,
)
from tui.safe_text import safe_line, safe_text
from tui.widgets.table import Cell, Column, TableRow

if TYPE_CHECKING:
    from tui.evals.result import EvalResult, RowResult

ROWS = "Rows, worst first"
MODEL_COLUMNS = (
    Column("Model", cut="middle"),
    Column("Score of 100 (interval)", 23, align="right"),
    Column("Cost", 13, align="right"),
    Column("Median time", 11, align="right", drop_below=64),
    Column("Perplexity of expected answers", 36, tone="muted", drop_below=120),
)
WHOLE, BESIDE = 100_000, 4_000
"""Characters of a text that are shown: in a dialog to scroll through, and beside the list, with each move."""
_TURNED = 6
"""A table of more columns is shown with one line for each of them."""
_COUNT, _LABEL, _NUMBER = 6, 12, 21
"""Widths of columns by what stands in them."""


@dataclass(frozen=True, slots=True)
class View:
    """One table with its notes."""

    title: str
    columns: tuple[Column, ...]
    rows: list[TableRow]
    note: str = ""
    details: dict[str, str] = field(default_factory=dict)
    """Key of a row -> all of it, for a dialog."""


def model_rows(result: EvalResult) -> list[TableRow]:
    """Return score, cost and latency of each model, the examined one first."""
    rows = []
    for one in reversed(result.contenders):
        cost = "not published" if one.cost is None else one.cost.words
        time = "\u2013" if one.seconds is None else f"{one.seconds:.2f} s"
        name = safe_line(short_model_name(one.contender.lane.model), 100)
        cells: list[Cell] = [name, points(one.score), cost, time, one.likelihood.words]
        rows.append(TableRow(f"{one.contender.lane.account}\n{one.contender.label}", cells))
    return rows


def views_of(result: EvalResult) -> list[View]:
    """Return every table of a result: its rows, then those of its report."""
    found = [_rows_view(result)]
    title = ""
    notes: list[str] = []
    texts: list[tuple[str, str]] = []
    table: Table | None = None

    def end() -> None:
        if table is not None:
            found.append(_table_view(title, table, " ".join(notes)))
        elif texts:
            found.append(_texts_view(title, [*texts, *(("", note) for note in notes)]))

    for block in report_blocks(result, worst=0):
        match block:
            case Heading(level, text):
                end()
                # What stands under the report's own title is on the screen already.
                title, notes, texts, table = text if level > 1 else "", [], [], None
            case Paragraph(text):
                notes.append(text)
            case Quoted(label, text):
                texts.append((label, text))
            case Table():
                table = block
    return found


def _rows_view(result: EvalResult) -> View:
    paired = len(result.contenders) > 1
    columns = [Column("Line", 6, align="right"), Column("Score", 5, align="right")]
    if paired:
        columns += [Column("was", 5, align="right", tone="muted")]
    columns += [Column("Question"), Column("Expected", 20, drop_below=70)]
    rows = []
    for number, row in enumerate(result.rows):
        last = row.answers[-1].score
        tone = "muted" if last is None else "bad" if last < 0.5 else "good" if last >= 1 else "warning"
        cells: list[Cell] = [f"{row.case.line:,}", (_score(last), tone)]  # type: ignore[list-item]
        cells += [_score(row.answers[0].score)] if paired else []
        expected = row.case.expected[0] if row.case.expected else ""
        cells += [safe_line(row.case.question, 300), safe_line(expected, 100)]
        rows.append(TableRow(str(number), cells))
    return View(ROWS, tuple(columns), rows)


def _score(score: float | None) -> str:
    return "\u2013" if score is None else f"{100 * score:.0f}"


def _table_view(title: str, table: Table, note: str) -> View:
    headings, lines = table.headings, table.rows
    if len(headings) > _TURNED and len(lines) <= 2:
        lines = tuple(zip(headings[1:], *(line[1:] for line in reversed(lines)), strict=True))
        headings = ("", *(line[0] for line in reversed(table.rows)))
        columns = (Column("", 32), *(Column(safe_line(short_model_name(one), 60)) for one in headings[1:]))
    else:
        columns = tuple(_column(name, [line[place] for line in lines]) for place, name in enumerate(headings))
    rows = [TableRow(str(number), line) for number, line in enumerate(lines)]
    details = {
        str(number): "\n".join(
            f"{name}: {cell}" if name else cell for name, cell in zip(headings, line, strict=True)
        )
        for number, line in enumerate(lines)
    }
    return View(title, columns, rows, note, details)


def _column(name: str, cells: Sequence[str]) -> Column:
    """Return a column as wide as what is in it; sentences share what is left."""
    longest = max((len(cell) for cell in cells), default=0)
    shown = safe_line(short_model_name(name), 60)
    if longest > _NUMBER:
        return Column(shown)
    width = max(_COUNT, longest, min(len(shown), _NUMBER if longest > _COUNT else _LABEL))
    return Column(shown, width, align="right" if longest and cells[0][:1].isdigit() else "left", cut="middle")


def _texts_view(title: str, texts: Iterable[tuple[str, str]]) -> View:
    kept = [(label, text) for label, text in texts if text]
    rows = [TableRow(str(number), [label, safe_line(text, 300)]) for number, (label, text) in enumerate(kept)]
    details = {str(number): text for number, (_, text) in enumerate(kept)}
    return View(title, (Column("", 10, tone="muted"), Column("")), rows, "", details)


def row_text(result: EvalResult, row: RowResult, longest: int = WHOLE) -> str:
    """Return a row with its question, what was expected and every answer; safe to show.

    Args:
        result: Of the run.
        row: One of its rows.
        longest: Characters of each text.
    """
    parts = []
    for block in row_blocks(result, row, longest):
        match block:
            case Heading(_, text):
                parts.append(text)
            case Quoted(label, text):
                parts.append(f"── {label}\n{safe_text(text)}")
    return "\n\n".join(parts)
