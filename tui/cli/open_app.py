"""Opens the app, with what must be set before Textual is imported."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from tui.errors import TunedeckError
from tui.terminal import is_remote


def open_app(*, mouse: bool | None = None, first_file: Path | None = None) -> int:
    """Run the full-screen app until the person leaves it, and return the exit code.

    Args:
        mouse: False leaves the mouse to the terminal; None takes the setting.
        first_file: A dataset whose rows are shown first; None shows Home.

    Raises:
        TunedeckError: There is no terminal to draw on.
    """
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise TunedeckError(
            "The app needs a terminal, and this input or output is not one.",
            "Use a subcommand instead: `tunedeck --help` lists them.",
        )
    if is_remote():
        # Textual reads these once, when it is imported; repaints cost bandwidth over SSH.
        os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
        os.environ.setdefault("TEXTUAL_FPS", "15")
    # Collecting while hundreds of modules are made finds nothing and costs an eighth of the time to the
    # first paint; the app turns it on again when it has painted.
    gc.disable()
    from tui.app import run_app

    return run_app(mouse=mouse, first_file=first_file)
