"""Reshape: choose what to do with the rows of a file, see what comes of it, write new files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.timer import Timer
from textual.widgets import Input, Static

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.greyed_keys import GreyedKeys
from screens.reshape_facts import line_of_key, plan_parts, plan_rows, written_parts, written_rows
from screens.reshape_form import OPERATIONS, ReshapeForm
from screens.reshape_pane import ReshapePane
from screens.reshape_run import RunsPlans
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.keys import bindings
from tui.widgets.meter import Meter
from tui.widgets.table import Column, Table
from tui.widgets.tones import content
from tui.widgets.words import place, plural, size

if TYPE_CHECKING:
    from tui.datasets.reshape.plan import Plan

DEBOUNCE_SECONDS = 0.3
_COLUMNS = (Column("File", 10, tone="muted"), Column("Line", 10, "right"), Column("Row"))


class ReshapeScreen(RunsPlans, GreyedKeys, inherit_bindings=False):
    """The form, the preview and the names of the new files.

    Args:
        path: The file whose rows are taken.
    """

    PLACE = "datasets"
    CSS_PATH = "reshape.tcss"
    AUTO_FOCUS = "#operation"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (120, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("reshape"), *DeckScreen.BINDINGS]
    HELP = """
    Makes new files of the rows of one; the original stays as it is, and so do the bytes of rows that are not
    cut. The preview follows every change: counts, what goes and why, the first rows. Ctrl+s writes, and what
    a cut row loses is kept in a file beside.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.form = ReshapeForm(path)
        self._plan_made: Plan | None = None
        self._targets: list[Path] = []
        self._name = ""
        self._problem = ""
        self._timer: Timer | None = None

    def compose_body(self) -> ComposeResult:
        """Yield the form, the preview, the names and the progress."""
        models = [(model.id, model.id) for model in self.services.catalog.trainable()]
        self.form.values["model"] = next(
            (name for name, _ in models if name == self.services.settings.default_model),
            models[0][0] if models else "",
        )
        with Horizontal(id="reshape-body"):
            yield ReshapePane(self.form, models)
            with Vertical(id="reshape-preview"):
                yield Static("", id="reshape-facts", markup=False)
                rows = Table(*_COLUMNS, id="reshape-rows", classes="pane", empty="Looking…")
                rows.border_title = "Preview"
                yield rows
        yield Static("", id="reshape-target", markup=False)
        yield Input(placeholder="name of the new file, or a folder", id="reshape-name", compact=True)
        yield Meter(id="reshape-progress")

    def on_mount(self) -> None:
        """Name the file and plan."""
        path = self.form.path
        pane = self.query_one(ReshapePane)
        pane.border_title = content((safe_line(path.name, 60), ""))
        if path.is_file():
            pane.border_subtitle = size(path.stat().st_size)
        self._form_changed()

    # The form

    def _form_changed(self) -> None:
        self.query_one(ReshapePane).show_form()
        self._drop_plan()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(DEBOUNCE_SECONDS, self._make_plan)

    def _drop_plan(self) -> None:
        self._plan_made = None
        self._problem = self.form.missing()
        self._show_problem(self._problem or "Looking…")
        self._show_target()
        self.refresh_bindings()

    def _show_problem(self, words: str) -> None:
        table = self.query_one("#reshape-rows", Table)
        table.border_title = "Preview"
        table.empty_text = words
        table.set_rows(())
        self.query_one("#reshape-facts", Static).update("")

    @on(Input.Changed, "#reshape-form Input")
    def _typed(self, message: Input.Changed) -> None:
        field = self.query_one(ReshapePane).field_of(message.input)
        if field is None or self.form.value(field.name) == message.value:
            return
        self.form.values[field.name] = message.value
        self._form_changed()

    @on(Input.Submitted, "#reshape-form Input")
    def _go_on(self) -> None:
        self.focus_next()

    @on(ChoiceField.Changed)
    def _chosen(self, message: ChoiceField.Changed) -> None:
        field = self.query_one(ReshapePane).field_of(message.field)
        if field is None:
            return
        if field.name == "operation":
            self._turn_to(message.value)
            return
        self.form.values[field.name] = message.value
        self._form_changed()

    @on(ChoiceField.Opened)
    def _opened(self, message: ChoiceField.Opened) -> None:
        if message.field.id == "merge-others":
            self._add_file()
        else:
            self.focus_next()

    def _turn_to(self, operation: str) -> None:
        self.form.operation = operation
        self._name = ""
        self._form_changed()

    @work(group="choose", exclusive=True, exit_on_error=False, description="add a file")
    async def _add_file(self) -> None:
        path = await choose_file(self, "Add a file to the merge")
        if path is not None:
            self.form.others.append(path)
            self._form_changed()

    # The plan

    def _make_plan(self) -> None:
        if self._problem or self.is_writing:
            return
        try:
            planner = self.form.planner(self.services.catalog)
        except TunedeckError as error:
            self._take_failure(self.PlanFailed(error))
            return
        self.start_plan(self.form.paths(), planner)

    @on(RunsPlans.Planned)
    def _take_plan(self, message: RunsPlans.Planned) -> None:
        from tui.datasets.reshape.write import free_names

        plan = message.plan
        if plan.operation != self.form.operation:
            return
        self._plan_made = plan
        self._targets = free_names(plan)
        self.query_one(Meter).display = False
        self.query_one("#reshape-facts", Static).update(content(*plan_parts(plan)))
        table = self.query_one("#reshape-rows", Table)
        table.set_rows(plan_rows(plan, message.rows))
        table.cursor = 0
        self._show_target()
        self.refresh_bindings()

    @on(RunsPlans.PlanFailed)
    def _take_failure(self, message: RunsPlans.PlanFailed) -> None:
        self._problem = message.error.message
        self.query_one(Meter).display = False
        self._show_problem("Nothing to show.")
        parts = content((message.error.message, "bad"), (f"  {message.error.remedy}", "muted"))
        self.query_one("#reshape-facts", Static).update(parts)
        self.refresh_bindings()

    @on(RunsPlans.Progressed)
    def _show_progress(self, message: RunsPlans.Progressed) -> None:
        meter = self.query_one(Meter)
        meter.display = self.is_planning or self.is_writing
        meter.fraction = message.done / message.total if message.total else 0.0
        doing = "written" if self.is_writing else "read"
        meter.note = f"{size(message.done)} of {size(message.total)} {doing}; esc stops"

    # The names

    def _show_target(self) -> None:
        line = self.query_one("#reshape-target", Static)
        if self._plan_made is None:
            line.update("")
            return
        from tui.datasets.reshape.write import every_name

        names = every_name(self._plan_made, self._names())
        shown = ", ".join(safe_line(name.name, 80) for name in names)
        folder = safe_line(place(names[0].parent), 200)  # last: a long one is cut, never the names
        line.update(content(("→ ", "accent"), (shown, "strong"), (f" in {folder}", "muted")))

    def _names(self) -> list[Path]:
        """Return the new files' names: free ones beside the source, or what was typed."""
        if not self._name:
            return self._targets
        typed = (self.form.path.parent / Path(self._name).expanduser()).absolute()
        if len(self._targets) > 1 or typed.is_dir():
            return [typed / target.name for target in self._targets]
        return [typed]

    def action_edit_name(self) -> None:
        """Open the line with the new file's name."""
        field = self.query_one("#reshape-name", Input)
        names = self._names()
        field.value = str(names[0] if len(names) == 1 else names[0].parent)
        field.display = True
        field.focus()

    @on(Input.Submitted, "#reshape-name")
    def _take_name(self, message: Input.Submitted) -> None:
        self._name = message.value.strip()
        self.go_back()
        self._show_target()

    def go_back(self) -> bool:
        """Close the line of the name, stop what is under way; then leave."""
        field = self.query_one("#reshape-name")
        if field.display:
            field.display = False
            self.query_one("#operation").focus()
            return True
        if not self.stop_work():
            return False
        self.query_one(Meter).display = False
        if not self.is_writing:
            self._show_problem("Stopped. Change something to look again.")
        return True

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if self.is_writing and action in ("write_files", "next_operation", "edit_name", "reset_field"):
            return "Files are being written; esc stops."
        if action in ("write_files", "edit_name") and self._plan_made is None:
            return self._problem or "The preview is not ready yet."
        if action == "take_away" and not (self.form.operation == "merge" and self.form.others):
            return "There is no file to take away."
        return ""

    def action_next_operation(self) -> None:
        """Turn to the next operation."""
        names = [name for name, _ in OPERATIONS]
        self._turn_to(names[(names.index(self.form.operation) + 1) % len(names)])
        self.query_one("#operation").focus()

    def action_reset_field(self) -> None:
        """Set the field with the keys back to its default."""
        field = self.query_one(ReshapePane).field_of(self.focused)
        if field is not None and self.form.values.pop(field.name, None) is not None:
            self._form_changed()

    def action_take_away(self) -> None:
        """Take the last file of a merge away."""
        if self.form.others:
            self.form.others.pop()
            self._form_changed()

    def action_go_to_preview(self) -> None:
        """Give the keys to the preview, or back to the form."""
        rows = self.query_one("#reshape-rows")
        (self.query_one("#operation") if rows.has_focus else rows).focus()

    # Writing

    def action_write_files(self) -> None:
        """Write the new files, in the background."""
        if self._plan_made is not None and not self.is_writing:
            self.start_writing(self._plan_made, self._names())
            self.refresh_bindings()

    @on(RunsPlans.WritingEnded)
    def _writing_ended(self, message: RunsPlans.WritingEnded) -> None:
        self.query_one(Meter).display = False
        self.refresh_bindings()
        written = message.written
        if written is None:
            if message.error is None:
                self.tell("Stopped; nothing was written.")
            else:
                self.tell_error(message.error)
            return
        self._plan_made = None
        self._name = ""
        self._problem = "It is written. Change something for another file."
        rows = sum(file.rows for file in written.files)
        self.tell(f"Wrote {plural(rows, 'row')}.")
        self.query_one("#reshape-facts", Static).update(content(*written_parts(written)))
        self.query_one("#reshape-target", Static).update("")
        table = self.query_one("#reshape-rows", Table)
        table.border_title = "Written"
        table.set_rows(written_rows(written))
        table.cursor = 0
        table.focus()
        self.refresh_bindings()

    @on(Table.Chosen, "#reshape-rows")
    def _open_row(self, message: Table.Chosen) -> None:
        if self._plan_made is None:
            self.navigator.open_rows(Path(message.key))
        else:
            self.navigator.open_rows(*line_of_key(message.key))
