"""Notifications of the desktop, by the system's own command: notify-send, or osascript on a Mac."""

from __future__ import annotations

import html
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.jobs.notices.words import Message
from tui.safe_text import safe_line

_SECONDS = 10
_MAC_SCRIPT = (
    "on run arguments",
    "display notification (item 2 of arguments) with title (item 1 of arguments)",
    "end run",
)
"""The texts are arguments, never part of the script."""


@dataclass(frozen=True, slots=True)
class DesktopWay:
    """The command that shows a notification, or why there is none."""

    program: str = ""
    """Path of notify-send or osascript."""
    reason: str = ""

    def command(self, message: Message) -> Sequence[str]:
        """Return the command with its arguments."""
        if Path(self.program).name == "osascript":
            script = [part for line in _MAC_SCRIPT for part in ("-e", line)]
            return [self.program, *script, message.title, message.body]
        # Notification servers may read <b>, <a> and <img> in the body.
        body = html.escape(message.body, quote=False)
        return [self.program, "--app-name=tunedeck", "--", message.title, body]


def desktop_way(environment: Mapping[str, str] | None = None, platform: str = sys.platform) -> DesktopWay:
    """Find out how this desktop shows a notification; asks nobody.

    Args:
        environment: Variables to look at; the process's own when None.
        platform: As `sys.platform` names it.
    """
    environment = os.environ if environment is None else environment
    search = environment.get("PATH")
    if platform == "darwin":
        program = shutil.which("osascript", path=search)
        return DesktopWay(program) if program else DesktopWay(reason="osascript is not found on this Mac.")
    if platform == "win32":
        return DesktopWay(reason="Windows has no command for it; `terminal` works where the terminal does.")
    if not _has_session(environment):
        return DesktopWay(reason="No desktop session is here (no session bus); over SSH use `terminal`.")
    program = shutil.which("notify-send", path=search)
    missing = "notify-send is not installed; it comes with libnotify (libnotify-bin on Debian)."
    return DesktopWay(program) if program else DesktopWay(reason=missing)


def show_on_desktop(message: Message) -> str | None:
    """Show a notification; returns why it was not shown, or None. Blocks for 10 seconds at most."""
    way = desktop_way()
    if way.reason:
        return way.reason
    try:
        done = subprocess.run(
            way.command(message), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, timeout=_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"{Path(way.program).name} did not end within {_SECONDS} s."
    except OSError as error:
        return f"{way.program} can't be run: {error.strerror or error}."
    if done.returncode == 0:
        return None
    words = safe_line(done.stderr.decode("utf-8", "replace").strip(), 200)
    return f"{Path(way.program).name} failed: {words or f'exit code {done.returncode}'}"


def _has_session(environment: Mapping[str, str]) -> bool:
    if environment.get("DBUS_SESSION_BUS_ADDRESS"):
        return True
    runtime = environment.get("XDG_RUNTIME_DIR")
    return runtime is not None and (Path(runtime) / "bus").exists()
