"""Shows weights being written, and where they are then; leaving it stops nothing."""

from __future__ import annotations

from typing import ClassVar

from textual.app import App, ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Static

from screens.base import DeckDialog
from tui.evals.background import BackgroundRun, RunState
from tui.jobs.weights_export import ExportedForm
from tui.jobs.weights_found import WeightsPlan
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.tones import Part, content
from tui.widgets.words import size

_LOOKS_A_SECOND = 4
WeightsRun = BackgroundRun[WeightsPlan, list[ExportedForm]]
WeightsState = RunState[WeightsPlan, list[ExportedForm]]


class WeightsDialog(DeckDialog, inherit_bindings=False):
    """A meter over a run that no screen owns; `x` stops it, esc leaves it to itself.

    Args:
        run: Under way, or over.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("weights", "screen")]
    CSS_PATH = "weights_dialog.tcss"

    def __init__(self, run: WeightsRun) -> None:
        super().__init__()
        self._run = run

    def compose(self) -> ComposeResult:
        """Yield the meter, what is said, and the keys."""
        with Vertical(id="weights") as frame:
            frame.border_title = "Take the weights along"
            yield Meter(id="weights-meter", ascii_only=self.services.settings.ascii)
            yield Static("", id="weights-state", markup=False)
            yield Static("", id="weights-keys", markup=False)

    def on_mount(self) -> None:
        """Look at the run from now on."""
        self.set_interval(1 / _LOOKS_A_SECOND, self._look)
        self._look()

    def action_stop_writing(self) -> None:
        """Write no more; what is whole stays, what is half is gone."""
        self._run.cancel()
        self._look()

    def action_copy_folder(self) -> None:
        """Copy where the weights are."""
        result = self._run.state.result
        if result:
            self.navigator.copy_text(str(result[0].folder), "the folder")

    def _look(self) -> None:
        state = self._run.state
        meter = self.query_one(Meter)
        meter.display = state.is_running
        meter.fraction = state.fraction
        self.query_one("#weights-state", Static).update(content(*state_parts(state)))
        self.query_one("#weights-keys", Static).update(content(*_keys(state)))


def tell_end(app: App[None], run: WeightsRun) -> None:
    """Show a passing message on whichever screen is shown once the run is over."""

    told: list[bool] = []

    def look() -> None:
        if not run.state.is_running and not told:
            told.append(True)
            stop()
            if app.is_running:
                app.call_later(show)

    def show() -> None:
        words = "".join(part if isinstance(part, str) else part[0] for part in state_parts(run.state))
        app.notify(words.strip(), severity="error" if run.state.problem else "information", markup=False)

    stop = run.subscribe(look)
    look()  # it may have ended before anybody listened


def _keys(state: WeightsState) -> list[Part | str]:
    if state.is_running:
        return [("x", "accent"), " stop      ", ("esc", "accent"), " leave; it goes on"]
    if state.result:
        return [("y", "accent"), " copy the folder      ", ("esc", "accent"), " close"]
    return [("esc", "accent"), " close"]


def state_parts(state: WeightsState) -> list[Part | str]:
    """Return in words how the writing stands, or how it ended."""
    if state.is_stopping:
        return [("Stopping…", "muted")]
    if state.is_running:
        counted = f": {state.done:,} of {state.total:,} tensors" if state.total > 1 else "…"
        return [f"{state.what}{counted}"]
    if state.problem is not None:
        return [(safe_line(state.problem.message), "bad"), "\n", safe_line(state.problem.remedy)]
    parts: list[Part | str] = []
    for one in state.result or ():
        written = size(sum(length for _, length in one.files))
        parts += [
            (f"{one.form.value}, {one.stored}: {written}", "good"),
            f"\n{safe_line(str(one.folder))}\n",
        ]
    return parts or [("Nothing was written.", "muted")]
