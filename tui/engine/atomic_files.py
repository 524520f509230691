"""Small files that are either the old one or the new one, whatever happens in between."""

from __future__ import annotations

import json
import os
import secrets
from pathlib import Path
from typing import Any


def write_bytes_atomically(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Replace `path` by `content`: written beside it, flushed to disk, then renamed.

    Raises:
        OSError: On a full disk or a missing folder; the old file is then still whole.
    """
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json_atomically(path: Path, value: Any) -> None:
    """Replace `path` by `value` as indented JSON that a person can read."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    write_bytes_atomically(path, text.encode("utf-8", "backslashreplace") + b"\n")


def read_json_object(path: Path) -> dict[str, Any] | None:
    """Return the JSON object in `path`, or None when it is absent, torn or something else."""
    try:
        value = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
