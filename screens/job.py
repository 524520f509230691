"""One job: its curves, events, checkpoints and settings; all from the store, filled by the watcher."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from screens.base import HEADROOM_SECONDS, DeckScreen
from screens.event_list import EventList
from screens.job_actions import JobActions, Permissions
from screens.job_checkpoints import ActsOnCheckpoints, CheckpointTable
from screens.job_facts import checkpoint_cells, diagnosis_line, headline, settings_of, standing
from screens.job_view import ACCURACY, LOSS, JobView, read_whole_job, series
from screens.overlay_choices import OverlaysJob
from screens.readings import Readings
from screens.stop_rules_dialog import StopRulesDialog
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.jobs.checkpoint_use import CheckpointUse
from tui.jobs.stopping import set_stop_rules
from tui.jobs.watch import JobChange
from tui.records.jobs import Checkpoint, Job
from tui.safe_text import safe_line, safe_text
from tui.terminal import is_remote
from tui.widgets.key_value import KeyValue
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.loss_chart import LossChart
from tui.widgets.meter import Meter
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import content

TABS = ("events", "checkpoints", "settings")
"""Panes below the chart, which share one place on a narrow terminal."""
WIDE = 120
REMOTE_SECONDS = 2.0
"""Between two pictures of a live job over SSH, to stay below 5 KB/s."""

CHECKPOINT_COLUMNS = (
    Column("Step", 6, align="right"),
    Column("Train", 7, align="right"),
    Column("Valid", 7, align="right"),
    Column("Full", 7, align="right"),
    Column("Made", tone="muted"),
)


class SettingsPane(VerticalScroll, inherit_bindings=False):
    """The job's settings, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class JobScreen(OverlaysJob, ActsOnCheckpoints, JobActions, inherit_bindings=False):
    """A job as it goes on, or as it went.

    Args:
        account: Name of the account that owns it.
        job_id: The service's id.
    """

    PLACE = "jobs"
    CSS_PATH = "job.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("job"), *DeckScreen.BINDINGS]
    HELP = """
The curves show training loss (a line), validation loss on a sample (×) and on the whole validation file (●).
The sentence under them says which rule fired, with its numbers, and what to do.
S sets rules that stop the job by itself; they act while the app is open, and in tunedeck watch --headless.
Enter on a checkpoint talks to the model as it was then, beside the base model; m adds the final one, and
t trains the checkpoint further. A key that can't act on it is greyed and says why.
"""

    @dataclass
    class Read(Message):
        """The store was read."""

        view: JobView | None
        permissions: Permissions
        reading: int

    def __init__(self, account: str, job_id: str) -> None:
        super().__init__()
        self._account = account
        self._job_id = job_id
        self._view: JobView | None = None
        self._permissions: Permissions | None = None
        self._reading_at: Timer | None = None
        self._readings = Readings()
        self._standing_wraps = True
        self._headline = Content()
        self._diagnosis_line = Content()
        self._pane_names: dict[str, tuple[str, str]] = {}
        self._accuracy = False
        self._tab = TABS[0]
        self._unsubscribe: Callable[[], None] | None = None

    def compose_body(self) -> ComposeResult:
        """Yield headline, progress, chart, and the three panes below."""
        yield Static("", id="job-headline", markup=False)
        yield Meter(id="job-progress")
        yield Static("", id="job-standing", markup=False)
        yield LossChart(id="job-chart", classes="pane", ascii_only=self.services.settings.ascii)
        yield Static("", id="job-diagnosis", markup=False)
        with Horizontal(id="job-panes"):
            yield EventList(id="events", classes="pane tab")
            yield CheckpointTable(
                *CHECKPOINT_COLUMNS,
                id="checkpoints",
                classes="pane tab",
                empty="None yet: one is made at the end of every epoch.",
            )
            with SettingsPane(id="settings", classes="pane tab"):
                yield KeyValue(id="job-settings")

    def on_mount(self) -> None:
        """Read what is kept, then follow the watcher."""
        self._show_tab(TABS[0])
        self.query_one("#job-chart").border_title = "Loss"
        watcher = self.services.watcher
        self._unsubscribe = watcher.subscribe(self._heard)
        watcher.start()
        watcher.watch_now(self._account, self._job_id)
        self._read_job()
        self.set_interval(HEADROOM_SECONDS, self._keep_headline)

    def on_unmount(self) -> None:
        """Stop following."""
        if self._unsubscribe is not None:
            self._unsubscribe()
            self.services.watcher.unwatch(self._account, self._job_id)

    def on_screen_resume(self) -> None:
        """Read again what may have changed while another screen was shown."""
        if self._view is not None:
            self._read_job()

    # News

    def _heard(self, change: JobChange) -> None:
        if change.account == self._account and change.job_id in (self._job_id, ""):
            self.post_from_thread(self._take_note, change)

    def _take_note(self, change: JobChange) -> None:
        if change.problem is not None:
            problem = safe_line(f"Can't ask the service: {change.problem.message}", 200)
            self.query_one("#job-chart").border_subtitle = content((problem, "warning"))
            return
        if change.job is None:  # the account answers again
            self.query_one("#job-chart").border_subtitle = ""
        self._read_soon()

    def _read_soon(self) -> None:
        """Read the store for what was heard; over SSH what comes within `REMOTE_SECONDS` is shown at once."""
        if not is_remote():
            self._read_if_shown()
        elif self._reading_at is None:
            self._reading_at = self.set_timer(REMOTE_SECONDS, self._read_if_shown)

    def _read_if_shown(self) -> None:
        self._reading_at = None
        if self.is_active:
            self._read_job()

    @work(thread=True, group="read-job", exclusive=True, exit_on_error=False, description="read a job")
    def _read_job(self) -> None:
        reading = self._readings.begin()
        view = read_whole_job(self.services, self._account, self._job_id, self._view)
        permissions = self._permissions
        if permissions is None:
            permissions = self.ask_permissions(self._account)
        self.post_message(self.Read(view, permissions, reading))

    @on(Read)
    def _show(self, message: Read) -> None:
        if self._readings.is_stale(message.reading):
            return
        before = (self._permissions, self._what_keys_depend_on())
        self._permissions = message.permissions
        if message.view is None:
            self.query_one("#job-headline", Static).update(
                f"No job {safe_line(self._job_id, 80)} is kept here. r asks the service."
            )
            return
        self._view = message.view
        self._show_standing(message.view)
        self._show_chart(message.view)
        self._show_panes(message.view)
        if before != (message.permissions, self._what_keys_depend_on()):
            self.refresh_bindings()

    def _what_keys_depend_on(self) -> object:
        view = self._view
        return (view.job.state, view.job.fine_tuned_model, view.uses) if view is not None else None

    def _keep_headline(self) -> None:
        if self._view is not None and self.is_active:
            self._show_headline(self._view)

    def _show_headline(self, view: JobView) -> None:
        line = headline(view, self.services.headroom(self._account))
        if line != self._headline:
            self._headline = line
            self.query_one("#job-headline", Static).update(line, layout=False)

    def _show_standing(self, view: JobView) -> None:
        progress = view.progress
        self._show_headline(view)
        meter = self.query_one(Meter)
        meter.fraction = view.fraction
        meter.note = f"step {progress.step:,} of {progress.total_steps:,}" if progress.total_steps else ""
        meter.display = not view.job.state.is_final
        self._update_standing(standing(view))
        self._show_diagnosis(diagnosis_line(view.diagnosis))

    def _show_diagnosis(self, line: Content) -> None:
        """Show the sentence; the same one again costs nothing, and the place is laid out when it comes up."""
        static = self.query_one("#job-diagnosis", Static)
        if line != self._diagnosis_line:
            self._diagnosis_line = line
            static.update(line)
        static.display = bool(line.plain)

    def _update_standing(self, line: Content) -> None:
        """Show the line; the whole screen is laid out anew for it only when it wraps, or did."""
        static = self.query_one("#job-standing", Static)
        wraps = line.cell_length > static.content_size.width
        static.update(line, layout=wraps or self._standing_wraps)
        self._standing_wraps = wraps

    def _show_chart(self, view: JobView) -> None:
        chart = self.query_one(LossChart)
        title = "Token accuracy" if self._accuracy else "Loss"
        if chart.border_title != title:
            chart.border_title = title
        total = view.progress.total_steps or None
        chart.set_series(series(view.metrics, ACCURACY if self._accuracy else LOSS), total_steps=total)

    def _show_panes(self, view: JobView) -> None:
        self.query_one(EventList).set_events(view.events)
        self.query_one("#checkpoints", Table).set_rows(
            [TableRow(item.id, checkpoint_cells(item)) for item in view.checkpoints]
        )
        self.query_one("#job-settings", KeyValue).set_pairs(settings_of(view))
        self._name_panes()

    def _name_panes(self) -> None:
        view = self._view
        counts = {
            "events": f"Events {len(view.events):,}" if view else "Events",
            "checkpoints": f"Checkpoints {len(view.checkpoints)}" if view else "Checkpoints",
            "settings": "Settings",
        }
        narrow = self.has_class("-narrow")
        for name in TABS:
            pane = self.query_one(f"#{name}")
            others = "  ".join(counts[other] for other in TABS if other != name)
            hint = f"] {others}" if narrow else ("enter: chat" if name == "checkpoints" else "")
            # The same title again would still repaint the whole pane.
            if self._pane_names.get(name) != (counts[name], hint):
                self._pane_names[name] = (counts[name], hint)
                pane.border_title = content(counts[name])
                pane.border_subtitle = hint

    # What keys act on

    def chosen_job(self) -> Job | None:
        """Return this job, once it has been read."""
        return self._view.job if self._view is not None else None

    def permissions(self, account: str) -> Permissions:
        """Return what the account can do."""
        return self._permissions or {}

    def job_changed(self) -> None:
        """Read the store again."""
        self._read_job()

    def checkpoint(self, key: str) -> Checkpoint | None:
        """Return the checkpoint with this id."""
        found = self._view.checkpoints if self._view is not None else ()
        return next((one for one in found if one.id == key), None)

    def checkpoint_use(self, checkpoint: Checkpoint) -> CheckpointUse:
        """Return what was found out when the job was read."""
        uses = self._view.uses if self._view is not None else {}
        return uses.get(checkpoint.id, CheckpointUse())

    @on(LineList.Opened, "#events")
    def _read_event(self, message: LineList.Opened) -> None:
        event = self.query_one(EventList).event(message.index)
        if event is not None:
            self.app.push_screen(TextDialog("Event", safe_text(event.message)))

    def reason_against(self, action: str) -> str:
        """Return why stop rules can't be set, or what else can't be done to the job."""
        if action != "set_stop_rules":
            return super().reason_against(action)
        job = self.chosen_job()
        if job is None:
            return "There is no job here yet."
        return f"The job is {job.state} already." if job.state.is_final else ""

    @work(group="stop-rules", exclusive=True, exit_on_error=False, description="set stop rules")
    async def action_set_stop_rules(self) -> None:
        """Ask for the rules, keep them, and look at the job by them at once."""
        job, view = self.chosen_job(), self._view
        if job is None or view is None:
            return
        text = await self.app.push_screen_wait(StopRulesDialog(view.stop_rules))
        if text is not None:
            self._keep_stop_rules(job, text)

    @work(thread=True, group="keep-stop-rules", exit_on_error=False, description="keep stop rules")
    def _keep_stop_rules(self, job: Job, text: str) -> None:
        try:
            set_stop_rules(self.services.store, job, text)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.services.watcher.wake(job.account)
        self.post_from_thread(self.job_changed)

    def action_next_chart(self) -> None:
        """Switch between loss and accuracy."""
        self._accuracy = not self._accuracy
        if self._view is not None:
            self._show_chart(self._view)

    def action_next_tab(self, direction: int) -> None:
        """Show another pane below the chart and give it the keys."""
        tab = TABS[(TABS.index(self._tab) + direction) % len(TABS)]
        self._show_tab(tab)
        self.query_one(f"#{tab}").focus()

    def _show_tab(self, tab: str) -> None:
        self._tab = tab
        for name in TABS:
            self.query_one(f"#{name}").set_class(name == tab, "-shown")
        self._name_panes()

    def on_resize(self, event: object) -> None:
        """Name the panes anew when they begin or end to share one place."""
        self.call_after_refresh(self._name_panes)

    def action_toggle_zoom(self) -> None:
        """Give the chart the whole screen, and back."""
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed"):
            self.query_one(LossChart).focus()

    def go_back(self) -> bool:
        """Leave the zoom first."""
        zoomed = self.has_class("-zoomed")
        self.remove_class("-zoomed")
        return zoomed

    def action_refresh_job(self) -> None:
        """Ask the service now."""
        self.services.watcher.wake(self._account)
        self._read_job()
