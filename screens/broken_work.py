"""Work that breaks off by a fault of ours: told in a sentence, and nothing on the screen waits for it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from types import MappingProxyType

from textual.app import App
from textual.widget import Widget
from textual.widgets import Static
from textual.worker import Worker, WorkerState

from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.tones import content

_WAITING = re.compile(r"^\w+ing\b[^.]*…(?: \d+ ?%)?$", re.IGNORECASE)
"""How screens say that something is on its way: `Reading…`, `Counting… 40%`."""
_SECONDS_BETWEEN_TELLING = 60.0
NOTHING_CAME = "This could not be read."


class EndsInWords(App[None], inherit_bindings=False):
    """An app that a fault ends with a sentence on the terminal, and not with the values of its variables."""

    def _fatal_error(self) -> None:
        """End; Textual's own would print what every variable holds, keys among them."""
        from rich.text import Text

        from tui.faults import fault_of

        self.bell()
        error = fault_of(self._exception or RuntimeError("no reason"), "go on")
        self._exit_renderables.append(Text(f"{error.message}\n{error.remedy}\nJobs go on at their services."))
        self._close_messages_no_wait()


class TellsBrokenWork(Widget):
    """A screen or a dialog whose workers may fail by what nobody has thought of.

    Errors that were thought of are told by the worker itself, which knows more; what is left ends here.
    """

    _broken: Mapping[str, tuple[float, TunedeckError]] = MappingProxyType({})
    """What broke off -> when in monotonic seconds, and what was said: not said again with each reading."""

    def tell_error(self, error: TunedeckError) -> None:
        """Show what happened and what to do about it."""
        raise NotImplementedError

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Tell why a worker ended too early, and end the waiting for what it would have brought."""
        if event.state is not WorkerState.ERROR or not self.is_attached:
            return
        raised = event.worker.error or RuntimeError("no reason")
        key, now = f"{event.worker.group} {raised!r}", time.monotonic()
        said_at, error = self._broken.get(key, (None, None))
        is_told = said_at is not None and now - said_at < _SECONDS_BETWEEN_TELLING
        if error is not None and is_told:
            pass
        elif isinstance(raised, TunedeckError):
            error = raised
        else:
            from tui.faults import fault_of  # only once something has gone wrong

            error = fault_of(raised, event.worker.description)
        if not is_told:
            self._broken = {**self._broken, key: (now, error)}
        self.stop_waiting(error)
        if not self.work_broke_off(event.worker.group, error) and not is_told:
            self.tell_error(error)

    def stop_waiting(self, error: TunedeckError) -> None:
        """Put the reason in the place of whatever is shown while something is on its way."""
        words = f"{NOTHING_CAME} {safe_line(error.message, 300)}"
        for one in self.query("*"):
            if isinstance(one, Static) and _WAITING.match(str(one.content).strip()):
                one.update(content(words))
            if _WAITING.match(str(getattr(one, "empty_text", ""))):
                setattr(one, "empty_text", words)  # noqa: B010 - a list or a chart, which share no class
                one.refresh()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Take note that a worker ended too early; for screens that count on its end.

        Args:
            group: The worker's group.
            error: Why.

        Returns:
            True where the screen has told the error itself.
        """
        return False
