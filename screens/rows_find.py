"""Search in a file and errors of the check: from one to the next, with what was found shown in the row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from textual import work
from textual.worker import get_current_worker

from screens.rows_base import RowsBase
from tui.errors import TunedeckError
from tui.widgets.message_view import FindingLine
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Finding
    from tui.datasets.search import Hits, Query
    from tui.datasets.source import Row

_MOST_MESSAGES = 20
"""Findings of one row that are shown beside it."""


class RowsFind(RowsBase, inherit_bindings=False):
    """Matches and findings of the open file."""

    _query: Query | None = None
    _hits: Hits | None = None
    _jumps = False
    """The cursor goes to the first match as soon as there is one."""
    _error_lines: list[int] | None = None
    _has_warnings = False
    """Rows that are too long are among the findings too, which needs their tokens."""
    _findings: dict[int, list[Finding]]

    # Search

    def start_search(self, text: str) -> None:
        """Search the whole file; `/text/` is a pattern, `text` without capitals finds both cases."""
        from tui.datasets.search import Hits, Query

        is_pattern = len(text) > 2 and text.startswith("/") and text.endswith("/")
        wanted = text[1:-1] if is_pattern else text
        query = Query(wanted, is_pattern, ignore_case=wanted == wanted.lower())
        try:
            query.check()
        except TunedeckError as error:
            self.tell_error(error)
            return
        self._query, self._hits, self._jumps = query, Hits(), True
        self.show_work("Searching")
        self._search(query, self._hits)
        self._show_search()
        self.refresh_bindings()

    @work(thread=True, group="search", exclusive=True, exit_on_error=False)
    def _search(self, query: Query, hits: Hits) -> None:
        from tui.datasets.row_pass import PassCancelled
        from tui.datasets.search import find_lines

        worker = get_current_worker()
        tell = self.progress_teller("Searching")

        def progress(done: int, total: int) -> None:
            tell(done, total)
            if self._jumps and len(hits):
                self.post_from_thread(self._search_grew)

        try:
            find_lines(self._path, query, hits, on_progress=progress, cancelled=lambda: worker.is_cancelled)
        except PassCancelled:
            pass
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        if not worker.is_cancelled:
            self.post_from_thread(self.show_work, "")
        self.post_from_thread(self._search_ended, hits)

    def _search_grew(self) -> None:
        if self._jumps and self._hits is not None and len(self._hits):
            self._jumps = False
            self._go_to_first_match()
        self._show_search()

    def _search_ended(self, hits: Hits) -> None:
        if hits is not self._hits:
            return
        self._search_grew()
        self._jumps = False
        if not hits.found and self._query is not None:
            self.tell(f"{self._query} is nowhere in this file.")
        else:
            self._tell_matches_elsewhere()
        self.show_row()
        self.matches_changed()
        self.refresh_bindings()

    def matches_changed(self) -> None:
        """Take note that a search has ended, or that there is none any more."""

    def _go_to_first_match(self) -> None:
        """Go to the match at or after the cursor, else to the first."""
        rows = self.rows
        if self._hits is None or rows.original_line in set(self._hits.lines[:1]):
            self.show_row()
            return
        here = rows.cursor
        index = rows.step_among(self._hits.lines, 1)
        if index is None:
            rows.cursor = 0
            index = 0 if rows.original_line == self._hits.lines[0] else rows.step_among(self._hits.lines, 1)
        rows.cursor = here if index is None else index
        self.show_row()

    def _show_search(self) -> None:
        if self._query is None or self._hits is None:
            self.show_state("search", ())
            return
        words = f"{self._query}: {plural(self._hits.found, 'matching line')}"
        self.show_state("search", [(words, "" if self._hits.found else "muted")])

    @property
    def has_search(self) -> bool:
        """True while matches of a search are shown."""
        return self._query is not None

    def clear_search(self) -> bool:
        """Forget the search; return whether there was one."""
        if self._query is None:
            return False
        self._query = self._hits = None
        self._show_search()
        self.show_row()
        self.matches_changed()
        self.refresh_bindings()
        return True

    def found_in(self, line: int | None, row: Row) -> str:
        """Return the text that the search found in this row."""
        from bisect import bisect_left

        if self._hits is None or line is None:
            return ""
        at = bisect_left(self._hits.lines, line)
        if at >= len(self._hits) or self._hits.lines[at] != line:
            return ""
        from tui.datasets.search import found_text

        return found_text(row.raw, self._hits[at])

    def action_next_match(self, direction: int) -> None:
        """Go to the next (1) or previous (-1) match; without a search, to a row with an error."""
        if self._query is None:
            self.action_next_finding(direction)
            return
        index = self.rows.step_among(self._hits.lines, direction) if self._hits is not None else None
        if index is not None:
            self.rows.cursor = index
        elif not self._tell_matches_elsewhere():
            self.tell("No more matches in this direction.")

    def _tell_matches_elsewhere(self) -> bool:
        """Say when there are matches, but in none of the rows that are shown; return whether it is so."""
        rows, hits = self.rows, self._hits
        if hits is None or not len(hits) or not rows.has_view or rows.original_line in hits.lines:
            return False
        if any(rows.step_among(hits.lines, direction) is not None for direction in (1, -1)):
            return False
        self.tell(f"{self._query} is in none of the rows shown; w, f or backspace shows others.")
        return True

    # Errors

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

    @work(thread=True, group="findings", exclusive=True, exit_on_error=False)
    def _check(self, direction: int, noun: str) -> None:
        from tui.datasets.check import CheckCancelled
        from tui.jobs.reports import usual_report

        worker, services = get_current_worker(), self.services
        tell = self.progress_teller("Checking")
        try:
            report = usual_report(
                services, self._path, services.settings.default_model, with_tokens=noun == "finding",
                on_progress=tell, cancelled=lambda: worker.is_cancelled,
            )  # fmt: skip
        except CheckCancelled:
            return
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
            self.post_from_thread(self.show_work, "")
            return
        self.post_from_thread(self.show_work, "")
        self.post_from_thread(self._show_checked, report.findings, direction, noun)

    def _show_checked(self, findings: Sequence[Finding], direction: int, noun: str) -> None:
        """Mark the rows that a check found something in, and go to one."""
        self._has_warnings = noun == "finding"
        self._mark_rows(findings)
        if direction and noun == "error":
            self.action_next_finding(direction)
        elif direction:
            self.action_next_marked_row(direction)

    def show_findings(self, findings: Sequence[Finding]) -> None:
        """Mark the rows that a whole check found something in."""
        self._has_warnings = True
        self._mark_rows(findings)

    def _mark_rows(self, findings: Sequence[Finding]) -> None:
        marks: dict[int, Literal["error", "warning"]] = {}
        by_line: dict[int, list[Finding]] = {}
        for finding in findings:
            if finding.line is None or finding.severity not in ("error", "warning"):
                continue
            by_line.setdefault(finding.line, []).append(finding)
            if finding.severity == "error":
                marks[finding.line] = "error"
            else:
                marks.setdefault(finding.line, "warning")
        self._error_lines = sorted(line for line, mark in marks.items() if mark == "error")
        self._findings = {
            line: sorted(found, key=lambda one: one.severity) for line, found in by_line.items()
        }
        self.rows.show_marks(marks)
        self.show_title()
        self.show_row()
        self.refresh_bindings()

    def format_changed(self, dataset_format: DatasetFormat) -> None:
        """Forget what was found in the rows as they were read before."""
        super().format_changed(dataset_format)
        self.forget_findings()

    def forget_findings(self) -> None:
        """Forget them: the file is not what was checked."""
        self._error_lines = None
        self._has_warnings = False
        self._findings = {}
        self.rows.show_marks({})

    def row_findings(self, line: int | None) -> Sequence[Finding]:
        """Return what the check found in a line of the file."""
        return self._findings.get(line, ()) if line is not None else ()

    def findings_of(self, line: int | None) -> tuple[Sequence[FindingLine], str | None]:
        """Return the sentences of a line's findings, and where the first of them is."""
        found = self.row_findings(line)
        shown = [(one.severity.value, one.message) for one in found[:_MOST_MESSAGES]]
        if len(found) > _MOST_MESSAGES:
            shown.append(("info", f"and {len(found) - _MOST_MESSAGES:,} more"))
        return shown, found[0].path if found else None

    def title_facts(self) -> list[str]:
        """Return how many lines have errors, once that is known."""
        if self._error_lines is None:
            return []
        return [plural(len(self._error_lines), "error line") if self._error_lines else "no errors"]
