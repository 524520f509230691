"""Import: which column is what, with a live preview of what a row becomes; then the conversion."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Input, Static

from screens.base import DeckScreen
from screens.import_run import ImportRun
from tui.widgets.keys import bindings
from tui.widgets.message_view import MessageView
from tui.widgets.meter import Meter
from tui.widgets.table import Column, Table

_COLUMNS = (Column("Column"), Column("Becomes", 11), Column("Value", tone="muted", drop_below=36))


class ImportMappingScreen(ImportRun, inherit_bindings=False):
    """The columns of a file and what they become, beside the row under way.

    Args:
        path: The file to import.
    """

    PLACE = "datasets"
    CSS_PATH = "import_mapping.tcss"
    AUTO_FOCUS = "#columns"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("import"), *DeckScreen.BINDINGS]
    HELP = """
    Each column of the file becomes something of a conversation; space changes what. The row is drawn as the
    model would be taught it, with what gets lost below. Enter or w writes the new file; the source stays.
    """

    def compose_body(self) -> ComposeResult:
        """Yield the source, the columns beside the preview, the losses and the target."""
        yield Static("", id="import-source", markup=False)
        with Horizontal(id="import-split"):
            columns = Table(*_COLUMNS, id="columns", classes="pane", empty="Reading the file…")
            columns.border_title = "Columns"
            yield columns
            yield MessageView(id="preview", classes="pane")
        yield Static("", id="import-losses", markup=False)
        yield Meter(id="import-progress")
        yield Static("", id="import-target", markup=False)
        yield Input(placeholder="name of the new file", id="import-name", compact=True)

    def on_mount(self) -> None:
        """Read the first rows."""
        self._read_sample()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action == "stop_convert":
            return "" if self._worker is not None else "Nothing is being converted."
        if action in ("next_role", "next_shape", "next_row", "toggle_before", "convert", "toggle_skip"):
            if self._mapping is None:
                return "The file is not read yet, or can't be."
            return "It is being converted; x stops." if self._worker is not None else ""
        return ""

    def action_next_role(self, direction: int) -> None:
        """Make the column under the cursor another role."""
        from tui.datasets.convert.mapping import Role

        column = self.query_one("#columns", Table).row_key
        if self._mapping is None or column is None:
            return
        roles = list(Role)
        index = roles.index(self._mapping.role_of(column))
        changed = self._mapping.with_role(column, roles[(index + direction) % len(roles)])
        self._mapping = replace(changed, keep_others=False)
        self._show()

    def action_next_shape(self) -> None:
        """Write the next shape that these rows can have."""
        from tui.datasets.convert.targets import TargetShape

        shapes: list[str | None] = [None, *(shape.value for shape in TargetShape)]
        self._shape = shapes[(shapes.index(self._shape) + 1) % len(shapes)]
        self._show()

    def action_next_row(self, direction: int) -> None:
        """Show another row."""
        if self._sample is not None:
            self._index = (self._index + direction) % len(self._sample.rows)
            self._show()

    def action_toggle_before(self) -> None:
        """Switch between the row and what it becomes."""
        self._before = not self._before
        self._show()

    def action_toggle_skip(self) -> None:
        """Leave bad rows out, or write nothing where there are any."""
        self._skip_bad = not self._skip_bad
        self._show()

    def action_edit_name(self) -> None:
        """Open the line with the new file's name."""
        field = self.query_one("#import-name", Input)
        field.value = str(self._target)
        field.display = True
        field.focus()

    @on(Input.Submitted, "#import-name")
    def _take_name(self, message: Input.Submitted) -> None:
        if message.value.strip():
            self._target = (self._path.parent / Path(message.value.strip()).expanduser()).absolute()
        self.go_back()
        self._show()

    def go_back(self) -> bool:
        """Close the line of the name first."""
        field = self.query_one("#import-name")
        if not field.display:
            return False
        field.display = False
        self.query_one("#columns").focus()
        return True

    @on(Table.Chosen, "#columns")
    def _convert_on_enter(self) -> None:
        self.action_convert()
