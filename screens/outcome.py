"""What a run found out: a sentence, the models, rows worst first, every table; written into one file."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.chat_base import typed_path
from screens.greyed_keys import GreyedKeys
from screens.outcome_views import BESIDE, MODEL_COLUMNS, WHOLE, View
from screens.text_dialog import TextDialog, TextScroll
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Table, TableRow
from tui.widgets.tones import Part, content


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found out, as it is shown."""

    sentence: str
    """What it comes to, to be copied."""
    headline: tuple[Part, ...]
    views: Sequence[View]
    """One table is shown at a time; at least one."""
    report: str
    """Name of a file to write it to."""
    write: Callable[[Path], object]
    """Writes .md, .html or .json; raises TunedeckError."""
    models: Sequence[TableRow] = ()
    """Whole and always in sight, where there are any."""


class OutcomeScreen(GreyedKeys, inherit_bindings=False):
    """An outcome; everything is computed already.

    Args:
        outcome: Of a run.
    """

    PLACE = "models"
    CSS_PATH = "outcome.tcss"
    AUTO_FOCUS = "#outcome-table"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("evaluation"), *DeckScreen.BINDINGS]

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self._outcome = outcome
        self._views = outcome.views
        self._place = 0

    def compose_body(self) -> ComposeResult:
        """Yield the verdict, the models, and one table at a time."""
        yield Static(content(*self._outcome.headline), id="outcome-verdict", markup=False)
        if self._outcome.models:
            models = Table(*MODEL_COLUMNS, id="outcome-models", classes="pane", rows=self._outcome.models)
            models.border_title = "Models"
            models.can_focus = False
            models.styles.height = 3 + len(self._outcome.models)  # with its frame and headings
            yield models
        with Horizontal(id="outcome-body"):
            with Vertical(id="outcome-column"):
                yield Table(
                    *self._views[0].columns, id="outcome-table", classes="pane", rows=self._views[0].rows,
                    empty="Nothing to show.",
                )  # fmt: skip
                yield Static("", id="outcome-note", markup=False)
            with TextScroll(id="outcome-detail", classes="pane"):
                yield Static("", id="outcome-text", markup=False)

    def on_mount(self) -> None:
        """Show the first table."""
        self._show()

    def _show(self) -> None:
        view = self._views[self._place]
        table = self.query_one("#outcome-table", Table)
        table.columns = tuple(view.columns)
        table.set_rows(view.rows)
        table.cursor = 0
        table.items_changed()
        table.border_title = f"{safe_line(view.title, 60)}  ({self._place + 1} of {len(self._views)})"
        self.query_one("#outcome-note", Static).update(content(view.note))
        self.query_one("#outcome-note").display = bool(view.note)
        self.query_one("#outcome-detail").set_class(view.has_texts, "-shown")
        self._show_detail()

    @on(Table.Highlighted, "#outcome-table")
    def _show_detail(self) -> None:
        """Show the row under the cursor beside the list, where there is room."""
        key = self.query_one("#outcome-table", Table).row_key
        view = self._views[self._place]
        if view.has_texts and key is not None and self.has_class("-wide"):
            self.query_one("#outcome-text", Static).update(content(view.text_of(key, BESIDE)))
            self.query_one("#outcome-detail").scroll_home(animate=False)

    @on(Table.Chosen, "#outcome-table")
    def _open_row(self, message: Table.Chosen) -> None:
        view = self._views[self._place]
        text = view.text_of(message.key, WHOLE)
        if text:
            self.app.push_screen(TextDialog("Row" if view.has_texts else safe_line(view.title, 60), text))

    # Keys

    def action_next_view(self, direction: int) -> None:
        """Show the next table, or the one before."""
        self._place = (self._place + direction) % len(self._views)
        self._show()

    def action_copy_verdict(self) -> None:
        """Copy the sentence."""
        self.navigator.copy_text(self._outcome.sentence, "verdict")

    @work(group="write-report", exclusive=True, exit_on_error=False, description="write a report")
    async def action_write_report(self) -> None:
        """Ask for a name and write it; its ending says how."""
        typed = await self.app.push_screen_wait(
            AskTextScreen("Write the report to", value=str(typed_path(self._outcome.report)),
                          hint="a new file: .md, .html or .json")
        )  # fmt: skip
        if not typed:
            return
        path = typed_path(typed)
        try:
            await asyncio.to_thread(self._outcome.write, path)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.tell(f"Written: {path}")
