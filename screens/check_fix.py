"""Fixes of what a check found: a row's in the Rows screen, a whole file's at once into a new file."""

from __future__ import annotations

import time
from pathlib import Path

from textual import work
from textual.worker import get_current_worker

from screens.confirm import ConfirmScreen
from screens.finding_list import FindingList
from screens.greyed_keys import GreyedKeys
from tui.datasets.fixes import FILE_FIXES, FileFix
from tui.datasets.fixes.fix_file import FixResult, fix_whole_file, free_name
from tui.datasets.fixes.plan import rules_with_fix
from tui.datasets.row_pass import PassCancelled
from tui.errors import TunedeckError
from tui.widgets.meter import Meter

_PROGRESS_SECONDS = 0.25


class FixesFile(GreyedKeys, inherit_bindings=False):
    """A screen with a list of findings about a file."""

    is_fixing: bool = False
    """True while a whole file is written anew."""

    def file_to_fix(self) -> Path | None:
        """Return the file that the findings are about."""
        raise NotImplementedError

    def show_path(self, path: Path) -> None:
        """Turn to another file."""
        raise NotImplementedError

    def reason_against_fix(self) -> str:
        """Return why the finding under the cursor can't be fixed."""
        item = self.query_one(FindingList).current
        if item is None:
            return "There is no finding."
        if self.is_fixing:
            return "A new file is being written; x stops that."
        if item.group.rule not in FILE_FIXES and item.group.rule not in rules_with_fix(lints=True):
            return "No fix is safe here: a person has to decide."
        return ""

    def action_fix_finding(self) -> None:
        """Show what the fix of this rule would do, beginning at this row; ask, where it is about the file."""
        item, path = self.query_one(FindingList).current, self.file_to_fix()
        if item is None or path is None:
            return
        fix = FILE_FIXES.get(item.group.rule)
        if fix is not None:
            self._ask(path, fix)
            return
        finding = item.finding or item.group.findings[0]
        self.navigator.open_rows(path, finding.line or 1, fix=item.group.rule)

    @work(group="confirm-fix", exit_on_error=False, description="ask about a fix")
    async def _ask(self, path: Path, fix: FileFix) -> None:
        target = free_name(path)
        question = ConfirmScreen(
            f"{fix.name}?",
            yes="write the new file",
            facts=[("From", path.name), ("To", target.name)],
            warning=f"{fix.explanation} {path.name} stays as it is.",
        )
        if await self.app.push_screen_wait(question):
            self.is_fixing = True
            self.refresh_bindings()
            self._write(path, target)

    @work(thread=True, group="fix-file", exit_on_error=False, description="fix a whole file")
    def _write(self, path: Path, target: Path) -> None:
        worker = get_current_worker()
        last = 0.0

        def progress(done: int, total: int) -> None:
            nonlocal last
            if worker.is_cancelled:
                raise PassCancelled
            if time.monotonic() - last >= _PROGRESS_SECONDS:
                last = time.monotonic()
                self.post_from_thread(self._show_written, done, total)

        try:
            result = fix_whole_file(path, target, on_progress=progress)
        except PassCancelled:
            self.post_from_thread(self._end_fix, None, None, None)
        except TunedeckError as error:
            self.post_from_thread(self._end_fix, None, None, error)
        else:
            self.post_from_thread(self._end_fix, target, result, None)

    def stop_fix(self) -> None:
        """End the writing; nothing is left behind."""
        self.workers.cancel_group(self, "fix-file")

    def _show_written(self, done: int, total: int) -> None:
        if self.is_fixing:
            meter = self.query_one(Meter)
            meter.display = True
            meter.fraction = done / total if total else 0.0
            meter.note = "written; x stops"

    def _end_fix(self, target: Path | None, result: FixResult | None, error: TunedeckError | None) -> None:
        self.is_fixing = False
        self.query_one(Meter).display = False
        self.refresh_bindings()
        if error is not None:
            self.tell_error(error)
        elif target is not None and result is not None:
            self.tell(f"{target.name} has {result.rows:,} lines; this is it.", title="Written")
            self.show_path(target)
