"""Makes plans and writes them in the background; one at a time, the newest wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message
from textual.worker import Worker, get_current_worker

from screens.base import DeckScreen
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.datasets.reshape.plan import Plan
    from tui.datasets.reshape.preview import ShownRow
    from tui.datasets.reshape.row_table import RowTable
    from tui.datasets.reshape.tracker import Tracker
    from tui.datasets.reshape.write import Written

    Planner = Callable[[Sequence[RowTable], Tracker], Plan]

_PROGRESS_SECONDS = 0.25
_SHOWN_ROWS = 5
_PREVIEW_WIDTH = 200


class RunsPlans(DeckScreen):
    """A screen that plans new files of rows and writes them."""

    @dataclass
    class Planned(Message):
        """A plan is made."""

        plan: Plan
        rows: list[ShownRow]

    @dataclass
    class PlanFailed(Message):
        """There is no plan."""

        error: TunedeckError

    @dataclass
    class WritingEnded(Message):
        """The files are written, or (with an error, or None for a stop) none is."""

        written: Written | None
        error: TunedeckError | None

    @dataclass
    class Progressed(Message):
        """Work came so far."""

        done: int
        total: int

    def __init__(self) -> None:
        super().__init__()
        self._planning: Worker[None] | None = None
        self._writing: Worker[None] | None = None

    @property
    def is_writing(self) -> bool:
        """True while files are written."""
        return self._writing is not None and not self._writing.is_finished

    @property
    def is_planning(self) -> bool:
        """True while a plan is made."""
        return self._planning is not None and not self._planning.is_finished

    def start_plan(self, paths: list[Path], planner: Planner) -> None:
        """Begin a plan; one under way is given up."""
        self._planning = self._plan(paths, planner)

    def start_writing(self, plan: Plan, targets: list[Path]) -> None:
        """Begin to write."""
        self._writing = self._write(plan, targets)

    def stop_work(self) -> bool:
        """Stop what is under way and say whether anything was."""
        running = [one for one in (self._planning, self._writing) if one is not None and one.is_running]
        for worker in running:
            worker.cancel()
        return bool(running)

    @work(thread=True, group="plan", exclusive=True, exit_on_error=False, description="plan new files")
    def _plan(self, paths: list[Path], planner: Planner) -> None:
        from tui.datasets.reshape.preview import first_rows
        from tui.datasets.reshape.row_table import RowTable
        from tui.datasets.row_pass import PassCancelled

        tracker = self._tracker()
        try:
            formats = self.services.formats
            tables = [RowTable.open(path, tracker, read_as=formats.of(path)) for path in paths]
            plan = planner(tables, tracker)
            rows = first_rows(plan, _SHOWN_ROWS, _PREVIEW_WIDTH)
        except PassCancelled:
            return
        except TunedeckError as error:
            if not tracker.cancelled():
                self.post_message(self.PlanFailed(error))
            return
        if not tracker.cancelled():
            self.post_message(self.Planned(plan, rows))

    @work(thread=True, group="write", exclusive=True, exit_on_error=False, description="write new files")
    def _write(self, plan: Plan, targets: list[Path]) -> None:
        from tui.datasets.reshape.write import write_plan
        from tui.datasets.row_pass import PassCancelled

        try:
            written = write_plan(plan, targets, tracker=self._tracker())
        except PassCancelled:
            self.post_message(self.WritingEnded(None, None))
        except TunedeckError as error:
            self.post_message(self.WritingEnded(None, error))
        else:
            self.post_message(self.WritingEnded(written, None))

    def work_broke_off(self, group: str, error: TunedeckError) -> bool:
        """End the plan or the writing that broke off."""
        if group == "plan":
            self.post_message(self.PlanFailed(error))
        elif group == "write":
            self.post_message(self.WritingEnded(None, error))
            return True
        return super().work_broke_off(group, error)

    def _tracker(self) -> Tracker:
        from tui.datasets.reshape.tracker import Tracker

        worker = get_current_worker()
        told = time.monotonic()

        def progress(done: int, total: int) -> None:
            nonlocal told
            if time.monotonic() - told >= _PROGRESS_SECONDS:
                told = time.monotonic()
                self.post_message(self.Progressed(done, total))

        return Tracker(progress, lambda: worker.is_cancelled)
