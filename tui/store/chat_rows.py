"""What was said, as the store keeps it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tui.records.chats import Answer, ChatMessage, ChatParameters


@dataclass(frozen=True, slots=True)
class ChatSummary:
    """A conversation in the list of conversations."""

    id: str
    title: str
    models: tuple[tuple[str, str], ...]
    """(account, model) pairs, in the order of the columns."""
    system_prompt: str
    parameters: ChatParameters
    created_at: int
    updated_at: int


@dataclass(frozen=True, slots=True)
class StoredChat:
    """A conversation with all that was said."""

    summary: ChatSummary
    messages: tuple[tuple[int, ChatMessage], ...]
    """(turn, message) in order; answers are not among them."""
    answers: tuple[Answer, ...]
