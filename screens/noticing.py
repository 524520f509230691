"""Tells news from within the app: the terminal is written to between drawings, failures pass by as toasts."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING, Any

from tui.safe_text import safe_text

if TYPE_CHECKING:
    from textual.app import App

    from tui.jobs.notices.notifier import Notifier
    from tui.services import Services

_LONGEST_FAILURE = 400


class _AppTerminal:
    """The terminal that the app draws on; the driver's own thread keeps what is written whole."""

    def __init__(self, app: App[Any]) -> None:
        self._app = app

    def ring(self) -> None:
        """Ring in the app's thread, as it rings for everything else."""
        self._app.call_later(self._app.bell)

    def write(self, text: str) -> None:
        """Write as Textual writes its own sequences, such as the clipboard's."""
        driver = self._app._driver
        if driver is not None and not self._app.is_headless:
            driver.write(text)


class Noticing:
    """The app's notifier: woken by the watcher, ended with the app.

    Args:
        app: Whose terminal it is.
        services: The store, the rules and the watcher.
    """

    def __init__(self, app: App[Any], services: Services) -> None:
        self._app = app
        self._services = services
        self._notifier: Notifier | None = None
        self._stopped = False
        self._lock = threading.Lock()

    def start(self) -> None:
        """Begin to look for news; what is there already is told now."""
        # In a thread: the channels are 20 ms of imports, which no key must wait for.
        threading.Thread(target=self._begin, name="notifier-start", daemon=True).start()

    def _begin(self) -> None:
        from tui.jobs.notices.notifier import Notifier

        notifier = Notifier(self._services, _AppTerminal(self._app), self._tell_failure)
        with self._lock:
            if self._stopped:
                return
            self._notifier = notifier
            self._services.watcher.subscribe(lambda change: notifier.wake())
            notifier.start()

    def test(self, channel: str) -> str | None:
        """Send a test message through a channel; returns why that failed. Blocks: for a thread.

        Raises:
            TunedeckError: The rules can't be read.
        """
        from tui.jobs.notices.channels import tell
        from tui.jobs.notices.rules import notify_rules
        from tui.jobs.notices.words import TEST_MESSAGE

        terminal, settings = _AppTerminal(self._app), self._services.settings
        return tell(channel, TEST_MESSAGE, None, notify_rules(), settings, terminal).problem

    def stop(self) -> None:
        """End it without waiting for a server that hangs."""
        with self._lock:
            self._stopped, notifier = True, self._notifier
        if notifier is not None:
            notifier.stop()

    def _tell_failure(self, words: str) -> None:
        notify = partial(
            self._app.notify, safe_text(words)[:_LONGEST_FAILURE], title="Not told", severity="warning",
            markup=False,
        )  # fmt: skip
        if self._app.is_running:
            self._app.call_later(notify)
