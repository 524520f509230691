"""The tokens of a whole file, as `tunedeck count` prints them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from tui.datasets.cached_check import check_known
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.registry import LINT_SETS
from tui.datasets.options import CheckOptions
from tui.datasets.report import Distribution, Report
from tui.datasets.tokens import TextTokenizer

_STABLE_KEYS = ("model", "encoding", "examples", "total_tokens", "trained_tokens")
"""What programs may rely on, before `per_example`; it does not grow."""


@dataclass(frozen=True, slots=True)
class CountResult:
    """Tokens of a file for one model; `tui.datasets.row_tokens` says what a row's tokens are."""

    model: str
    encoding: str
    examples: int
    """Lines that were counted: those that hold a JSON object."""
    total_tokens: int
    """Of every example in full, also of what lies beyond the model's limit."""
    trained_tokens: int
    per_example: Distribution
    report: Report
    """What the numbers come from: limit, roles, spread."""
    skipped_lines: int = 0
    """Lines that are not blank and yet hold no JSON object, so that nothing could be counted."""

    def as_json(self) -> dict[str, Any]:
        """Return the stable JSON shape of `tunedeck count --json`."""
        value = {name: getattr(self, name) for name in _STABLE_KEYS}
        return {**value, "per_example": asdict(self.per_example)}


def count_file(
    path: Path,
    model: str,
    *,
    dataset_format: DatasetFormat | None = None,
    tokenizer: TextTokenizer | None = None,
    token_limit: int | None = None,
    fresh: bool = False,
    on_progress: Callable[[int, int], None] | None = None,
) -> CountResult:
    """Count a dataset for a model; what a check of the same content has counted is not counted again.

    Args:
        path: A file, or a pipe.
        model: Name of a base model or of a tuned one.
        dataset_format: The rows' format; None finds it out.
        tokenizer: What counts; None takes the vocabulary of `model`.
        token_limit: Most tokens of an example; None takes what the model's name implies.
        fresh: Read the file even where a report of it is kept.
        on_progress: Called with (bytes done, bytes in all).

    Raises:
        TunedeckError: The file can't be read.
    """
    options = CheckOptions(model=model, format=dataset_format, tokenizer=tokenizer, token_limit=token_limit)
    with_lints = [replace(options, lints=name) for name in LINT_SETS if name != options.lints]
    report = check_known(path, options, also=with_lints, fresh=fresh, on_progress=on_progress)
    tokens = report.tokens
    return CountResult(
        model=model,
        encoding=tokens.encoding,
        examples=tokens.examples,
        total_tokens=tokens.total,
        trained_tokens=tokens.trained,
        per_example=tokens.per_example,
        report=report,
        skipped_lines=report.rows - tokens.examples,
    )
