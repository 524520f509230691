"""Reads training files: chat, preference and legacy prompt-and-completion rows, one JSON object a line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from tui.engine.llama.answer_sequences import answer_sequence, encode_sequences
from tui.engine.llama.tokenizer import ChatTokenizer, TrainingExample
from tui.engine.llama.training_rows import tools_of
from tui.engine.trainers.preference import PreferencePair
from tui.errors import TunedeckError


class BadTrainingFile(TunedeckError):
    """A row can't be learned from; `param` of the job's error is the file."""


@dataclass(frozen=True, slots=True)
class Example:
    """One row as it is learned: one sequence or more, or a preference's two answers."""

    sequences: tuple[TrainingExample, ...]
    """Those in which something is left to learn."""

    @property
    def token_count(self) -> int:
        """Tokens of all sequences, prompt and answer."""
        return sum(sequence.token_count for sequence in self.sequences)

    @property
    def target_count(self) -> int:
        """Number of tokens that are learned."""
        return sum(sequence.target_count for sequence in self.sequences)


@dataclass(slots=True)
class Reading:
    """What was found while reading a file."""

    truncated: int = 0
    """Examples cut off at the token limit."""
    skipped: int = 0
    """Examples in which nothing is left to learn."""


def read_supervised(path: Path, tokenizer: ChatTokenizer, max_tokens: int, reading: Reading) -> list[Example]:
    """Read chat or completion rows.

    Args:
        path: JSON lines.
        tokenizer: Of the base model, with its template.
        max_tokens: Longest sequence; what exceeds it is cut off at the end.
        reading: Told how many were cut, and in how many nothing was left to learn.

    Raises:
        BadTrainingFile: Names the line.
    """
    examples = []
    for line, row in numbered_rows(path):
        try:
            sequences = supervised_sequences(row, tokenizer, max_tokens)
        except (TunedeckError, KeyError, TypeError, AttributeError) as error:
            raise BadTrainingFile(
                f"Line {line} of {path.name} can't be learned: {why_not_learned(error)}."
            ) from error
        reading.truncated += any(sequence.token_count >= max_tokens for sequence in sequences)
        learned = tuple(sequence for sequence in sequences if len(sequence.ids))
        if learned:
            examples.append(Example(learned))
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
            preferred, rejected = both_answers(row, tokenizer, max_tokens)
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


def supervised_sequences(
    row: Mapping[str, Any], tokenizer: ChatTokenizer, max_tokens: int
) -> list[TrainingExample]:
    """Return what a chat or completion row is learned as; raises as `encode_sequences`, or `KeyError`."""
    if "messages" in row:
        return encode_sequences(tokenizer, row["messages"], tools_of(row), max_tokens)
    return [tokenizer.encode_completion(row["prompt"], row["completion"], max_tokens)]


def both_answers(
    row: Mapping[str, Any], tokenizer: ChatTokenizer, max_tokens: int
) -> tuple[TrainingExample, TrainingExample]:
    """Return a row's preferred and other answer, each with its prompt; raises as `answer_sequence`."""
    guard = tokenizer.guard()
    preferred, other = (
        tokenizer.encode_rendered(answer_sequence(tokenizer, row, key, guard), guard, max_tokens)
        for key in ("preferred_output", "non_preferred_output")
    )
    return preferred, other


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
