"""What is known of a checked file, shown as it arrives: verdict, findings, tokens, prices, how far it is."""

from __future__ import annotations

from pathlib import Path

from textual import on
from textual.widgets import Static
from textual.worker import Worker

from screens.check_estimate import estimate_note, estimate_pairs, estimate_rows
from screens.check_facts import (
    LOCAL,
    explain,
    local_time,
    price_cells,
    price_note,
    prices,
    token_pairs,
    verdict_line,
)
from screens.check_fix import FixesFile
from screens.check_moderation import ModeratesFile
from screens.check_run import ChecksFile, CheckWish
from screens.check_views import CheckViews
from screens.finding_list import FindingList, group_findings
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Report
from tui.datasets.services import SERVICES
from tui.errors import TunedeckError
from tui.money.estimate import TimeEstimate
from tui.money.side_by_side import ModelCost
from tui.safe_text import safe_line
from tui.widgets.key_value import KeyValue
from tui.widgets.line_list import LineList
from tui.widgets.meter import Meter
from tui.widgets.table import Table, TableRow
from tui.widgets.tones import Part, content, content_lines
from tui.widgets.words import place, plural, size


class CheckResults(FixesFile, ModeratesFile, CheckViews, inherit_bindings=False):
    """A screen that shows the check of a file; it yields the widgets.

    Args:
        path: The file to check; None waits for one to be chosen.
    """

    def __init__(self, path: Path | None) -> None:
        super().__init__(path)
        self._estimates: list[ModelCost] = []
        self._time: TimeEstimate | None = None
        self._worker: Worker[None] | None = None

    # Reading the file

    def start_check(self, *, fresh: bool = False) -> None:
        """Check the file for the chosen model and service."""
        if self._path is None or self._model is None:
            return
        self._show_file_line()
        self.query_one("#check-verdict", Static).update(
            content(("Reading…  ", "muted"), ("x", "accent"), (" stops", "muted"))
        )
        wish = self._wish(fresh=fresh)
        self.estimate_file(wish)  # first: it takes a moment, and the check takes every core
        self._worker = self.check_file(wish)
        self.refresh_bindings()

    @on(ChecksFile.Progressed)
    def _show_progress(self, message: ChecksFile.Progressed) -> None:
        meter = self.query_one(Meter)
        meter.display = True
        meter.fraction = message.done / message.total if message.total else 0.0
        meter.note = f"{size(message.done)} of {size(message.total)}"

    @on(ChecksFile.Estimated)
    def _show_sample(self, message: ChecksFile.Estimated) -> None:
        if not self._is_wanted(message.wish) or self._report is not None:
            return
        found = message.estimate
        self.query_one("#tokens").border_title = "Tokens, estimated"
        self.query_one("#token-facts", KeyValue).set_pairs(estimate_pairs(found))
        costs = self.query_one("#costs", Table)
        costs.border_title = "Cost, by model, estimated"
        costs.set_rows(estimate_rows(found, self.services.catalog))
        costs.refresh()
        self.query_one("#cost-note", Static).update(content((estimate_note(found), "muted")))

    @on(ChecksFile.Ended)
    def _show_end(self, message: ChecksFile.Ended) -> None:
        if not self._is_wanted(message.wish):
            return
        self._worker = None
        self.query_one(Meter).display = False
        parts: list[Part] = [
            ("– Stopped", "warning"),
            (": the file was not read to its end. r reads it again.", ""),
        ]
        if message.error is not None:
            parts = [(f"✗ {safe_line(message.error.message, 300)}", "bad"), (f"  {message.error.remedy}", "")]
        self.query_one("#check-verdict", Static).update(content(*parts))
        self.refresh_bindings()

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """Say where the verdict would be that there will be none."""
        if group != "check":
            return super().work_broke_off(group, error)
        self._show_end(self.Ended(self._wish(), error))
        return False

    def _wish(self, *, fresh: bool = False) -> CheckWish:
        assert self._path is not None
        assert self._model is not None
        return CheckWish(self._path, self._model, fresh, self._provider, self._format, self._grader)

    def _is_wanted(self, wish: CheckWish) -> bool:
        known = (self._path, self._model, self._provider, self._format, self._grader)
        return (wish.path, wish.model, wish.provider, wish.format, wish.grader) == known

    @on(ChecksFile.Finished)
    def _show_report(self, message: ChecksFile.Finished) -> None:
        if not self._is_wanted(message.wish):
            return
        self.workers.cancel_group(self, "estimate")
        self.query_one("#tokens").border_title = "Tokens"
        self.query_one(Meter).display = False
        self.show_moderated(message.report)
        if message.other_shape:
            words = f" It looks like other data: {message.other_shape}. In Datasets (2) i imports it."
            self.query_one("#check-verdict", Static).update(
                content(*verdict_line(message.report), (words, "accent"))
            )

    def file_to_fix(self) -> Path | None:
        """Return the file that is shown."""
        return self._path

    def checked_file(self) -> tuple[Path, Report] | None:
        """Return the file and its report, once there is one."""
        return (self._path, self._report) if self._path is not None and self._report is not None else None

    def show_moderated(self, report: Report) -> None:
        """Show a report and its findings; prices stay as they are."""
        self._report = report
        self._show_file_line()
        self.query_one("#check-verdict", Static).update(content(*verdict_line(report)))
        groups = group_findings(report)
        self.set_class(not groups, "-sound")
        findings = self.query_one(FindingList)
        findings.set_groups(groups, empty="Nothing to complain about.")
        findings.border_subtitle = content("space unfolds, enter shows the row" if groups else "")
        self.query_one("#token-facts", KeyValue).set_pairs(token_pairs(report))
        self._explain()
        self.refresh_bindings()

    @on(ChecksFile.Priced)
    def _show_prices(self, message: ChecksFile.Priced) -> None:
        report = self._report
        if not self._is_wanted(message.wish) or report is None:
            return
        if message.is_all:
            self._worker = None
            self.query_one(Meter).display = False
        is_priced = report.tokens.total and report.format is not DatasetFormat.UNKNOWN
        self._estimates = prices(report, self.services.catalog, message.tokens) if is_priced else []
        here = next((one.tokens_per_epoch for one in self._estimates if one.provider == LOCAL), 0)
        self._time = local_time(report, here, message.rates)
        costs = self.query_one("#costs", Table)
        costs.border_title = "Cost, by model" if report.valid else "Cost, by model, once it is mended"
        known = report.format is not DatasetFormat.UNKNOWN
        costs.empty_text = (
            "No line could be counted." if known and not report.tokens.total
            else "No model takes files of this format."
        )  # fmt: skip
        costs.set_rows(
            [TableRow(f"{one.provider}/{one.model}", price_cells(one, self._time)) for one in self._estimates]
        )
        costs.refresh()
        self._show_price_note()
        self.refresh_bindings()

    # Around the panes

    def _show_file_line(self) -> None:
        if self._path is None:
            return
        facts = [place(self._path.parent)]
        if self._report is not None:
            count = plural(self._report.rows, "example")
            chosen = "read as " if self._format is not None else ""
            facts = [count, chosen + self._report.format.value, size(self._report.bytes)]
        if self._model is not None:
            label = SERVICES[self.service].label if self._provider else ""
            by = f" by the rules of {label}" if label else ""  # first: a small pane cuts the rest
            graded = f" and {safe_line(self._grader.name, 30)}" if self._grader is not None else ""
            self.query_one("#findings").border_title = content(
                f"Findings{by} for {safe_line(self._model.id, 60)}{graded}"
            )
        self.query_one("#check-file", Static).update(
            content(
                (safe_line(self._path.name, 80), "strong"),
                (f"  {safe_line(' · '.join(facts), 200)}", "muted"),
            )
        )

    def _show_no_file(self) -> None:
        self.query_one("#check-file", Static).update(content(("No file yet", "strong")))
        self.query_one("#check-verdict", Static).update(
            content(
                ("o", "accent"),
                " chooses one of your datasets or a shipped example; ",
                ("2", "accent"),
                " browses folders.",
            )
        )
        self.query_one(FindingList).set_groups(
            [], empty="What is wrong with a file will be here, line by line."
        )
        self.query_one(
            "#costs", Table
        ).empty_text = "What it would cost will be here, for every model that takes it."

    @on(LineList.Moved, "#findings")
    def _explain(self) -> None:
        item = self.query_one(FindingList).current
        if self._report is not None:
            self.query_one("#explanation-text", Static).update(content_lines(explain(item)))
            self.query_one("#explanation").scroll_home(animate=False)

    @on(Table.Highlighted, "#costs")
    def _show_price_note(self) -> None:
        costs = self.query_one("#costs", Table)
        note = self.query_one("#cost-note", Static)
        if not self._estimates or self._time is None or costs.cursor >= len(self._estimates):
            note.update("")
            return
        note.update(content(*price_note(self._estimates[costs.cursor], self._time)))

    def _forget_findings(self) -> None:
        """Show nothing of the file before under the name of the next one."""
        self.query_one(FindingList).set_groups([], empty="")
        self.query_one(FindingList).border_subtitle = ""
        self.query_one("#explanation-text", Static).update("")
        self.query_one("#token-facts", KeyValue).set_pairs([])
        self._estimates, self._time = [], None
        costs = self.query_one("#costs", Table)
        costs.empty_text = ""
        costs.set_rows([])
        self._show_price_note()
