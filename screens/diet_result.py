"""What a prompt diet found: the sentence, score and cost of each length, and rows that lose most first."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING

from screens.evaluation_views import score_tone
from screens.outcome import Outcome, OutcomeScreen
from screens.outcome_views import View, quoted, score_words
from tui.chat.model_names import short_model_name
from tui.evals.diet import sentences
from tui.evals.diet_report import HEADINGS, meal_cells, write_diet
from tui.evals.reports.blocks import Block, Heading, Quoted, answer_text, cut_text
from tui.safe_text import safe_line
from tui.widgets.table import Cell, Column, TableRow
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.chat.lanes import Lane
    from tui.evals.diet import Diet
    from tui.evals.result import RowResult

_COLUMNS = (
    Column("Model", cut="middle"),
    Column("Prompt", 6, align="right"),
    Column("Tokens in", 9, align="right", drop_below=70),
    Column("Score of 100", 21, align="right"),
    Column("Against all of it", 24, align="right"),
    Column("Against base", 24, align="right", drop_below=120),
    Column("1,000 calls", 13, align="right", drop_below=100),
)


class DietResultScreen(OutcomeScreen):
    """A diet; everything is computed already.

    Args:
        diet: Of a run.
    """

    HELP = """
    The sentences on top name the shortest prompt within noise of each model, and the shortest that the tuned
    model needs to come up to its base. Enter on a length shows the prompt itself. ] goes on to the rows:
    those that lose most with less of the prompt stand first, with the score of every length; enter shows
    every answer. w writes all of it into one file.
    """

    def __init__(self, diet: Diet) -> None:
        super().__init__(diet_outcome(diet))


def diet_outcome(diet: Diet) -> Outcome:
    """Return a diet with its lengths and, for each model, its rows."""
    lines = sentences(diet)
    spent = "" if diet.result.spent is None else f", {diet.result.spent.words}"
    asked = f"\n{len(diet.result.rows):,} rows; {diet.result.asked:,} answers asked for{spent}."
    headline: tuple[Part, ...] = (("\n".join(lines), "strong"), (asked, "muted"))
    views = [_lengths(diet), *(_rows(diet, lane) for lane in reversed(diet.lanes))]
    return Outcome(" ".join(lines), headline, views, "diet.md", partial(write_diet, diet))


def _lengths(diet: Diet) -> View:
    rows = []
    for number, meal in enumerate(diet.meals):
        model, share, tokens, score, whole, base, cost = meal_cells(meal)
        is_fine = meal.is_within_noise
        cells: list[Cell] = [
            short_model_name(model), share, tokens, score, (whole, "" if is_fine else "bad"), base, cost,
        ]  # fmt: skip
        rows.append(TableRow(str(number), cells))

    def text_of(key: str, longest: int) -> str:
        meal = diet.meals[int(key)]
        said = (f"{name}: {cell}" for name, cell in zip(HEADINGS, meal_cells(meal), strict=True))
        return "\n".join([*said, "", cut_text(meal.prompt.text, longest) or "(no prompt)"])

    return View("Lengths of the prompt", _COLUMNS, rows, text_of)


def _rows(diet: Diet, lane: Lane) -> View:
    found, places = diet.worst_rows(lane), diet.places(lane)
    columns = [Column("Line", 6, align="right")]
    columns += [Column(f"{diet.meals[place].prompt.share} %", 5, align="right") for place in places]
    columns += [Column("Question"), Column("Expected", 20, drop_below=90)]
    rows = []
    for number, row in enumerate(found):
        cells: list[Cell] = [f"{row.case.line:,}"]
        for place in places:
            score = row.answers[place].score
            cells.append((score_words(score), score_tone(score)))
        expected = row.case.expected[0] if row.case.expected else ""
        cells += [safe_line(row.case.question, 300), safe_line(expected, 100)]
        rows.append(TableRow(str(number), cells))

    def text_of(key: str, longest: int) -> str:
        return quoted(_row_blocks(diet, found[int(key)], places, longest))

    title = f"Rows of {short_model_name(lane.model)}, worst first"
    return View(title, columns, rows, text_of, has_texts=True)


def _row_blocks(diet: Diet, row: RowResult, places: list[int], longest: int) -> Iterator[Block]:
    yield Heading(3, f"Line {row.case.line:,}")
    yield Quoted("Question", cut_text(row.case.question, longest))
    if row.case.expected:
        yield Quoted("Expected", cut_text("\nor: ".join(row.case.expected), longest))
    for place in places:
        said, prompt = row.answers[place], diet.meals[place].prompt
        text = answer_text(said.answer, longest) if said.answer is not None else said.refusal
        yield Quoted(f"{prompt.share} % ({prompt.tokens:,} tokens): {score_words(said.score)}", text)
