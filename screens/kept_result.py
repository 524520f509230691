"""An evaluation from before as it was reported, and two of them against one another."""

from __future__ import annotations

from functools import partial

from screens.evaluation_views import ROWS, score_tone
from screens.job_words import ago
from screens.outcome import Outcome, OutcomeScreen
from screens.outcome_views import View, block_views, quoted, score_words
from tui.evals.kept import KeptEvaluation, KeptRows, row_blocks, write_kept
from tui.evals.kept_compare import KeptComparison, compare_kept, write_comparison
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Tone

_TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}
_BESIDE = ("was", "Alike", "Old")
"""Headings of numbers that judge nothing by themselves."""


class KeptScreen(OutcomeScreen):
    """One evaluation.

    Args:
        kept: From the store.
    """

    HELP = """
    This is what was reported then; nothing is asked. Rows with their answers are the worst two hundred;
    enter shows one with every answer. ] goes on to all numbers. w writes all of it into one file.
    """

    def __init__(self, kept: KeptEvaluation) -> None:
        super().__init__(kept_outcome(kept))


class KeptComparisonScreen(OutcomeScreen):
    """Two evaluations.

    Args:
        first: What is compared with.
        second: What is compared.
    """

    HELP = """
    The examined models of both stand against one another over the rows that both have a score for, if both
    asked the same test set. Rows stand worst first: where the second lost most. w writes all of it.
    """

    def __init__(self, first: KeptEvaluation, second: KeptEvaluation) -> None:
        super().__init__(comparison_outcome(compare_kept(first, second)))


def kept_outcome(kept: KeptEvaluation) -> Outcome:
    """Return an evaluation with its worst rows and every table of its report."""
    verdict = {} if kept.kind else kept.value.get("verdict") or {}
    tone = _TONES.get(str(verdict.get("word")), "warning" if verdict else "strong")
    rows, title = kept.value.get("rows", 0), safe_line(kept.run.title, 200)
    when = f"\n{rows:,} rows of {title}, {ago(kept.run.created_at)}."
    views = [*(_rows(table) for table in kept.tables), *block_views(kept.blocks(0))]
    return Outcome(
        kept.sentence, ((kept.sentence, tone), (when, "muted")), views, f"report-{kept.run.id}.md",
        partial(write_kept, kept),
    )  # fmt: skip


def _rows(table: KeptRows) -> View:
    columns = [Column("Line", 6, align="right")]
    columns += [
        Column(name, 5, align="right", tone="muted" if name in _BESIDE else "") for name in table.headings
    ]
    columns += [Column("Question"), Column("Expected", 20, drop_below=70)]

    def text_of(key: str, longest: int) -> str:
        return quoted(row_blocks(table.rows[int(key)], longest))

    rows = [TableRow(str(number), _cells(table, number)) for number in range(len(table.rows))]
    return View(table.title, columns, rows, text_of, has_texts=True)


def _cells(table: KeptRows, number: int) -> list[Cell]:
    row = table.rows[number]
    cells: list[Cell] = [f"{row.get('line', 0):,}"]
    for name, score in zip(table.headings, table.shown[number], strict=True):
        cells.append(score_words(score) if name in _BESIDE else (score_words(score), score_tone(score)))
    expected = str((row.get("expected") or [""])[0])
    return [*cells, safe_line(str(row.get("question", "")), 300), safe_line(expected, 100)]


def comparison_outcome(found: KeptComparison) -> Outcome:
    """Return two evaluations: rows that changed, both side by side, their checks."""
    word = found.verdict.word.value if found.verdict is not None else ""
    names = f"report-{found.first.run.id}-{found.second.run.id}.md"
    rows = [
        TableRow(
            str(number),
            [f"{row.line:,}", score_words(row.first), (score_words(row.second), score_tone(row.second)),
             row.question],
        )
        for number, row in enumerate(found.rows)
    ]  # fmt: skip
    columns = (
        Column("Line", 6, align="right"), Column("First", 5, align="right", tone="muted"),
        Column("Second", 6, align="right"), Column("Question"),
    )  # fmt: skip
    views = [*block_views(found.blocks(0)), View(ROWS, columns, rows, lambda key, longest: "")]
    compared = f"\n{len(found.rows):,} rows that both have a score for."
    return Outcome(
        found.sentence, ((found.sentence, _TONES.get(word, "warning")), (compared, "muted")), views, names,
        partial(write_comparison, found),
    )  # fmt: skip
