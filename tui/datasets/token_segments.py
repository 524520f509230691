"""What a row is made of for a model: stretches of tokens that frame or say something, read or learned."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from tui.datasets.formats import DatasetFormat


class SpanKind(StrEnum):
    """What a token is part of."""

    FRAMING = "framing"
    """Marks, roles, names and ids around a message."""
    CONTENT = "content"
    """What somebody says, and the calls an assistant makes."""
    TOOLS = "tools"
    """Tool definitions."""
    IMAGE = "image"


PARTS = {"preferred_output": "preferred", "non_preferred_output": "non-preferred"}
"""Key of a preference row -> what its answer is called."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens in a row that share everything but text and number."""

    kind: SpanKind
    role: str
    message: int
    """Which message they belong to, from 0 through the row; -1 for none."""
    trained: bool
    ids: Sequence[int]
    """Empty where only the count is known."""
    label: str
    """What stands for the count then; safe."""
    tokens: int
    sequence: int = 0
    """Which sequence they are read in: a trainer of preferences reads prompt and answer twice."""
    part: str = ""
    """What a part of a preference row they are: "preferred" or "non-preferred"; empty in its prompt."""

    @property
    def spans(self) -> int:
        """How many spans it is."""
        return len(self.ids) or 1


@runtime_checkable
class RowReader(Protocol):
    """A model whose own template and trainer are known, so that its rows are laid out exactly as it learns.

    What lies beyond the limit is cut from each sequence by itself, and a row in which nothing is left to
    learn is left out of the training and of the count.
    """

    @property
    def name(self) -> str:
        """Name of the vocabulary."""

    def count(self, text: str) -> int:
        """Return the tokens of ordinary text."""

    def encode(self, text: str) -> Sequence[int]:
        """Return the tokens of ordinary text."""

    def token_bytes(self, token: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character."""

    def row_segments(self, value: dict[str, Any], dataset_format: DatasetFormat) -> list[Segment]:
        """Return a parsed row as it is learned.

        Raises:
            TunedeckError: The model's template refuses it, so a job would fail.
        """
