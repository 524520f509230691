"""The prompt diet as a table, as JSON, and as a report in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.chat.lanes import Lane
from tui.evals.diet import Diet, DietMeal, sentences
from tui.evals.reports.blocks import READING, WORST_SHOWN, Block, Heading, Paragraph, Quoted, Table
from tui.evals.reports.files import write_blocks
from tui.evals.reports.numbers import cost_cell, difference_cell
from tui.evals.result import RowResult
from tui.safe_text import safe_line, safe_text

HEADINGS = ("Model", "Prompt", "Tokens in", "Score", "Against all of it", "Against base", "1,000 calls")
_LONGEST_TEXT = 2_000
_LONGEST_QUESTION = 120
_METHOD = (
    "Each model was asked the same rows with ever less of the system prompt: whole sentences from its "
    "beginning. Scores are paired row by row with those of the whole prompt, by Bonett and Price's interval "
    "where every score is right or wrong, else the paired bootstrap's, at 95 %. Within noise means that the "
    "interval does not lie below 0 as a whole; with few rows that is a weak statement, and its low end says "
    "how much could be lost. Several lengths are compared without correction for their number."
)


def meal_cells(meal: DietMeal) -> tuple[str, ...]:
    """Return a line of the table, in the order of `HEADINGS`."""
    tokens = "not told" if meal.asked_tokens is None else f"{meal.asked_tokens:,.0f}"
    score = "not known" if meal.score.estimate != meal.score.estimate else (
        f"{100 * meal.score.estimate:.1f} ({100 * meal.score.low:.1f} to {100 * meal.score.high:.1f})"
    )  # fmt: skip
    return (
        safe_line(meal.lane.model), f"{meal.prompt.share} %", tokens, score,
        difference_cell(meal.against_whole), difference_cell(meal.against_base),
        cost_cell(meal.cost_per_thousand),
    )  # fmt: skip


def diet_blocks(diet: Diet) -> Iterator[Block]:
    """Yield the report."""
    yield Heading(1, "Prompt diet")
    for sentence in sentences(diet):
        yield Paragraph(sentence)
    yield Table(HEADINGS, tuple(meal_cells(meal) for meal in diet.meals))
    shown = set()
    for meal in diet.meals:
        if meal.prompt.text and meal.prompt.text not in shown:
            shown.add(meal.prompt.text)
            text = safe_text(meal.prompt.text)
            cut = text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}…"
            yield Quoted(f"{meal.prompt.share} % of the prompt", cut)
    for lane in diet.lanes:
        yield from _rows(diet, lane)
    yield Heading(2, READING)
    yield Paragraph(_METHOD)


def _rows(diet: Diet, lane: Lane) -> Iterator[Block]:
    places = diet.places(lane)
    names = tuple(f"{diet.meals[place].prompt.share} %" for place in places)
    yield Heading(2, f"Rows of {safe_line(lane.model)}, worst first")
    yield Table(
        ("Line", *names, "Question"),
        tuple(
            (f"{row.case.line:,}", *(row_score(row, place) for place in places),
             safe_line(row.case.question, _LONGEST_QUESTION))
            for row in diet.worst_rows(lane)[:WORST_SHOWN]
        ),
    )  # fmt: skip


def row_score(row: RowResult, place: int) -> str:
    """Return the score of one answer, of a hundred."""
    score = row.answers[place].score
    return "\u2013" if score is None else f"{100 * score:.0f}"


def diet_json(diet: Diet) -> dict[str, Any]:
    """Return all of it as JSON values."""
    lanes = diet.lanes
    instead = diet.instead_of_base
    shortest = {
        lane.model: found.prompt.share for lane in lanes if (found := diet.shortest(lane)) is not None
    }
    return {
        "rows": len(diet.result.rows),
        "asked": diet.result.asked,
        "complete": diet.result.complete,
        "why_incomplete": diet.result.why_incomplete,
        "spent": None if diet.result.spent is None else str(diet.result.spent.high),
        "sentences": sentences(diet),
        "shortest_within_noise": shortest,
        "instead_of_base": None if instead is None else instead.prompt.share,
        "meals": [_meal_json(meal) for meal in diet.meals],
        "worst_first": [
            {"account": lane.account, "model": lane.model,
             "rows": [_row_json(diet, row, lane) for row in diet.worst_rows(lane)]}
            for lane in diet.lanes
        ],
    }  # fmt: skip


def _row_json(diet: Diet, row: RowResult, lane: Lane) -> dict[str, Any]:
    return {
        "line": row.case.line,
        "id": row.case.id,
        "question": row.case.question,
        "expected": list(row.case.expected),
        "answers": [
            {
                "share": diet.meals[place].prompt.share,
                "score": row.answers[place].score,
                "text": answer.text if (answer := row.answers[place].answer) is not None else None,
                "refusal": row.answers[place].refusal or None,
            }
            for place in diet.places(lane)
        ],
    }


def _meal_json(meal: DietMeal) -> dict[str, Any]:
    cost = meal.cost_per_thousand
    return {
        "account": meal.lane.account,
        "model": meal.lane.model,
        "share": meal.prompt.share,
        "prompt_tokens": meal.prompt.tokens,
        "prompt": meal.prompt.text,
        "asked_tokens": meal.asked_tokens,
        "score": meal.score.as_json(),
        "cost_per_thousand": None if cost is None else str(cost.high),
        "within_noise": meal.is_within_noise,
        "against_whole": None if meal.against_whole is None else meal.against_whole.as_json(),
        "against_base": None if meal.against_base is None else meal.against_base.as_json(),
    }


def write_diet(diet: Diet, path: Path, *, overwrite: bool = False) -> None:
    """Write the report as Markdown, HTML or JSON, by the file's ending; all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    write_blocks(path, diet_blocks(diet), diet_json(diet), overwrite=overwrite)
