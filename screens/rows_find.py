"""Search in a file: from one match to the next, with what was found shown in the row."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

from textual import work
from textual.worker import get_current_worker

from screens.rows_findings import RowsFindings
from tui.errors import TunedeckError
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.datasets.search import Hit, Hits, Query
    from tui.datasets.source import Row


class RowsFind(RowsFindings, inherit_bindings=False):
    """Matches of a search in the open file."""

    _query: Query | None = None
    _hits: Hits | None = None
    _jumps = False
    """The cursor goes to the first match as soon as there is one."""
    _broke_off = False
    """The search ended before the file did, so nobody knows what the rest holds."""

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
        self._query, self._hits, self._jumps, self._broke_off = query, Hits(), True, False
        self.show_work("Searching")
        self._search(query, self._hits)
        self._show_search()
        self.refresh_bindings()

    @work(thread=True, group="search", exclusive=True, exit_on_error=False, description="search")
    def _search(self, query: Query, hits: Hits) -> None:
        from tui.datasets.row_pass import PassCancelled
        from tui.datasets.search import find_lines

        worker = get_current_worker()
        tell = self.progress_teller("Searching")

        def progress(done: int, total: int) -> None:
            tell(done, total)
            if self._jumps and len(hits):
                self.post_from_thread(self._search_grew)

        shown, broke_off = hits, True
        try:
            find_lines(self._path, query, hits, on_progress=progress, cancelled=lambda: worker.is_cancelled)
            if self._chooser is not None:
                shown = self._chooser.search_as_shown(query, hits, lambda: worker.is_cancelled)
            broke_off = False
        except PassCancelled:
            pass
        except TunedeckError as error:
            self.post_from_thread(self.tell_error, error)
        if not worker.is_cancelled:
            self.post_from_thread(self.end_work, "Searching")
        self.post_from_thread(self._search_ended, hits, shown, broke_off)

    def _search_grew(self) -> None:
        if self._jumps and self._hits is not None and len(self._hits):
            self._jumps = False
            self._go_to_first_match()
        self._show_search()

    def _search_ended(self, hits: Hits, shown: Hits, broke_off: bool) -> None:
        """Take what was found in the rows as they are shown for what was found in the file."""
        if hits is not self._hits:
            return
        self._hits, self._broke_off = shown, broke_off
        self._search_grew()
        self._jumps = False
        if not shown.found and not broke_off and self._query is not None:
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
        if self._hits is None or self._match_of(rows.identity) is not None:
            self.show_row()
            return
        here = rows.cursor
        index = rows.step_among(self._hits.lines, 1)
        if index is None:
            rows.cursor = 0
            index = 0 if self._match_of(rows.identity) is not None else rows.step_among(self._hits.lines, 1)
        rows.cursor = here if index is None else index
        self.show_row()

    def _show_search(self) -> None:
        if self._query is None or self._hits is None:
            self.show_state("search", ())
            return
        words = f"{self._query}: {plural(self._hits.found, 'matching line')}"
        if self._broke_off:
            words += " up to where the search ended"
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

    def found_in(self, who: int | None, row: Row) -> str:
        """Return the text that the search found in this row."""
        from tui.datasets.search import found_text

        match = self._match_of(who)
        return "" if match is None else found_text(row.raw, match)

    def _match_of(self, who: int | None) -> Hit | None:
        hits = self._hits
        if hits is None or who is None:
            return None
        at = bisect_left(hits.lines, who)
        return hits[at] if at < len(hits) and hits.lines[at] == who else None

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
        if hits is None or not len(hits) or not rows.has_view or self._match_of(rows.identity):
            return False
        if any(rows.step_among(hits.lines, direction) is not None for direction in (1, -1)):
            return False
        self.tell(f"{self._query} is in none of the rows shown; w, f or backspace shows others.")
        return True
