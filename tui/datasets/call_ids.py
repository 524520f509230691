"""Ids of tool calls: mere labels, which some services take in one form alone."""

from __future__ import annotations

import re
from hashlib import blake2b

SHORT_ID = re.compile(r"[a-zA-Z0-9]{9}")
"""The form that Mistral's trainers and templates ask for, and that every service takes."""


def short_id(call_id: str) -> str:
    """Return nine letters and digits in place of an id: the same ones for the same id."""
    return blake2b(call_id.encode("utf-8", "replace")).hexdigest()[:9]
