"""What an evaluation found, as a screen shows it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from screens.evaluate_facts import verdict_part
from screens.outcome import Outcome
from screens.outcome_views import View, block_views, quoted, score_words
from tui.chat.model_names import short_model_name
from tui.evals.reports.blocks import points, report_blocks, row_blocks
from tui.evals.reports.files import write_report
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Part, Tone

if TYPE_CHECKING:
    from tui.evals.result import EvalResult

ROWS = "Rows, worst first"


def evaluation_outcome(result: EvalResult) -> Outcome:
    """Return a result with every table of its report."""
    name = safe_line(result.plan.test_set.path.name, 80)
    spent = "" if result.spent is None else f", {result.spent.words}"
    words = f"\n{len(result.rows):,} rows of {name}; {result.asked:,} answers asked for{spent}."
    sentence = verdict_part(result)
    headline: list[Part] = [sentence, (words, "muted")]
    if not result.complete:
        headline.append((f" Not complete: {result.why_incomplete}.", "warning"))
    views = [_rows_view(result), *block_views(report_blocks(result, worst=0))]
    return Outcome(
        sentence[0], tuple(headline), views,
        f"report-{result.plan.test_set.path.stem}.md", partial(write_report, result), model_rows(result),
    )  # fmt: skip


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


def _rows_view(result: EvalResult) -> View:
    paired = len(result.contenders) > 1
    columns = [Column("Line", 6, align="right"), Column("Score", 5, align="right")]
    if paired:
        columns += [Column("was", 5, align="right", tone="muted")]
    columns += [Column("Question"), Column("Expected", 20, drop_below=70)]
    rows = []
    for number, row in enumerate(result.rows):
        last = row.answers[-1].score
        cells: list[Cell] = [f"{row.case.line:,}", (score_words(last), score_tone(last))]
        cells += [score_words(row.answers[0].score)] if paired else []
        expected = row.case.expected[0] if row.case.expected else ""
        cells += [safe_line(row.case.question, 300), safe_line(expected, 100)]
        rows.append(TableRow(str(number), cells))

    def text_of(key: str, longest: int) -> str:
        return quoted(row_blocks(result, result.rows[int(key)], longest))

    return View(ROWS, columns, rows, text_of, has_texts=True)


def score_tone(score: float | None) -> Tone:
    """Return how a score is drawn."""
    return "muted" if score is None else "bad" if score < 0.5 else "good" if score >= 1 else "warning"
