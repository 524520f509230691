"""What the check finds in the rows of the open file, from one to the next; changed rows are judged anew."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal

from textual import work
from textual.worker import get_current_worker

from screens.rows_base import RowsBase
from tui.datasets.row_choice import RowChooser
from tui.errors import TunedeckError
from tui.widgets.message_view import FindingLine
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.edits import EditedDataset
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Finding

_MOST_MESSAGES = 20
"""Findings of one row that are shown beside it."""
_NO_CHANGES: Mapping[int, Sequence[Finding]] = {}


class RowsFindings(RowsBase, inherit_bindings=False):
    """Findings of the open file, by line of the file; negative numbers are new rows."""

    _chooser: RowChooser | None = None
    """Judges the rows as they are shown."""
    _of_file: dict[int, list[Finding]] | None = None
    """What was found in the file as it is on the disk; None while it was not checked."""
    _of_changed: Mapping[int, Sequence[Finding]] = _NO_CHANGES
    """What was found in rows that are not as they are in the file."""
    _has_warnings = False
    """Rows that are too long are among the findings too, which needs their tokens."""
    _findings: Mapping[int, Sequence[Finding]] = _NO_CHANGES
    """Both together."""
    _error_lines: Sequence[int] | None = None

    def dataset_opened(self, dataset: EditedDataset, dataset_format: DatasetFormat) -> None:
        """Begin to judge the rows of a file that was just opened."""
        super().dataset_opened(dataset, dataset_format)
        self._chooser = self._chooser_of(dataset, dataset_format)

    def _chooser_of(self, dataset: EditedDataset, dataset_format: DatasetFormat) -> RowChooser:
        from tui.jobs.reports import usual_options

        return RowChooser(
            dataset.dataset,
            dataset.marked_rows,
            dataset_format=dataset_format,
            options=partial(usual_options, self.services, self._path),
            changes=dataset,
        )

    def format_changed(self, dataset_format: DatasetFormat) -> None:
        """Forget what was found in the rows as they were read before."""
        super().format_changed(dataset_format)
        if self._dataset is not None:
            self._chooser = self._chooser_of(self._dataset, dataset_format)
        self.forget_findings()

    # From one to the next

    def action_next_finding(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) line with an error; the file is checked on first use."""
        self._go_among(self._error_lines, direction, "error")

    def action_next_marked_row(self, direction: int) -> None:
        """Go to the next (1) or the previous (-1) line with an error or a warning."""
        lines = sorted(self._findings) if self._has_warnings else None
        self._go_among(lines, direction, "finding")

    def _go_among(self, lines: Sequence[int] | None, direction: int, noun: str) -> None:
        if lines is None:
            self.show_work("Checking")
            self._check(direction, noun)
            return
        index = self.rows.step_among(lines, direction)
        if index is None:
            self.tell(f"No line with {'an' if noun == 'error' else 'a'} {noun}." if not lines else
                      f"No more {noun}s in this direction.")  # fmt: skip
        else:
            self.rows.cursor = index

    # The check

    @work(thread=True, group="findings", exclusive=True, exit_on_error=False, description="check the file")
    def _check(self, direction: int, noun: str) -> None:
        from tui.datasets.cached_check import check_for_findings
        from tui.datasets.check import CheckCancelled
        from tui.jobs.reports import usual_options

        worker, services = get_current_worker(), self.services
        tell = self.progress_teller("Checking")
        try:
            report = check_for_findings(
                self._path, usual_options(services, self._path, services.settings.default_model),
                with_tokens=noun == "finding", on_progress=tell, cancelled=lambda: worker.is_cancelled,
            )  # fmt: skip
        except CheckCancelled:
            return
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            self.post_from_thread(self.end_work, "Checking")
            return
        changed = self._found_in_changed(with_tokens=noun == "finding")
        self.post_from_thread(self.end_work, "Checking")
        self.post_from_thread(self._show_checked, report.findings, changed, direction, noun)

    def _show_checked(
        self,
        findings: Sequence[Finding],
        changed: Mapping[int, Sequence[Finding]],
        direction: int,
        noun: str,
    ) -> None:
        """Mark the rows that a check found something in, and go to one."""
        self._has_warnings = noun == "finding"
        self._take_findings(findings)
        self._mark_rows(changed)
        if direction and noun == "error":
            self.action_next_finding(direction)
        elif direction:
            self.action_next_marked_row(direction)

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Mark the rows that a whole check of the file found something in."""
        self._has_warnings = True
        self._take_findings(findings)
        self._mark_rows(self._of_changed)
        self.judge_changes()

    def _take_findings(self, findings: Sequence[Finding]) -> None:
        self._of_file = {}
        for finding in findings:
            if finding.line is not None:
                self._of_file.setdefault(finding.line, []).append(finding)

    def judge_changes(self) -> None:
        """Look again at the rows that are not as they are in the file, once the file was checked."""
        dataset = self._dataset
        if self._of_file is None or dataset is None:
            return
        self._judge_changes(dataset.version, self._has_warnings)

    @work(thread=True, group="judge", exclusive=True, exit_on_error=False, description="check the changes")
    def _judge_changes(self, version: int, with_tokens: bool) -> None:
        found = self._found_in_changed(with_tokens=with_tokens)
        self.post_from_thread(self._show_judged, version, found)

    def _found_in_changed(self, *, with_tokens: bool) -> Mapping[int, Sequence[Finding]]:
        """Return what is found in changed rows; blocks, and has nothing where it can't be told."""
        from tui.datasets.row_pass import PassCancelled

        worker, chooser = get_current_worker(), self._chooser
        if chooser is None:
            return _NO_CHANGES
        model = self.services.settings.default_model
        try:
            return chooser.findings_of_changed(
                model, with_tokens=with_tokens, cancelled=lambda: worker.is_cancelled
            )
        except PassCancelled:
            return _NO_CHANGES
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            return _NO_CHANGES

    def _show_judged(self, version: int, found: Mapping[int, Sequence[Finding]]) -> None:
        if self._of_file is not None and self._dataset is not None and self._dataset.version == version:
            self._mark_rows(found)

    def _mark_rows(self, changed: Mapping[int, Sequence[Finding]]) -> None:
        """Mark the rows that something was found in."""
        marks: dict[int, Literal["error", "warning"]] = {}
        findings: dict[int, Sequence[Finding]] = {}
        gone = self._dataset.deleted_lines() if self._dataset is not None else ()
        for who, found in {**(self._of_file or {}), **changed}.items():
            if who in gone:
                continue
            bad = sorted(
                (one for one in found if one.severity in ("error", "warning")), key=lambda one: one.severity
            )
            if bad:
                findings[who] = bad
                marks[who] = "error" if bad[0].severity == "error" else "warning"
        self._of_changed, self._findings = changed, findings
        self._error_lines = sorted(who for who, mark in marks.items() if mark == "error")
        self.rows.show_marks(marks)
        self.show_title()
        self.show_row()
        self.refresh_bindings()

    def forget_findings(self) -> None:
        """Forget them: the file is not what was checked."""
        self._of_file = self._error_lines = None
        self._of_changed = self._findings = _NO_CHANGES
        self._has_warnings = False
        self.rows.show_marks({})

    # Beside the row

    def row_findings(self, who: int | None) -> Sequence[Finding]:
        """Return what the check found in a row."""
        return self._findings.get(who, ()) if who is not None else ()

    def findings_of(self, who: int | None) -> tuple[Sequence[FindingLine], str | None]:
        """Return the sentences of a row's findings, and where the first of them is."""
        found = self.row_findings(who)
        shown = [(one.severity.value, one.message) for one in found[:_MOST_MESSAGES]]
        if len(found) > _MOST_MESSAGES:
            shown.append(("info", f"and {len(found) - _MOST_MESSAGES:,} more"))
        return shown, found[0].path if found else None

    def title_facts(self) -> list[str]:
        """Return how many lines have errors, once that is known."""
        if self._error_lines is None:
            return []
        return [plural(len(self._error_lines), "error line") if self._error_lines else "no errors"]
