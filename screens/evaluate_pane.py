"""The evaluation form on the screen: a line for each field with a note beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from screens.evaluate_form import PACK, EvaluateForm
from tui.chat.model_names import short_model_name
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.tones import Part, content
from tui.widgets.words import place

Choices = list[tuple[str, str]]
"""Keys and labels of a field that is chosen."""


class EvaluatePane(Vertical):
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

    def __init__(self, form: EvaluateForm) -> None:
        super().__init__(id="evaluate-form", classes="pane")
        self.form = form
        self.border_title = self.TITLE

    def compose(self) -> ComposeResult:
        """Yield the lines."""
        for name, label in self.FIELDS:
            with Horizontal(classes="row"):
                yield Static(label, classes="label", markup=False)
                if name in self.TYPED:
                    yield Input(getattr(self.form, name), placeholder=self.TYPED[name], id=name, compact=True)
                else:
                    yield ChoiceField(id=name)
                yield Static("", classes="note", id=f"note-{name}", markup=False)

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
        notes, problems = self.notes(why, cases), self.form.problems()
        for field, _ in self.FIELDS:
            wrong = problems.get(field, "")
            note: Part = (f"✗ {wrong}", "bad") if wrong else (safe_line(notes.get(field, ""), 200), "muted")
            self.query_one(f"#note-{field}", Static).update(content(note))

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
            "checks": why or "enter adds one, or takes it off",
            "rows": f"{cases:,} rows are asked" if cases else "",
            "tokens": "tokens",
            "cap": "nothing more is asked once it is reached",
        }
