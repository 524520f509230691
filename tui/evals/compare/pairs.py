"""Blind ratings as a preference file: what was preferred, against what was not."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.chat.rows import message_json
from tui.datasets.atomic import new_file
from tui.errors import TunedeckError
from tui.evals.compare.blind import BlindRating, side_ask
from tui.records.comparisons import Rating, Round
from tui.records.evaluations import EvalAnswer


@dataclass(frozen=True, slots=True)
class PairsWritten:
    """What a preference file was made of."""

    rows: int
    left_out: dict[str, int]
    """Reason -> ratings that make no pair."""


def preference_rows(rating: BlindRating) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the rows of a preference file, and why ratings are left out: reason -> how many."""
    rows: list[dict[str, Any]] = []
    left_out: dict[str, int] = {}
    for one in rating.rounds:
        if one.rating is None:
            continue
        made = _row(rating, one)
        if isinstance(made, str):
            left_out[made] = left_out.get(made, 0) + 1
        else:
            rows.append(made)
    return rows, left_out


def _row(rating: BlindRating, one: Round) -> dict[str, Any] | str:
    """Return the pair, or why there is none."""
    if one.rating not in (Rating.FIRST, Rating.SECOND):
        return f"rated {one.rating}"
    first, second = rating.answers(one)
    if first is None or second is None:
        return "an answer is no longer kept"
    better, worse = (first, second) if one.rating is Rating.FIRST else (second, first)
    if not _is_whole(better):
        return "the better answer is not whole"
    if not worse.text.strip() or better.text.strip() == worse.text.strip():
        return "both answers say the same, or one says nothing"
    # Asked as the better side was: its prompt is the one that gave what was preferred.
    which = 0 if one.rating is Rating.FIRST else 1
    asked = side_ask(rating.comparison.sides[which], one).request
    given: dict[str, Any] = {"messages": [message_json(message) for message in asked.messages]}
    if asked.tools:
        given["tools"] = [dict(tool) for tool in asked.tools]
    return {
        "input": given,
        "preferred_output": [{"role": "assistant", "content": better.text}],
        "non_preferred_output": [{"role": "assistant", "content": worse.text}],
    }


def _is_whole(answer: EvalAnswer) -> bool:
    return answer.finish_reason in ("stop", None) and bool(answer.text.strip())


def export_pairs(rating: BlindRating, path: Path) -> PairsWritten:
    """Write the ratings as a preference file, all or nothing.

    Raises:
        TunedeckError: No rating makes a pair, the file exists already, or it can't be written.
    """
    rows, left_out = preference_rows(rating)
    if not rows:
        raise TunedeckError(
            "No rating makes a pair yet.", "Rate some answers left or right first; ties make none."
        )
    with new_file(path) as file:
        for row in rows:
            file.write(f"{json.dumps(row, ensure_ascii=False)}\n".encode("utf-8", "replace"))
    return PairsWritten(len(rows), left_out)
