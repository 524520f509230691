"""The person's own editor, for a text that they want to change with it."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from tui.errors import TunedeckError

_USUAL = ("nano", "vim", "vi", "notepad")
"""Tried in this order where no variable names one."""


def editor_command(environment: Mapping[str, str] | None = None) -> list[str]:
    """Return the command of $VISUAL, $EDITOR, or an editor that is usual.

    Args:
        environment: Variables to look at; the process's own when None.

    Raises:
        TunedeckError: There is none, or the one named does not exist.
    """
    environment = os.environ if environment is None else environment
    named = environment.get("VISUAL") or environment.get("EDITOR") or ""
    try:
        command = shlex.split(named)
    except ValueError:
        command = [named]
    if command:
        if shutil.which(command[0]) is None:
            raise TunedeckError(
                f"The editor {command[0]} is not there.", "Set EDITOR to the command of one that is."
            )
        return command
    found = next((path for name in _USUAL if (path := shutil.which(name))), None)
    if found is None:
        raise TunedeckError("No editor was found.", "Set EDITOR to the command of yours.")
    return [found]


def edit_text(text: str, name: str) -> str:
    """Return a text as the person left it in their editor; blocks until they close it.

    The terminal must be theirs meanwhile. The file is private, and gone afterwards.

    Args:
        text: What they begin with; lone surrogates stand for bytes that are no UTF-8.
        name: Of the file, so that the editor knows what it is: "row-12.json".

    Raises:
        TunedeckError: There is no editor, it failed, or what it left can't be read.
    """
    command = editor_command()
    with tempfile.TemporaryDirectory(prefix="tunedeck-") as folder:
        path = Path(folder) / name
        try:
            path.write_text(text + "\n", encoding="utf-8", errors="surrogateescape", newline="\n")
            code = subprocess.run([*command, str(path)], check=False).returncode
            if code:
                raise TunedeckError(
                    f"{command[0]} ended with code {code}.", "Nothing was changed; try again or use e."
                )
            return path.read_text(encoding="utf-8", errors="surrogateescape")
        except OSError as error:
            raise TunedeckError(
                f"{command[0]} could not be used: {error.strerror or error}.", "Nothing was changed."
            ) from error
