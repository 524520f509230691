"""What the three ways came to: the answer, score and cost of each, and rows on which training loses most."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from screens.evaluation_views import score_tone
from screens.outcome import Outcome, OutcomeScreen
from screens.outcome_views import View, quoted, score_words
from tui.chat.model_names import short_model_name
from tui.evals.arms.report import HEADINGS, arm_cells, sentences, write_arms
from tui.evals.reports.blocks import Block, Heading, Quoted, answer_text, cut_text
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.arms.arms import Arms
    from tui.evals.result import RowResult

_COLUMNS = (
    Column("Way", 16),
    Column("Model", cut="middle", drop_below=110),
    Column("Score of 100", 21, align="right"),
    Column("Tuned against it", 24, align="right"),
    Column("1,000 calls", 11, align="right"),
    Column("Tokens in", 9, align="right", drop_below=96),
    Column("New knowledge", 36, tone="muted", drop_below=136),
)


class ArmsResultScreen(OutcomeScreen):
    """Three ways; everything is computed already.

    Args:
        arms: Of a run.
    """

    HELP = """
    The first sentence is the answer, with the interval of the difference between the tuned model and the
    better of the other two. Enter on a way shows all its numbers. ] goes on to the rows: those on which the
    tuned model loses most stand first; enter shows every answer. w writes all of it into one file.
    """

    def __init__(self, arms: Arms) -> None:
        super().__init__(arms_outcome(arms))


def arms_outcome(arms: Arms) -> Outcome:
    """Return three ways with their numbers and rows."""
    lines = sentences(arms)
    spent = "" if arms.result.spent is None else f", {arms.result.spent.words}"
    asked = f"\n{len(arms.result.rows):,} rows; {arms.result.asked:,} answers asked for{spent}."
    headline: tuple[Part, ...] = ((lines[0], "strong"), ("\n" + "\n".join(lines[1:]), ""), (asked, "muted"))
    return Outcome(lines[0], headline, [_ways(arms), _rows(arms)], "arms.md", partial(write_arms, arms))


def _ways(arms: Arms) -> View:
    rows = []
    for number, one in enumerate(arms.arms):
        way, model, score, against, cost, tokens, freshness = arm_cells(one)
        name: Cell = (way, "strong" if one in (arms.rival, arms.tuned) else "")
        rows.append(
            TableRow(str(number), [name, short_model_name(model), score, against, cost, tokens, freshness])
        )  # fmt: skip

    def text_of(key: str, longest: int) -> str:
        cells = zip(HEADINGS, arm_cells(arms.arms[int(key)]), strict=True)
        return "\n".join(f"{name}: {cell}" for name, cell in cells)[:longest]

    return View("Three ways", _COLUMNS, rows, text_of)


def _rows(arms: Arms) -> View:
    found = arms.worst_rows()
    columns = [Column("Line", 6, align="right")]
    columns += [Column(name, 7, align="right") for name in ("Prompt", "Nearest", "Tuned")]
    columns += [Column("Question"), Column("Expected", 20, drop_below=90)]
    rows = []
    for number, row in enumerate(found):
        cells: list[Cell] = [f"{row.case.line:,}"]
        cells += [(score_words(one.score), score_tone(one.score)) for one in row.answers]
        expected = row.case.expected[0] if row.case.expected else ""
        cells += [safe_line(row.case.question, 300), safe_line(expected, 100)]
        rows.append(TableRow(str(number), cells))

    def text_of(key: str, longest: int) -> str:
        return quoted(_row_blocks(arms, found[int(key)], longest))

    return View("Rows on which the tuned model loses most", columns, rows, text_of, has_texts=True)


def _row_blocks(arms: Arms, row: RowResult, longest: int) -> Iterator[Block]:
    yield Heading(3, f"Line {row.case.line:,}")
    yield Quoted("Question", cut_text(row.case.question, longest))
    if row.case.expected:
        yield Quoted("Expected", cut_text("\nor: ".join(row.case.expected), longest))
    for one, said in zip(arms.arms, row.answers, strict=True):
        text = answer_text(said.answer, longest) if said.answer is not None else said.refusal
        yield Quoted(f"{one.kind}: {score_words(said.score)}", text)
