"""The evaluation form on the screen: its fields, what each offers, and what is said of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.widgets import Input

from screens.evaluate_form import PACK, EvaluateForm
from screens.field_form import FieldForm
from tui.chat.model_names import short_model_name
from tui.widgets.choice_field import ChoiceField
from tui.widgets.words import place

Choices = list[tuple[str, str]]
"""Keys and labels of a field that is chosen."""


class EvaluatePane(FieldForm):
    """Shows a form and its notes; the fields' own messages go to the screen.

    Args:
        form: What is shown; the screen changes it.
    """

    TITLE = "Evaluate"
    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("test-set", "Test set"),
        ("model", "Model"),
        ("against", "Against"),
        ("checks", "Checks"),
        ("rows", "Rows"),
        ("tokens", "Longest answer"),
        ("cap", "Money cap"),
    )
    """Field -> its label, in the order of the form and of tab."""
    TYPED: ClassVar[Mapping[str, str]] = {"rows": "all", "tokens": "", "cap": "the price's end"}
    """Field that is typed -> what stands there while it is empty; the others are chosen."""
    SENTENCES: ClassVar[Mapping[str, str]] = {
        "test-set": "The rows that are asked. ←→ changes them, enter takes a file of yours.",
        "model": "Who is examined. Enter lists the models of all accounts.",
        "against": "Who answers the same rows. ←→ changes it, enter lists all models.",
        "checks": "What makes an answer right. Enter adds a check, or takes one off.",
        "rows": "How many, from the file's beginning. More rows, a narrower interval.",
        "tokens": "Most tokens of an answer; what is longer is cut off there.",
        "cap": "An amount. Nothing more is asked once it is reached.",
    }
    """Field -> what stands below the form while it has the keys."""

    def __init__(self, form: EvaluateForm) -> None:
        super().__init__(id="evaluate-form", title=self.TITLE)
        self.form = form

    def compose(self) -> ComposeResult:
        """Yield the lines."""
        for name, label in self.FIELDS:
            field = (
                Input(getattr(self.form, name), placeholder=self.TYPED[name], id=name, compact=True)
                if name in self.TYPED
                else ChoiceField(id=name)
            )
            yield from self.field_row(name, label, field)
        yield self.hint_line()

    def sentence(self, name: str) -> str:
        """Return what a field is for, and the keys that change it."""
        return self.SENTENCES.get(name, "")

    def show_form(self, checks: tuple[str, ...], why: str, cases: int) -> None:
        """Show what the form says now.

        Args:
            checks: Those that are asked.
            why: Why they were suggested; empty where a person chose them.
            cases: Rows of the test set that will be asked; 0 while they are not counted.
        """
        self.form.settle()
        for name, (options, value) in self.choices(checks).items():
            self.query_one(f"#{name}", ChoiceField).set_options(options, value)
        self.show_field_notes(self.notes(why, cases), self.form.problems())

    def choices(self, checks: tuple[str, ...]) -> dict[str, tuple[Choices, str]]:
        """Return what each field that is chosen offers, and which is taken."""
        form = self.form
        # Of a whole name that does not fit, the end would be cut, by which tuned models differ.
        chosen = form.model
        name = short_model_name(chosen[1]) if chosen is not None else "none yet: enter chooses one"
        return {
            "test-set": (form.files(), str(form.file)),
            "model": ([("", name)], ""),
            "against": (form.opponents(), form.against),
            "checks": ([("", " + ".join(checks) or "the rows' own")], ""),
        }

    def notes(self, why: str, cases: int) -> dict[str, str]:
        """Return what is said beside each field."""
        form = self.form
        return {
            "test-set": "shipped, sixty rows" if form.file == PACK else place(form.file.parent),
            "model": form.model[0] if form.model is not None else "",
            "against": form.other[0] if form.against == "other" and form.other is not None else "",
            "checks": why,
            "rows": f"{cases:,} rows are asked" if cases else "",
            "tokens": "tokens",
        }
