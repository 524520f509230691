"""Tokens: one row as a model reads it, token by token."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Input, Static

from screens.base import DeckScreen
from screens.token_facts import LEGEND, state_parts, sum_parts, token_parts
from screens.token_rows import TokenRows
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.token_text import TokenText
from tui.widgets.tones import content

if TYPE_CHECKING:
    from tui.datasets.row_source import RowSource
    from tui.datasets.token_search import TokenSearch
    from tui.datasets.token_view import TokenView

_SECONDS_IN_SILENCE = 0.3
"""Most rows are there sooner, and a word about them would only flicker."""


class TokenViewScreen(TokenRows, inherit_bindings=False):
    """One row of a file, token by token.

    Args:
        path: The file.
        line: Number of the row, from 1.
        model: Whose tokens; empty takes the one that the settings name.
        rows: Where rows come from, when the file is open already, perhaps with changes; None opens it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("tokens"), *DeckScreen.BINDINGS]
    CSS_PATH = "token_view.tcss"
    PLACE = "datasets"
    AUTO_FOCUS = "#token-text"
    HELP = """
    One row as the model reads it. Lines with ✓ are trained on, lines with ✗ lie beyond the limit and are cut;
    all other tokens are read only. A local model is drawn with its own template and its trainer's own mask;
    of a service's framing only the number of tokens is published. w goes to the next part, m to the next
    model.
    """

    @dataclass
    class Searched(Message):
        """A row was searched."""

        view: TokenView
        search: TokenSearch
        match: tuple[int, int] | None

    def __init__(self, path: Path, line: int, model: str = "", rows: RowSource | None = None) -> None:
        super().__init__(path, line, model, rows)
        self._view: TokenView | None = None
        self._awaited: tuple[int, str] | None = None  # the row and the model that are read now
        self._search: TokenSearch | None = None
        self._sought = ""

    def compose_body(self) -> ComposeResult:
        """Yield the tokens, what is known of the one under the cursor, and the lines to type in."""
        with Vertical(id="token-pane", classes="pane"):
            yield TokenText(id="token-text")
        yield Static("", id="token-sum", markup=False)
        yield Static("", id="token-facts", markup=False)
        yield Static("", id="token-state", markup=False)
        yield Input(placeholder="text; enter finds it in this row", id="token-search", compact=True)
        yield Input(placeholder="number of a token", id="token-jump", compact=True)
        yield Static(content(*LEGEND), id="token-legend", markup=False)

    def on_mount(self) -> None:
        """Open the file where it is not, and show the row."""
        theme = self.app.current_theme
        self.text.bounds = theme.ansi  # such a theme has no shades
        models = self.services.catalog.trainable()
        wanted = self._wanted_model or self.services.settings.default_model
        self._model = next((model for model in models if model.id == wanted), models[0] if models else None)
        try:
            self.open_rows()
        except TunedeckError as error:
            self._show_error(error)
            return
        self.show_line(self._line)

    # The row

    def show_line(self, line: int) -> None:
        """Show another row."""
        rows, model = self._rows, self._model
        if rows is None or model is None or self._format is None:
            return
        self._line = line
        self._show_title()
        if line > rows.row_count and not rows.index_complete:
            self.query_one("#token-sum", Static).update(content(("Looking for the row…", "muted")))
            return
        try:
            row = rows.row(line)
        except TunedeckError as error:
            self._show_error(error)
            return
        self._awaited = line, model.id
        self.set_timer(_SECONDS_IN_SILENCE, partial(self._say_what_is_read, self._awaited))
        self.lay_out(row, line, self._format, model, self._reader)
        self.refresh_bindings()

    def _say_what_is_read(self, awaited: tuple[int, str]) -> None:
        """Name the row and the model of a long row, or of a vocabulary that is opened first."""
        if self._awaited == awaited:
            line, model = awaited
            words = f"Reading row {line:,} as {safe_line(model, 60)} does…"
            self.query_one("#token-sum", Static).update(content((words, "muted")))

    @on(TokenRows.LaidOut)
    def _show_view(self, message: TokenRows.LaidOut) -> None:
        if message.line != self._line or message.model != self._model:
            return
        self._reader = message.reader
        self._awaited = None
        self._search = None
        self._show_title(message.view.encoding)
        self.query_one("#token-sum", Static).update(content(*sum_parts(message.view, message.reader)))
        self._view = message.view
        self.text.show_view(message.view)
        self.refresh_bindings()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say where the row would be why it is not."""
        if group in ("row", "index"):
            self._show_error(error)
        return super().work_broke_off(group, error)

    @on(TokenRows.Refused)
    def _show_refusal(self, message: TokenRows.Refused) -> None:
        if message.line == self._line:
            self._show_error(message.error)

    def _show_error(self, error: TunedeckError) -> None:
        self._view = self._awaited = None
        self.text.show_view(None)
        self.query_one("#token-sum", Static).update(
            content((f"✗ {safe_line(error.message, 300)}", "bad"), f"  {error.remedy}")
        )
        self.query_one("#token-facts", Static).update("")
        self.query_one("#token-state", Static).update("")
        self.refresh_bindings()

    def _show_title(self, encoding: str = "") -> None:
        pane = self.query_one("#token-pane")
        rows = self._rows
        whole = f" of {rows.row_count:,}" if rows is not None and rows.index_complete else ""
        pane.border_title = content(f"{safe_line(self._path.name, 60)}, line {self._line:,}{whole}")
        by = [self._model.id] if self._model is not None else []
        by += [encoding] if encoding and encoding not in by else []
        pane.border_subtitle = content(" · ".join(by))

    @on(TokenText.Moved)
    def _show_token(self, message: TokenText.Moved) -> None:
        view = self._view
        if view is None or not view.span_count:
            return
        number = message.span
        self.query_one("#token-facts", Static).update(content(*token_parts(view, number)))
        self.query_one("#token-state", Static).update(content(*state_parts(view.span(number))))

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        view = self._view
        if action in ("search", "next_match", "jump", "copy_token") and view is None:
            return "There are no tokens to show."
        if action == "next_match" and not self._sought:
            return "Search for something first: /."
        if action == "go_to_cut" and (view is None or view.first_cut is None):
            return "The limit cuts nothing of this row."
        return ""

    def action_step_row(self, direction: int) -> None:
        """Show the next row, or the one before."""
        wanted = self._line + direction
        rows = self._rows
        if rows is not None and wanted >= 1 and (wanted <= rows.row_count or not rows.index_complete):
            self.show_line(wanted)
        else:
            self.tell("There is no further row.")

    def action_next_model(self, direction: int) -> None:
        """Read the row as another model does."""
        models = self.services.catalog.trainable()
        if self._model is None or not models:
            return
        at = models.index(self._model) if self._model in models else 0
        self._model = models[(at + direction) % len(models)]
        self._reader = None
        self.show_line(self._line)

    def action_go_to_cut(self) -> None:
        """Go to the first token that is cut."""
        view = self._view
        if view is not None and view.first_cut is not None:
            self.text.cursor = view.first_cut

    def action_toggle_bounds(self) -> None:
        """Show where tokens end by marks, or by shades."""
        self.text.bounds = not self.text.bounds
        self.text.lay_out()
        self.text.show_cursor()

    def action_copy_token(self) -> None:
        """Copy what is said of the token under the cursor."""
        view = self._view
        if view is not None:
            number = self.text.cursor
            parts = [*token_parts(view, number), ("  ", ""), *state_parts(view.span(number))]
            self.navigator.copy_text("".join(text for text, _ in parts), "token")

    def action_search(self) -> None:
        """Open the line to type what to look for in."""
        self._open_field("token-search")

    def action_jump(self) -> None:
        """Open the line to type a token's number in."""
        self._open_field("token-jump")

    def _open_field(self, name: str) -> None:
        self._close_fields()
        field = self.query_one(f"#{name}", Input)
        field.display = True
        field.value = ""
        field.focus()

    @on(Input.Submitted, "#token-search")
    def find_text(self, message: Input.Submitted) -> None:
        """Find what was typed."""
        self._close_fields()
        self._sought = message.value
        self.refresh_bindings()
        if self._sought:
            self.action_next_match(1)

    @on(Input.Submitted, "#token-jump")
    def jump_to_token(self, message: Input.Submitted) -> None:
        """Go to the token typed."""
        self._close_fields()
        view, text = self._view, message.value.strip().replace(",", "")
        if view is None or not text:
            return
        if text.isdecimal():
            self.text.cursor = view.span_of_token(int(text) - 1)
        else:
            self.tell("Type a number, counted from 1.", severity="warning")

    def action_next_match(self, direction: int) -> None:
        """Go to another match."""
        view = self._view
        if view is not None:
            self._find(view, self._search, self._sought, self.text.cursor, direction)

    @work(thread=True, group="find", exclusive=True, exit_on_error=False, description="search the tokens")
    def _find(
        self, view: TokenView, search: TokenSearch | None, wanted: str, start: int, direction: int
    ) -> None:
        from tui.datasets.token_search import TokenSearch

        search = search or TokenSearch(view)
        self.post_message(self.Searched(view, search, search.find(wanted, start, direction)))

    @on(Searched)
    def _show_match(self, message: Searched) -> None:
        if message.view is not self._view:
            return
        self._search = message.search
        if message.match is None:
            self.tell(f"This row does not hold “{self._sought[:60]}”.", severity="warning")
        else:
            self.text.show_found(*message.match)

    def _close_fields(self) -> bool:
        fields = [field for field in self.query(Input) if field.display]
        for field in fields:
            field.display = False
        if fields:
            self.text.focus()
        return bool(fields)

    def go_back(self) -> bool:
        """Close what is typed in; then the row."""
        return self._close_fields()
