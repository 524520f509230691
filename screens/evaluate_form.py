"""The evaluation form without its looks: what was typed, what it means, what is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from screens.navigation import ModelChoice
from tui.data.packs import PACKS
from tui.money.amounts import typed_amount
from tui.records.model_names import base_of

if TYPE_CHECKING:
    from tui.evals.setup import EvalWish

PACK = PACKS["behaviour"]
BASE, NOBODY, OTHER = "base", "nobody", "other"
ROWS = "100"
"""Enough to show ten points of difference, and soon done; the verdict says how many more are needed."""
TOKENS = "512"


class ModelsAndChecks(TypedDict):
    """What every wish made of such a form has, named as its fields."""

    model: str
    account: str
    against: str | None
    against_account: str | None
    checks: tuple[str, ...]
    max_tokens: str
    max_cost: Decimal | None


@dataclass(slots=True)
class EvaluateForm:
    """Every field as it stands; with a model it is complete."""

    model: ModelChoice | None = None
    file: Path = PACK
    held_out: Path | None = None
    """The validation file of the model's job."""
    other_file: Path | None = None
    """A file that was chosen beside these."""
    against: str = BASE
    other: ModelChoice | None = None
    checks: tuple[str, ...] = ()
    checks_chosen: bool = False
    """False leaves the checks to what fits the test set."""
    rows: str = ROWS
    tokens: str = TOKENS
    cap: str = ""

    @property
    def has_base(self) -> bool:
        """True where the model was made of another one."""
        return self.model is not None and base_of(self.model[1]) != self.model[1]

    def files(self) -> list[tuple[str, str]]:
        """Return the test sets to choose among, as (path, label)."""
        found = [(self.other_file, ""), (self.held_out, "  (held out of its training)")]
        options = {str(path): f"{path.name}{words}" for path, words in reversed(found) if path is not None}
        return [*options.items(), (str(PACK), "behaviour pack: what fine-tuning cost")]

    def opponents(self) -> list[tuple[str, str]]:
        """Return whom to compare with, as (key, label)."""
        options = []
        if self.has_base and self.model is not None:
            options.append((BASE, f"its base, {base_of(self.model[1])}"))
        if self.other is not None:
            options.append((OTHER, self.other[1]))
        return [*options, (NOBODY, "nobody")]

    def turn_to(self, model: ModelChoice) -> None:
        """Take another model, and leave the rows that were held out of the former one's training."""
        if self.file == self.held_out:
            self.file = self.other_file or PACK
        self.model, self.held_out = model, None

    def settle(self) -> None:
        """Leave no choice that the model does not have."""
        keys = [key for key, _ in self.opponents()]
        if self.against not in keys:
            self.against = keys[0]

    def problems(self) -> dict[str, str]:
        """Return field -> what is wrong with it, for those that are wrong."""
        found = {}
        if self.model is None:
            found["model"] = "choose one: enter"
        if self.rows.strip() and not _whole(self.rows):
            found["rows"] = "a whole number from 1, or empty for all"
        if not _whole(self.tokens):
            found["tokens"] = "a whole number from 1"
        if self.cap.strip() and self.amount is None:
            found["cap"] = "an amount such as 2.50, or empty"
        return found

    @property
    def amount(self) -> Decimal | None:
        """The money cap as typed; None where there is none, or where it is no amount."""
        return typed_amount(self.cap)

    @property
    def limit(self) -> int | None:
        """How many rows are asked; None for all."""
        return int(self.rows) if self.rows.strip() else None

    def models_and_checks(self, suggested: Sequence[str]) -> ModelsAndChecks:
        """Return who is asked, how it is judged and what it may cost.

        Args:
            suggested: Checks that fit the test set, for who has chosen none.

        Raises:
            ValueError: There are problems.
        """
        from tui.evals.setup import BASE as OWN_BASE

        if self.model is None or self.problems():
            raise ValueError("the form has problems")
        other = self.other if self.against == OTHER else None
        return {
            "model": self.model[1],
            "account": self.model[0],
            "against": OWN_BASE if self.against == BASE else other[1] if other is not None else None,
            "against_account": other[0] if other is not None else None,
            "checks": self.checks if self.checks_chosen else tuple(suggested),
            "max_tokens": self.tokens.strip(),
            "max_cost": self.amount,
        }

    def wish(self, suggested: Sequence[str]) -> EvalWish:
        """Return what the form asks for; arguments and errors as in `models_and_checks`."""
        from tui.evals.setup import EvalWish

        return EvalWish(
            file=self.file,
            limit=self.limit,
            behaviour=self.file == PACK,
            **self.models_and_checks(suggested),
        )

    def toggle_check(self, check: str, suggested: Sequence[str]) -> None:
        """Add a check, or take it off."""
        checks = self.checks if self.checks_chosen else tuple(suggested)
        without = tuple(one for one in checks if one != check)
        self.checks = without if len(without) < len(checks) else (*checks, check)
        self.checks_chosen = True


def _whole(text: str) -> bool:
    stripped = text.strip()
    return stripped.isascii() and stripped.isdigit() and 1 <= int(stripped) <= 1_000_000
