"""Rows of a training file as token sequences with our own masks: what is learned, and what is only read.

TRL's own preparation knows no `weight`, and finds the assistant's tokens only for templates that it has by
heart; so the rows are tokenised here and TRL is given labels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.engine.llama.answer_sequences import encode_sequences
from tui.engine.llama.tokenizer import ChatTokenizer, TrainingExample, as_prompt
from tui.engine.llama.training_rows import answer_of, tools_of
from tui.engine.trainers.training_data import BadTrainingFile, Reading, numbered_rows, why_not_learned
from tui.errors import TunedeckError

Sequences = tuple[TrainingExample, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """One row; a supervised one is one sequence or more, a preference the preferred and the other answer."""

    sequences: Sequences
    token_count: int
    """Tokens of all sequences, prompt and answer."""

    @property
    def target_count(self) -> int:
        """Number of tokens that are learned."""
        return sum(sequence.target_count for sequence in self.sequences)


Encode = Callable[[Mapping[str, Any], ChatTokenizer, int], Sequences]


def read_examples(
    path: Path, method: str, tokenizer: ChatTokenizer, max_tokens: int, reading: Reading
) -> list[Example]:
    """Read the rows of a file.

    Args:
        path: JSON lines.
        method: "supervised" or "dpo".
        tokenizer: Of the base model, with its template.
        max_tokens: Longest sequence; what exceeds it is cut off at the end.
        reading: Told how many were cut, and in how many nothing was left to learn.

    Raises:
        BadTrainingFile: Names the line that can't be learned.
    """
    encode = _pair if method == "dpo" else _supervised
    examples = []
    for line, row in numbered_rows(path):
        try:
            sequences = encode(row, tokenizer, max_tokens)
        except (TunedeckError, KeyError, TypeError, AttributeError) as error:
            raise BadTrainingFile(
                f"Line {line} of {path.name} can't be learned: {why_not_learned(error)}."
            ) from error
        reading.truncated += any(sequence.token_count >= max_tokens for sequence in sequences)
        count = sum(sequence.token_count for sequence in sequences)
        learned = [len(sequence.ids) > 0 for sequence in sequences]
        if all(learned) if method == "dpo" else any(learned):
            kept = tuple(sequence for sequence in sequences if len(sequence.ids))
            examples.append(Example(kept, count))
        else:
            reading.skipped += 1
    return examples


def _supervised(row: Mapping[str, Any], tokenizer: ChatTokenizer, max_tokens: int) -> Sequences:
    if "messages" in row:
        return tuple(encode_sequences(tokenizer, row["messages"], tools_of(row), max_tokens))
    return (tokenizer.encode_completion(row["prompt"], row["completion"], max_tokens),)


def _pair(row: Mapping[str, Any], tokenizer: ChatTokenizer, max_tokens: int) -> Sequences:
    prompt, tools = as_prompt(row["input"]["messages"]), tools_of(row["input"])
    return tuple(
        _answer(tokenizer, [*prompt, *answer_of(row[key])], tools, max_tokens)
        for key in ("preferred_output", "non_preferred_output")
    )


def _answer(
    tokenizer: ChatTokenizer, messages: Sequence[Mapping[str, Any]], tools: Sequence[Any] | None, limit: int
) -> TrainingExample:
    sequences = encode_sequences(tokenizer, messages, tools, limit)
    if len(sequences) != 1:
        raise TunedeckError(
            f"its answer has {len(sequences)} assistant turns, which this model's template writes otherwise "
            "once another one follows"
        )
    return sequences[0]
