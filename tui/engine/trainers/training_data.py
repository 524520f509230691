"""Reads training files: chat, preference and legacy prompt-and-completion rows, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tui.engine.llama.tokenizer import ChatTokenizer, TrainingExample
from tui.engine.llama.training_rows import answer_of, tools_of
from tui.engine.trainers.preference import PreferencePair
from tui.errors import TunedeckError


class BadTrainingFile(TunedeckError):
    """A row can't be learned from; `param` of the job's error is the file."""


@dataclass(slots=True)
class Reading:
    """What was found while reading a file."""

    truncated: int = 0
    """Examples cut off at the token limit."""
    skipped: int = 0
    """Examples in which nothing is left to learn."""


def read_supervised(
    path: Path, tokenizer: ChatTokenizer, max_tokens: int, reading: Reading
) -> list[TrainingExample]:
    """Read chat or completion rows.

    Raises:
        BadTrainingFile: Names the line.
    """
    examples = []
    for line, row in numbered_rows(path):
        try:
            example = _supervised_example(row, tokenizer, max_tokens)
        except (TunedeckError, KeyError, TypeError, AttributeError) as error:
            raise BadTrainingFile(
                f"Line {line} of {path.name} can't be learned: {why_not_learned(error)}."
            ) from error
        reading.truncated += example.token_count >= max_tokens
        if len(example.ids):
            examples.append(example)
        else:
            reading.skipped += 1
    return examples


def read_preferences(
    path: Path, tokenizer: ChatTokenizer, max_tokens: int, reading: Reading
) -> list[PreferencePair]:
    """Read preference rows.

    Raises:
        BadTrainingFile: Names the line.
    """
    pairs = []
    for line, row in numbered_rows(path):
        try:
            prompt, tools = row["input"]["messages"], tools_of(row["input"])
            preferred, rejected = (
                tokenizer.encode_pair(prompt, answer_of(row[key]), tools, max_tokens)
                for key in ("preferred_output", "non_preferred_output")
            )
        except (TunedeckError, KeyError, TypeError, AttributeError) as error:
            raise BadTrainingFile(
                f"Line {line} of {path.name} can't be learned: {why_not_learned(error)}."
            ) from error
        reading.truncated += max(preferred.token_count, rejected.token_count) >= max_tokens
        if len(preferred.ids) and len(rejected.ids):
            pairs.append(PreferencePair(preferred, rejected))
        else:
            reading.skipped += 1
    return pairs


def _supervised_example(row: Mapping[str, Any], tokenizer: ChatTokenizer, max_tokens: int) -> TrainingExample:
    if "messages" in row:
        return tokenizer.encode_example(row["messages"], tools_of(row), max_tokens)
    return tokenizer.encode_completion(row["prompt"], row["completion"], max_tokens)


def numbered_rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield each row of a file that is not empty, with its line, counted from 1.

    Raises:
        BadTrainingFile: A line is no JSON object.
    """
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            text = line.strip()
            if number == 1:
                text = text.removeprefix(b"\xef\xbb\xbf")
            if not text:
                continue
            try:
                row = orjson.loads(text)
            except orjson.JSONDecodeError as error:
                raise BadTrainingFile(f"Line {number} of {path.name} is not JSON: {error}.") from error
            if not isinstance(row, dict):
                raise BadTrainingFile(f"Line {number} of {path.name} is not a JSON object.")
            yield number, row


def why_not_learned(error: Exception) -> str:
    """Return what a row lacks, without a full stop."""
    if isinstance(error, TunedeckError):
        return error.message.rstrip(".")
    return f"it lacks {error}" if isinstance(error, KeyError) else "its fields have the wrong types"
