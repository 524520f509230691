"""The launch form on the screen: a line for each field, with a note beside it and a sentence below."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.events import DescendantFocus
from textual.widgets import Input, Static

from screens.launch_form import AUTO, EFFORT, NUMBERS, LaunchForm
from screens.launch_hints import hints
from tui.jobs.ports import JobServices
from tui.records.jobs import Method
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
from tui.widgets.tones import content
from tui.widgets.words import place

ROWS: tuple[tuple[str, str], ...] = (
    ("training", "Training file"),
    ("account", "Account"),
    ("model", "Model"),
    ("method", "Method"),
    ("validation", "Validation"),
    ("n_epochs", "Epochs"),
    ("batch_size", "Batch size"),
    ("learning_rate_multiplier", "Rate multiplier"),
    ("learning_rate", "Learning rate"),
    ("beta", "Beta"),
    ("grader", "Grader"),
    (EFFORT, "Reasoning"),
    ("compute_multiplier", "Exploration"),
    ("eval_interval", "Steps to eval"),
    ("eval_samples", "Eval answers"),
    ("extra", "Other choices"),
    ("seed", "Seed"),
    ("suffix", "Suffix"),
    ("metadata", "Metadata"),
    ("wandb", "W&B project"),
    ("stop_rules", "Stop rules"),
)
"""Field -> its label, in the order of the form and of tab."""
CHOICES = ("training", "account", "model", "method", "validation", "grader", EFFORT)
TEXTS = ("suffix", "extra", "metadata", "wandb", "stop_rules")
"""Fields of free text, named as the form's own."""
_OPTIONAL = (
    "beta", "learning_rate_multiplier", "learning_rate", "extra", "grader", EFFORT, "compute_multiplier",
    "eval_interval", "eval_samples", "metadata", "wandb",
)  # fmt: skip


class LaunchPane(Vertical):
    """Shows a form and its notes; the fields' own messages go to the screen.

    The fields scroll when there are more than fit, the sentence about the one with the keys stays below.

    Args:
        form: What is shown; the screen changes it.
    """

    def __init__(self, form: LaunchForm) -> None:
        super().__init__(id="launch-form", classes="pane")
        self.form = form
        self._examples = 0
        self.border_title = "New job"

    def compose(self) -> ComposeResult:
        """Yield the lines."""
        with VerticalScroll(id="launch-fields", can_focus=False):
            for name, label in ROWS:
                with Horizontal(classes="row", id=f"row-{name}"):
                    yield Static(label, classes="label", markup=False)
                    if name in CHOICES:
                        yield ChoiceField(id=name)
                    else:
                        value, empty = (AUTO, AUTO) if name in NUMBERS else ("", "none")
                        yield Input(value, placeholder=empty, id=name, compact=True)
                    yield Static("", classes="note", id=f"note-{name}", markup=False)
        yield Static("", id="launch-hint", markup=False)

    def offer_choices(self, services: JobServices) -> None:
        """Offer the accounts, models and methods that there are; what no longer fits the form gives way."""
        form = self.form
        accounts = services.accounts()
        provider = next((one.provider for one in accounts if one.name == form.account), form.account)
        form.provider = provider
        models = [model for model in services.catalog.trainable() if model.provider == provider]
        known = [model.id for model in models]
        known += [
            one.id for one in services.store.models(form.account) if one.can_train and one.id not in known
        ]
        if form.from_model is not None and form.from_model[0] == form.account:
            known += [name for name in form.from_model[1:] if name not in known]
        if form.model not in known:
            form.model = known[0] if known else ""
        fitting = services.catalog.find(form.model, provider)
        methods = list(fitting.methods) if fitting is not None else [Method.SUPERVISED]
        form.methods = tuple(methods)
        if form.method not in methods:
            form.method = methods[0]
        file = form.training.name if form.training is not None else "none yet: enter chooses one"
        aside = form.validation_file
        self._set("training", [("", file)], "")
        self._set("account", [(one.name, one.label) for one in accounts], form.account)
        self._set("model", [(name, name) for name in known], form.model)
        self._set("method", [(str(method), str(method)) for method in methods], str(form.method))
        kinds = [
            ("split", f"split {form.split_share * 100:g} % off"),
            ("file", aside.name if aside else "a file"),
            ("none", "none"),
        ]
        self._set("validation", kinds, form.validation)
        graded = form.grader_file.name if form.grader_file is not None else "none yet: enter chooses one"
        if form.grader is not None and form.grader_file is None:
            graded = f"{safe_line(str(form.grader.get('type', '')), 30)} grader"
        self._set("grader", [("", graded)], "")
        effort = form.service.parameter(EFFORT, form.method)
        efforts = (AUTO, *(effort.choices if effort is not None else ()))
        if form.effort not in efforts:
            form.effort = AUTO
        self._set(EFFORT, [(one, one) for one in efforts], form.effort)
        for name in _OPTIONAL:
            self.query_one(f"#row-{name}").display = form.asks(name)

    def _set(self, name: str, options: list[tuple[str, str]], value: str) -> None:
        self.query_one(f"#{name}", ChoiceField).set_options(options, value)

    def show_notes(self, examples: int) -> None:
        """Say beside each field what is wrong with it, or what it comes to.

        Args:
            examples: Examples of the training file; 0 while they are not counted.
        """
        self._examples = examples
        problems = self.form.problems()
        known = hints(self.form, examples)
        for name, _ in ROWS:
            note = self.query_one(f"#note-{name}", Static)
            if name in problems:
                note.update(content((f"✗ {problems[name]}", "bad")))
                continue
            if name == "training" and self.form.training is not None:
                note.update(content((safe_line(place(self.form.training.parent), 200), "muted")))
                continue
            hint = known.get(name)
            left_open = name not in NUMBERS or self.form.numbers[name].strip() in ("", AUTO)
            if name == EFFORT:
                left_open = self.form.effort == AUTO
            arrow = "→ " if name in (*NUMBERS, EFFORT) else ""
            note.update(
                content((f"{arrow}{hint.value}", "muted")) if hint and hint.value and left_open else ""
            )
        self._show_hint()

    def _show_hint(self) -> None:
        focused = self.screen.focused.id if self.screen.focused is not None else None
        hint = hints(self.form, self._examples).get(focused or "")
        words = {
            "training": "Enter chooses a file of yours or a shipped example.",
            "account": "Who trains: ←→ changes it. The local engine is free and needs no key.",
            "model": "What is trained: ←→ changes it, enter lists all, those that can't be trained with why.",
            "method": "Supervised learns answers, dpo which of two is better, reinforcement by a grader.",
        }
        text = hint.why if hint is not None else words.get(focused or "", "")
        self.query_one("#launch-hint", Static).update(content((safe_line(text), "muted")))

    def on_descendant_focus(self, event: DescendantFocus) -> None:
        """Explain the field that has the keys."""
        self._show_hint()
