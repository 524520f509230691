"""What was copied last: on the clipboard where there is one, in a file where there is none."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.errors import TunedeckError
from tui.safe_text import safe_text

if TYPE_CHECKING:
    from textual.app import App
    from textual.notifications import SeverityLevel


class Copying:
    """Copies and saves for the app, in threads: a clipboard tool or a slow disk must not hold up the keys.

    Args:
        app: Tells how it went.
        save_key: The key that saves, as a person reads it.
    """

    def __init__(self, app: App[Any], save_key: str) -> None:
        self._app = app
        self._save_key = save_key
        self._last: tuple[str, str] | None = None

    @property
    def has_copied(self) -> bool:
        """Whether there is anything to save."""
        return self._last is not None

    def copy(self, text: str, what: str) -> None:
        """Put text on the clipboard, locally or through SSH and tmux, and say how that went.

        Args:
            text: What is copied.
            what: How the message names it: "Row 12".
        """
        self._last = (text, what)
        self._app.refresh_bindings()
        self._in_thread(partial(self._copy, text, what))

    def save(self) -> None:
        """Write what was copied last to a new file in the current folder, and say where."""
        if self._last is not None:
            self._in_thread(partial(self._save, *self._last))

    def _in_thread(self, work: Callable[[], None]) -> None:
        self._app.run_worker(
            work, thread=True, group="clipboard", exit_on_error=False, description="copy or save"
        )

    def _copy(self, text: str, what: str) -> None:
        from tui import clipboard  # subprocess, which only the first copy needs

        write_osc52 = partial(self._app.call_from_thread, self._app.copy_to_clipboard)
        result = clipboard.copy(text, what, write_osc52)
        offer = "" if result.is_certain else f" {self._save_key} saves it to a file."
        self._tell(result.message + offer, "information" if result.copied else "warning")

    def _save(self, text: str, what: str) -> None:
        from tui import clipboard

        try:
            self._tell(f"Saved {clipboard.save_to_file(text, what, Path.cwd())}", "information")
        except TunedeckError as error:
            self._tell(str(error), "error")

    def _tell(self, message: str, severity: SeverityLevel) -> None:
        notify = partial(self._app.notify, safe_text(message), severity=severity, markup=False)
        self._app.call_from_thread(notify)
