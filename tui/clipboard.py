"""Puts text on the clipboard of the person's own machine, also through SSH and tmux, and says how it went.

tmux with its default settings drops the escape sequence that sets a clipboard (OSC 52) when a program writes
it, but passes on what `tmux load-buffer -w` is given.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from tui.errors import TunedeckError
from tui.terminal import is_remote

_TIMEOUT_SECONDS = 3
_TOOLS = (
    ("pbcopy",),
    ("wl-copy",),
    ("xclip", "-selection", "clipboard"),
    ("xsel", "--clipboard", "--input"),
    ("clip.exe",),
)
_OSC52_LIMIT = 74_994
"""Most bytes of text that common terminals take in one sequence (100,000 in base64, less the frame)."""


_MOST_NAMES = 1_000
"""Numbers tried for a file's name before giving up."""


@dataclass(frozen=True, slots=True)
class CopyResult:
    """Whether it worked, and the sentence that says so."""

    copied: bool
    message: str
    is_certain: bool = True
    """False when it was refused, or sent to a terminal, which never answers: offer to save it instead."""


def copy(
    text: str,
    what: str,
    write_osc52: Callable[[str], None],
    environment: Mapping[str, str] | None = None,
) -> CopyResult:
    """Copy `text` by the way that works here: tmux, a local tool, or the terminal itself. Blocks shortly.

    Args:
        text: What is copied.
        what: How the message names it: "Row 12".
        write_osc52: Writes the terminal's clipboard sequence for the text.
        environment: Variables to look at; the process's own when None.
    """
    environment = os.environ if environment is None else environment
    size = len(text.encode("utf-8", "replace"))
    if environment.get("TMUX") and _run(("tmux", "load-buffer", "-w", "-"), text):
        return CopyResult(True, f"{what} copied to tmux and its terminal ({size:,} bytes).")
    if not is_remote(environment) and (tool := _local_tool(environment)) and _run(tool, text):
        return CopyResult(True, f"{what} copied with {tool[0]} ({size:,} bytes).")
    if size > _OSC52_LIMIT:
        return CopyResult(False, f"{what} has {size:,} bytes, more than terminals take.", is_certain=False)
    write_osc52(text)
    sent = f"{what} sent to the terminal's clipboard ({size:,} bytes)."
    return CopyResult(True, sent, is_certain=False)


def save_to_file(text: str, what: str, folder: Path) -> Path:
    """Write what was to be copied to a new file in `folder`, named after it, and return its path.

    Args:
        text: Written as UTF-8; half a surrogate pair, which UTF-8 can't hold, becomes a question mark.
        what: What the text is: "Line 12" becomes `tunedeck-line-12.txt`.
        folder: Where; nothing in it is overwritten.

    Raises:
        TunedeckError: The folder can't be written to; nothing is left there.
    """
    stem = "tunedeck-" + ("-".join(re.findall(r"[a-z0-9]+", what.lower())) or "text")
    for number in range(1, _MOST_NAMES):
        path = folder / (f"{stem}.txt" if number == 1 else f"{stem}-{number}.txt")
        try:
            with path.open("x", encoding="utf-8", errors="replace", newline="") as file:
                try:
                    file.write(text)
                    file.flush()
                    os.fsync(file.fileno())
                except OSError:
                    path.unlink(missing_ok=True)
                    raise
        except FileExistsError:
            continue
        except OSError as error:
            raise TunedeckError(
                f"{path} can't be written: {error.strerror or error}.",
                "Start tunedeck in a folder that you may write to, or free some space.",
            ) from error
        return path
    raise TunedeckError(f"{folder} holds {_MOST_NAMES:,} files named {stem} already.", "Move some away.")


def _local_tool(environment: Mapping[str, str]) -> tuple[str, ...] | None:
    for tool in _TOOLS:
        needs_display = tool[0] in ("wl-copy", "xclip", "xsel")
        if needs_display and not (environment.get("WAYLAND_DISPLAY") or environment.get("DISPLAY")):
            continue
        if tool[0] == "pbcopy" and sys.platform != "darwin":
            continue
        if path := shutil.which(tool[0]):
            return (path, *tool[1:])
    return None


def _run(command: tuple[str, ...], text: str) -> bool:
    # The tools stay in the background holding the clipboard; inherited pipes would make us wait for them.
    try:
        done = subprocess.run(
            command,
            input=text.encode("utf-8", "replace"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
