"""The list of jobs of every account: state, progress, loss so far; read from the store as it fills."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from screens.base import DeckScreen
from screens.job_actions import ON_A_JOB, JobActions, Permissions
from screens.job_view import JobView, time_left
from screens.job_words import ago, state_part, took
from screens.readings import Readings
from screens.settle import SettlesLaunches
from tui.chat.model_names import job_title, short_model_name
from tui.jobs.run_overlay import MOST_RUNS
from tui.jobs.settle import lost_launches
from tui.jobs.waiting import words_of_waiting_jobs
from tui.jobs.watch import JobChange
from tui.records.jobs import Job, JobState
from tui.safe_text import safe_line
from tui.store.event_queries import JobOutline
from tui.store.store import Store
from tui.widgets.keys import bindings
from tui.widgets.meter import bar
from tui.widgets.spark import spark
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import content

MOST_JOBS = 1_000
SPARK_WIDTH = 8
BAR_WIDTH = 8

COLUMNS = (
    Column("State", 11),
    Column("Job", cut="middle"),
    Column("Model", 20, tone="muted", drop_below=100),
    Column("Progress", BAR_WIDTH + 6),
    Column("Time", 12, align="right"),
    Column("Loss", SPARK_WIDTH + 6, tone="accent"),
    Column("Started", 11, align="right", tone="muted", drop_below=90),
    Column("Account", 8, tone="muted", drop_below=110),
)


@dataclass(frozen=True, slots=True)
class JobRow:
    """What one line of the list is made from."""

    job: Job
    view: JobView
    """With the newest events only."""
    outline: JobOutline
    waits: str = ""
    """Until when a job waits in an engine's queue, or its place there."""


@dataclass(frozen=True, slots=True)
class _DrawnRow:
    """A line with all that it was made from: a job that is over is read, and so made into a line, once."""

    row: JobRow
    started: str
    marked: bool
    table_row: TableRow


class JobsScreen(SettlesLaunches, JobActions, inherit_bindings=False):
    """Jobs, newest first; redrawn only when something about them has changed."""

    PLACE = "jobs"
    CSS_PATH = "jobs.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("jobs"), *DeckScreen.BINDINGS]
    HELP = """
Every job of every account, newest first. Enter opens a job with its curves, events and checkpoints.
What you see is kept on this machine, so it is here without a network too. Space marks a job, and o lays the
curves of two to four marked ones over one another, with the settings that differ.
"""

    @dataclass
    class Read(Message):
        """The store was read."""

        rows: list[JobRow]
        permissions: dict[str, Permissions]
        lost_launches: int
        queued: int
        reading: int

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, JobRow] = {}
        self._permissions: dict[str, Permissions] = {}
        self._lost_launches = 0
        self._queued = 0
        self._drawn: dict[str, _DrawnRow] = {}
        self._marked: dict[str, None] = {}
        """Keys of marked jobs, in the order of their marking."""
        self._reasons: tuple[str, ...] = ()
        """Why keys are greyed, as shown."""
        self._active_only = False
        self._problem = ""
        self._read_once = False
        self._readings = Readings()
        self._unsubscribe: Callable[[], None] | None = None

    def compose_body(self) -> ComposeResult:
        """Yield a line of summary and the list."""
        yield Static("", id="jobs-summary", markup=False)
        yield Table(*COLUMNS, id="jobs-table", classes="pane", empty="Reading…")

    def on_mount(self) -> None:
        """Read the store, then follow the watcher."""
        self.query_one(Table).border_title = "Jobs"
        self._unsubscribe = self.services.watcher.subscribe(self._heard)
        self.services.watcher.start()
        self._read_jobs()

    def on_unmount(self) -> None:
        """Stop following."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def on_screen_resume(self) -> None:
        """Read again what may have changed while another screen was shown."""
        if self._read_once:
            self._read_jobs()

    def _heard(self, change: JobChange) -> None:
        self.post_from_thread(self._take_note, change)

    def _take_note(self, change: JobChange) -> None:
        if change.problem is not None:
            words = change.problem.message.removeprefix(f"{change.account} ")  # one that begins with its name
            self._problem = f"{change.account}: {words}"
        elif change.job is None and self._problem.startswith(f"{change.account}: "):
            self._problem = ""
        if self.is_active:
            self._read_jobs()

    @work(thread=True, group="read-jobs", exclusive=True, exit_on_error=False, description="read jobs")
    def _read_jobs(self) -> None:
        reading, store = self._readings.begin(), self.services.store
        jobs = store.jobs(active_only=self._active_only, limit=MOST_JOBS)
        waits = words_of_waiting_jobs(self.services) if any(map(_is_queued, jobs)) else {}
        rows = [
            read_row(store, job, self._rows.get(_key(job)), waits.get((job.account, job.id), ""))
            for job in jobs
        ]
        lost, queued = lost_launches(self.services), store.queued_launches()
        accounts, known = {job.account for job in jobs}, self._permissions
        if not accounts <= known.keys():
            # The first question loads a service's client, for which the list does not wait.
            self.post_message(self.Read(rows, known, len(lost), len(queued), reading))
        permissions = {account: self.ask_permissions(account) for account in accounts}
        self.post_message(self.Read(rows, permissions, len(lost), len(queued), reading))

    @on(Read)
    def _show(self, message: Read) -> None:
        if self._readings.is_stale(message.reading):
            return
        self._read_once = True
        self._rows = {_key(row.job): row for row in message.rows}
        self._permissions = message.permissions
        self._lost_launches = message.lost_launches
        self._queued = message.queued
        table = self.query_one(Table)
        table.empty_text = (
            "Every job has ended; f shows them all."
            if self._active_only
            else "No job yet. n starts one; the shipped example trains in a minute or two."
        )
        self._marked = {key: None for key in self._marked if key in self._rows}
        self._show_rows()
        table.refresh()
        self._show_summary()
        self.refresh_bindings()

    def _show_rows(self) -> None:
        drawn = {key: self._table_row(key, row) for key, row in self._rows.items()}
        self._drawn = drawn
        self.query_one(Table).set_rows([one.table_row for one in drawn.values()])

    def _table_row(self, key: str, row: JobRow) -> _DrawnRow:
        """Return a line; one made from the same before is taken again."""
        started, marked = ago(row.job.created_at), key in self._marked
        known = self._drawn.get(key)
        if known is not None and known.row is row and (known.started, known.marked) == (started, marked):
            return known
        table_row = TableRow(key, _cells(row, self.services.settings.ascii, marked))
        return _DrawnRow(row, started, marked, table_row)

    def _show_summary(self) -> None:
        active = sum(not row.job.state.is_final for row in self._rows.values())
        shown = len(self._rows)
        text = f"{shown} {'job' if shown == 1 else 'jobs'}" if shown else ""
        if active:
            text += f", {active} not over yet"
        if self._active_only:
            text += "   only those not over; f shows all"
        parts: list[tuple[str, str]] = [(text, "muted")]
        if self._marked:
            hint = "o lays them over one another" if len(self._marked) > 1 else "mark one more"
            parts.append((f"   {len(self._marked)} marked: {hint}", "accent"))
        if self._lost_launches:
            lost = "1 launch" if self._lost_launches == 1 else f"{self._lost_launches} launches"
            parts.append((f"   {lost} without an answer: s settles", "warning"))
        if self._queued:
            waiting = "1 launch waits" if self._queued == 1 else f"{self._queued} launches wait"
            parts.append((f"   {waiting} here: w shows", "warning"))
        if self._problem:
            parts.append((f"   {safe_line(self._problem, 200)}", "warning"))
        self.query_one("#jobs-summary", Static).update(content(*parts), layout=False)  # type: ignore[arg-type]

    # What keys act on

    def chosen_job(self) -> Job | None:
        """Return the job under the cursor."""
        key = self.query_one(Table).row_key if self.is_mounted else None
        row = self._rows.get(key) if key is not None else None
        return row.job if row is not None else None

    def permissions(self, account: str) -> Permissions:
        """Return what the account of a listed job can do."""
        return self._permissions.get(account, {})

    def reason_against(self, action: str) -> str:
        """Return why a key can't act on the job, or why there is nothing to settle."""
        if action == "settle_launch":
            return "" if self._lost_launches else "Every launch has got its answer."
        if action == "mark_job":
            return self._reason_against_mark()
        if action == "overlay_jobs":
            return "" if len(self._marked) > 1 else "Mark two to four jobs first: space marks one."
        return super().reason_against(action)

    def _reason_against_mark(self) -> str:
        key = self.query_one(Table).row_key if self.is_mounted else None
        if key is None:
            return "There is no job here yet."
        full = len(self._marked) >= MOST_RUNS and key not in self._marked
        return (
            f"{MOST_RUNS} jobs at once are the most; space on a marked one takes its mark off."
            if full
            else ""
        )

    def launch_settled(self) -> None:
        """Read the store again."""
        self._read_jobs()

    def action_show_queue(self) -> None:
        """Show what waits to start."""
        self.navigator.open_queue()

    def job_changed(self) -> None:
        """Read the store again."""
        self._read_jobs()

    @on(Table.Highlighted)
    def _cursor_moved(self) -> None:
        if self._reasons_now() != self._reasons:
            self.refresh_bindings()

    def refresh_bindings(self) -> None:
        """Grey the keys anew, and remember by which reasons."""
        self._reasons = self._reasons_now()
        super().refresh_bindings()

    def _reasons_now(self) -> tuple[str, ...]:
        return tuple(self.reason_against(action) for action in (*ON_A_JOB, "mark_job", "overlay_jobs"))

    @on(Table.Chosen)
    def _open(self, message: Table.Chosen) -> None:
        account, _, job_id = message.key.partition("\n")
        self.navigator.open_job(account, job_id)

    def action_mark_job(self) -> None:
        """Mark the job under the cursor, or take its mark off, and go on to the next one."""
        table = self.query_one(Table)
        key = table.row_key
        if key is None:
            return
        if key in self._marked:
            del self._marked[key]
        else:
            self._marked[key] = None
        self._show_rows()
        table.cursor += 1
        self._show_summary()
        self.refresh_bindings()

    def action_overlay_jobs(self) -> None:
        """Lay the marked jobs over one another."""
        jobs = [self._rows[key].job for key in self._marked]
        self.navigator.open_overlay([(job.account, job.id) for job in jobs])

    def action_show_sweeps(self) -> None:
        """List the sweeps."""
        self.navigator.open_sweeps()

    def action_new_job(self) -> None:
        """Go to the launch form."""
        self.navigator.open_launch()

    def action_toggle_active(self) -> None:
        """Show all jobs, or only those that are not over."""
        self._active_only = not self._active_only
        self._read_jobs()

    def action_refresh_jobs(self) -> None:
        """Ask every account now."""
        for account in self.services.accounts():
            self.services.watcher.wake(account.name)
        self._read_jobs()


def _key(job: Job) -> str:
    return f"{job.account}\n{job.id}"


def _is_queued(job: Job) -> bool:
    return job.state is JobState.QUEUED


def read_row(store: Store, job: Job, known: JobRow | None, waits: str = "") -> JobRow:
    """Read what a line shows; a job that is over is read once."""
    if job.state.is_final and known is not None and known.job == job:
        return known
    outline = store.job_outline(job.account, job.id)
    events = () if job.state.is_final else tuple(store.recent_metrics_events(job.account, job.id))
    return JobRow(job, JobView(job, events), outline, waits)


def _cells(row: JobRow, ascii_only: bool, marked: bool) -> list[Cell]:
    job, view = row.job, row.view
    mark = ("* " if ascii_only else "◆ ") if marked else ""
    return [
        state_part(job),
        (mark + safe_line(job_title(job), 80), "accent" if marked else "strong"),
        safe_line(short_model_name(job.model), 60),
        _progress_cell(row, ascii_only),
        time_left(view) or took(job),
        _loss_cell(row.outline, ascii_only),
        ago(job.created_at),
        job.account,
    ]


def _progress_cell(row: JobRow, ascii_only: bool) -> Cell:
    view, last_step = row.view, row.outline.last_step
    if row.job.state.is_final and last_step is not None:
        return (f"{last_step:,} steps", "muted")
    if not view.progress.total_steps:
        return (row.waits or "–", "muted")
    full, empty = bar(view.fraction, BAR_WIDTH, ascii_only=ascii_only)
    return f"{full}{empty} {view.fraction:4.0%}"


def _loss_cell(outline: JobOutline, ascii_only: bool) -> Cell:
    if outline.last_loss is None:
        return ("–", "muted")
    curve = spark(outline.losses, SPARK_WIDTH, ascii_only=ascii_only)
    return f"{curve} {outline.last_loss:.2f}"
