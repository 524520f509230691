"""Check & cost: what is wrong with a file, line by line; its tokens; its price on every model."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.widgets import Static

from screens.base import DeckScreen
from screens.check_panes import COST_COLUMNS, ExplanationPane, TokenPane
from screens.check_results import CheckResults
from screens.check_views import NEED_FILE
from screens.choose import choose_file
from screens.finding_list import FindingList
from tui.jobs.reports import usual_model
from tui.widgets.key_value import KeyValue
from tui.widgets.keys import bindings
from tui.widgets.line_list import LineList
from tui.widgets.meter import Meter
from tui.widgets.table import Table
from tui.widgets.words import plural


class CheckScreen(CheckResults, inherit_bindings=False):
    """A file's verdict, findings, tokens and prices.

    Args:
        path: The file to check; None waits for one to be chosen.
    """

    PLACE = "check"
    CSS_PATH = "check.tcss"
    AUTO_FOCUS = "#findings"
    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (110, "-wide")]  # noqa: RUF012 - Textual's own type
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("check"), *DeckScreen.BINDINGS]
    HELP = """
Errors are what the service refuses; warnings cost money or quality without a word from it. Space unfolds
a rule to its lines, enter on a line shows that row. m checks for another model and its limits, p by the
rules of another service, f as rows of another format; quality lints stand apart and never make a file
invalid. a asks OpenAI's free moderation which rows would sink a job, after saying what is sent.
"""

    def compose_body(self) -> ComposeResult:
        """Yield the verdict, findings beside tokens, explanation and prices."""
        yield Static("", id="check-file", markup=False)
        yield Static("", id="check-verdict", markup=False)
        yield Meter(id="check-progress")
        with Horizontal(id="check-middle"):
            yield FindingList(id="findings", classes="pane")
            with TokenPane(id="tokens", classes="pane"):
                yield KeyValue(id="token-facts")
        with ExplanationPane(id="explanation", classes="pane"):
            yield Static("", id="explanation-text", markup=False)
        yield Table(*COST_COLUMNS, id="costs", classes="pane", header=False)
        yield Static("", id="cost-note", markup=False)

    def on_mount(self) -> None:
        """Name the panes and start on the file."""
        for name, title in (
            ("findings", "Findings"),
            ("explanation", "What it means"),
            ("tokens", "Tokens"),
            ("costs", "Cost, by model"),
        ):
            self.query_one(f"#{name}").border_title = title
        self.query_one(Meter).display = False
        self._model = usual_model(self.services)
        if self._path is None:
            self._show_no_file()
        else:
            self.start_check()

    @property
    def has_path(self) -> bool:
        """True once a file is chosen."""
        return self._path is not None

    def show_path(self, path: Path) -> None:
        """Turn to another file."""
        self._path = path
        self._report = self._grader = None
        self._forget_findings()
        self.start_check()

    # Keys

    def reason_against(self, action: str) -> str:
        """Return why a key can't act yet."""
        if action == "stop_check":
            return "" if self._worker or self.is_moderating or self.is_fixing else "Nothing is being read."
        if action == "moderate":
            return self.reason_against_moderation()
        if action in NEED_FILE and self._path is None:
            return "Choose a file first: o."
        if action == "launch_file" and self._report is not None and not self._report.valid:
            return f"The file has {plural(self._report.counts['error'], 'error')}: no job would take it."
        if action == "fix_finding":
            return self.reason_against_fix()
        if action in ("toggle_fold", "toggle_all", "copy_finding", "show_spread"):
            return "" if self._report is not None else "There is no report yet."
        return ""

    @on(LineList.Opened, "#findings")
    def _open_item(self) -> None:
        findings = self.query_one(FindingList)
        item = findings.current
        if item is None or item.is_note or item.heading or self._path is None:
            return
        if item.finding is None:
            findings.toggle_fold()
        elif item.finding.line is not None:
            found = self._report.findings if self._report is not None else ()
            self.navigator.open_rows(self._path, item.finding.line, findings=found)
        else:
            self.tell("This is about the whole file, so there is no row to show.")

    @on(Table.Chosen, "#costs")
    def _launch_on_model(self) -> None:
        reason = self.reason_against("launch_file")
        if reason:
            self.tell(reason)
        else:
            self.action_launch_file()

    def action_toggle_fold(self) -> None:
        """Fold or unfold the rule under the cursor."""
        self.query_one(FindingList).toggle_fold()

    def action_toggle_all(self) -> None:
        """Fold or unfold every rule."""
        self.query_one(FindingList).toggle_all()

    def action_reshape_file(self) -> None:
        """Make new files of the rows of this one."""
        if self._path is not None:
            self.navigator.open_reshape(self._path)

    def action_launch_file(self) -> None:
        """Start a job on this file."""
        if self._path is not None:
            self.navigator.open_launch(self._path)

    def action_check_again(self) -> None:
        """Read the file again and check it, whether it seems to have changed or not."""
        self.start_check(fresh=True)

    def action_stop_check(self) -> None:
        """Stop reading."""
        self.stop_moderation()
        self.stop_fix()
        if self._worker is not None:
            self._worker.cancel()

    def action_next_model(self, direction: int) -> None:
        """Check for another model's limits."""
        models = self.trainable_models()
        if self._model is None or not models:
            return
        index = models.index(self._model) if self._model in models else 0
        self._model = models[(index + direction) % len(models)]
        self.start_check()

    def action_copy_finding(self) -> None:
        """Copy the finding under the cursor, with its line."""
        item = self.query_one(FindingList).current
        if item is None:
            return
        finding = item.finding or item.group.findings[0]
        line = f"{self._path}:{finding.line}: " if finding.line is not None else f"{self._path}: "
        self.navigator.copy_text(f"{line}{finding.severity}: {finding.message}", "finding")

    @work(group="choose-file", exclusive=True, exit_on_error=False, description="choose a file")
    async def action_choose_file(self) -> None:
        """Choose another file."""
        path = await choose_file(self)
        if path is not None:
            self.show_path(path)
