"""From what a person typed to a definition: models found by name, examples read, formats recognised."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from tui.chat.models import find_lane
from tui.datasets.formats import DatasetFormat
from tui.errors import TunedeckError
from tui.evals.recorded import find_recording
from tui.evals.setup import SetupServices
from tui.proposals.definition import (
    CHANGING_TEMPERATURES,
    DEFAULT_ANSWERS,
    SHOTS,
    TEMPERATURES,
    Answers,
    Definition,
    Seed,
)
from tui.proposals.plan import ProposalPlan, plan_proposals
from tui.proposals.seeds import file_seeds, format_of, system_of_seeds, typed_seed
from tui.proposals.targets import refuse_validation
from tui.records.proposals import MakingKind


@dataclass(frozen=True, slots=True)
class MakingWish:
    """Rows as a person asks for them, nothing of it looked up yet."""

    kind: MakingKind = MakingKind.GENERATE
    target: Path | None = None
    """None takes the file of the examples, or `made.jsonl`."""
    task: str = ""
    examples: Path | None = None
    """File of examples, or of the rows that are changed."""
    lines: tuple[int, ...] = ()
    """Only these lines of it."""
    typed: tuple[str, ...] = ()
    """Examples as `question => answer`."""
    model: str = ""
    account: str | None = None
    system: str | None = None
    """None takes the system prompt that all examples share; empty for none."""
    count: int | None = None
    """None takes 20 for new rows, and every row for changed ones."""
    at_a_time: int = 1
    shots: int = SHOTS
    temperatures: tuple[float, ...] = ()
    """Of the askings in turn; without any, what suits the kind."""
    max_tokens: int = 512
    seed: int = 1
    pairs: bool = False
    """Preference pairs in place of chat rows, where no example says which."""
    detail: str = ""
    answers: Answers | None = None
    """None takes what the kind does unasked."""
    validation: tuple[Path, ...] = ()
    recording: str = ""
    max_cost: Decimal | None = None
    at_once: int = 4


DEFAULT_TARGET = Path("made.jsonl")
_NEW_ROWS = 20


def planned_making(services: SetupServices, wish: MakingWish) -> ProposalPlan:
    """Return the plan of a wish; asks accounts for their models at most.

    Raises:
        TunedeckError: A file can't be read or is held out, a model is not found, or something is missing.
    """
    return plan_proposals(
        services, defined(services, wish), max_cost=wish.max_cost, at_once=wish.at_once
    )  # fmt: skip


def defined(services: SetupServices, wish: MakingWish) -> Definition:
    """Return what a wish comes to; see `planned_making`."""
    if wish.kind is MakingKind.RECORDING:
        return _recorded(services, wish)
    seeds = _seeds(services, wish)
    dataset_format = (
        format_of(seeds) if seeds else DatasetFormat.PREFERENCE if wish.pairs else DatasetFormat.CHAT
    )
    is_new = wish.kind is MakingKind.GENERATE
    answers = wish.answers or DEFAULT_ANSWERS.get(wish.kind, Answers.KEEP)
    if dataset_format is DatasetFormat.PREFERENCE and not is_new and answers is not Answers.KEEP:
        raise TunedeckError(
            "Of a preference pair only the question can be changed.", "Keep its answers: --answers keep."
        )
    system = wish.system
    if system is None:
        system = system_of_seeds(seeds) if is_new else ""
    count = wish.count if wish.count is not None else _NEW_ROWS if is_new else max(1, len(seeds))
    lane = find_lane(services, wish.model, wish.account) if wish.model and wish.kind.needs_model else None
    return Definition(
        kind=wish.kind, target=(wish.target or wish.examples or DEFAULT_TARGET).absolute(), seeds=seeds,
        task=wish.task.strip(), system=system, lane=lane, count=count,
        at_a_time=wish.at_a_time if is_new else 1, shots=wish.shots if is_new else 0,
        temperatures=wish.temperatures or (TEMPERATURES if is_new else CHANGING_TEMPERATURES),
        max_tokens=wish.max_tokens, seed=wish.seed, format=dataset_format, detail=wish.detail.strip(),
        answers=answers, validation=tuple(path.absolute() for path in wish.validation),
    )  # fmt: skip


def _seeds(services: SetupServices, wish: MakingWish) -> tuple[Seed, ...]:
    seeds = tuple(typed_seed(text, number) for number, text in enumerate(wish.typed, 1))
    if wish.examples is None:
        return seeds
    refuse_validation(services.store, wish.examples)
    if wish.kind is MakingKind.GENERATE:
        return seeds + file_seeds(wish.examples, wish.lines, seed=wish.seed)
    return seeds + file_seeds(wish.examples, wish.lines, most=wish.count, seed=wish.seed)


def _recorded(services: SetupServices, wish: MakingWish) -> Definition:
    recording = find_recording(services, wish.recording)
    return Definition(
        kind=MakingKind.RECORDING, target=(wish.target or DEFAULT_TARGET).absolute(),
        system=wish.system or "", count=wish.count or max(1, min(recording.answered, 10_000)),
        recording=recording.id, validation=tuple(path.absolute() for path in wish.validation),
    )  # fmt: skip
