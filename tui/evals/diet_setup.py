"""From what a person typed to the plan of a prompt diet: models found by name, prompts and shares read."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tui.chat.lanes import Lane
from tui.chat.models import find_lane
from tui.chat.parameters import parse_parameters
from tui.datasets.tokens import TiktokenCounter, encoding_for
from tui.errors import TunedeckError
from tui.evals.checks.spec import parse_check
from tui.evals.diet import DietPlan, plan_diet
from tui.evals.prompt_cut import parse_shares, read_prompt
from tui.evals.setup import BASE, SetupServices
from tui.evals.test_set import TestSet
from tui.money.base_tokenizer import load_base_tokenizer
from tui.records.model_names import base_of

ALL_SHARES = "100,50,25,10,0"


@dataclass(frozen=True, slots=True)
class DietWish:
    """A diet as a person asks for it, nothing of it looked up yet."""

    model: str
    against: str | None = BASE
    """None for no other model; a base has no base to stand against."""
    account: str | None = None
    against_account: str | None = None
    """Whose the other model is; None takes `account`."""
    checks: tuple[str, ...] = ()
    system: Path | None = None
    """File with the whole prompt; None takes the one that all rows have."""
    shares: str = ALL_SHARES
    variants: tuple[Path, ...] = ()
    """Files with shorter prompts of a person's own."""
    temperature: str = "0"
    max_tokens: str = "512"
    max_cost: Decimal | None = None
    at_once: int = 4


def planned_diet(services: SetupServices, wish: DietWish, test_set: TestSet) -> DietPlan:
    """Return the plan of a diet; asks accounts for their models at most.

    Raises:
        TunedeckError: A file can't be read, a model is not found, a check or a share is written wrong.
    """
    lanes = _lanes(services, wish)
    local = load_base_tokenizer(lanes[-1].model)
    return plan_diet(
        services, test_set, lanes, [parse_check(text) for text in wish.checks],
        local or TiktokenCounter(encoding_for(lanes[-1].model)),
        system=None if wish.system is None else read_prompt(wish.system), shares=parse_shares(wish.shares),
        variants=[read_prompt(path) for path in wish.variants],
        parameters=parse_parameters({"temperature": wish.temperature, "max_tokens": wish.max_tokens}),
        max_cost=wish.max_cost, at_once=wish.at_once,
    )  # fmt: skip


def _lanes(services: SetupServices, wish: DietWish) -> list[Lane]:
    model = find_lane(services, wish.model, wish.account)
    if wish.against is None or (wish.against == BASE and base_of(model.model) == model.model):
        return [model]
    if wish.against == BASE:
        return [Lane(model.account, base_of(model.model)), model]
    other = find_lane(services, wish.against, wish.against_account or wish.account)
    if other == model:
        raise TunedeckError("A model is compared with itself.", "Name another one, or none.")
    return [other, model]
