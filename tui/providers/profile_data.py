"""The profiles as they are written; for the start, which needs of two of them a few words and no types."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

LOCAL_NAME, OPENAI_NAME = "local", "openai"
_FILE = Path(__file__).parents[1] / "data" / "profiles.json"


@lru_cache(maxsize=1)
def profile_file() -> Mapping[str, Any]:
    """Return the whole file, read once: `parameters` that profiles share, and `profiles`."""
    content: Mapping[str, Any] = json.loads(_FILE.read_text("utf-8"))
    return content


def profile_entry(name: str) -> Mapping[str, Any]:
    """Return a profile as written; one that is not known is taken for any service of OpenAI's shape."""
    known: Mapping[str, Mapping[str, Any]] = profile_file()["profiles"]
    return known.get(name) or known["custom"]
