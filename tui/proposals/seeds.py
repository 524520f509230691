"""Examples that new rows are made from: typed ones, or rows of a dataset."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.datasets.files import unchanged_file
from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.lines import LineReader
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.errors import TunedeckError
from tui.proposals.definition import Seed

ARROW = "=>"
"""Stands between question and answer of a typed example."""
MOST_SEEDS = 200
"""Examples that a run draws from; more say nothing new to a model and make the run's record large."""
_SYSTEM_ROLES = ("system", "developer")


def typed_seed(text: str, number: int) -> Seed:
    """Return an example that was typed as `question => answer`.

    Raises:
        TunedeckError: It has no question or no answer.
    """
    question, arrow, answer = text.partition(ARROW)
    if not arrow or not question.strip() or not answer.strip():
        raise TunedeckError(
            f"{text!r} is no example.", f'Write it as "question {ARROW} answer".'
        )  # fmt: skip
    messages = [
        {"role": "user", "content": question.strip()},
        {"role": "assistant", "content": answer.strip()},
    ]
    return Seed(f"typed {number}", {"messages": messages})


def file_seeds(
    path: Path, lines: Sequence[int] = (), *, most: int | None = MOST_SEEDS, seed: int = 1
) -> tuple[Seed, ...]:
    """Return rows of a dataset as seeds, in the order of the file.

    Args:
        path: JSONL of chat rows or preference rows.
        lines: Only these; without any, rows drawn by chance where there are more than `most`.
        most: So many at most; None takes all.
        seed: Of the drawing.

    Raises:
        TunedeckError: The file can't be read, a line holds no row of these kinds, or none does.
    """
    wanted = set(lines)
    found: list[Seed] = []
    seen = 0
    chance = random.Random(seed)  # no secret hangs on it
    with unchanged_file(path) as (stream, _):
        for first, batch in LineReader(stream).batches():
            for number, line in enumerate(batch, first):
                if (wanted and number not in wanted) or not line or line.isspace():
                    continue
                row = _usable(line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line)
                if row is None:
                    if wanted:
                        raise TunedeckError(
                            f"{path}:{number}: no example can be made of it.",
                            "It needs a question and an answer, or an input with two answers.",
                        )
                    continue
                seen += 1
                one = Seed(f"{path.name} line {number}", row)
                if most is None or len(found) < most:
                    found.append(one)
                elif (place := chance.randrange(seen)) < most:  # every row with the same chance
                    found[place] = one
    if not found:
        raise TunedeckError(
            f"{path} holds no row that can be an example.", "Rows need messages with an answer at the end."
        )
    return tuple(sorted(found, key=_line_of))


def _line_of(seed: Seed) -> int:
    return int(seed.label.rpartition(" ")[2])


def _usable(line: bytes) -> Mapping[str, Any] | None:
    value, problem = parse_line(line)
    if problem is not None or not isinstance(value, dict):
        return None
    kind = row_format(value)
    if kind is DatasetFormat.CHAT:
        return value if spoken_of(value) and spoken_of(value)[-1]["role"] == "assistant" else None
    if kind is DatasetFormat.PREFERENCE:
        return value if spoken_of(value) and _answer(value, "preferred_output") else None
    return None


def format_of(seeds: Sequence[Seed]) -> DatasetFormat:
    """Return what rows seeds are of: preference pairs where all are, else chat.

    Raises:
        TunedeckError: Both kinds are among them.
    """
    kinds = {row_format(dict(seed.row)) for seed in seeds}
    if len(kinds) > 1:
        raise TunedeckError("The examples are of two kinds.", "Give chat rows or preference pairs alone.")
    return DatasetFormat.PREFERENCE if kinds == {DatasetFormat.PREFERENCE} else DatasetFormat.CHAT


def system_of_seeds(seeds: Sequence[Seed]) -> str:
    """Return the system prompt that all seeds share; empty where they have none, or different ones."""
    prompts = {system_of_row(seed.row) for seed in seeds}
    return prompts.pop() if len(prompts) == 1 else ""


def system_of_row(row: Mapping[str, Any]) -> str:
    """Return a row's system prompt; empty where it has none of plain text."""
    for message in _messages(row):
        if message.get("role") in _SYSTEM_ROLES and isinstance(message.get("content"), str):
            return str(message["content"])
    return ""


def spoken_of(row: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the messages of plain text between user and assistant; empty where there is anything else."""
    spoken = []
    for message in _messages(row):
        role, content = message.get("role"), message.get("content")
        if role in _SYSTEM_ROLES:
            continue
        if role not in ("user", "assistant") or not isinstance(content, str) or message.get("tool_calls"):
            return []
        spoken.append({"role": str(role), "content": content})
    return spoken


def pair_of(row: Mapping[str, Any]) -> tuple[str, str]:
    """Return the preferred and the other answer of a preference row; empty where they are no plain text."""
    return _answer(row, "preferred_output"), _answer(row, "non_preferred_output")


def _answer(row: Mapping[str, Any], key: str) -> str:
    messages = row.get(key)
    first = messages[0] if isinstance(messages, list) and messages else None
    content = first.get("content") if isinstance(first, dict) else None
    return content if isinstance(content, str) else ""


def _messages(row: Mapping[str, Any]) -> list[dict[str, Any]]:
    source = row.get("input") if isinstance(row.get("input"), dict) else row
    messages = source.get("messages") if isinstance(source, Mapping) else None
    return [one for one in messages if isinstance(one, dict)] if isinstance(messages, list) else []
