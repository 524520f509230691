"""What a tuned model's name says of its base: each service builds it in a way of its own."""

from __future__ import annotations

import re

_PATTERNS = (
    re.compile(r"ft:(?P<base>[^:]+)(?::.*)?", re.DOTALL),
    re.compile(r"(?P<base>.+)\.ft-[0-9a-f]{8,}.*", re.DOTALL),
    re.compile(r"(?P<base>.+)-LoRa:.+", re.DOTALL),
)
"""OpenAI (`ft:BASE:ORGANISATION:SUFFIX:ID`), Azure (`BASE.ft-ID`), Nebius (`BASE-LoRa:NAME`)."""


def base_of(model_id: str) -> str:
    """Return the base model that a tuned model's name tells of; any other id is its own base."""
    for pattern in _PATTERNS:
        found = pattern.fullmatch(model_id)
        if found:
            return found["base"]
    return model_id


def is_tuned(model_id: str) -> bool:
    """Return whether a name is that of a model that a job made."""
    return base_of(model_id) != model_id
