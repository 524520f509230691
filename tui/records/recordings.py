"""What was recorded of a model before it is shut down: the questions; answers stand apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.records.chats import ChatMessage, ChatParameters


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One question of a recording."""

    digest: bytes
    """Under which the answer is kept."""
    case_id: str
    line: int
    """In its file, from 1."""
    messages: tuple[ChatMessage, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    expected: tuple[str, ...] = ()
    """What the row itself holds for right."""
    refusal: str = ""
    """Why the service would not answer; empty where it did, or was not asked yet."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One model's answers to one list of questions."""

    id: str
    account: str
    model: str
    source: str
    """A file's path, or where else the questions are from."""
    parameters: ChatParameters
    created_at: int
    """Unix seconds."""
    rows: int
    answered: int
    refused: int

    @property
    def missing(self) -> int:
        """Questions that have neither an answer nor a refusal yet."""
        return self.rows - self.answered - self.refused
