"""Money: what a file would cost on every model of every service, and what is paid for."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Input, Static
from textual.worker import get_current_worker

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.greyed_keys import GreyedKeys
from screens.money_facts import (
    COLUMNS,
    GROUP_COLUMNS,
    SORTS,
    BillChoice,
    bill_lines,
    bill_row,
    group_row,
    key_of,
    paid_instead,
)
from tui.datasets.check import CheckCancelled
from tui.errors import TunedeckError
from tui.money.estimate import estimate_local_time
from tui.money.side_by_side import ModelCost
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Table
from tui.widgets.tones import Part, content, content_lines
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.jobs.file_costs import FileCounts
    from tui.money.calibration import Calibration
    from tui.money.groups import CostGroup

MOST_EPOCHS = 50
LOCAL = "local"
_SECONDS_BETWEEN_POSTS = 0.25


class BillNote(VerticalScroll, inherit_bindings=False):
    """The calculation, scrolled with the keys of every other pane."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("scroll")]


class MoneyScreen(GreyedKeys, inherit_bindings=False):
    """Bills side by side; below, what each group of rows costs on the model under the cursor.

    Args:
        path: The training file.
    """

    PLACE = "check"
    CSS_PATH = "money.tcss"
    AUTO_FOCUS = "#bills"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("money"), *DeckScreen.BINDINGS]
    HELP = """
    What this file would cost, on models that tunedeck can start jobs on first, then elsewhere. + and - change
    the epochs, a lets each service choose. ≈ stands before what was counted with another model's vocabulary.
    """

    @dataclass
    class Counted(Message):
        """The file was counted for every vocabulary."""

        counts: FileCounts
        rates: list[float]
        known: dict[str, Calibration]

    @dataclass
    class Progressed(Message):
        """Some more of the file was counted."""

        share: float

    @dataclass
    class Grouped(Message):
        """The rows that rules found were counted."""

        groups: list[CostGroup]

    @dataclass
    class Ended(Message):
        """There will be no bills."""

        error: TunedeckError | None

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._validation: Path | None = None
        self._counts: FileCounts | None = None
        self._rates: list[float] = []
        self._epochs: int | None = None
        self._bills: list[ModelCost] = []
        self._groups: list[CostGroup] = []
        self._known: dict[str, Calibration] = {}
        self._choice = BillChoice()

    def compose_body(self) -> ComposeResult:
        """Yield the bills, the calculation and what is paid for."""
        yield Static("", id="money-file", markup=False)
        yield Table(*COLUMNS, id="bills", classes="pane", empty="Counting…")
        yield Input(placeholder="part of a service or model; enter keeps it", id="money-filter", compact=True)
        with BillNote(id="bill-note", classes="pane"):
            yield Static("", id="bill-text", markup=False)
        yield Table(*GROUP_COLUMNS, id="groups", classes="pane", empty="Nothing is paid for.")

    def on_mount(self) -> None:
        """Name the panes and count."""
        self.query_one("#bills").border_title = "Cost"
        self.query_one("#bill-note").border_title = "How it comes about"
        self.query_one("#groups").border_title = "What is paid for"
        self._show_file()
        self.count()

    # Counting, in a thread

    @work(thread=True, group="count", exclusive=True, exit_on_error=False, description="count for all models")
    def count(self) -> None:
        """Count for every vocabulary; posts `Counted`, then `Grouped`, or `Ended`."""
        from tui.jobs.file_costs import calibrations, count_for_all

        worker = get_current_worker()
        next_post = 0.0

        def cancelled() -> bool:
            return worker.is_cancelled

        def progress(done: int, total: int) -> None:
            nonlocal next_post
            if total and time.monotonic() >= next_post:
                next_post = time.monotonic() + _SECONDS_BETWEEN_POSTS
                self.post_message(self.Progressed(done / total))

        def show(counts: FileCounts) -> None:
            known = calibrations(self.services, counts.bills(self.services), counts.main.format.value)
            self.post_message(self.Counted(counts, rates, known))

        try:
            rates = self.services.store.training_rates(LOCAL)
            counts = count_for_all(
                self.services,
                self._path,
                validation=self._validation,
                on_counts=show,
                on_progress=progress,
                cancelled=cancelled,
            )
            show(counts)
            self.post_message(self.Grouped(counts.groups(self._path, cancelled=cancelled)))
        except CheckCancelled:
            self.post_message(self.Ended(None))
        except TunedeckError as error:
            self.post_message(self.Ended(error))

    @on(Progressed)
    def _show_progress(self, message: Progressed) -> None:
        bills = self.query_one("#bills", Table)
        bills.empty_text = f"Counting… {message.share:.0%}"
        bills.refresh()

    @on(Counted)
    def _show_counts(self, message: Counted) -> None:
        self._counts = message.counts
        self._rates = message.rates
        self._known = message.known
        self._reckon()

    @on(Grouped)
    def _show_found_groups(self, message: Grouped) -> None:
        self._groups = message.groups
        self._show_bill()

    @on(Ended)
    def _show_end(self, message: Ended) -> None:
        bills = self.query_one("#bills", Table)
        bills.empty_text = "Stopped." if message.error is None else _words(message.error)
        bills.refresh()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say where the bills would be that there will be none."""
        if group == "count":
            self._show_end(self.Ended(error))
        return False

    def _reckon(self) -> None:
        if self._counts is None:
            return
        self._bills = self._counts.bills(self.services, epochs=self._epochs)
        self._show_bills()

    # Showing

    def _show_file(self) -> None:
        parts: list[Part] = [(safe_line(self._path.name, 60), "strong")]
        if self._counts is not None:
            report = self._counts.main
            parts.append((f"  {plural(report.rows, 'example')} · {report.format.value}", "muted"))
            if not report.valid:
                parts.append(("  once it is mended", "warning"))
        if self._validation is not None:
            parts.append((f"  validation: {safe_line(self._validation.name, 40)}", "accent"))
        epochs = "epochs chosen by each service" if self._epochs is None else plural(self._epochs, "epoch")
        parts.append((f"  {epochs}", "accent"))
        self.query_one("#money-file", Static).update(content(*parts))

    def _show_bills(self) -> None:
        table = self.query_one("#bills", Table)
        shown = self._choice.of(self._bills)
        table.empty_text = "No model has such a name." if self._bills else "No model takes this file."
        table.set_rows([bill_row(bill) for bill in shown])
        count = f"{len(shown)} of {len(self._bills)}" if len(shown) < len(self._bills) else f"{len(shown)}"
        table.border_title = content(f"Cost on {count} models")
        table.border_subtitle = content(f"by {self._choice.sort}")
        table.refresh()
        self._show_file()
        self._show_bill()
        self.refresh_bindings()

    @property
    def _bill(self) -> ModelCost | None:
        key = self.query_one("#bills", Table).row_key
        return next((bill for bill in self._bills if key_of(bill) == key), None)

    @on(Table.Highlighted, "#bills")
    def _show_bill(self) -> None:
        bill = self._bill
        text = self.query_one("#bill-text", Static)
        groups = self.query_one("#groups", Table)
        if bill is None:
            text.update("")
            groups.set_rows([])
            return
        duration = None
        if bill.provider == LOCAL:
            duration = estimate_local_time(bill.tokens_per_epoch, bill.epochs or 1, self._rates)
        text.update(content_lines(bill_lines(bill, self._known.get(key_of(bill)), duration)))
        self.query_one("#bill-note").scroll_home(animate=False)
        paid = paid_instead(bill, self._bills)
        groups.border_title = content(
            f"What is paid for{'' if paid is None else f', on {safe_line(paid.model, 40)}'}"
            f"{', in each epoch' if paid is not None and paid.epochs is None else ''}"
        )
        groups.set_rows([group_row(index, group, paid) for index, group in enumerate(self._groups)])
        groups.refresh()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action in ("sort_bills", "change_epochs", "filter_bills") and not self._bills:
            return "There are no bills yet."
        if action == "show_payback" and self._counts is None:
            return "The file is still being counted."
        if action == "auto_epochs" and self._epochs is None:
            return "Each service chooses already."
        if action == "launch_file" and self._counts is not None and not self._counts.main.valid:
            return "The file has errors: no job would take it."
        return ""

    def action_change_epochs(self, by: int) -> None:
        """Reckon with more or fewer epochs."""
        bill = self._bill
        now = self._epochs or (bill.epochs if bill is not None else None) or 1
        self._epochs = max(1, min(MOST_EPOCHS, now + by))
        self._reckon()

    def action_auto_epochs(self) -> None:
        """Let each service choose the epochs."""
        self._epochs = None
        self._reckon()

    def action_sort_bills(self) -> None:
        """Sort by the next thing."""
        at = SORTS.index(self._choice.sort)
        self._choice = replace(self._choice, sort=SORTS[(at + 1) % len(SORTS)])
        self._show_bills()

    def action_filter_bills(self) -> None:
        """Open the line to type a part of a name in."""
        field = self.query_one("#money-filter", Input)
        field.display = True
        field.focus()

    @on(Input.Changed, "#money-filter")
    def narrow(self, message: Input.Changed) -> None:
        """Show only bills with such a name."""
        self._choice = replace(self._choice, wanted=message.value)
        self._show_bills()

    @on(Input.Submitted, "#money-filter")
    def keep_filter(self) -> None:
        """Keep the filter and go back to the bills."""
        self.query_one("#money-filter").display = False
        self.query_one("#bills").focus()

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose a file")
    async def action_choose_validation(self) -> None:
        """Choose a validation file to price too."""
        path = await choose_file(self)
        if path is not None:
            self._validation = path
            self._show_file()
            self.count()

    def action_show_payback(self) -> None:
        """Show whether tuning the model under the cursor pays back."""
        from screens.payback import PaybackScreen  # not needed before it is asked for

        bill = self._bill
        base = (bill.provider, bill.model) if bill is not None else None
        self.app.push_screen(PaybackScreen(self._path, base))

    def action_launch_file(self) -> None:
        """Start a job on this file."""
        self.navigator.open_launch(self._path)

    def go_back(self) -> bool:
        """Take the filter away; then leave."""
        field = self.query_one("#money-filter", Input)
        if not field.display and not field.value:
            return False
        field.value = ""
        self.keep_filter()
        return True


def _words(error: TunedeckError) -> str:
    return safe_line(f"{error.message} {error.remedy}", 300)
