"""What a blind comparison of two models is made of; the answers stand apart, under their digests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from tui.records.chats import ChatMessage, ChatParameters


class Rating(StrEnum):
    """What a person thought of two answers; first and second as the comparison lists its sides."""

    FIRST = "first"
    SECOND = "second"
    TIE = "tie"
    BOTH_BAD = "both bad"


@dataclass(frozen=True, slots=True)
class Side:
    """A model with the prompt and the settings that it answers with."""

    account: str
    model: str
    system: str | None = None
    """Takes the place of each row's own system prompt; empty for none, None leaves the row's."""
    parameters: ChatParameters = field(default_factory=ChatParameters)


@dataclass(frozen=True, slots=True)
class Round:
    """One prompt that both sides answer."""

    number: int
    """From 1."""
    messages: tuple[ChatMessage, ...]
    tools: tuple[Mapping[str, Any], ...] = ()
    first_is_left: bool = True
    """Where the first side's answer is shown; decided before anybody sees it."""
    rating: Rating | None = None
    rated_at: int | None = None
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides, rated blind over a list of prompts."""

    id: str
    source: str
    """A file's path, or where else the prompts are from."""
    sides: tuple[Side, Side]
    seed: int
    """Of what stands left."""
    created_at: int
    """Unix seconds."""
