"""Should I fine-tune? A long prompt, nearest examples and the tuned model on the same held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from screens.arms_form import ArmsForm, ArmsPane
from screens.base import DeckScreen
from screens.choose import choose_file
from screens.evaluate_facts import plan_facts, run_parts
from screens.evaluate_pane import EvaluatePane
from screens.examining import ExaminingScreen
from screens.navigation import ModelChoice
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.keys import bindings
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.arms.arms import Arms, ArmsPlan
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.plan import EvalPlan
    from tui.evals.test_set import TestSet
    from tui.records.jobs import Job


class ArmsScreen(ExaminingScreen[ArmsForm, "ArmsPlan"], inherit_bindings=False):
    """A form that starts complete where a tuned model and its held-out rows are known, and its run.

    Args:
        model: Account and id; None takes the newest tuned model.
        job: The job that made it, whose validation file the rows are from.
    """

    START = "start_arms"
    VERB = "Compare the three ways"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("arms"), *DeckScreen.BINDINGS]
    HELP = """
    A long prompt, or the nearest training rows in the prompt, may do what fine-tuning does, and new knowledge
    gets into both at once. The same held-out rows are asked all three ways; the answer is the difference
    between the tuned model and the better of the other two, with its interval, beside what a thousand calls
    cost. ctrl+l says the price and asks. Answers are kept as they come: ctrl+t stops, a second start goes on.
    """

    def __init__(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        super().__init__(ArmsForm(model), job)

    def pane(self) -> EvaluatePane:
        """Return the form's widget."""
        return ArmsPane(self.form)

    @property
    def background(self) -> BackgroundRun[ArmsPlan, Arms]:
        """The comparison that runs, or ran last."""
        return self.services.runs.arms

    def state_parts(self, state: RunState[ArmsPlan, Arms]) -> Sequence[Part]:
        """Return how it stands, or what came out."""
        from tui.evals.arms.report import sentences  # not needed before one has run

        arms = state.result
        if arms is None:
            return run_parts(state, ())
        return run_parts(state, sentences(arms), arms.result.why_incomplete)

    def asked(self, plan: ArmsPlan) -> EvalPlan:
        """Return what it asks."""
        return plan.plan

    def make_plan(self, form: ArmsForm, suggest: Callable[[TestSet], tuple[str, ...]]) -> ArmsPlan:
        """Return what the form comes to."""
        from tui.evals.arms.setup import planned_arms
        from tui.evals.test_set import read_test_set

        test_set = read_test_set(form.file, limit=form.limit)
        wish = form.arms_wish(suggest(test_set))
        if not wish.checks and not all(case.checks for case in test_set.cases):
            raise TunedeckError("No check is given.", "Enter on Checks adds one.")
        try:
            return planned_arms(self.services, wish, test_set)
        except TunedeckError as error:
            if "--training" in error.remedy:
                raise TunedeckError(error.message, "Enter on Examples from takes the file.") from None
            raise

    def take_choice(self, name: str, value: str) -> None:
        """Put a choice into the form."""
        if name in ("training", "prompt"):
            setattr(self.form, name, Path(value) if value else None)
        else:
            super().take_choice(name, value)

    def open_field(self, name: str) -> None:
        """Offer more than the choices of a field."""
        if name in ("training", "prompt"):
            self._choose_own(name)
        else:
            super().open_field(name)

    @work(group="choose", exclusive=True, exit_on_error=False)
    async def _choose_own(self, name: str) -> None:
        title = "What the model was trained on" if name == "training" else "Which file holds the prompt"
        path = await choose_file(self, title)
        if path is not None:
            setattr(self.form, name, path)
            self.form_changed(at_once=True)

    @work(group="start-arms", exclusive=True, exit_on_error=False, description="start three ways")
    async def action_start_arms(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""
        plan = self.plan
        if plan is not None:
            base, _, tuned = (one.lane.model for one in plan.plan.contenders)
            facts = [
                *plan_facts(plan.plan, [tuned, base]),
                ("Examples", f"up to {plan.examples} of {plan.training_rows:,} training rows"),
                ("From", safe_line(str(plan.training), 200)),
            ]
            await self.agree_and_start(plan, "Ask these rows three ways?", facts)

    def action_show_result(self) -> None:
        """Show what the last run found."""
        from screens.arms_result import ArmsResultScreen  # not needed before there is a result

        arms = self.background.state.result
        if arms is not None:
            self.app.push_screen(ArmsResultScreen(arms))
