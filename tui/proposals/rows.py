"""From what a model wrote to rows of a file, judged by the rules before anybody is shown them."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from tui.datasets.check_row import check_row
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Severity
from tui.proposals.definition import Answers, Definition, Seed
from tui.proposals.noise import with_slips
from tui.proposals.parse import Piece, read_conversation, read_examples, read_text
from tui.proposals.prompts import changed_messages
from tui.proposals.seeds import system_of_row
from tui.records.evaluations import EvalAnswer
from tui.records.proposals import MakingKind

CUT = "length"
"""Finish reason of an answer that met the limit of tokens."""
_MOST_LONGER, _LONGER_BY = 3, 80
"""A changed row of more than three times the characters and 80 more is no paraphrase and no translation."""


class Made:
    """A row, or why there is none.

    Attributes:
        line: The row as JSON; what the model wrote where there is none.
        why_not: Why there is none, in a sentence; empty for a row.
    """

    __slots__ = ("line", "why_not")

    def __init__(self, line: bytes, why_not: str = "") -> None:
        self.line = line
        self.why_not = why_not


def rows_of(definition: Definition, seeds: Sequence[Seed], answer: EvalAnswer) -> list[Made]:
    """Return what one answer came to.

    Args:
        definition: What was asked for.
        seeds: The rows that were shown, or the one that was to be changed.
        answer: Of the model.
    """
    if answer.finish_reason not in ("stop", CUT, "tool_calls", None):
        return [_unusable(f"the answer ended by {answer.finish_reason}", answer.text)]
    if definition.kind is MakingKind.GENERATE:
        pieces = read_examples(answer.text, definition.format, was_cut=answer.finish_reason == CUT)
        return [_generated(definition, piece) for piece in pieces]
    seed = seeds[0]
    if answer.finish_reason == CUT:
        return [_unusable("the answer was cut at the limit of tokens", answer.text)]
    wanted = changed_messages(definition, seed)
    piece = (
        read_text(answer.text)
        if len(wanted) == 1
        else read_conversation(answer.text, [one["role"] for one in wanted])
    )
    if piece.why_not:
        return [_unusable(piece.why_not, piece.text)]
    texts = [one["content"] for one in piece.messages]
    if definition.answers is not Answers.AGAIN and _is_far_longer([one["content"] for one in wanted], texts):
        return [_unusable("it is several times as long as the row: the model went on writing", answer.text)]
    return [changed_row(definition, seed, texts)]


def noisy_row(definition: Definition, seed: Seed, place: int) -> Made:
    """Return a row whose questions have slips of the keyboard; its answer stays."""
    chance = random.Random(f"{definition.seed}/{seed.label}/{place}")
    texts = [with_slips(one["content"], chance) for one in changed_messages(definition, seed)]
    return changed_row(definition, seed, texts)


def _generated(definition: Definition, piece: Piece) -> Made:
    if piece.why_not:
        return _unusable(piece.why_not, piece.text)
    system = [{"role": "system", "content": definition.system}] if definition.system else []
    if definition.format is DatasetFormat.PREFERENCE:
        row: dict[str, Any] = {
            "input": {"messages": [*system, *piece.messages]},
            "preferred_output": [{"role": "assistant", "content": piece.preferred}],
            "non_preferred_output": [{"role": "assistant", "content": piece.rejected}],
        }
    else:
        row = {"messages": [*system, *piece.messages]}
    return judged(row, piece.text, definition.format)


def changed_row(definition: Definition, seed: Seed, texts: Sequence[str]) -> Made:
    """Return a seed's row with other texts in its messages; everything else of it stays.

    Args:
        definition: Which messages were to be changed.
        seed: The row.
        texts: Of those messages, in order.
    """
    row = deepcopy(dict(seed.row))
    source: Mapping[str, Any] = row["input"] if isinstance(row.get("input"), dict) else row
    roles = ("user",) if definition.answers is Answers.KEEP else ("user", "assistant")
    places = [one for one in source["messages"] if one.get("role") in roles]
    if all(one["content"].strip() == text.strip() for one, text in zip(places, texts, strict=True)):
        return _unusable("nothing was changed", "\n".join(texts))
    for message, text in zip(places, texts, strict=True):
        message["content"] = text
    if definition.system and system_of_row(row) != definition.system:
        kept = [one for one in source["messages"] if one.get("role") not in ("system", "developer")]
        source["messages"][:] = [{"role": "system", "content": definition.system}, *kept]
    return judged(row, "\n".join(texts), definition.format)


def _is_far_longer(seed_texts: Sequence[str], texts: Sequence[str]) -> bool:
    before = sum(len(text) for text in seed_texts)
    return sum(len(text) for text in texts) > _MOST_LONGER * before + _LONGER_BY


def judged(row: Mapping[str, Any], text: str, dataset_format: DatasetFormat) -> Made:
    """Return a row that the rules let pass, or what they say against it.

    Args:
        row: As it would stand in the file.
        text: What the model wrote, for a row that does not pass.
        dataset_format: Of the file.
    """
    line = line_of(row)
    errors = [one for one in check_row(line, dataset_format) if one.severity is Severity.ERROR]
    return _unusable(errors[0].message, text) if errors else Made(line)


def line_of(row: Mapping[str, Any]) -> bytes:
    """Return a row as a line of a file, without its end."""
    return json.dumps(row, ensure_ascii=False).encode("utf-8", "replace")


def _unusable(why: str, text: str) -> Made:
    sentence = why[:1].upper() + why[1:]
    return Made(text.encode("utf-8", "replace"), sentence if sentence.endswith(".") else f"{sentence}.")
