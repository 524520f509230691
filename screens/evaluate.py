"""How good a model is, and whether it is better than another: test set, checks, price, progress, verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from screens.base import DeckScreen
from screens.evaluate_facts import plan_facts, state_parts
from screens.evaluate_form import EvaluateForm
from screens.examining import ExaminingScreen
from screens.navigation import ModelChoice
from tui.errors import TunedeckError
from tui.widgets.keys import bindings
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.plan import EvalPlan
    from tui.evals.result import EvalResult
    from tui.evals.test_set import TestSet
    from tui.records.jobs import Job


class EvaluateScreen(ExaminingScreen[EvaluateForm, "EvalPlan"], inherit_bindings=False):
    """A form that starts complete, and the run that it starts.

    Args:
        model: Account and id; None takes the newest tuned model.
        job: The job that made it, whose validation file is the first test set.
    """

    START = "start_evaluation"
    VERB = "Evaluate"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("evaluate"), *DeckScreen.BINDINGS]
    HELP = """
    Every field is filled in; arrow keys change a choice, enter chooses from a list. ctrl+l says what it costs
    and asks. Answers are kept as they come, also when you leave this screen: ctrl+t stops, and a second start
    goes on where it was. Nothing is paid for twice. The verdict follows from the interval of the difference.
    """

    def __init__(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        super().__init__(EvaluateForm(model), job)

    @property
    def background(self) -> BackgroundRun[EvalPlan, EvalResult]:
        """The evaluation that runs, or ran last."""
        return self.services.runs.evaluation

    def state_parts(self, state: RunState[EvalPlan, EvalResult]) -> Sequence[Part]:
        """Return how it stands."""
        return state_parts(state)

    def asked(self, plan: EvalPlan) -> EvalPlan:
        """Return the plan itself."""
        return plan

    def make_plan(self, form: EvaluateForm, suggest: Callable[[TestSet], tuple[str, ...]]) -> EvalPlan:
        """Return what the form comes to."""
        from tui.evals.checks.spec import parse_check
        from tui.evals.setup import plan_for
        from tui.evals.test_set import read_test_set

        test_set = read_test_set(form.file, limit=form.limit)
        wish = form.wish(suggest(test_set))
        specs = tuple(parse_check(one) for one in wish.checks)
        if not specs and not all(case.checks for case in test_set.cases):
            raise TunedeckError("No check is given.", "Enter on Checks adds one.")
        return plan_for(self.services, wish, test_set, specs)

    @work(group="start-evaluation", exclusive=True, exit_on_error=False, description="start an evaluation")
    async def action_start_evaluation(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""
        plan = self.plan
        if plan is not None:
            await self.agree_and_start(plan, "Ask these models?", plan_facts(plan))

    def action_show_result(self) -> None:
        """Show what the last run found."""
        from screens.evaluation import EvaluationScreen  # not needed before there is a result

        result = self.background.state.result
        if result is not None:
            self.app.push_screen(EvaluationScreen(result))

    def action_try_arms(self) -> None:
        """Compare a long prompt, nearest examples and the tuned model."""
        self.navigator.open_arms(self.form.model, self.job)

    def action_try_diet(self) -> None:
        """Try how short the model's system prompt may be."""
        self.navigator.open_diet(self.form.model, self.job)

    def action_show_past(self) -> None:
        """Show evaluations from before."""
        self.navigator.open_evaluations()

    def action_compare_recorded(self) -> None:
        """Compare what was recorded with what the model answers."""
        self.navigator.open_parity(model=self.form.model)
