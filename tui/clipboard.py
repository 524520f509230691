"""Puts text on the clipboard of the person's own machine, also through SSH and tmux, and says how it went.

tmux with its default settings drops the escape sequence that sets a clipboard (OSC 52) when a program writes
it, but passes on what `tmux load-buffer -w` is given.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True)
class CopyResult:
    """Whether it worked, and the sentence that says so."""

    copied: bool
    message: str


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
        return CopyResult(
            False, f"{what} has {size:,} bytes, more than terminals take. Save it to a file instead."
        )
    write_osc52(text)
    return CopyResult(True, f"{what} sent to the terminal's clipboard ({size:,} bytes).")


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
