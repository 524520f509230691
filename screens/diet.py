"""How short the system prompt may be: rows, models, the shares of it; price, progress, then the sentence."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual import work
from textual.binding import BindingType

from screens.base import DeckScreen
from screens.choose import choose_file
from screens.diet_form import DietForm, DietPane
from screens.evaluate_facts import plan_facts, run_parts
from screens.evaluate_pane import EvaluatePane
from screens.examining import ExaminingScreen
from screens.navigation import ModelChoice
from tui.errors import TunedeckError
from tui.widgets.keys import bindings
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.evals.background import BackgroundRun, RunState
    from tui.evals.diet import Diet, DietPlan
    from tui.evals.plan import EvalPlan
    from tui.evals.test_set import TestSet
    from tui.records.jobs import Job


class DietScreen(ExaminingScreen[DietForm, "DietPlan"], inherit_bindings=False):
    """A form that starts complete where held-out rows are known, and the run that it starts.

    Args:
        model: Account and id; None takes the newest tuned model.
        job: The job that made it, whose validation file the rows are from.
    """

    START = "start_diet"
    VERB = "Try shorter prompts"
    BINDINGS: ClassVar[list[BindingType]] = [*bindings("diet"), *DeckScreen.BINDINGS]
    HELP = """
    The same rows are asked with ever less of the system prompt, of the model and of its base. ctrl+l says
    what it costs and asks. Answers are kept as they come, also when you leave this screen: ctrl+t stops, and
    a second start goes on where it was. The shortest prompt within noise is the shortest whose interval of
    the difference from the whole one does not lie below 0.
    """

    def __init__(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        super().__init__(DietForm(model), job)

    def pane(self) -> EvaluatePane:
        """Return the form's widget."""
        return DietPane(self.form)

    @property
    def background(self) -> BackgroundRun[DietPlan, Diet]:
        """The diet that runs, or ran last."""
        return self.services.runs.diet

    def state_parts(self, state: RunState[DietPlan, Diet]) -> Sequence[Part]:
        """Return how it stands, or what came out."""
        from tui.evals.diet import sentences  # not needed before one has run

        diet = state.result
        return (
            run_parts(state, ())
            if diet is None
            else run_parts(state, sentences(diet), diet.result.why_incomplete)
        )

    def asked(self, plan: DietPlan) -> EvalPlan:
        """Return what it asks."""
        return plan.plan

    def make_plan(self, form: DietForm, suggest: Callable[[TestSet], tuple[str, ...]]) -> DietPlan:
        """Return what the form comes to."""
        from tui.evals.diet_setup import planned_diet
        from tui.evals.test_set import read_test_set

        test_set = read_test_set(form.file, limit=form.limit)
        wish = form.diet_wish(suggest(test_set))
        if not wish.checks and not all(case.checks for case in test_set.cases):
            raise TunedeckError("No check is given.", "Enter on Checks adds one.")
        try:
            return planned_diet(self.services, wish, test_set)
        except TunedeckError as error:
            if "--system" in error.remedy:
                raise TunedeckError(error.message, "Enter on System prompt takes one from a file.") from None
            raise

    def take_choice(self, name: str, value: str) -> None:
        """Put a choice into the form."""
        if name == "system":
            self.form.system = Path(value) if value else None
        else:
            super().take_choice(name, value)

    def open_field(self, name: str) -> None:
        """Offer more than the choices of a field."""
        if name in ("system", "variants"):
            self._choose_prompt(name)
        else:
            super().open_field(name)

    @work(group="choose", exclusive=True, exit_on_error=False, description="choose a prompt")
    async def _choose_prompt(self, name: str) -> None:
        path = await choose_file(self, "Which file holds the prompt")
        if path is None:
            return
        if name == "system":
            self.form.system = path
        else:
            self.form.toggle_variant(path)
        self.form_changed(at_once=True)

    @work(group="start-diet", exclusive=True, exit_on_error=False, description="start a prompt diet")
    async def action_start_diet(self) -> None:
        """Show price and time, ask, and begin; never more than the shown limit is spent."""
        plan = self.plan
        if plan is not None:
            lengths = ", ".join(f"{prompt.tokens:,}" for prompt in plan.prompts)
            facts = [*plan_facts(plan.plan, [lane.model for lane in reversed(plan.lanes)])]
            await self.agree_and_start(
                plan, "Ask these models with ever less?", [*facts, ("Tokens of the prompts", lengths)]
            )

    def action_show_result(self) -> None:
        """Show what the last run found."""
        from screens.diet_result import DietResultScreen  # not needed before there is a result

        diet = self.background.state.result
        if diet is not None:
            self.app.push_screen(DietResultScreen(diet))
