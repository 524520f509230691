"""Tables of what a run found out: a report's own, turned or thinned where they are wider than a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from tui.chat.model_names import short_model_name
from tui.evals.reports.blocks import VERDICT, Block, Heading, Paragraph, Quoted, Table
from tui.safe_text import safe_line, safe_text
from tui.widgets.table import Column, TableRow

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
_NEEDS = 100
"""Columns that a verdict can do without are left out where the table is narrower."""
_COUNT, _LABEL, _NUMBER = 6, 12, 21
"""Widths of columns by what stands in them."""


class View(NamedTuple):
    """One table with its notes.

    Args:
        title: Over the table.
        columns: Of the table.
        rows: Each with a key.
        text_of: Returns all of the row with a key, each text at most so long; empty where there is no more.
        note: Below the table.
        has_texts: The rows' texts are worth a pane beside the table.
    """

    title: str
    columns: Sequence[Column]
    rows: Sequence[TableRow]
    text_of: Callable[[str, int], str]
    note: str = ""
    has_texts: bool = False


def block_views(blocks: Iterable[Block]) -> list[View]:
    """Return the tables and texts of a report, each under the heading before it."""
    found: list[View] = []
    title = ""
    notes: list[str] = []
    texts: list[tuple[str, str]] = []
    table: Table | None = None

    def end() -> None:
        if table is not None:
            found.append(_table_view(title, table, " ".join(notes)))
        elif texts:
            found.append(_texts_view(title, [*texts, *(("", note) for note in notes)]))

    for block in blocks:
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
    end()
    return found


def _table_view(title: str, table: Table, note: str) -> View:
    headings, lines = table.headings, table.rows
    if len(headings) > _TURNED and len(lines) <= 2:
        lines = tuple(zip(headings[1:], *(line[1:] for line in reversed(lines)), strict=True))
        headings = ("", *(line[0] for line in reversed(table.rows)))
        columns = (Column("", 32), *(Column(safe_line(short_model_name(one), 60)) for one in headings[1:]))
    else:
        columns = tuple(_column(name, [line[place] for line in lines]) for place, name in enumerate(headings))
        if headings[-1] == VERDICT and len(columns) > 3:
            # Name, last score and verdict say it; how many rows and whom it is against, enter says.
            first, *others, last, verdict = columns
            columns = (first, *(one._replace(drop_below=_NEEDS) for one in others), last, verdict)
    rows = [TableRow(str(number), line) for number, line in enumerate(lines)]
    details = {
        str(number): "\n".join(
            f"{name}: {cell}" if name else cell for name, cell in zip(headings, line, strict=True)
        )
        for number, line in enumerate(lines)
    }
    return View(title, columns, rows, lambda key, longest: details.get(key, "")[:longest], note)


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
    columns = (Column("", 10, tone="muted"), Column(""))
    return View(title, columns, rows, lambda key, longest: details.get(key, "")[:longest])


def quoted(blocks: Iterable[Block]) -> str:
    """Return headings and texts one below the other, for a dialog; safe to show."""
    parts = []
    for block in blocks:
        match block:
            case Heading(_, text):
                parts.append(text)
            case Quoted(label, text):
                parts.append(f"── {label}\n{safe_text(text)}")
    return "\n\n".join(parts)


def score_words(score: float | None) -> str:
    """Return a score of a hundred, or a dash."""
    return "\u2013" if score is None else f"{100 * score:.0f}"
