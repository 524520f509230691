"""Judges a plan in the background: the file, the price, what speaks for and against it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

from textual import work
from textual.message import Message
from textual.worker import Worker, get_current_worker

from screens.base import DeckScreen
from screens.launch_facts import in_order
from tui.datasets.graders import read_grader_value
from tui.errors import TunedeckError
from tui.jobs.mend import Mend, MendKind
from tui.jobs.plan import LaunchPlan, PreflightLine, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.preflight_file import report_of_plan
from tui.jobs.preflight_grader import ask_about_grader
from tui.jobs.reports import file_sha256
from tui.jobs.told_price import ask_price
from tui.money.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found out about a plan."""

    plan: LaunchPlan
    lines: list[PreflightLine]
    """What forbids the launch first."""
    estimate: Estimate | None
    examples: int
    rates: list[float]
    format: str
    told: Decimal | None = None
    """What the service itself estimates, in US dollars."""

    @property
    def may_launch(self) -> bool:
        """True when nothing forbids it and the price is known."""
        return self.estimate is not None and may_launch(self.lines)


class JudgesPlan(DeckScreen, inherit_bindings=False):
    """A screen that has plans judged; only the last one asked for."""

    @dataclass
    class Judged(Message):
        """The preflight is through; it comes again once the service itself was asked."""

        readiness: Readiness

    @dataclass
    class FilesChanged(Message):
        """A file of the plan that was judged last is not as it was."""

    _stamps: tuple[tuple[Path, int, int], ...] = ()
    """(file, bytes, modification time in ns) of what was judged last."""

    def on_screen_resume(self) -> None:
        """Look whether a file was changed at another place meanwhile."""
        self._look_at_files()

    @work(thread=True, group="stamps", exclusive=True, exit_on_error=False, description="look at files")
    def _look_at_files(self) -> None:
        known = self._stamps
        if known and _stamps_of([path for path, _, _ in known]) != known:
            self.post_message(self.FilesChanged())

    @work(thread=True, group="preflight", exclusive=True, exit_on_error=False, description="check a launch")
    def judge(self, plan: LaunchPlan, grader_file: Path | None = None) -> None:
        """Find out all that can be known before a launch; posts `Judged`.

        Args:
            plan: What is to be launched.
            grader_file: Where its grader is read from, anew each time.
        """
        worker = get_current_worker()
        paths = (plan.training, plan.validation, grader_file)
        stamps = _stamps_of([path for path in paths if path is not None])
        ready = self._look(plan, grader_file, worker)
        if worker.is_cancelled:
            return
        self._stamps = stamps
        self.post_message(self.Judged(ready))
        if not ready.may_launch:
            return
        asked = ask_about_grader(ready.plan, self.services)
        told = ask_price(ready.plan, self.services)
        more = [*asked, *([told.line] if told.line is not None else [])]
        if more and not worker.is_cancelled:
            self.post_message(
                self.Judged(replace(ready, lines=in_order([*ready.lines, *more]), told=told.dollars))
            )

    def _look(self, plan: LaunchPlan, grader_file: Path | None, worker: Worker[None]) -> Readiness:
        services = self.services
        examples, shape, estimate = 0, "", None
        lines: list[PreflightLine] = []
        if grader_file is not None:
            try:
                plan = replace(plan, grader=read_grader_value(grader_file))
            except TunedeckError as error:
                choose = Mend(MendKind.GRADER, "choose a grader file")
                lines.append(PreflightLine("stop", error.message, error.remedy, (choose,)))
        try:
            model = services.catalog.model(plan.model, services.account(plan.account).provider)
            plan = replace(plan, read_as=services.formats.of(plan.training))
            report = report_of_plan(
                services, plan, plan.training, model, cancelled=lambda: worker.is_cancelled
            )
            examples, shape = report.rows, report.format.value
            plan = replace(plan, training_sha256=file_sha256(plan.training))
            lines += preflight(plan, services)
            estimate = estimate_plan(plan, services)
        except TunedeckError as error:
            lines.append(PreflightLine("stop", error.message, error.remedy))
        rates = services.store.training_rates(plan.account)
        return Readiness(plan, in_order(lines), estimate, examples, rates, shape)


def _stamps_of(paths: list[Path]) -> tuple[tuple[Path, int, int], ...]:
    found = []
    for path in paths:
        try:
            status = path.stat()
            found.append((path, status.st_size, status.st_mtime_ns))
        except OSError:
            found.append((path, -1, -1))
    return tuple(found)
