"""Tokens of a file: how long its rows are, in all and by role, and which ones the limit cuts."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from screens.base import DeckScreen
from screens.greyed_keys import GreyedKeys
from screens.spread_facts import (
    CUT_COLUMNS,
    ROLE_COLUMNS,
    SpreadChart,
    cut_rows,
    cut_title,
    role_rows,
    spread_sentence,
)
from tui.datasets.histogram import TokenHistogram
from tui.datasets.report import Report
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.table import Table
from tui.widgets.tones import Part, content


class TokenSpreadScreen(GreyedKeys, inherit_bindings=False):
    """The histogram of a report's tokens, percentiles by role, and the rows beyond the limit.

    Args:
        path: The file.
        report: Of this file.
        model: Whose tokens they are.
    """

    PLACE = "check"
    CSS_PATH = "token_spread.tcss"
    AUTO_FOCUS = "#cut-rows"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("spread"), *DeckScreen.BINDINGS]
    HELP = """
    How many tokens the rows of this file have. The cursor in the percentiles chooses whose tokens are drawn.
    Enter on a row shows it, t shows it token by token. y changes between ranges of equal ratio and of equal
    width.
    """

    def __init__(self, path: Path, report: Report, model: str) -> None:
        super().__init__()
        self._path = path
        self._report = report
        self._model = model

    def compose_body(self) -> ComposeResult:
        """Yield the histogram, the percentiles and the rows beyond the limit."""
        yield Static("", id="spread-sum", markup=False)
        yield SpreadChart(id="spread-chart", classes="pane", empty="No row was counted.")
        with Horizontal(id="spread-tables"):
            yield Table(*ROLE_COLUMNS, id="role-tokens", classes="pane")
            yield Table(*CUT_COLUMNS, id="cut-rows", classes="pane")

    def on_mount(self) -> None:
        """Show the report."""
        tokens = self._report.tokens
        name: Part = (safe_line(self._path.name, 60), "strong")
        self.query_one("#spread-sum", Static).update(content(name, *spread_sentence(self._report)))
        roles, rows = self.query_one("#role-tokens", Table), self.query_one("#cut-rows", Table)
        roles.border_title = "Percentiles"
        by = dict.fromkeys((safe_line(self._model, 40), safe_line(tokens.encoding, 40)))
        roles.border_subtitle = content(" · ".join(by))
        roles.set_rows(role_rows(tokens.spread))
        rows.border_title = content(cut_title(tokens))
        rows.set_rows(cut_rows(tokens))
        self._draw()

    @on(Table.Highlighted, "#role-tokens")
    def _draw(self) -> None:
        """Draw the tokens of the role under the cursor."""
        role = self.query_one("#role-tokens", Table).row_key or "all"
        spread = self._report.tokens.spread
        chart = self.query_one(SpreadChart)
        if role == "all":
            chart.show(spread.rows, self._report.tokens.limit)
            chart.border_title = "Examples by tokens"
        else:
            chart.show(spread.roles.get(role, TokenHistogram()), None)
            chart.border_title = content(f"Examples by tokens of: {safe_line(role, 20)}")

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act now."""
        if action == "show_tokens" and not self._report.tokens.longest:
            return "No row was counted."
        return ""

    @on(Table.Chosen, "#cut-rows")
    def _open_row(self, message: Table.Chosen) -> None:
        self.navigator.open_rows(self._path, int(message.key))

    def action_show_tokens(self) -> None:
        """Show the row under the cursor token by token."""
        line = self.query_one("#cut-rows", Table).row_key
        if line is not None:
            self.navigator.open_tokens(self._path, int(line), self._model)

    def action_toggle_scale(self) -> None:
        """Draw ranges of equal ratio, or of equal width."""
        self.query_one(SpreadChart).toggle_scale()
