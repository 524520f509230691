"""The form of a prompt diet: that of an evaluation, with the prompt, its shares, and shorter ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from screens.evaluate_form import PACK, EvaluateForm
from screens.evaluate_pane import Choices, EvaluatePane
from tui.errors import TunedeckError
from tui.evals.prompt_cut import parse_shares
from tui.safe_text import safe_line
from tui.widgets.words import place

if TYPE_CHECKING:
    from tui.evals.diet_setup import DietWish

_ROWS_OWN = ""


@dataclass(slots=True)
class DietForm(EvaluateForm):
    """Every field as it stands."""

    system: Path | None = None
    """File with the whole prompt; None takes the rows' own."""
    shares: str = "100,50,25,10,0"
    variants: tuple[Path, ...] = ()
    """Files with shorter prompts of a person's own."""

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = EvaluateForm.problems(self)
        if self.file == PACK:  # its rows share no prompt
            found["test-set"] = "choose rows: enter"
        try:
            parse_shares(self.shares)
        except TunedeckError as error:
            found["shares"] = error.remedy
        return found

    def toggle_variant(self, path: Path) -> None:
        """Add a prompt of a person's own, or take it off."""
        without = tuple(one for one in self.variants if one != path)
        self.variants = without if len(without) < len(self.variants) else (*self.variants, path)

    def diet_wish(self, suggested: Sequence[str]) -> DietWish:
        """Return what the form asks for; arguments and errors as in `models_and_checks`."""
        from tui.evals.diet_setup import DietWish

        return DietWish(
            system=self.system,
            shares=self.shares,
            variants=self.variants,
            **self.models_and_checks(suggested),
        )


class DietPane(EvaluatePane):
    """The form on the screen."""

    TITLE = "Prompt diet"
    FIELDS: ClassVar[tuple[tuple[str, str], ...]] = (
        ("test-set", "Held-out rows"),
        ("model", "Model"),
        ("against", "Against"),
        ("checks", "Checks"),
        ("system", "System prompt"),
        ("shares", "Percent of it"),
        ("variants", "Prompts of own"),
        ("rows", "Rows"),
        ("tokens", "Longest answer"),
        ("cap", "Money cap"),
    )
    TYPED: ClassVar[Mapping[str, str]] = {**EvaluatePane.TYPED, "shares": ""}
    SENTENCES: ClassVar[Mapping[str, str]] = {
        **EvaluatePane.SENTENCES,
        "system": "What is cut. Enter takes another prompt, from a file.",
        "shares": "What is kept of the prompt's tokens, each in turn; the whole is always asked.",
        "variants": "Shorter prompts to try too. Enter adds one from a file, or takes it off.",
    }

    def __init__(self, form: DietForm) -> None:
        super().__init__(form)
        self.diet = form

    def choices(self, checks: tuple[str, ...]) -> dict[str, tuple[Choices, str]]:
        """Return what each field that is chosen offers, and which is taken."""
        form = self.diet
        rows: Choices = [(path, label) for path, label in form.files() if path != str(PACK)]
        prompts: Choices = [(_ROWS_OWN, "the one that all rows have")]
        if form.system is not None:
            prompts.append((str(form.system), form.system.name))
        own = ", ".join(safe_line(path.name, 60) for path in form.variants) or "none"
        return {
            **EvaluatePane.choices(self, checks),
            "test-set": (rows or [(str(PACK), "none yet: enter chooses a file")], str(form.file)),
            "system": (prompts, str(form.system) if form.system is not None else _ROWS_OWN),
            "variants": ([("", own)], ""),
        }

    def notes(self, why: str, cases: int) -> dict[str, str]:
        """Return what is said beside each field."""
        return {
            **EvaluatePane.notes(self, why, cases),
            "system": place(self.diet.system.parent) if self.diet.system is not None else "",
        }
