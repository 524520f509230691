"""A prompt diet, and old against new, as they are kept among past evaluations: report and worst rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.evals.cases import Case
from tui.evals.diet import Diet, sentences
from tui.evals.diet_report import diet_blocks, diet_json
from tui.evals.kept import KEPT_ROWS, packed
from tui.evals.parity import ParityReport, ParityRow
from tui.evals.parity_report import parity_blocks, parity_json
from tui.evals.parity_report import sentences as parity_sentences
from tui.evals.reports.blocks import Block
from tui.evals.result import RowResult
from tui.evals.test_set import TestSet
from tui.records.evaluations import DIET, PARITY, EvalAnswer
from tui.safe_text import safe_line, safe_text

_LONGEST_TEXT = 20_000


def kept_diet(diet: Diet, test_set: TestSet) -> tuple[str, str]:
    """Return the title of a diet in the list of past evaluations, and what is kept of it as JSON."""
    examined = diet.lanes[-1]
    shortest = diet.shortest(examined)
    word = (
        "" if shortest is None else f"{shortest.prompt.share} % {'needed' if shortest.is_whole else 'enough'}"
    )
    value = diet_json(diet)
    del value["worst_first"]  # every answer to every row: they are in the store anyway
    tables = [
        {
            "title": f"Rows of {safe_line(lane.model)}, worst first",
            "headings": [f"{diet.meals[place].prompt.share} %" for place in diet.places(lane)],
            "rows": [_diet_row(diet, row, diet.places(lane)) for row in diet.worst_rows(lane)[:KEPT_ROWS]],
        }
        for lane in reversed(diet.lanes)
    ]
    whole = {meal.lane: meal.score for meal in diet.meals if meal.is_whole}
    value |= {
        "models": [
            {"account": lane.account, "model": lane.model, "score": whole[lane].as_json()}
            for lane in diet.lanes
        ],
        "verdict": {"word": word, "sentence": " ".join(sentences(diet))},
    }
    title = f"{test_set.path.name}: prompt diet of {examined.model}"
    return title, kept_text_of(DIET, test_set.path, test_set.digest, value, tables, diet_blocks(diet))


def kept_parity(report: ParityReport, test_set: TestSet) -> tuple[str, str]:
    """Return the same of a comparison of old and new; its score is the agreement."""
    value = parity_json(report)
    del value["worst_first"]
    value["sentences"] = parity_sentences(report)
    scored = report.verdict is not None
    value["models"] = [
        {"account": report.old.account, "model": report.old.model},
        {
            "account": report.new.lane.account,
            "model": report.new.lane.model,
            "score": report.agreement.as_json(),
        },
    ]
    rows = [_parity_row(report, row, scored=scored) for row in report.rows[:KEPT_ROWS]]
    headings = ["Alike", "Old", "New"] if scored else ["Alike"]
    tables = [{"title": "Rows, worst first", "headings": headings, "rows": rows}]
    title = f"{test_set.path.name}: {report.new.label} in place of {report.old.model}"
    blocks = list(parity_blocks(report, worst=0))
    return title, kept_text_of(PARITY, test_set.path, test_set.digest, value, tables, blocks)


def kept_text_of(
    kind: str,
    path: Path,
    digest: str,
    value: Mapping[str, Any],
    tables: Sequence[Mapping[str, Any]],
    blocks: Any,
) -> str:
    """Return a report as it is kept: its JSON, tables of rows, and its blocks."""
    report: list[Block] = list(blocks)
    return json.dumps(
        {
            "kind": kind, "test_set": str(path), "sha256": digest, **value, "tables": tables,
            "blocks": [packed(block) for block in report],
        },
        ensure_ascii=True,
    )  # fmt: skip


def kept_row(
    case: Case, shown: Sequence[float | None], answers: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """Return a row as it is kept; `shown` are the numbers of its line."""
    return {
        "line": case.line, "id": safe_line(case.id), "tags": list(case.tags), "shown": list(shown),
        "question": safe_text(case.question)[:_LONGEST_TEXT],
        "expected": [safe_text(one)[:_LONGEST_TEXT] for one in case.expected], "answers": list(answers),
    }  # fmt: skip


def kept_answer(label: str, answer: EvalAnswer | None, refusal: str, score: float | None) -> dict[str, Any]:
    """Return an answer to a row as it is kept."""
    return {
        "model": label,
        "text": None if answer is None else safe_text(answer.text)[:_LONGEST_TEXT],
        "tool_calls": [
            {"name": safe_text(call.name), "arguments": safe_text(call.arguments)[:_LONGEST_TEXT]}
            for call in (answer.tool_calls if answer is not None else ())
        ],
        "refusal": refusal,
        "score": score,
    }


def _diet_row(diet: Diet, row: RowResult, places: Sequence[int]) -> dict[str, Any]:
    answers = []
    for place in places:
        said, prompt = row.answers[place], diet.meals[place].prompt
        label = f"{prompt.share} % ({prompt.tokens:,} tokens)"
        answers.append(kept_answer(label, said.answer, said.refusal, said.score))
    return kept_row(row.case, [row.answers[place].score for place in places], answers)


def _parity_row(report: ParityReport, row: ParityRow, *, scored: bool) -> dict[str, Any]:
    answers = [
        kept_answer(f"{report.old.model} (recorded)", row.old, "", row.old_score),
        kept_answer(report.new.label, row.new, row.refusal, row.new_score),
    ]
    shown = [row.agreement, row.old_score, row.new_score] if scored else [row.agreement]
    return kept_row(row.case, shown, answers)
