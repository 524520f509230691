"""What tokens were used for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
