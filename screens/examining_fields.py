"""The fields of a form about a model: what was typed, taken from a list, or chosen from another screen."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Generic, TypeVar

from textual import on, work

from screens.chat_choices import KEY_SEPARATOR, MODEL_COLUMNS, model_options
from screens.choose import ChooseScreen, choose_file
from screens.evaluate_facts import CHECK_COLUMNS, check_options
from screens.evaluate_form import OTHER, EvaluateForm
from screens.planned_form import PlannedForm
from tui.widgets.choice_field import ChoiceField

if TYPE_CHECKING:
    from tui.evals.suggested import Suggestion
    from tui.records.jobs import Job

FormT = TypeVar("FormT", bound=EvaluateForm)


class ExaminesFields(PlannedForm, Generic[FormT], inherit_bindings=False):
    """A screen with a form; each change is told to `form_changed`.

    Args:
        form: As it is to begin.
        job: The job that made its model.
    """

    MODEL_TITLE = "Which model is examined"

    def __init__(self, form: FormT, job: Job | None) -> None:
        super().__init__()
        self.form: FormT = form
        self.job = job
        self.suggestion: Suggestion | None = None

    def prepare(self) -> None:
        """Find what the form begins with, or has to change with its model."""
        raise NotImplementedError

    @property
    def checks(self) -> tuple[str, ...]:
        """Those that were chosen, or fit the rows."""
        suggested = self.suggestion.checks if self.suggestion is not None else ()
        return self.form.checks if self.form.checks_chosen else suggested

    @on(ChoiceField.Changed)
    def _changed(self, message: ChoiceField.Changed) -> None:
        self.take_choice(message.field.id or "", message.value)
        self.form_changed()

    def take_choice(self, name: str, value: str) -> None:
        """Put a choice into the form."""
        if name == "test-set":
            self.form.file = Path(value)
        elif name == "against":
            self.form.against = value

    @on(ChoiceField.Opened)
    def _opened(self, message: ChoiceField.Opened) -> None:
        self.open_field(message.field.id or "")

    def open_field(self, name: str) -> None:
        """Offer more than the choices of a field."""
        match name:
            case "test-set":
                self.action_choose_test_set()
            case "model" | "against":
                self._choose_model(name)
            case "checks":
                self._choose_check()

    @work(group="choose", exclusive=True, exit_on_error=False, description="choose a test set")
    async def action_choose_test_set(self) -> None:
        """Choose a file."""
        path = await choose_file(self, "Which rows are asked")
        if path is not None:
            self.form.other_file = self.form.file = path
            self.form_changed(at_once=True)

    @work(group="choose", exclusive=True, exit_on_error=False, description="choose a model")
    async def _choose_model(self, field: str) -> None:
        from tui.chat.models import known_models

        options = model_options(known_models(self.services), self.services.accounts())
        title = self.MODEL_TITLE if field == "model" else "Compare it with"
        chosen = await self.app.push_screen_wait(
            ChooseScreen(title, MODEL_COLUMNS, options, hint="part of a name")
        )
        if not chosen:
            return
        account, _, model = chosen.partition(KEY_SEPARATOR)
        if field == "model":
            # What was held out of one model's training may be what another was trained on.
            self.job = None
            self.form.turn_to((account, model))
            self.prepare()
        else:
            self.form.other, self.form.against = (account, model), OTHER
        self.form_changed(at_once=True)

    @work(group="choose", exclusive=True, exit_on_error=False, description="choose a check")
    async def _choose_check(self) -> None:
        chosen = await self.ask_check("Add a check, or take one off", self.checks)
        if chosen:
            self.form.toggle_check(chosen, self.checks)
            self.form_changed(at_once=True)

    async def ask_check(self, title: str, chosen: tuple[str, ...]) -> str | None:
        """Let a person choose or type a check; for workers.

        Args:
            title: What is chosen.
            chosen: Checks that are taken already.
        """
        options = await asyncio.to_thread(check_options, chosen)
        typed: str | None = await self.app.push_screen_wait(
            ChooseScreen(title, CHECK_COLUMNS, options,
                         hint="a name, or contains:refund, or length:{max_words = 50}", may_type=True)
        )  # fmt: skip
        return typed
