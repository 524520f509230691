"""Judges a plan in the background: the file, the price, what speaks for and against it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from textual import work
from textual.message import Message
from textual.worker import get_current_worker

from screens.base import DeckScreen
from tui.errors import TunedeckError
from tui.jobs.plan import LaunchPlan, PreflightLine, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.reports import file_sha256, report_for
from tui.money.estimate import Estimate


@dataclass(frozen=True, slots=True)
class Readiness:
    """What was found out about a plan."""

    plan: LaunchPlan
    lines: list[PreflightLine]
    estimate: Estimate | None
    examples: int
    rates: list[float]
    format: str

    @property
    def may_launch(self) -> bool:
        """True when nothing forbids it and the price is known."""
        return self.estimate is not None and may_launch(self.lines)


class JudgesPlan(DeckScreen, inherit_bindings=False):
    """A screen that has plans judged; only the last one asked for."""

    @dataclass
    class Judged(Message):
        """The preflight is through."""

        readiness: Readiness

    @work(thread=True, group="preflight", exclusive=True, exit_on_error=False, description="check a launch")
    def judge(self, plan: LaunchPlan) -> None:
        """Find out all that can be known before a launch; posts `Judged`."""
        worker = get_current_worker()
        services = self.services
        examples, shape, estimate = 0, "", None
        try:
            model = services.catalog.model(plan.model, services.account(plan.account).provider)
            plan = replace(plan, read_as=services.formats.of(plan.training))
            report = report_for(services, plan.training, model, cancelled=lambda: worker.is_cancelled)
            examples, shape = report.rows, report.format.value
            plan = replace(plan, training_sha256=file_sha256(plan.training))
            lines = preflight(plan, services)
            estimate = estimate_plan(plan, services)
        except TunedeckError as error:
            lines = [PreflightLine("stop", error.message, error.remedy)]
        if worker.is_cancelled:
            return
        rates = services.store.training_rates(plan.account)
        self.post_message(self.Judged(Readiness(plan, lines, estimate, examples, rates, shape)))
