"""Everything that waits to start: its order, its priorities, and when each may."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from tui.errors import TunedeckError
from tui.jobs.changes import JobChange
from tui.jobs.queue_wish import HELP, PRIORITIES, parse_queue_wish, priority_word
from tui.jobs.waiting import Waiting, WaitsIn, change_waiting, drop_waiting, look_at_queues, waiting
from tui.providers.protocol import ProviderError
from tui.records.requests import QueueChange
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import Tone, content

_COLUMNS = (
    Column("", 3, align="right", tone="muted"),
    Column("File", cut="middle"),
    Column("Model", 24, cut="middle", drop_below=90),
    Column("Account", 10, tone="muted"),
    Column("Priority", 8),
    Column("Waits", 33, tone="muted"),
)
_TONES: dict[int, Tone] = {1: "accent", -1: "muted"}
_REFRESH_SECONDS = 5.0


class QueueScreen(GreyedKeys, inherit_bindings=False):
    """What waits, by account, in the order in which it goes."""

    PLACE = "jobs"
    AUTO_FOCUS = "#queue"
    CSS_PATH = "queued.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("queue"), *DeckScreen.BINDINGS]
    HELP = """
Launches that are to start later, or that wait for a place or for their service, and the jobs in the local
engine's own queue. Each was confirmed at its price already. Launches are sent by this app while it is open,
or by `tunedeck queue run --headless`; the engine starts its jobs whether this app is open or not. How many
go at once: `tunedeck queue limit`, and the setting engine_jobs_at_once for this machine.
"""

    def __init__(self) -> None:
        super().__init__()
        self._waiting: Sequence[Waiting] = ()
        self._unsubscribe: Callable[[], None] | None = None

    def compose_body(self) -> ComposeResult:
        """Yield a line about the queue, and the queue."""
        yield Static("", id="queue-line", markup=False)
        yield Table(*_COLUMNS, id="queue", classes="pane", empty="Reading…", title="Waiting")

    def on_mount(self) -> None:
        """Read it, and again whenever something about a job has changed."""
        self._unsubscribe = self.services.watcher.subscribe(self._heard)
        self.set_interval(_REFRESH_SECONDS, self._read)
        self._read()

    def on_unmount(self) -> None:
        """Stop following."""
        if self._unsubscribe is not None:
            self._unsubscribe()

    def _heard(self, _change: JobChange) -> None:
        self.post_from_thread(self._read_again)

    def _read_again(self) -> None:
        self._read()

    @work(thread=True, group="queue", exclusive=True, exit_on_error=False, description="read the queue")
    def _read(self) -> None:
        try:
            with suppress(ProviderError):  # then it is what was known last
                look_at_queues(self.services)
            found = waiting(self.services)
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_from_thread(self._take, found)

    def _take(self, found: Sequence[Waiting]) -> None:
        table = self.query_one(Table)
        self._waiting = found
        table.empty_text = "Nothing waits. Launch has a field for when a job may start: tonight, for example."
        table.set_rows([_row(place, one) for place, one in enumerate(found, 1)])
        table.refresh()
        here = sum(one.waits_in is WaitsIn.TUNEDECK for one in found)
        words = f"{len(found):,} waiting" if found else ""
        if here:
            words += f", {here:,} of them sent while this app or `tunedeck queue run` runs"
        self.query_one("#queue-line", Static).update(content((words, "muted")))
        self.refresh_bindings()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        own = {"move_waiting", "raise_waiting", "time_waiting", "drop_waiting", "start_waiting"}
        return "Nothing waits." if action in own and not self._waiting else ""

    def _chosen(self) -> Waiting | None:
        key = self.query_one(Table).row_key
        return next((one for one in self._waiting if one.id == key), None)

    @on(Table.Chosen)
    def _open(self) -> None:
        one = self._chosen()
        if one is not None and one.job is not None:
            self.navigator.open_job(one.account, one.id)
        elif one is not None:
            self.tell(f"{one.file}: not sent yet. It is a job once its service has taken it.")

    def action_move_waiting(self, place: str) -> None:
        """Move what is under the cursor up or down among those of its account and priority."""
        self._change(QueueChange(place=place))

    def action_raise_waiting(self) -> None:
        """Let it matter more; after high comes low."""
        one = self._chosen()
        if one is not None:
            highest = max(PRIORITIES.values())
            after = one.priority + 1 if one.priority < highest else min(PRIORITIES.values())
            self._change(QueueChange(priority=after))

    def action_start_waiting(self) -> None:
        """Let it start as soon as there is a place."""
        self._change(QueueChange(start_after=0))

    @work(group="queue-time", exclusive=True, exit_on_error=False, description="ask when it may start")
    async def action_time_waiting(self) -> None:
        """Ask when it may start."""
        one = self._chosen()
        if one is None:
            return
        typed = await self.app.push_screen_wait(AskTextScreen("When may it start?", hint=HELP))
        if not typed:
            return
        try:
            wish = parse_queue_wish(typed, self.services.settings.night)
        except TunedeckError as error:
            self.tell_error(error)
            return
        priority = wish.priority if any(word in PRIORITIES for word in typed.lower().split()) else None
        await self._carry_out(partial(
            change_waiting, self.services, one, QueueChange(priority, wish.start_at or 0)
        ))  # fmt: skip

    @work(group="queue-drop", exclusive=True, exit_on_error=False, description="take it out of the queue")
    async def action_drop_waiting(self) -> None:
        """Take it out of the queue once that is confirmed."""
        one = self._chosen()
        if one is None:
            return
        job = one.job is not None
        dialog = ConfirmScreen(
            "Cancel this job?" if job else "Take this launch out of the queue?",
            yes="cancel it" if job else "drop it", no="let it wait",
            facts=_facts(one),
            warning="" if job else "It made no job, and will make none.",
        )  # fmt: skip
        if await self.app.push_screen_wait(dialog):
            await self._carry_out(partial(drop_waiting, self.services, one))

    @work(group="queue-change", exit_on_error=False, description="change the queue")
    async def _change(self, change: QueueChange) -> None:
        one = self._chosen()
        if one is not None:
            await self._carry_out(partial(change_waiting, self.services, one, change))

    async def _carry_out(self, work_of: Callable[[], None]) -> None:
        try:
            await asyncio.to_thread(work_of)
        except TunedeckError as error:
            self.tell_error(error)
        self._read()


def _facts(one: Waiting) -> list[tuple[str, str]]:
    if one.launch is not None:
        from tui.jobs.settle import launch_facts  # names of a launch; not needed to list what waits

        return [(name, safe_line(value, 120)) for name, value in launch_facts(one.launch.record)]
    names = {"Job": one.id, "File": one.file, "Model": one.model, "Account": one.account}
    return [(name, safe_line(value, 120)) for name, value in names.items()]


def _row(place: int, one: Waiting) -> TableRow:
    priority: Cell = (priority_word(one.priority), _TONES.get(one.priority, ""))
    cells: list[Cell] = [
        f"{place}", safe_line(one.file, 200), safe_line(one.model, 120), one.account, priority, one.why,
    ]  # fmt: skip
    return TableRow(one.id, cells)
