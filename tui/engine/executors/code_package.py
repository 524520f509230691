"""Our own code as a zip for places that have none of it: what an entry point needs, and no more."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import tui
from tui.engine.bundle import bundled_modules

_ROOT = Path(tui.__file__).parent.parent
_NO_TIME = (1980, 1, 1, 0, 0, 0)
"""The same code gives the same bytes, and so the same name."""


def code_zip(entry: str) -> tuple[str, bytes]:
    """Return name and bytes of a zip with everything that a module needs of ours.

    Args:
        entry: A module that is run with `python -m`, with its `__main__` named.
    """
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(bundled_modules(entry).values()):
            info = zipfile.ZipInfo(file.relative_to(_ROOT).as_posix(), _NO_TIME)
            info.external_attr = 0o644 << 16
            archive.writestr(info, file.read_bytes(), zipfile.ZIP_DEFLATED)
    content = buffer.getvalue()
    return f"tunedeck-{tui.__version__}-{hashlib.sha256(content).hexdigest()[:16]}.zip", content
