"""From what a person typed to a plan: models found by name, checks read, ratings of people taken in."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol

from tui.chat.lanes import Lane
from tui.chat.models import ChatServices, find_lane
from tui.chat.parameters import parse_parameters
from tui.datasets.files import unchanged_file
from tui.datasets.lines import LineReader
from tui.datasets.parsing import parse_line
from tui.errors import TunedeckError
from tui.evals.checks.registry import JUDGE
from tui.evals.checks.spec import CheckSpec, parse_check, read_check_file
from tui.evals.judging import Judge, judge_names, open_judge
from tui.evals.plan import EvalOptions, EvalPlan, plan_evaluation
from tui.evals.ports import EvalServices
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet, read_test_set
from tui.records.model_names import base_of
from tui.records.models import Capability

BASE = "base"
"""Stands for the base of the examined model."""
_WINNERS = {"a": "first", "b": "second", "first": "first", "second": "second", "left": "first",
            "right": "second", "tie": "tie", "both_bad": "tie"}  # fmt: skip


class SetupServices(EvalServices, ChatServices, Protocol):
    """What finding models and planning need of the running program."""


@dataclass(frozen=True, slots=True)
class EvalWish:
    """An evaluation as a person asks for it, nothing of it looked up yet."""

    file: Path
    model: str
    against: str | None = None
    account: str | None = None
    against_account: str | None = None
    """Whose the other model is; None takes `account`."""
    checks: tuple[str, ...] = ()
    check_file: Path | None = None
    system: str | None = None
    against_system: str | None = None
    temperature: str = "0"
    max_tokens: str = "512"
    seed: str = ""
    limit: int | None = None
    ratings: Path | None = None
    max_cost: Decimal | None = None
    at_once: int = 4
    anew: bool = False
    perplexity: bool = True
    batch: bool = False
    behaviour: bool = False
    """The file is the shipped pack."""


def planned(services: SetupServices, wish: EvalWish) -> EvalPlan:
    """Return the plan of an evaluation; asks accounts for their models at most.

    Raises:
        TunedeckError: A file can't be read, a model is not found, or a check is written wrong.
    """
    specs = [parse_check(text) for text in wish.checks]
    if wish.check_file is not None:
        specs += read_check_file(wish.check_file)
    test_set = read_test_set(wish.file, limit=wish.limit)
    return plan_for(services, wish, test_set, tuple(specs))


def plan_for(
    services: SetupServices, wish: EvalWish, test_set: TestSet, specs: tuple[CheckSpec, ...]
) -> EvalPlan:
    """As `planned`, for a test set and checks that are read already."""
    contenders = _contenders(services, wish)
    texts = {"temperature": wish.temperature, "max_tokens": wish.max_tokens, "seed": wish.seed}
    options = EvalOptions(
        parameters=parse_parameters(texts),
        checks=specs,
        max_cost=wish.max_cost,
        at_once=wish.at_once,
        ask_anew=wish.anew,
        perplexity=wish.perplexity,
        batch=wish.batch,
        behaviour=wish.behaviour,
        human=read_ratings(wish.ratings) if wish.ratings is not None else {},
    )
    judges = _judges(services, test_set, specs)
    return plan_evaluation(services, test_set, contenders, options, judges)


def _contenders(services: SetupServices, wish: EvalWish) -> tuple[Contender, ...]:
    lane = find_lane(services, wish.model, wish.account)
    examined = Contender(lane, wish.system)
    if wish.against is None:
        return (examined,)
    if wish.against == BASE:
        base = base_of(lane.model)
        if base == lane.model:
            raise TunedeckError(f"{lane.model} is itself a base model.", "Name the model to compare it with.")
        other = Lane(lane.account, base)
    else:
        other = find_lane(services, wish.against, wish.against_account or wish.account)
    first = Contender(other, wish.against_system)
    if first == examined:
        raise TunedeckError("A model is compared with itself.", "Name another one, or another system prompt.")
    return first, examined


def _judges(services: SetupServices, test_set: TestSet, specs: tuple[CheckSpec, ...]) -> list[Judge]:
    own = [spec for case in test_set.cases for spec in case.checks if spec.name == JUDGE]
    wanted = {spec.key: spec for spec in [*specs, *own] if spec.name == JUDGE}
    judges = []
    for spec in wanted.values():
        model, account = judge_names(spec)
        lane = find_lane(services, model, account)
        judges.append(open_judge(spec, lane, held=_holds_lengths(services, lane)))
    return judges


def _holds_lengths(services: SetupServices, lane: Lane) -> bool:
    try:
        return bool(services.provider(lane.account).can(Capability.CHAT_SCHEMA_LENGTHS))
    except TunedeckError:
        return False  # what is wrong with the account is said when it is asked


def read_ratings(path: Path) -> dict[str, str]:
    """Read what people preferred: lines of {"id" or "line", "winner": "a", "b" or "tie"}; a came first.

    Raises:
        TunedeckError: The file can't be read, or a line is none.
    """
    found: dict[str, str] = {}
    with unchanged_file(path) as (stream, _):
        for first, lines in LineReader(stream).batches():
            for number, line in enumerate(lines, first):
                if not line.strip():
                    continue
                value, problem = parse_line(line)
                winner = _WINNERS.get(str(_field(value, "winner")).lower())
                case_id = _case_id(value)
                if problem is not None or winner is None or case_id is None:
                    raise TunedeckError(
                        f"{path}:{number}: no rating.",
                        'A line is {"id": ..., "winner": "a", "b" or "tie"}; "line" may stand for "id".',
                    )
                found[case_id] = winner
    return found


def _field(value: Any, name: str) -> Any:
    return value.get(name) if isinstance(value, dict) else None


def _case_id(value: Any) -> str | None:
    named = _field(value, "id")
    if isinstance(named, str | int):
        return str(named)
    line = _field(value, "line")
    return f"line {line}" if isinstance(line, int) else None
