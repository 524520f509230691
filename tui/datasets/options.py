"""What a check is asked to look for."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from tui.datasets.formats import DatasetFormat
from tui.datasets.graders import Grader
from tui.datasets.services import DEFAULT_SERVICE
from tui.datasets.tokens import TextTokenizer

DEFAULT_MODEL = "gpt-4.1-mini-2025-04-14"
"""Whose vocabulary and limits count when nobody names a model."""
USUAL_LINTS = "fast"
"""Quality lints of a check when nobody names any."""


@dataclass(frozen=True, slots=True)
class CheckOptions:
    """What to check a file for."""

    model: str = DEFAULT_MODEL
    """Decides the vocabulary and the limit of tokens per example."""
    format: DatasetFormat | None = None
    """The rows' format; None finds it out."""
    minimum_examples: int = 10
    """1 for a validation file."""
    token_limit: int | None = None
    """Most tokens of an example; None takes the model's."""
    count_tokens: bool = True
    tokenizer: TextTokenizer | None = None
    """Counts with another vocabulary than the model's name implies."""
    ignored_rules: Set[str] = frozenset()
    """Rules that are switched off."""
    validation: bool = False
    """The file is for validation: the service's sentence says so."""
    training_file: Path | None = None
    """Compares a validation file with the training file beside it."""
    provider: str = DEFAULT_SERVICE
    """Whose rules count: a key of `tui.datasets.services.SERVICES`."""
    lints: str = "none"
    """Quality lints to run: "none", "fast" (seconds for a gigabyte) or "all"."""
    grader: Grader | None = None
    """Compares the rows of a reinforcement file with the templates of this grader."""
