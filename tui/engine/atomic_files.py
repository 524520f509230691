"""Small JSON files that are either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tui.atomic import write_bytes


def write_json_atomically(path: Path, value: Any) -> None:
    """Replace `path` by `value` as indented JSON that a person can read."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_bytes(path, text.encode("utf-8", "backslashreplace") + b"\n")


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in `path`, or None when it is absent, torn or something else."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
