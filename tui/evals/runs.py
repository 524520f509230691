"""The runs of one program that outlive their screens: one of each kind, and one for each blind comparison."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tui.evals.background import BackgroundRun, Told
from tui.evals.ports import EvalServices

if TYPE_CHECKING:
    from tui.evals.arms.arms import Arms, ArmsPlan
    from tui.evals.asking import AskingOutcome
    from tui.evals.compare.asking import ComparePlan
    from tui.evals.compare.blind import BlindRating
    from tui.evals.diet import Diet, DietPlan
    from tui.evals.parity import ParityPlan, ParityReport
    from tui.evals.plan import EvalPlan
    from tui.evals.record import RecordPlan, RecordResult
    from tui.evals.result import EvalResult
    from tui.proposals.plan import ProposalPlan
    from tui.proposals.run import ProposalOutcome

Cancelled = Callable[[], bool]
AskingRun = BackgroundRun["ComparePlan", "AskingOutcome"]


class EvalRuns:
    """What is asked in the background; what each kind needs is imported once it begins.

    Args:
        services: Providers, prices and the store.
        first_wait: Seconds before a request that failed is repeated.
    """

    def __init__(self, services: EvalServices, *, first_wait: float = 1.0) -> None:
        self._services, self._first_wait = services, first_wait
        self.evaluation: BackgroundRun[EvalPlan, EvalResult] = BackgroundRun(
            "evaluation", self._evaluate, lambda plan: plan.unknown
        )
        self.recording: BackgroundRun[RecordPlan, RecordResult] = BackgroundRun(
            "recording", self._record, lambda plan: plan.plan.unknown, what="Recording"
        )
        self.diet: BackgroundRun[DietPlan, Diet] = BackgroundRun(
            "prompt diet", self._diet, lambda plan: plan.plan.unknown
        )
        self.arms: BackgroundRun[ArmsPlan, Arms] = BackgroundRun(
            "comparison of three ways", self._arms, lambda plan: plan.plan.unknown
        )
        self.parity: BackgroundRun[ParityPlan, ParityReport] = BackgroundRun(
            "parity run", self._parity, lambda plan: plan.plan.unknown
        )
        self.making: BackgroundRun[ProposalPlan, ProposalOutcome] = BackgroundRun(
            "making of rows", self._make, lambda plan: plan.definition.count, what="Making"
        )
        self._blind: dict[str, AskingRun] = {}

    def blind(self, comparison_id: str) -> AskingRun | None:
        """Return the asking of a blind comparison that runs, or ran last."""
        return self._blind.get(comparison_id)

    def ask_blind(self, rating: BlindRating, plan: ComparePlan) -> AskingRun:
        """Ask for what a blind comparison lacks, unless that is under way."""
        running = self.blind(rating.comparison.id)
        if running is not None and running.state.is_running:
            return running

        def ask(plan: ComparePlan, tell: Told, cancelled: Cancelled) -> AskingOutcome:
            return rating.ask(
                plan, on_answer=lambda done, total: tell("Asking", done, total), cancelled=cancelled
            )

        begun: AskingRun = BackgroundRun("asking for blind answers", ask, lambda plan: plan.unknown)
        self._blind[rating.comparison.id] = begun
        begun.start(plan)
        return begun

    def close(self, seconds: float) -> None:
        """Stop all, and wait so long for each to write what it has."""
        runs: list[BackgroundRun[Any, Any]] = [self.evaluation, self.recording, self.diet, self.parity]
        runs += [self.making, self.arms]
        runs += self._blind.values()
        for run in runs:
            run.cancel()
        for run in runs:
            run.join(seconds)

    def _evaluate(self, plan: EvalPlan, tell: Told, cancelled: Cancelled) -> EvalResult:
        from tui.evals.run import run_evaluation

        return run_evaluation(
            self._services, plan, on_progress=tell, cancelled=cancelled, first_wait=self._first_wait
        )

    def _record(self, plan: RecordPlan, tell: Told, cancelled: Cancelled) -> RecordResult:
        from tui.evals.record import record

        return record(
            self._services, plan, on_progress=lambda done, total: tell("Recording", done, total),
            cancelled=cancelled, first_wait=self._first_wait,
        )  # fmt: skip

    def _diet(self, plan: DietPlan, tell: Told, cancelled: Cancelled) -> Diet:
        from tui.evals.diet import run_diet

        return run_diet(
            self._services, plan, on_progress=tell, cancelled=cancelled, first_wait=self._first_wait
        )

    def _arms(self, plan: ArmsPlan, tell: Told, cancelled: Cancelled) -> Arms:
        from tui.evals.arms.arms import run_arms

        return run_arms(
            self._services, plan, on_progress=tell, cancelled=cancelled, first_wait=self._first_wait
        )

    def _make(self, plan: ProposalPlan, tell: Told, cancelled: Cancelled) -> ProposalOutcome:
        from tui.proposals.run import run_proposals

        return run_proposals(
            self._services, plan, on_progress=tell, cancelled=cancelled, first_wait=self._first_wait
        )

    def _parity(self, plan: ParityPlan, tell: Told, cancelled: Cancelled) -> ParityReport:
        from tui.evals.parity import run_parity

        return run_parity(
            self._services, plan, on_progress=lambda done, total: tell("Asking", done, total),
            cancelled=cancelled, first_wait=self._first_wait,
        )  # fmt: skip
