"""Rows of a training file as token sequences with our own masks: what is learned, and what is only read.

TRL's own preparation knows no `weight`, and finds the assistant's tokens only for templates that it has by
heart; so the rows are tokenised here and TRL is given labels.
"""

from __future__ import annotations

from pathlib import Path

from tui.engine.llama.tokenizer import ChatTokenizer
from tui.engine.trainers.training_data import Example, Reading, read_preferences, read_supervised


def read_examples(
    path: Path, method: str, tokenizer: ChatTokenizer, max_tokens: int, reading: Reading
) -> list[Example]:
    """Read the rows of a file as the embedded trainer does; of a preference the preferred answer is first.

    Args:
        path: JSON lines.
        method: "supervised" or "dpo".
        tokenizer: Of the base model, with its template.
        max_tokens: Longest sequence; what exceeds it is cut off at the end.
        reading: Told how many were cut, and in how many nothing was left to learn.

    Raises:
        BadTrainingFile: Names the line that can't be learned.
    """
    if method != "dpo":
        return read_supervised(path, tokenizer, max_tokens, reading)
    return [
        Example((pair.preferred, pair.rejected))
        for pair in read_preferences(path, tokenizer, max_tokens, reading)
    ]
