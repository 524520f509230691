"""The launch form on the screen: a line for each field, with a note beside it and a sentence below."""

from __future__ import annotations

from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.widgets import Input

from screens.field_form import FieldForm
from screens.launch_form import AUTO, EFFORT, NUMBERS, LaunchForm
from screens.launch_hints import hints
from tui.jobs.first_model import first_model
from tui.jobs.ports import JobServices
from tui.jobs.run_places import HERE, RUN_ON
from tui.jobs.trainable import only_answering_here
from tui.providers.profile_data import LOCAL_NAME
from tui.records.jobs import Method
from tui.safe_text import safe_line
from tui.widgets.choice_field import ChoiceField
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
    (RUN_ON, "Runs on"),
    ("seed", "Seed"),
    ("suffix", "Suffix"),
    ("metadata", "Metadata"),
    ("wandb", "W&B project"),
    ("stop_rules", "Stop rules"),
    ("start", "Start"),
)
"""Field -> its label, in the order of the form and of tab."""
CHOICES = ("training", "account", "model", "method", "validation", "grader", EFFORT, RUN_ON)
TEXTS = ("suffix", "extra", "metadata", "wandb", "stop_rules", "start")
"""Fields of free text, named as the form's own."""
_SENTENCES = {
    "training": "Enter chooses a file of yours or a shipped example.",
    "account": "Who trains: ←→ changes it. The local engine is free and needs no key.",
    RUN_ON: "Where it is trained: ←→ changes it, enter lists what can't be used and why.",
    "method": "Supervised learns answers, dpo which of two is better, reinforcement by a grader.",
}
_EMPTY = {"start": "now"}
"""What an empty text means, where that is not "none"."""
_PLACES = {
    HERE: "the engine's machine",
    "ray": "Ray",
    "slurm": "Slurm",
    "sky": "SkyPilot",
    "hf-jobs": "Hugging Face Jobs",
}
_OPTIONAL = (
    "beta", "learning_rate_multiplier", "learning_rate", "extra", "grader", EFFORT, "compute_multiplier",
    "eval_interval", "eval_samples", "metadata", "wandb", RUN_ON,
)  # fmt: skip


class _Fields(VerticalScroll, inherit_bindings=False):
    """The fields: up and down go from one to the next, and would only scroll where they don't all fit."""


class LaunchPane(FieldForm):
    """Shows a form and its notes; the fields' own messages go to the screen.

    The fields scroll when there are more than fit, the sentence about the one with the keys stays below.

    Args:
        form: What is shown; the screen changes it.
    """

    def __init__(self, form: LaunchForm) -> None:
        super().__init__(id="launch-form", title="New job")
        self.form = form
        self._examples = 0

    def compose(self) -> ComposeResult:
        """Yield the lines."""
        with _Fields(id="launch-fields", can_focus=False):
            for name, label in ROWS:
                value, empty = (AUTO, AUTO) if name in NUMBERS else ("", _EMPTY.get(name, "none"))
                field = (
                    ChoiceField(id=name)
                    if name in CHOICES
                    else Input(value, placeholder=empty, id=name, compact=True)
                )
                yield from self.field_row(name, label, field)
        yield self.hint_line()

    def offer_choices(self, services: JobServices) -> None:
        """Offer the accounts, models and methods that there are; what no longer fits the form gives way."""
        form = self.form
        accounts = services.accounts()
        provider = next((one.provider for one in accounts if one.name == form.account), form.account)
        form.provider = provider
        refused = only_answering_here() if provider == LOCAL_NAME else {}
        models = [
            model
            for model in services.catalog.trainable()
            if model.provider == provider and model.id not in refused
        ]
        known = [model.id for model in models]
        known += [
            one.id for one in services.store.models(form.account) if one.can_train and one.id not in known
        ]
        if form.from_model is not None and form.from_model[0] == form.account:
            known += [name for name in form.from_model[1:] if name not in known]
        if form.model not in known:
            self._begin_with(form.models_chosen.get(form.account, ""), known, services)
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
        self._set(RUN_ON, [(one, _PLACES.get(one, one)) for one in form.offered_places()], form.run_on)
        for name in _OPTIONAL:
            self.query_one(f"#row-{name}").display = form.asks(name)

    def _begin_with(self, chosen: str, known: list[str], services: JobServices) -> None:
        """Take the model that was chosen for this account before, else what is best to begin with."""
        form = self.form
        if chosen in known:
            form.model, form.first_model = chosen, None
            return
        first = first_model(services, form.account)
        if first is not None and first.model in known:
            form.model, form.first_model = first.model, first
        else:
            form.model, form.first_model = known[0] if known else "", None

    def _set(self, name: str, options: list[tuple[str, str]], value: str) -> None:
        self.query_one(f"#{name}", ChoiceField).set_options(options, value)

    def show_notes(self, examples: int) -> None:
        """Say beside each field what is wrong with it, or what it comes to.

        Args:
            examples: Examples of the training file; 0 while they are not counted.
        """
        self._examples = examples
        notes = {
            name: f"{'→ ' if name in (*NUMBERS, EFFORT) else ''}{hint.value}"
            for name, hint in hints(self.form, examples).items()
            if hint.value and self._is_left_open(name)
        }
        if self.form.training is not None:
            notes["training"] = place(self.form.training.parent)
        self.show_field_notes(notes, self.form.problems())

    def _is_left_open(self, name: str) -> bool:
        if name == EFFORT:
            return self.form.effort == AUTO
        return name not in NUMBERS or self.form.numbers[name].strip() in ("", AUTO)

    def sentence(self, name: str) -> str:
        """Return what a field is for, and why it comes to what it does."""
        hint = hints(self.form, self._examples).get(name)
        return hint.why if hint is not None else _SENTENCES.get(name, "")
