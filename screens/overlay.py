"""Several jobs over one another: their curves, and under them the settings and results that differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from screens.base import DeckScreen
from screens.greyed_keys import GreyedKeys
from screens.job_words import state_part
from screens.overlay_choices import choose_job, choose_run
from tui.jobs.run_overlay import MOST_RUNS, Overlay, Run, Setting, overlay_runs
from tui.jobs.watch import JobChange
from tui.safe_text import safe_line, safe_text
from tui.store.model_queries import ModelKey
from tui.terminal import is_remote
from tui.widgets.keys import bindings
from tui.widgets.overlay_chart import RUN_LOOKS, OverlayChart
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import Part, Tone, content, content_lines

_SECONDS, _REMOTE_SECONDS = 1.0, 2.0
"""Between two readings while jobs go on; over SSH, to stay below 5 KB/s."""
_NAME_WIDTH = 21
_METRICS = {
    "train_loss": "Training loss",
    "valid_loss": "Validation loss",
    "full_valid_loss": "Full validation loss",
    "train_mean_token_accuracy": "Token accuracy",
    "valid_mean_token_accuracy": "Validation token accuracy",
    "full_valid_mean_token_accuracy": "Full validation token accuracy",
}


class OverlayScreen(GreyedKeys, inherit_bindings=False):
    """Two to four jobs over one another.

    Args:
        jobs: (account, job id) of each, in the order of their letters.
    """

    PLACE = "jobs"
    CSS_PATH = "overlay.tcss"
    AUTO_FOCUS = "OverlayChart"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("overlay"), *DeckScreen.BINDINGS]
    HELP = """
Each job has a letter, a colour and a mark that its curve bears, so that they are told apart without colour.
←→ read the values of every job at a step; a value from an earlier step says from which. v goes through the
metrics, y takes a logarithmic axis, s smooths and leaves the curve as it was behind it: no spike is lost.
Below stand the settings, as the service resolved them, and the results that differ; f shows those that don't.
"""

    @dataclass
    class Read(Message):
        """The store was read."""

        overlay: Overlay

    def __init__(self, jobs: Sequence[ModelKey]) -> None:
        super().__init__()
        self._jobs = tuple(jobs)
        self._overlay: Overlay | None = None
        self._metric = "train_loss"
        self._everything = False
        self._reading_at: Timer | None = None
        self._unsubscribe: Callable[[], None] | None = None

    def compose_body(self) -> ComposeResult:
        """Yield a line for each job, the chart, and the table."""
        yield Static("", id="overlay-runs", markup=False)
        yield OverlayChart(
            id="overlay-chart",
            classes="pane",
            empty="Reading…",
            ascii_only=self.services.settings.ascii,
        )
        yield Table(Column("Setting", _NAME_WIDTH), id="overlay-settings", classes="pane", empty="Reading…")

    def on_mount(self) -> None:
        """Read what is kept, then follow the watcher."""
        watcher = self.services.watcher
        self._unsubscribe = watcher.subscribe(self._heard)
        watcher.start()
        self._read()

    def on_unmount(self) -> None:
        """Stop following."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def on_screen_resume(self) -> None:
        """Read again what may have changed while another screen was shown."""
        if self._overlay is not None:
            self._read()

    def _heard(self, change: JobChange) -> None:
        if (change.account, change.job_id) in self._jobs:
            self.post_from_thread(self._read_soon)

    def _read_soon(self) -> None:
        if self._reading_at is None:
            self._reading_at = self.set_timer(
                _REMOTE_SECONDS if is_remote() else _SECONDS, self._read_if_shown
            )

    def _read_if_shown(self) -> None:
        self._reading_at = None
        if self.is_active:
            self._read()

    @work(thread=True, group="read-overlay", exclusive=True, exit_on_error=False, description="read jobs")
    def _read(self) -> None:
        self.post_message(self.Read(overlay_runs(self.services, self._jobs)))

    @on(Read)
    def _show(self, message: Read) -> None:
        overlay = message.overlay
        if tuple((run.job.account, run.job.id) for run in overlay.runs) != self._jobs:
            return  # read before a job was added or taken out
        self._overlay = overlay
        if self._metric not in overlay.metrics and overlay.metrics:
            self._metric = overlay.metrics[0]
        ascii_only = self.services.settings.ascii
        self.query_one("#overlay-runs", Static).update(
            content_lines([_run_line(run, ascii_only) for run in overlay.runs])
        )
        self._show_chart(overlay)
        self._show_settings(overlay)
        self.refresh_bindings()

    def _show_chart(self, overlay: Overlay) -> None:
        chart = self.query_one(OverlayChart)
        chart.empty_text = "No job has reported a number yet."
        names = overlay.metrics
        chart.border_title = content(safe_line(_METRICS.get(self._metric, self._metric), 40))
        place = f"{names.index(self._metric) + 1} of {len(names)}: v goes on" if len(names) > 1 else ""
        chart.border_subtitle = place
        chart.set_series({run.letter: run.curve(self._metric) for run in overlay.runs})

    def _show_settings(self, overlay: Overlay) -> None:
        shown = overlay.settings if self._everything else overlay.differing
        table = self.query_one("#overlay-settings", Table)
        table.border_title = "Settings and results" if self._everything else "What differs"
        count = len(overlay.settings) - len(overlay.differing)
        table.border_subtitle = "" if self._everything else f"f: {count} more are the same"
        table.empty_text = "Nothing differs."
        columns = (Column("Setting", _NAME_WIDTH), *(self._column(run) for run in overlay.runs))
        if columns != table.columns:
            table.set_rows(())
            table.columns = columns
        table.set_rows([TableRow(setting.name, _cells(setting)) for setting in shown])
        table.refresh()

    def _column(self, run: Run) -> Column:
        look = RUN_LOOKS[run.letter]
        mark = look.ascii_mark if self.services.settings.ascii else look.mark
        return Column(f"{mark} {run.letter}", cut="middle")

    # What keys act on

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action not in ("add_run", "remove_run", "next_metric"):
            return ""
        if self._overlay is None:
            return "The jobs are being read."
        match action:
            case "add_run":
                return f"{MOST_RUNS} jobs at once are the most." if len(self._jobs) >= MOST_RUNS else ""
            case "remove_run":
                return "Two jobs are the least." if len(self._jobs) <= 2 else ""
        return "" if len(self._overlay.metrics) > 1 else "There is no other metric."

    def action_next_metric(self, direction: int) -> None:
        """Draw another metric."""
        overlay = self._overlay
        if overlay is not None and overlay.metrics:
            place = overlay.metrics.index(self._metric) + direction
            self._metric = overlay.metrics[place % len(overlay.metrics)]
            self._show_chart(overlay)

    def action_toggle_everything(self) -> None:
        """Show every setting, or only those that differ."""
        self._everything = not self._everything
        if self._overlay is not None:
            self._show_settings(self._overlay)

    def action_toggle_zoom(self) -> None:
        """Give the chart the whole screen, and back."""
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            self.query_one(OverlayChart).focus()

    def go_back(self) -> bool:
        """Leave the zoom first."""
        zoomed = self.has_class("-zoomed")
        self.remove_class("-zoomed")
        return zoomed

    def action_refresh_runs(self) -> None:
        """Ask the services now."""
        for account in {account for account, _ in self._jobs}:
            self.services.watcher.wake(account)
        self._read()

    @work(group="overlay-runs", exclusive=True, exit_on_error=False, description="choose a job")
    async def action_add_run(self) -> None:
        """Choose one more job."""
        chosen = await choose_job(self, "Lay over these", without=self._jobs)
        if chosen is not None:
            self._jobs = (*self._jobs, chosen)
            self._read()

    @work(group="overlay-runs", exclusive=True, exit_on_error=False, description="choose a job")
    async def action_remove_run(self) -> None:
        """Choose the job to take out."""
        overlay = self._overlay
        chosen = await choose_run(self, overlay.runs) if overlay is not None else None
        if chosen is not None:
            self._jobs = tuple(job for job in self._jobs if job != chosen)
            self._read()

    @on(Table.Chosen, "#overlay-settings")
    def _show_whole(self, message: Table.Chosen) -> None:
        overlay = self._overlay
        setting = (
            next((one for one in overlay.settings if one.name == message.key), None) if overlay else None
        )
        if overlay is None or setting is None:
            return
        from screens.text_dialog import TextDialog  # only for what does not fit its column

        lines = [
            f"{run.letter}  {run.title}\n   {words}"
            for run, words in zip(overlay.runs, setting.words, strict=True)
        ]
        self.app.push_screen(TextDialog(safe_line(setting.name, 60), safe_text("\n".join(lines))))


def _run_line(run: Run, ascii_only: bool) -> list[Part]:
    look = RUN_LOOKS[run.letter]
    mark = look.ascii_mark if ascii_only else look.mark
    steps = f" · {run.steps_words}" if run.steps_words else ""
    return [
        (f"{mark} {run.letter} ", look.tone),
        (f" {safe_line(run.title, 40)}  ", "strong"),
        state_part(run.job),
        (f"  {safe_line(run.job.account, 30)}{steps}", "muted"),
    ]


def _cells(setting: Setting) -> list[Cell]:
    tone: Tone = "" if setting.differs else "muted"
    values: list[Cell] = [(safe_line(words, 200), tone) for words in setting.words]
    return [(safe_line(setting.name, 60), "muted"), *values]
