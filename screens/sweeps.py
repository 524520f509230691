"""The list of sweeps: state, trials over, the best so far, money; where one begins, stops and goes on."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from screens import job_words
from screens.base import DeckScreen
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.job_words import ago, rough_duration
from screens.sweep_words import sweep_state
from tui.errors import TunedeckError
from tui.records.sweeps import Sweep
from tui.safe_text import safe_line
from tui.sweeps.board import Board, BoardReader
from tui.terminal import is_remote
from tui.widgets.keys import bindings
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import content

_SECONDS, _REMOTE_SECONDS = 2.0, 4.0
"""Between two readings of the store, while the list is shown."""
_COLUMNS = (
    Column("Sweep"),
    Column("State", 13),
    Column("Over", 7, "right"),
    Column("Best", 9, "right", "strong"),
    Column("Money", 26, tone="muted", drop_below=100),
    Column("Left", 10, "right", "muted", 80),
    Column("Begun", 12, "right", "muted"),
)


class SweepsScreen(GreyedKeys, inherit_bindings=False):
    """Sweeps, the newest first."""

    PLACE = "jobs"
    AUTO_FOCUS = "#sweeps"
    CSS_PATH = "sweeps.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sweeps"), *DeckScreen.BINDINGS]
    HELP = """
A sweep is a search over many jobs: which learning rate, how many epochs, which base model or dataset comes to
the lowest loss. n begins one, after the price and the time of all its jobs; it runs in a process of its own,
so it goes on when this app is closed. Enter shows its trials. What died on the way is interrupted: r goes on
with it, and no trial is paid for twice.
"""

    def __init__(self) -> None:
        super().__init__()
        self._boards: dict[str, Board] = {}
        self._readers: dict[str, BoardReader] = {}
        self._read_once = False

    def compose_body(self) -> ComposeResult:
        """Yield a line about the list, and the list."""
        yield Static("", id="sweeps-line", markup=False)
        yield Table(*_COLUMNS, id="sweeps", classes="pane", empty="Reading…", title="Sweeps")

    def on_mount(self) -> None:
        """Read them, and again while they are shown."""
        self._read()
        self.set_interval(_REMOTE_SECONDS if is_remote() else _SECONDS, self._read_if_shown)

    def on_screen_resume(self) -> None:
        """Read again what may have changed while another screen was shown."""
        if self._read_once:
            self._read()

    def _read_if_shown(self) -> None:
        if self.is_active and any(not one.sweep.state.is_over for one in self._boards.values()):
            self._read()

    @work(thread=True, group="read-sweeps", exclusive=True, exit_on_error=False, description="read sweeps")
    def _read(self) -> None:
        try:
            sweeps = self.services.store.sweeps()
            boards = {one.id: self._reader(one).read(job_words.now()) for one in sweeps}
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_from_thread(self._take, boards)

    def _reader(self, sweep: Sweep) -> BoardReader:
        return self._readers.setdefault(sweep.id, BoardReader(self.services, sweep.id))

    def _take(self, boards: dict[str, Board]) -> None:
        self._read_once = True
        self._boards = boards
        table = self.query_one(Table)
        table.empty_text = "No sweep yet. n begins one: a file, or around a job or a dataset."
        table.set_rows([TableRow(key, _cells(board)) for key, board in boards.items()])
        table.refresh()
        running = sum(board.is_run for board in boards.values())
        words = f"{len(boards)} {'sweep' if len(boards) == 1 else 'sweeps'}" if boards else ""
        words += f", {running} running" if running else ""
        self.query_one("#sweeps-line", Static).update(content((words, "muted")), layout=False)
        self.refresh_bindings()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        board = self._chosen()
        if action == "new_sweep":
            return ""
        if action not in ("stop_sweep", "resume_sweep", "export_sweep", "delete_sweep"):
            return ""
        if board is None:
            return "There is no sweep here yet."
        return reason_against(board, action)

    def _chosen(self) -> Board | None:
        key = self.query_one(Table).row_key if self.is_mounted else None
        return self._boards.get(key) if key is not None else None

    @on(Table.Highlighted)
    def _cursor_moved(self) -> None:
        self.refresh_bindings()

    @on(Table.Chosen)
    def _open(self, message: Table.Chosen) -> None:
        self.navigator.open_sweep(message.key)

    @work(group="begin-sweep", exclusive=True, exit_on_error=False, description="begin a sweep")
    async def action_new_sweep(self) -> None:
        """Choose or write a sweep, and begin it after its price."""
        from screens.sweep_begin import begin_sweep  # nothing of it is needed before
        from screens.sweep_new import choose_sweep_file

        try:
            path = await choose_sweep_file(self)
        except TunedeckError as error:
            self.tell_error(error)
            return
        sweep_id = await begin_sweep(self, path) if path is not None else None
        self._read()
        if sweep_id is not None:
            self.navigator.open_sweep(sweep_id)

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="stop a sweep")
    async def action_stop_sweep(self) -> None:
        """Stop the sweep under the cursor."""
        from screens.sweep_begin import stop_sweep

        board = self._chosen()
        if board is not None and await stop_sweep(self, board.sweep):
            self._read()

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="go on with a sweep")
    async def action_resume_sweep(self) -> None:
        """Go on with the sweep under the cursor."""
        from screens.sweep_begin import resume_sweep

        board = self._chosen()
        if board is not None and await resume_sweep(self, board.sweep):
            self._read()

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="write a sweep")
    async def action_export_sweep(self) -> None:
        """Write the sweep under the cursor as a file."""
        from screens.sweep_begin import export_sweep

        board = self._chosen()
        if board is not None:
            await export_sweep(self, board.sweep)

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="forget a sweep")
    async def action_delete_sweep(self) -> None:
        """Forget the sweep under the cursor after a yes."""
        from tui.sweeps.stopping import forget_sweep

        board = self._chosen()
        if board is None:
            return
        question = ConfirmScreen(
            "Forget this sweep?", yes="forget it", facts=[("Sweep", safe_line(board.sweep.name, 60))],
            warning="Its trials' ranks and log are gone for good; its jobs and models stay.",
        )  # fmt: skip
        if not await self.app.push_screen_wait(question):
            return
        try:
            await asyncio.to_thread(forget_sweep, self.services, board.sweep)
        except TunedeckError as error:
            self.tell_error(error)
        self._read()


def reason_against(board: Board, action: str) -> str:
    """Return why something can't be done to a sweep now; empty when it can."""
    match action:
        case "stop_sweep" if board.sweep.state.is_over:
            return f"It is {board.sweep.state} already."
        case "stop_sweep" if board.is_run and board.sweep.is_stop_asked:
            return "It is being stopped."
        case "resume_sweep" if board.is_run:
            return "A process is at it already."
        case "resume_sweep" if board.state_words == "done":
            return "All its trials have come to their end."
        case "delete_sweep" if board.is_run:
            return "A process is at it: x stops it first."
    return ""


def _cells(board: Board) -> list[Cell]:
    best = board.best
    over = sum(row.trial.state.is_over for row in board.rows)
    return [
        safe_line(board.sweep.name, 80),
        sweep_state(board),
        f"{over}/{board.planned}",
        "–" if best is None or best.trial.value is None else f"{best.trial.value:.4g}",
        board.money_words,
        "" if board.left_seconds is None else rough_duration(board.left_seconds),
        ago(board.sweep.created_at),
    ]
