"""The board of a sweep: trials by rank, with settings, value, curve, money, time left; curves below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import Static

from screens import job_words
from screens.base import DeckScreen
from screens.greyed_keys import GreyedKeys
from screens.job_words import clock_time, rough_duration
from screens.readings import Readings
from screens.sweep_words import importance_parts, sweep_state, trial_cells, trial_columns
from screens.sweeps import reason_against
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.jobs.metrics import MetricSeries, series_from
from tui.jobs.run_overlay import LETTERS, MOST_RUNS
from tui.safe_text import safe_line, safe_text
from tui.sweeps.board import Board, BoardReader, TrialRow
from tui.terminal import is_remote
from tui.widgets.keys import bindings
from tui.widgets.overlay_chart import RUN_LOOKS, OverlayChart
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import Part, content, content_lines

_SECONDS, _REMOTE_SECONDS = 1.0, 3.0
"""Between two readings while the sweep goes on; over SSH, to stay below 5 KB/s."""
_BEST_DRAWN = 3
_USUAL_METRICS = ("train_loss", "full_valid_loss", "valid_loss")


@dataclass(frozen=True, slots=True)
class _Drawn:
    """A trial whose curve is drawn."""

    number: int
    letter: str
    series: dict[str, MetricSeries]


class SweepScreen(GreyedKeys, inherit_bindings=False):
    """One sweep.

    Args:
        sweep_id: Which.
    """

    PLACE = "jobs"
    AUTO_FOCUS = "#sweep-trials"
    CSS_PATH = "sweep.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("sweep"), *DeckScreen.BINDINGS]
    HELP = """
Trials by rank: the best is what the sweep has found so far. Enter opens a trial's job. The curves are those
of the marked trials (space), else of the best three and the one under the cursor; each has a letter and a
mark, beside its number too. o lays them over one another with all their settings. p promotes a trial: its
model is tagged, and you talk to it, train it on, or write its settings as a job file. The second line says
what it has cost, and for each setting which share of the differences it explains alone.
"""

    @dataclass
    class Read(Message):
        """The store was read."""

        board: Board
        drawn: Sequence[_Drawn]
        reading: int

    def __init__(self, sweep_id: str) -> None:
        super().__init__()
        self._sweep_id = sweep_id
        self._board: Board | None = None
        self._reader: BoardReader | None = None
        self._drawn: Sequence[_Drawn] = ()
        self._marked: list[int] = []
        self._by_rank = True
        self._metric = ""
        self._readings = Readings()

    def compose_body(self) -> ComposeResult:
        """Yield the facts, the trials and their curves."""
        yield Static("", id="sweep-facts", markup=False)
        yield Table(Column("Trial"), id="sweep-trials", classes="pane", empty="Reading…", title="Trials")
        yield OverlayChart(
            id="sweep-chart", classes="pane", empty="Reading…", ascii_only=self.services.settings.ascii
        )

    def on_mount(self) -> None:
        """Read the store, and again while the sweep goes on."""
        self._read()
        self.set_interval(_REMOTE_SECONDS if is_remote() else _SECONDS, self._read_if_shown)

    def on_screen_resume(self) -> None:
        """Read again what may have changed while another screen was shown."""
        if self._board is not None:
            self._read()

    def _read_if_shown(self) -> None:
        if self.is_active and self._board is not None and not self._board.sweep.state.is_over:
            self._read()

    @work(thread=True, group="read-sweep", exclusive=True, exit_on_error=False, description="read a sweep")
    def _read(self) -> None:
        reading = self._readings.begin()
        try:
            if self._reader is None:
                self._reader = BoardReader(self.services, self._sweep_id)
            board = self._reader.read(job_words.now())
            drawn = [
                _Drawn(row.trial.number, letter, self._series(row))
                for letter, row in zip(LETTERS, self._to_draw(board), strict=False)
            ]
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_message(self.Read(board, drawn, reading))

    def _series(self, row: TrialRow) -> dict[str, MetricSeries]:
        assert row.job is not None
        return series_from(self.services.store.metrics(row.job.account, row.job.id))

    def _to_draw(self, board: Board) -> list[TrialRow]:
        """Return the marked trials that have a job, else the best and the one under the cursor."""
        if self._marked:
            rows = [board.row(number) for number in self._marked]
        else:
            chosen = self._chosen_number()
            running = [row for row in board.rows if not row.trial.state.is_over]
            under = board.row(chosen) if chosen is not None else None
            rows = [*board.ranked[:_BEST_DRAWN], under, *running]
        found = {row.trial.number: row for row in rows if row is not None and row.job is not None}
        return list(found.values())[:MOST_RUNS]

    def _chosen_number(self) -> int | None:
        key = self.query_one("#sweep-trials", Table).row_key if self.is_mounted else None
        return int(key) if key is not None else None

    def _chosen(self) -> TrialRow | None:
        number = self._chosen_number()
        return self._board.row(number) if self._board is not None and number is not None else None

    # Showing

    @on(Read)
    def _show(self, message: Read) -> None:
        if self._readings.is_stale(message.reading):
            return
        self._board, self._drawn = message.board, message.drawn
        self._show_facts(message.board)
        self._show_trials(message.board)
        self._show_chart()
        self.refresh_bindings()

    def _show_facts(self, board: Board) -> None:
        best, search = board.best, board.terms.search
        over = sum(row.trial.state.is_over for row in board.rows)
        first: list[Part] = [
            (safe_line(board.sweep.name, 40), "strong"), ("  ", ""), sweep_state(board),
            (f"   {search.strategy}: {over} of {board.planned} over", "muted"),
        ]  # fmt: skip
        if best is not None:
            first += [
                ("   best ", "muted"),
                (f"{best.trial.value:.4g}", "good"),
                (f" trial {best.trial.number}", ""),
            ]
        second: list[Part] = [(board.money_words, "muted")]
        if board.left_seconds is not None:
            second.append((f"   about {rough_duration(board.left_seconds)} left", "muted"))
        second += importance_parts(board)
        if board.last_words:
            second = [(f"r goes on. Its process ended with: {safe_line(board.last_words, 200)}", "warning")]
        if board.sweep.reason:
            second = [
                (safe_line(board.sweep.reason, 200), "warning" if board.state_words == "stopped" else "muted")
            ]
            second += importance_parts(board)
        self.query_one("#sweep-facts", Static).update(content_lines([first, second]), layout=False)

    def _show_trials(self, board: Board) -> None:
        table = self.query_one("#sweep-trials", Table)
        table.empty_text = "No trial has begun yet."
        rows = list(board.rows)
        if self._by_rank:
            rows = [*board.ranked, *(row for row in rows if row.rank is None)]
        columns = trial_columns(board)
        if columns != table.columns:
            cursor = table.row_key
            table.set_rows(())
            table.columns = columns
        else:
            cursor = None
        ascii_only = self.services.settings.ascii
        table.set_rows(
            [
                TableRow(
                    str(row.trial.number),
                    trial_cells(
                        board, row, self._mark(row.trial.number), ascii_only=ascii_only,
                        left="" if row.left_seconds is None else rough_duration(row.left_seconds),
                    ),
                )
                for row in rows
            ]
        )  # fmt: skip
        if cursor in table.keys:
            table.cursor = table.keys.index(cursor)
        table.border_title = (
            f"Trials by {board.terms.objective.words}" if self._by_rank else "Trials as begun"
        )
        table.refresh()

    def _mark(self, number: int) -> Part:
        one = next((drawn for drawn in self._drawn if drawn.number == number), None)
        ascii_only = self.services.settings.ascii
        if one is None:
            return f"  {number}", ""
        look = RUN_LOOKS[one.letter]
        chosen = ("*" if ascii_only else "◆") if number in self._marked else " "
        return f"{look.ascii_mark if ascii_only else look.mark}{chosen}{number} {one.letter}", look.tone

    def _metrics(self) -> list[str]:
        names = {name for one in self._drawn for name in one.series}
        return [name for name in _USUAL_METRICS if name in names] + sorted(names - set(_USUAL_METRICS))

    def _show_chart(self) -> None:
        chart, names = self.query_one(OverlayChart), self._metrics()
        if self._metric not in names:
            self._metric = names[0] if names else ""
        chart.empty_text = "No job has reported a number yet."
        chart.border_title = content(safe_line(self._metric or "Curves", 40))
        more = f"{names.index(self._metric) + 1} of {len(names)}: v goes on" if len(names) > 1 else ""
        chart.border_subtitle = more
        chart.set_series(
            {one.letter: list(found.points) for one in self._drawn if (found := one.series.get(self._metric))}
        )

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        board = self._board
        if board is None:
            return "The sweep is being read."
        match action:
            case "promote_trial":
                row = self._chosen()
                return (
                    "" if row is not None and row.trial.value is not None else "This trial has no value yet."
                )
            case "mark_trial":
                row = self._chosen()
                if row is None or row.job is None:
                    return "This trial has no job yet."
                full = len(self._marked) >= MOST_RUNS and row.trial.number not in self._marked
                return f"{MOST_RUNS} at once are the most; space takes a mark off." if full else ""
            case "overlay_trials":
                return "" if len(self._drawn) > 1 else "Two trials need a job first."
            case "next_metric":
                return "" if len(self._metrics()) > 1 else "There is no other metric."
            case "show_log":
                return "" if board.log else "Nothing has happened yet."
        return reason_against(board, action)

    @on(Table.Highlighted, "#sweep-trials")
    def _cursor_moved(self) -> None:
        self.refresh_bindings()
        if not self._marked:
            self._read()

    @on(Table.Chosen, "#sweep-trials")
    def _open(self) -> None:
        row = self._chosen()
        if row is not None and row.job is not None:
            self.navigator.open_job(row.job.account, row.job.id)
        else:
            self.tell("This trial has no job yet.", severity="warning")

    def action_mark_trial(self) -> None:
        """Mark the trial under the cursor, or take its mark off."""
        number = self._chosen_number()
        if number is None:
            return
        self._marked = [one for one in self._marked if one != number] if number in self._marked else [
            *self._marked, number
        ]  # fmt: skip
        self._read()

    def action_overlay_trials(self) -> None:
        """Lay the jobs of the drawn trials over one another."""
        rows = [self._board.row(one.number) for one in self._drawn] if self._board is not None else []
        self.navigator.open_overlay([(row.job.account, row.job.id) for row in rows if row and row.job])

    def action_next_order(self) -> None:
        """Sort by rank, or as they were begun."""
        self._by_rank = not self._by_rank
        if self._board is not None:
            self._show_trials(self._board)

    def action_next_metric(self, direction: int) -> None:
        """Draw another metric."""
        names = self._metrics()
        if names:
            self._metric = names[(names.index(self._metric) + direction) % len(names)]
            self._show_chart()

    def action_toggle_zoom(self) -> None:
        """Give the chart the whole screen, and back."""
        self.toggle_class("-zoomed")
        self.query_one(OverlayChart if self.has_class("-zoomed") else Table).focus()

    def go_back(self) -> bool:
        """Leave the zoom first."""
        zoomed = self.has_class("-zoomed")
        if zoomed:
            self.action_toggle_zoom()
        return zoomed

    def action_show_log(self) -> None:
        """Show what has happened, the newest first."""
        if self._board is not None:
            lines = [f"{clock_time(line.at)}  {line.words}" for line in reversed(self._board.log)]
            self.app.push_screen(TextDialog("Log", safe_text("\n".join(lines))))

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="stop a sweep")
    async def action_stop_sweep(self) -> None:
        """Stop the sweep."""
        from screens.sweep_begin import stop_sweep  # nothing of it is needed before

        if self._board is not None and await stop_sweep(self, self._board.sweep):
            self._read()

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="go on with a sweep")
    async def action_resume_sweep(self) -> None:
        """Go on with the sweep."""
        from screens.sweep_begin import resume_sweep

        if self._board is not None and await resume_sweep(self, self._board.sweep):
            self._read()

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="write a sweep")
    async def action_export_sweep(self) -> None:
        """Write the sweep as a file."""
        from screens.sweep_begin import export_sweep

        if self._board is not None:
            await export_sweep(self, self._board.sweep)

    @work(group="change-sweep", exclusive=True, exit_on_error=False, description="promote a trial")
    async def action_promote_trial(self) -> None:
        """Choose what becomes of the trial under the cursor."""
        from screens.sweep_promote import promote_trial

        row = self._chosen()
        if self._board is not None and row is not None:
            await promote_trial(self, self._board, row.trial.number)
            self._read()
