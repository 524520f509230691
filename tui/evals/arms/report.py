"""The three arms in sentences, as a table, as JSON, as a report in one file, and as they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.evals.arms.arms import Arm, Arms
from tui.evals.kept import KEPT_ROWS
from tui.evals.kept_others import kept_answer, kept_row, kept_text_of
from tui.evals.reports.blocks import READING, WORST_SHOWN, Block, Heading, Paragraph, Table
from tui.evals.reports.files import write_blocks
from tui.evals.reports.numbers import cost_cell, difference_cell
from tui.evals.result import RowResult
from tui.evals.statistics.verdict import Word
from tui.records.evaluations import ARMS
from tui.safe_text import safe_line

HEADINGS = ("Way", "Model", "Score", "Tuned against it", "1,000 calls", "Tokens in", "New knowledge")
_LONGEST_QUESTION = 120
_METHOD = (
    "The same held-out rows were asked three ways: the base with the whole prompt; the base with the same "
    "prompt and, before each question, the training rows nearest to it with their answers; the tuned model "
    "with the rows' own prompt. Scores are paired row by row, by Bonett and Price's interval where every "
    "score is right or wrong, else the paired bootstrap's, at 95 %. The tuned model is set against the "
    "better of the other two; that choice is made on the same rows, which favours the other two a little. A "
    "thousand calls cost what these calls cost; training, and embeddings of questions, come on top."
)


def sentences(arms: Arms) -> list[str]:
    """Return the answer, and what goes with it."""
    lines = [_answer(arms)]
    between = arms.nearest_against_prompt
    if between is not None:
        lines.append(f"Nearest examples against the prompt alone: {between.sentence}.")
    tuned = arms.tuned
    lines.append(
        "New knowledge gets into a prompt or among the examples at once, and into the tuned model "
        f"{tuned.freshness}."
    )
    plan = arms.plan
    lines.append(
        f"Up to {plan.examples} of {plan.training_rows:,} training rows stood before each question, found by "
        f"{safe_line(plan.how.words, 120)}."
    )
    if plan.own_words:
        lines.append(
            f"{plan.own_words:,} times a training row asked the held-out question word for word; it was not "
            "shown, and what was trained on it is measured too well."
        )
    if not arms.result.complete:
        lines.append(f"Not complete: {arms.result.why_incomplete}.")
    return lines


def _answer(arms: Arms) -> str:
    rival, verdict, tuned = arms.rival, arms.verdict, arms.tuned
    name = safe_line(tuned.lane.model)
    if rival is None or verdict is None:
        return f"Nothing can be told yet: no row has a score of {name} and of another way."
    against = f"the {rival.kind}" if rival.kind == "long prompt" else f"{rival.kind}"
    ends = f"{100 * verdict.difference.low:+.1f} to {100 * verdict.difference.high:+.1f} points"
    over = f"over {verdict.rows:,} rows"
    by = f"{100 * verdict.difference.estimate:+.1f} points ({ends}) {over}"
    money = _money(tuned, rival)
    match verdict.word:
        case Word.BETTER:
            return f"Fine-tuning pays in quality: {name} is better than {against} by {by}{money}."
        case Word.WORSE:
            return f"Don't fine-tune for this: {name} is worse than {against} by {by}{money}."
    more = f", about {verdict.more_rows:,} more rows would tell" if verdict.more_rows is not None else ""
    unsure = "It can't be told yet whether fine-tuning helps"
    return f"{unsure}: {name} against {against} {ends} {over}{more}{money}."


def _money(tuned: Arm, rival: Arm) -> str:
    one, other = tuned.cost_per_thousand, rival.cost_per_thousand
    if one is None or other is None:
        return "; prices are not published"
    if not one.high and not other.high:
        return "; both are free"
    return f"; 1,000 calls cost {cost_cell(one)} instead of {cost_cell(other)}"


def arm_cells(arm: Arm) -> tuple[str, ...]:
    """Return a line of the table, in the order of `HEADINGS`."""
    score = "not known" if not arm.has_score else (
        f"{100 * arm.score.estimate:.1f} ({100 * arm.score.low:.1f} to {100 * arm.score.high:.1f})"
    )  # fmt: skip
    tokens = "not told" if arm.tokens_in is None else f"{arm.tokens_in:,.0f}"
    return (
        str(arm.kind), safe_line(arm.lane.model), score, difference_cell(arm.against_tuned),
        cost_cell(arm.cost_per_thousand), tokens, arm.freshness,
    )  # fmt: skip


def arms_blocks(arms: Arms, worst: int = WORST_SHOWN) -> Iterator[Block]:
    """Yield the report, with so many rows."""
    yield Heading(1, "Should I fine-tune?")
    for sentence in sentences(arms):
        yield Paragraph(sentence)
    yield Table(HEADINGS, tuple(arm_cells(one) for one in arms.arms))
    rows = arms.worst_rows()[:worst]
    if rows:
        yield Heading(2, "Rows on which the tuned model loses most")
        yield Table(
            ("Line", *(str(one.kind) for one in arms.arms), "Question"),
            tuple(
                (f"{row.case.line:,}", *(row_score(row, place) for place in range(len(arms.arms))),
                 safe_line(row.case.question, _LONGEST_QUESTION))
                for row in rows
            ),
        )  # fmt: skip
    yield Heading(2, READING)
    yield Paragraph(_METHOD)


def row_score(row: RowResult, place: int) -> str:
    """Return the score of one answer, of a hundred."""
    score = row.answers[place].score
    return "\u2013" if score is None else f"{100 * score:.0f}"


def arms_json(arms: Arms) -> dict[str, Any]:
    """Return all but the rows as JSON values."""
    plan, verdict = arms.plan, arms.verdict
    return {
        "rows": len(arms.result.rows),
        "asked": arms.result.asked,
        "complete": arms.result.complete,
        "why_incomplete": arms.result.why_incomplete,
        "spent": None if arms.result.spent is None else str(arms.result.spent.high),
        "training": str(plan.training),
        "training_rows": plan.training_rows,
        "examples": plan.examples,
        "nearest_by": plan.how.words,
        "own_words_left_out": plan.own_words,
        "sentences": sentences(arms),
        "verdict": None if verdict is None else verdict.as_json(),
        "rival": None if arms.rival is None else str(arms.rival.kind),
        "nearest_against_prompt": (
            None if arms.nearest_against_prompt is None else arms.nearest_against_prompt.as_json()
        ),
        "arms": [_arm_json(one) for one in arms.arms],
    }


def _arm_json(arm: Arm) -> dict[str, Any]:
    cost = arm.cost_per_thousand
    return {
        "kind": str(arm.kind),
        "account": arm.lane.account,
        "model": arm.lane.model,
        "score": arm.score.as_json(),
        "tokens_in": arm.tokens_in,
        "seconds": arm.seconds,
        "cost_per_thousand": None if cost is None else str(cost.high),
        "currency": None if cost is None else cost.currency,
        "new_knowledge": arm.freshness,
        "tuned_against_it": None if arm.against_tuned is None else arm.against_tuned.as_json(),
    }


def kept_arms(arms: Arms) -> tuple[str, str]:
    """Return the title in the list of past evaluations, and what is kept as JSON."""
    test_set, tuned = arms.plan.plan.test_set, arms.tuned
    value = arms_json(arms)
    value["models"] = [
        {"account": one.lane.account, "model": one.lane.model, "score": one.score.as_json()}
        for one in arms.arms
    ]
    rows = [_kept(arms, row) for row in arms.worst_rows()[:KEPT_ROWS]]
    headings = ["Prompt", "Nearest", "Tuned"]
    tables = [{"title": "Rows, worst first", "headings": headings, "rows": rows}]
    blocks = list(arms_blocks(arms, worst=0))
    title = f"{test_set.path.name}: is fine-tuning worth it, {tuned.lane.model}"
    return title, kept_text_of(ARMS, test_set.path, test_set.digest, value, tables, blocks)


def _kept(arms: Arms, row: RowResult) -> dict[str, Any]:
    answers = [
        kept_answer(f"{one.kind}: {one.lane.model}", said.answer, said.refusal, said.score)
        for one, said in zip(arms.arms, row.answers, strict=True)
    ]
    return kept_row(row.case, [one.score for one in row.answers], answers)


def write_arms(arms: Arms, path: Path, *, overwrite: bool = False) -> None:
    """Write the report as Markdown, HTML or JSON, by the file's ending; all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    write_blocks(path, arms_blocks(arms), arms_json(arms), overwrite=overwrite)
