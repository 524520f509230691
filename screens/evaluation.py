"""What an evaluation found: the verdict, quality beside cost and latency, rows worst first, every table."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Static

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.evaluate_facts import verdict_part
from screens.evaluation_views import BESIDE, MODEL_COLUMNS, ROWS, WHOLE, model_rows, row_text, views_of
from screens.greyed_keys import GreyedKeys
from screens.text_dialog import TextDialog, TextScroll
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Table
from tui.widgets.tones import Part, content

if TYPE_CHECKING:
    from tui.evals.result import EvalResult


class EvaluationScreen(GreyedKeys, inherit_bindings=False):
    """A result; everything is computed already.

    Args:
        result: Of a run.
    """

    PLACE = "models"
    CSS_PATH = "evaluation.tcss"
    AUTO_FOCUS = "#evaluation-table"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("evaluation"), *DeckScreen.BINDINGS]
    HELP = """
    The sentence on top follows from the interval of the difference: better and worse mean that it excludes 0
    and that six rows or more differ. Rows stand worst first; enter shows one with every answer. ] goes on to
    all numbers, the checks, the grid of labels, behaviour, judges. w writes all of it into one file.
    """

    def __init__(self, result: EvalResult) -> None:
        super().__init__()
        self._result = result
        self._views = views_of(result)
        self._place = 0

    def compose_body(self) -> ComposeResult:
        """Yield the verdict, the models, and one table at a time."""
        yield Static(content(*self._headline()), id="evaluation-verdict", markup=False)
        models = Table(*MODEL_COLUMNS, id="evaluation-models", classes="pane", rows=model_rows(self._result))
        models.border_title = "Models"
        models.can_focus = False
        models.styles.height = 3 + len(self._result.contenders)  # with its frame and headings
        yield models
        with Horizontal(id="evaluation-body"):
            with Vertical(id="evaluation-column"):
                yield Table(
                    *self._views[0].columns, id="evaluation-table", classes="pane", rows=self._views[0].rows,
                    empty="Nothing to show.",
                )  # fmt: skip
                yield Static("", id="evaluation-note", markup=False)
            with TextScroll(id="evaluation-detail", classes="pane"):
                yield Static("", id="evaluation-text", markup=False)

    def _headline(self) -> list[Part]:
        result = self._result
        name = safe_line(result.plan.test_set.path.name, 80)
        spent = "" if result.spent is None else f", {result.spent.words}"
        words = f"\n{len(result.rows):,} rows of {name}; {result.asked:,} answers asked for{spent}."
        parts = [verdict_part(result), (words, "muted")]
        if not result.complete:
            parts.append((f" Not complete: {result.why_incomplete}.", "warning"))
        return parts

    def on_mount(self) -> None:
        """Show the first table."""
        self._show()

    def _show(self) -> None:
        view = self._views[self._place]
        table = self.query_one("#evaluation-table", Table)
        table.columns = view.columns
        table.set_rows(view.rows)
        table.cursor = 0
        table.items_changed()
        table.border_title = f"{safe_line(view.title, 60)}  ({self._place + 1} of {len(self._views)})"
        self.query_one("#evaluation-note", Static).update(content(view.note))
        self.query_one("#evaluation-note").display = bool(view.note)
        self.query_one("#evaluation-detail").set_class(view.title == ROWS, "-shown")
        self._show_detail()

    def _text_of(self, key: str, longest: int = WHOLE) -> str:
        view = self._views[self._place]
        if view.title != ROWS:
            return view.details.get(key, "")
        return row_text(self._result, self._result.rows[int(key)], longest)

    @on(Table.Highlighted, "#evaluation-table")
    def _show_detail(self) -> None:
        """Show the row under the cursor beside the list, where there is room."""
        key = self.query_one("#evaluation-table", Table).row_key
        if self._views[self._place].title == ROWS and key is not None and self.has_class("-wide"):
            self.query_one("#evaluation-text", Static).update(content(self._text_of(key, BESIDE)))
            self.query_one("#evaluation-detail").scroll_home(animate=False)

    @on(Table.Chosen, "#evaluation-table")
    def _open_row(self, message: Table.Chosen) -> None:
        text = self._text_of(message.key)
        if text:
            title = self._views[self._place].title
            self.app.push_screen(TextDialog("Row" if title == ROWS else safe_line(title, 60), text))

    # Keys

    def action_next_view(self, direction: int) -> None:
        """Show the next table, or the one before."""
        self._place = (self._place + direction) % len(self._views)
        self._show()

    def action_copy_verdict(self) -> None:
        """Copy the sentence."""
        self.navigator.copy_text(verdict_part(self._result)[0], "verdict")

    @work(group="write-report", exclusive=True, exit_on_error=False, description="write a report")
    async def action_write_report(self) -> None:
        """Ask for a name and write it; its ending says how."""
        from tui.evals.reports.files import write_report

        name = f"report-{self._result.plan.test_set.path.stem}.md"
        typed = await self.app.push_screen_wait(
            AskTextScreen("Write the report to", value=str(_path_of(name)),
                          hint="a new file: .md, .html or .json")
        )  # fmt: skip
        if not typed:
            return
        path = _path_of(typed)
        try:
            await asyncio.to_thread(write_report, self._result, path)
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.tell(f"Written: {path}")


def _path_of(typed: str) -> Path:
    return Path(typed).expanduser().absolute()
