"""What was said, as the store keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.records.chats import Answer, ChatImage, ChatMessage, ChatParameters


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
    head: int | None = None
    """The turn that the branch shown last ends with; None for the newest."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """Tools that the models may call, as a service takes them."""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn with its place among the others."""

    number: int
    parent: int | None
    """The turn that it follows; None for a first one."""
    question: str
    images: tuple[ChatImage, ...] = ()
    results: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    """What a person answered for the tools that (account, model) called, in the order of the calls."""


@dataclass(frozen=True, slots=True)
class ChatHit:
    """A turn in which words were found."""

    chat_id: str
    title: str
    turn: int
    """0 for the title, the system prompt and the tags."""
    excerpt: str
    """The place, with what was found between U+0002 and U+0003."""
    updated_at: int
    models: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class StoredChat:
    """A conversation with all that was said."""

    summary: ChatSummary
    messages: tuple[tuple[int, ChatMessage], ...]
    """(turn, message) in order; answers are not among them."""
    answers: tuple[Answer, ...]
    turns: tuple[StoredTurn, ...] = ()
    """All of them, those of branches that are not shown too, by number."""
