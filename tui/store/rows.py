"""Things that only the store knows: what a person opened, launched and said."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tui.records.chats import Answer, ChatMessage, ChatParameters


@dataclass(frozen=True, slots=True)
class DatasetRecord:
    """A dataset that was checked once, as it was then."""

    path: Path
    sha256: str
    bytes: int
    rows: int
    format: str
    valid: bool
    counts: Mapping[str, int]
    """Findings: {"error", "warning", "info"} -> how many."""
    opened_at: int


class LaunchState(StrEnum):
    """How far a confirmed launch has come."""

    PREPARING = "preparing"
    CREATING = "creating"
    """The request was sent, or was about to be: a job may exist."""
    UNKNOWN = "unknown"
    """No answer came, and the service does not list the job (yet)."""
    CREATED = "created"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class LaunchRecord:
    """One confirmation of a price, and what came of it."""

    run_id: str
    account: str
    state: LaunchState
    request: Mapping[str, Any]
    fingerprint: str
    """Hash of everything that makes two launches the same: data, model, method, parameters."""
    dataset_path: Path
    dataset_sha256: str
    price: Mapping[str, Any]
    job_id: str | None
    problem: str | None
    created_at: int
    """When it was confirmed (unix seconds), or when its creation was last sent."""


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


class UsageKind(StrEnum):
    """What tokens were used for."""

    CHAT = "chat"
    TRAINING = "training"


@dataclass(frozen=True, slots=True)
class UsageTotal:
    """Tokens that one model of an account has used for one kind of work."""

    account: str
    kind: UsageKind
    model: str
    uses: int
    """Answers, or jobs."""
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    trained_tokens: int
