"""The form of the three arms: that of an evaluation, with the training rows, the prompt and its examples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from screens.evaluate_form import NOBODY, PACK, EvaluateForm
from screens.evaluate_pane import Choices, EvaluatePane
from tui.widgets.words import place

if TYPE_CHECKING:
    from tui.evals.arms.setup import ArmsWish

_OWN = ""
_MOST_EXAMPLES = 50


@dataclass(slots=True)
class ArmsForm(EvaluateForm):
    """Every field as it stands."""

    training: Path | None = None
    """Where examples are from; None takes what the model's job trained on."""
    prompt: Path | None = None
    """File with the long prompt; None takes the rows' own."""
    examples: str = "4"

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = EvaluateForm.problems(self)
        if self.file == PACK:  # its rows have nothing to do with what was trained
            found["test-set"] = "choose rows: enter"
        if self.model is not None and not self.has_base and self.against == NOBODY:
            found["model"] = "choose a tuned one: enter"
        count = self.examples.strip()
        if not (count.isascii() and count.isdigit() and 1 <= int(count) <= _MOST_EXAMPLES):
            found["examples"] = f"a whole number up to {_MOST_EXAMPLES}"
        return found

    def opponents(self) -> list[tuple[str, str]]:
        """Return who gets the prompt and the examples, as (key, label)."""
        known = EvaluateForm.opponents(self)
        return [one for one in known if one[0] != NOBODY] or known

    def arms_wish(self, suggested: Sequence[str]) -> ArmsWish:
        """Return what the form asks for; arguments and errors as in `models_and_checks`."""
        from tui.evals.arms.setup import ArmsWish

        return ArmsWish(
            training=self.training,
            prompt=self.prompt,
            examples=int(self.examples),
            **self.models_and_checks(suggested),
        )


class ArmsPane(EvaluatePane):
    """The form on the screen."""

    TITLE = "Should I fine-tune?"
    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("test-set", "Held-out rows"),
        ("model", "Tuned model"),
        ("against", "Against"),
        ("checks", "Checks"),
        ("training", "Examples from"),
        ("examples", "Examples each"),
        ("prompt", "Long prompt"),
        ("rows", "Rows"),
        ("tokens", "Longest answer"),
        ("cap", "Money cap"),
    )
    TYPED: ClassVar[Mapping[str, str]] = {**EvaluatePane.TYPED, "examples": ""}
    SENTENCES: ClassVar[Mapping[str, str]] = {
        **EvaluatePane.SENTENCES,
        "model": "Whose training is to be worth it. Enter lists the models of all accounts.",
        "against": "Who gets the long prompt, and the nearest examples. ←→ changes it, enter lists all.",
        "training": "The rows that examples are taken from. Enter takes another file.",
        "examples": "Training rows that stand before each question, the nearest by the words they share.",
        "prompt": "What a prompt alone could say. Enter takes one from a file.",
    }

    def __init__(self, form: ArmsForm) -> None:
        super().__init__(form)
        self.arms = form

    def choices(self, checks: tuple[str, ...]) -> dict[str, tuple[Choices, str]]:
        """Return what each field that is chosen offers, and which is taken."""
        form = self.arms
        rows: Choices = [(path, label) for path, label in form.files() if path != str(PACK)]
        training: Choices = [(_OWN, "what its job trained on")]
        if form.training is not None:
            training.append((str(form.training), form.training.name))
        prompts: Choices = [(_OWN, "the rows' own")]
        if form.prompt is not None:
            prompts.append((str(form.prompt), form.prompt.name))
        return {
            **EvaluatePane.choices(self, checks),
            "test-set": (rows or [(str(PACK), "none yet: enter chooses a file")], str(form.file)),
            "training": (training, str(form.training) if form.training is not None else _OWN),
            "prompt": (prompts, str(form.prompt) if form.prompt is not None else _OWN),
        }

    def notes(self, why: str, cases: int) -> dict[str, str]:
        """Return what is said beside each field."""
        form = self.arms
        return {
            **EvaluatePane.notes(self, why, cases),
            "training": place(form.training.parent) if form.training is not None else "",
            "prompt": place(form.prompt.parent) if form.prompt is not None else "",
        }
