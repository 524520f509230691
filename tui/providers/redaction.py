"""Takes secrets out of text before anyone can see it."""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "[key hidden]"
_SHORTEST_SECRET = 6
_PATTERNS = (
    re.compile(r"\bsk-[A-Za-z0-9_*.-]{3,}"),
    re.compile(r"\b(?:fw_|tgp_v1_|hf_|nvapi-|bedrock-api-key-|ABSK)[A-Za-z0-9_=+/.-]{12,}"),
    re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]*)?"),
    re.compile(r"(?i)\bbearer\s+[^\s\"',;]+"),
    re.compile(r"(?<=://)[^/\s@:]+:[^/\s@]+(?=@)"),
)


def redact(text: str, secrets: Iterable[str] = ()) -> str:
    """Return `text` without the given secrets and without anything that looks like a key or a password."""
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, REDACTED)
    for pattern in _PATTERNS:
        text = pattern.sub(REDACTED, text)
    return text
