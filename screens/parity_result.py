"""How a successor's answers stand to the recorded ones: the sentences, and every row, worst first."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from screens.evaluation_views import ROWS, score_tone
from screens.outcome import Outcome, OutcomeScreen
from screens.outcome_views import View, block_views, quoted, score_words
from tui.evals.parity_report import parity_blocks, row_blocks, sentences, write_parity
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.parity import ParityReport, ParityRow


class ParityResultScreen(OutcomeScreen):
    """A comparison of old and new; everything is computed already.

    Args:
        report: Of a run.
    """

    HELP = """
    Agreement is the share of words that both answers have in common blocks; "same" means that nothing but
    spaces, letter case and punctuation at the ends differs. Rows stand worst first: those that the checks
    score lower now, then those that agree least. Enter shows a row with both answers. w writes all of it into
    one file.
    """

    def __init__(self, report: ParityReport) -> None:
        super().__init__(parity_outcome(report))


def parity_outcome(report: ParityReport) -> Outcome:
    """Return a comparison with its rows and the numbers of its report."""
    first, *others = sentences(report)
    headline: tuple[Part, ...] = ((first, "strong"), ("\n" + "\n".join(others), "muted"))
    numbers = [view._replace(title="Scores") for view in block_views(parity_blocks(report, worst=0))]
    name = safe_line(report.old.model, 40).replace(":", "-").replace("/", "-")
    return Outcome(
        " ".join([first, *others]), headline, [_rows(report), *numbers], f"parity-{name}.md",
        partial(write_parity, report),
    )  # fmt: skip


def _rows(report: ParityReport) -> View:
    scored = report.verdict is not None
    columns = [Column("Line", 6, align="right"), Column("Alike", 5, align="right")]
    columns += [Column("Old", 4, align="right", tone="muted"), Column("New", 4, align="right")] * scored
    columns += [Column("Question"), Column("Old answer", drop_below=70), Column("New answer")]
    rows = [TableRow(str(number), _cells(row, scored=scored)) for number, row in enumerate(report.rows)]

    def text_of(key: str, longest: int) -> str:
        return quoted(row_blocks(report.rows[int(key)], longest))

    return View(ROWS, columns, rows, text_of, has_texts=True)


def _cells(row: ParityRow, *, scored: bool) -> list[Cell]:
    alike: Cell = "same" if row.is_same else f"{score_words(row.agreement)} %"
    cells: list[Cell] = [f"{row.case.line:,}", "–" if row.agreement is None else alike]
    if scored:
        cells += [score_words(row.old_score), (score_words(row.new_score), score_tone(row.new_score))]
    new = row.refusal if row.new is None else row.new.text
    return [*cells, safe_line(row.case.question, 300), safe_line(row.old.text, 300), safe_line(new, 300)]
