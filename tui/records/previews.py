"""How a service reads rows of a file: their tokens, and which of them are trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """One row, as the service's own template and vocabulary make it."""

    tokens: tuple[str, ...]
    token_ids: tuple[int, ...]
    trained: tuple[tuple[int, int], ...]
    """(first, behind the last) of the tokens that are trained on."""
    count: int
    trained_count: int
    truncated: bool
    """It was cut at the longest sequence that the model takes."""


@dataclass(frozen=True, slots=True)
class TokenPreview:
    """The first rows of a file, as the service reads them."""

    model: str
    format: str
    """What the service takes the rows for, in its own word."""
    longest: int | None
    """Tokens of a sequence, at most."""
    trains_on_inputs: bool | None
    rows: tuple[PreviewRow, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "model": self.model, "format": self.format, "max_sequence_length": self.longest,
            "train_on_inputs": self.trains_on_inputs,
            "rows": [
                {
                    "tokens": row.count, "trained_tokens": row.trained_count, "truncated": row.truncated,
                    "trained_spans": [list(span) for span in row.trained], "token_texts": list(row.tokens),
                    "token_ids": list(row.token_ids),
                }
                for row in self.rows
            ],
        }  # fmt: skip
