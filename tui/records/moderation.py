"""What a service's moderation says of texts."""

from __future__ import annotations

from dataclasses import dataclass

MODERATION_MODEL = "omni-moderation-latest"
"""OpenAI's free judge of texts and images (its model page, read 2026-11-29)."""


@dataclass(frozen=True, slots=True)
class ModerationReply:
    """The answer to one request."""

    categories: tuple[tuple[str, ...], ...]
    """Of each input, in order: the categories that it is flagged in; none when it is not flagged."""
    pause_seconds: float = 0.0
    """How long the service wants no further request, by its own count of what is left."""
