"""From what a person typed to the plan of a comparison with a recorded model."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tui.chat.models import find_lane
from tui.evals.checks.spec import parse_check
from tui.evals.parity import ParityPlan, plan_parity
from tui.evals.parity_old import old_answers
from tui.evals.requests import Contender
from tui.evals.setup import SetupServices
from tui.evals.test_set import read_test_set


@dataclass(frozen=True, slots=True)
class ParityWish:
    """A comparison of old and new as a person asks for it, nothing of it looked up yet."""

    old: str
    """Model or recording."""
    new: str
    account: str | None = None
    """Whose `new` is; None finds it by name."""
    file: Path | None = None
    """What was recorded from, or golden answers; None takes all that was recorded."""
    limit: int | None = None
    system: str | None = None
    """Takes the place of the rows' own system prompt for the new model."""
    checks: tuple[str, ...] = ()
    agreement: str | None = None
    """The check that tells how alike two answers are; None for shared words."""
    max_cost: Decimal | None = None
    at_once: int = 4


def planned_parity(services: SetupServices, wish: ParityWish) -> ParityPlan:
    """Return the plan of a comparison; asks accounts for their models at most.

    Raises:
        TunedeckError: Nothing fitting is recorded, a model is not found, or a check is written wrong.
    """
    test_set = None if wish.file is None else read_test_set(wish.file, limit=wish.limit)
    answers = old_answers(services, wish.old, test_set)
    new = Contender(find_lane(services, wish.new, wish.account), wish.system)
    checks = [parse_check(text) for text in wish.checks]
    return plan_parity(
        services, answers, new, checks, max_cost=wish.max_cost, at_once=wish.at_once,
        agreement=None if wish.agreement is None else parse_check(wish.agreement),
    )  # fmt: skip
