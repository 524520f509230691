"""The evaluation form on the screen: a line for each field with a note beside it."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from screens.evaluate_form import PACK, EvaluateForm
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.tones import content
from tui.widgets.words import place

FIELDS: tuple[tuple[str, str], ...] = (
    ("test-set", "Test set"),
    ("model", "Model"),
    ("against", "Against"),
    ("checks", "Checks"),
    ("rows", "Rows"),
    ("tokens", "Longest answer"),
    ("cap", "Money cap"),
)
"""Field -> its label, in the order of the form and of tab."""
CHOICES = ("test-set", "model", "against", "checks")
_EMPTY = {"rows": "all", "tokens": "", "cap": "the price's end"}


class EvaluatePane(Vertical):
    """Shows a form and its notes; the fields' own messages go to the screen.

    Args:
        form: What is shown; the screen changes it.
    """

    def __init__(self, form: EvaluateForm) -> None:
        super().__init__(id="evaluate-form", classes="pane")
        self.form = form
        self.border_title = "Evaluate"

    def compose(self) -> ComposeResult:
        """Yield the lines."""
        texts = {"rows": self.form.rows, "tokens": self.form.tokens, "cap": self.form.cap}
        for name, label in FIELDS:
            with Horizontal(classes="row"):
                yield Static(label, classes="label", markup=False)
                if name in CHOICES:
                    yield ChoiceField(id=name)
                else:
                    yield Input(texts[name], placeholder=_EMPTY[name], id=name, compact=True)
                yield Static("", classes="note", id=f"note-{name}", markup=False)

    def show_form(self, checks: tuple[str, ...], why: str, cases: int) -> None:
        """Show what the form says now.

        Args:
            checks: Those that are asked.
            why: Why they were suggested; empty where a person chose them.
            cases: Rows of the test set that will be asked; 0 while they are not counted.
        """
        form = self.form
        form.settle()
        name = form.model[1] if form.model is not None else "none yet: enter chooses one"
        self._set("test-set", form.files(), str(form.file))
        self._set("model", [("", name)], "")
        self._set("against", form.opponents(), form.against)
        self._set("checks", [("", " + ".join(checks) or "the rows' own")], "")
        counted = f"{cases:,} rows are asked" if cases else ""
        notes = {
            "test-set": "shipped, sixty rows" if form.file == PACK else place(form.file.parent),
            "model": form.model[0] if form.model is not None else "",
            "against": form.other[0] if form.against == "other" and form.other is not None else "",
            "checks": why or "enter adds one, or takes it off",
            "rows": counted,
            "tokens": "tokens",
            "cap": "nothing more is asked once it is reached",
        }
        problems = form.problems()
        for field, _ in FIELDS:
            wrong = problems.get(field, "")
            note = (f"✗ {wrong}", "bad") if wrong else (safe_line(notes[field], 200), "muted")
            self.query_one(f"#note-{field}", Static).update(content(note))  # type: ignore[arg-type]

    def _set(self, name: str, options: list[tuple[str, str]], value: str) -> None:
        self.query_one(f"#{name}", ChoiceField).set_options(options, value)
