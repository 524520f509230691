"""A fault of our own: kept with its traceback in a file, told in a sentence; never a screenful of code."""

from __future__ import annotations

import os
import platform
import traceback
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from tui import __version__, paths
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_text

_LARGEST_FILE = 1_000_000
"""Bytes; a file that has grown beyond is begun anew."""
_LONGEST_WORDS = 200
_SECRET_NAMES = ("KEY", "TOKEN", "SECRET", "PASSWORD")


def fault_of(error: BaseException, doing: str) -> TunedeckError:
    """Return a fault as a sentence whose remedy names the file that has its traceback.

    Args:
        error: What was raised, where no error of ours was.
        doing: What could not be done, as a verb: "read jobs".
    """
    kept = keep_fault(error, doing)
    words = f"{type(error).__name__}: {_clean(str(error))}".rstrip(": ")[:_LONGEST_WORDS]
    where = f"{kept} says where; please send it along with a report." if kept else "Please report it."
    return TunedeckError(
        f"tunedeck could not {doing}, by a fault of its own ({words}).", where, exit_code=ExitCode.WRONG_USE
    )


def keep_fault(error: BaseException, doing: str) -> Path | None:
    """Append the traceback of a fault to a file that its owner alone can read; None where that fails.

    It holds no values of variables. Keys of the environment, and what looks like a key, are taken out.
    """
    path = paths.faults_file()
    lines = "".join(traceback.format_exception(error, limit=-40))
    head = f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, tunedeck {__version__}, Python "
    text = f"{head}{platform.python_version()}: could not {doing}\n{_clean(lines)}\n"
    with suppress(OSError):
        paths.make_private(path.parent)
        with suppress(FileNotFoundError):
            if path.stat().st_size > _LARGEST_FILE:
                path.unlink()
        with open(
            path, "a", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, 0o600)
        ) as file:
            file.write(text)
        return path
    return None


def _clean(text: str) -> str:
    from tui.providers.redaction import redact  # only once something has gone wrong

    secrets = [
        value for name, value in os.environ.items() if any(part in name.upper() for part in _SECRET_NAMES)
    ]
    return redact(safe_text(text), secrets)
