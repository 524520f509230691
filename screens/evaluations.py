"""Evaluations from before: open one, compare two, write or delete one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.widgets import Static

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.chat_base import typed_path
from screens.confirm import ConfirmScreen
from screens.greyed_keys import GreyedKeys
from screens.job_words import ago
from tui.chat.model_names import short_model_name
from tui.errors import TunedeckError
from tui.records.evaluations import EvalRunHead
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Cell, Column, Table, TableRow
from tui.widgets.tones import Tone, content

if TYPE_CHECKING:
    from screens.outcome import OutcomeScreen
    from tui.evals.kept import KeptEvaluation

_COLUMNS = (
    Column("", 1, tone="accent"),
    Column("Test set and models", cut="middle"),
    Column("Score", 6, align="right"),
    Column("Verdict", 14),
    Column("Rows", 6, align="right", drop_below=90),
    Column("When", 12, align="right", tone="muted"),
)
_TONES: dict[str, Tone] = {"better": "good", "worse": "bad"}
_BOTH = 2


class EvaluationsScreen(GreyedKeys, inherit_bindings=False):
    """The list, the newest first."""

    PLACE = "models"
    AUTO_FOCUS = "#evaluations"
    CSS_PATH = "evaluations.tcss"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("evaluations"), *DeckScreen.BINDINGS]
    HELP = """
    Every evaluation, prompt diet and comparison of old and new is kept as it was reported. Enter opens one
    with its tables and its worst rows. Space marks two evaluations, c compares them: the second of the marked
    ones in time against the first, row by row, where both asked the same test set. The score of a diet is
    that with the whole prompt, that of old and new their agreement. w writes a report, x forgets one; the
    answers that were paid for stay.
    """

    def __init__(self) -> None:
        super().__init__()
        self._heads: Sequence[EvalRunHead] = ()
        self._marked: list[str] = []

    def compose_body(self) -> ComposeResult:
        """Yield a line about the list, and the list."""
        yield Static("", id="evaluations-line", markup=False)
        yield Table(
            *_COLUMNS, id="evaluations", classes="pane", empty="Reading…", title="Evaluations from before"
        )

    def on_mount(self) -> None:
        """Read them."""
        self._read()

    @work(thread=True, group="evaluations", exclusive=True, exit_on_error=False, description="read the list")
    def _read(self) -> None:
        self.post_from_thread(self._take, self.services.store.eval_run_heads())

    def _take(self, found: Sequence[EvalRunHead]) -> None:
        self._heads = found
        known = {one.id for one in found}
        self._marked = [one for one in self._marked if one in known]
        self._show()

    def _show(self) -> None:
        table = self.query_one(Table)
        table.empty_text = "Nothing is evaluated yet: E on a model does that."
        table.set_rows([self._row(one) for one in self._heads])
        table.refresh()
        words = f"{len(self._heads):,} kept"
        if self._marked:
            words += f", {len(self._marked)} marked: c compares two"
        self.query_one("#evaluations-line", Static).update(content((words, "muted")))
        self.refresh_bindings()

    def _row(self, head: EvalRunHead) -> TableRow:
        mark = ("*" if self.services.settings.ascii else "●") if head.id in self._marked else ""
        name, colon, _ = head.title.partition(": ")
        model = short_model_name(head.model) if head.model else ""
        words = f"{name}: {model}" if model and colon and not head.kind else head.title
        if head.kind and model:
            words = head.title.replace(head.model, model)
        score: Cell = "–" if head.score is None else f"{100 * head.score:.1f}"
        verdict: Cell = (head.word, _TONES.get(head.word, "warning"))
        if not head.complete:
            verdict = ("not complete", "warning")
        cells = [mark, safe_line(words, 200), score, verdict, f"{head.rows:,}", ago(head.created_at)]
        return TableRow(head.id, cells)

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        match action:
            case "mark_evaluation" | "write_evaluation" | "delete_evaluation" if not self._heads:
                return "Nothing is evaluated yet."
            case "mark_evaluation" if (head := self._chosen()) is not None and head.kind:
                return "Only evaluations are compared; this is a comparison already."
            case "compare_evaluations" if len(self._marked) != _BOTH:
                return "Mark two with space first."
        return ""

    def _chosen(self) -> EvalRunHead | None:
        key = self.query_one(Table).row_key
        return next((one for one in self._heads if one.id == key), None)

    def action_mark_evaluation(self) -> None:
        """Mark the evaluation under the cursor, or take its mark off; of three the first loses its own."""
        head = self._chosen()
        if head is None:
            return
        if head.id in self._marked:
            self._marked.remove(head.id)
        else:
            self._marked = [*self._marked, head.id][-_BOTH:]
        self._show()

    @on(Table.Chosen)
    def _open(self, message: Table.Chosen) -> None:
        from screens.kept_result import KeptScreen  # not needed before one is opened

        self._open_kept([message.key], lambda kept: KeptScreen(kept[0]))

    def action_compare_evaluations(self) -> None:
        """Compare the two marked ones: the later against the earlier."""
        from screens.kept_result import KeptComparisonScreen

        order = [one.id for one in reversed(self._heads) if one.id in self._marked]
        if len(order) == _BOTH:
            self._open_kept(order, lambda kept: KeptComparisonScreen(kept[0], kept[1]))

    @work(thread=True, group="open-evaluation", exclusive=True, exit_on_error=False, description="open it")
    def _open_kept(
        self, wanted: list[str], make: Callable[[Sequence[KeptEvaluation]], OutcomeScreen]
    ) -> None:
        from tui.evals.kept import find_evaluation

        try:
            kept = [find_evaluation(self.services, one) for one in wanted]
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return
        self.post_from_thread(self._show_kept, kept, make)

    def _show_kept(
        self, kept: Sequence[KeptEvaluation], make: Callable[[Sequence[KeptEvaluation]], OutcomeScreen]
    ) -> None:
        self.app.push_screen(make(kept))

    @work(group="write-evaluation", exclusive=True, exit_on_error=False, description="write a report")
    async def action_write_evaluation(self) -> None:
        """Write the evaluation under the cursor into one file."""
        head = self._chosen()
        if head is None:
            return
        typed = await self.app.push_screen_wait(
            AskTextScreen("Write the report to", value=str(typed_path(f"report-{head.id}.md")),
                          hint="a new file: .md, .html or .json")
        )  # fmt: skip
        if not typed:
            return
        try:
            await asyncio.to_thread(partial(self._write, head.id, typed_path(typed)))
        except TunedeckError as error:
            self.tell_error(error)
            return
        self.tell(f"Written: {typed_path(typed)}")

    def _write(self, run_id: str, path: Path) -> None:
        from tui.evals.kept import find_evaluation, write_kept

        write_kept(find_evaluation(self.services, run_id), path)

    @work(group="delete-evaluation", exclusive=True, exit_on_error=False, description="delete a report")
    async def action_delete_evaluation(self) -> None:
        """Forget the report of the evaluation under the cursor, after a yes."""
        head = self._chosen()
        if head is None:
            return
        question = ConfirmScreen(
            "Delete this evaluation?", yes="delete it", facts=[("Evaluation", safe_line(head.title, 200))],
            warning="Its report is gone for good; the answers that were paid for stay.",
        )  # fmt: skip
        if not await self.app.push_screen_wait(question):
            return
        try:
            await asyncio.to_thread(self.services.store.delete_eval_run, head.id)
        except TunedeckError as error:
            self.tell_error(error)
        self._read()
