"""A form whose every change is reckoned anew, a moment after the last one, in a thread of its own."""

from __future__ import annotations

from typing import Any

from textual import on
from textual.timer import Timer
from textual.widgets import Input

from screens.follows_run import FollowsRun
from tui.errors import TunedeckError

_DEBOUNCE_SECONDS = 0.3


class PlannedForm(FollowsRun, inherit_bindings=False):
    """A screen with a form of named texts; what it comes to is forgotten with each change.

    Subclasses have a `form`, show it in `show_planned`, and reckon in `plan_form`, whose answer counts only
    while its turn is `self.turn`.
    """

    form: Any
    """A dataclass with `problems()`; each text field has the name of its widget."""

    def __init__(self) -> None:
        super().__init__()
        self.turn = 0
        """Counts the changes."""
        self.problem = ""
        """Why the form comes to nothing."""
        self._timer: Timer | None = None

    def forget_plan(self) -> None:
        """Drop what the form came to before it changed."""
        raise NotImplementedError

    def show_planned(self) -> None:
        """Show the form, and what it comes to as far as that is known."""
        raise NotImplementedError

    def plan_form(self) -> None:
        """Reckon what the form comes to, in a thread."""
        raise NotImplementedError

    def form_changed(self, *, at_once: bool = False) -> None:
        """Show the form and reckon anew what it comes to."""
        self.forget_plan()
        self.problem = ""
        self.turn += 1
        self.show_planned()
        if self._timer is not None:
            self._timer.stop()
        if at_once:
            self._plan_anew()
        else:
            self._timer = self.set_timer(_DEBOUNCE_SECONDS, self._plan_anew)

    def _plan_anew(self) -> None:
        if not self.form.problems() and not self.was_running:
            self.plan_form()

    @on(Input.Changed)
    def _typed(self, message: Input.Changed) -> None:
        name = message.input.id or ""
        if message.value != getattr(self.form, name):
            setattr(self.form, name, message.value)
            self.form_changed()

    @on(Input.Submitted)
    def _go_on(self) -> None:
        self.focus_next()


def told_in_app(error: TunedeckError) -> str:
    """Return an error in words; a remedy of the command line's is none in a form."""
    remedy = "" if "--" in error.remedy else error.remedy
    return f"{error.message} {remedy}"
