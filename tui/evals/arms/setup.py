"""From what a person typed to the plan of the arms: models found, training rows read, texts embedded."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Protocol

from tui.chat.lanes import Lane
from tui.chat.models import find_lane
from tui.chat.parameters import parse_parameters
from tui.errors import TunedeckError
from tui.evals.arms.arms import ArmsPlan, plan_arms
from tui.evals.arms.nearest import BY_WORDS, Nearness
from tui.evals.checks.spec import parse_check
from tui.evals.prompt_cut import read_prompt
from tui.evals.setup import BASE, SetupServices
from tui.evals.test_set import TestSet, read_test_set
from tui.jobs.held_out import trained_on_file
from tui.jobs.ports import JobServices
from tui.records.jobs import Job
from tui.records.model_names import base_of

_HERE = "model2vec:"


@dataclass(frozen=True, slots=True)
class ArmsWish:
    """The arms as a person asks for them, nothing of it looked up yet."""

    model: str
    account: str | None = None
    against: str | None = BASE
    """Who gets the prompt and the examples; `BASE` is the tuned model's own base."""
    against_account: str | None = None
    training: Path | None = None
    """None takes the file that the model's job trained on."""
    checks: tuple[str, ...] = ()
    prompt: Path | None = None
    """File with the long prompt; None takes each row's own."""
    examples: int = 4
    nearest: str = BY_WORDS
    """`words`, `model2vec:FOLDER`, or the id of a model that embeds."""
    nearest_account: str | None = None
    temperature: str = "0"
    max_tokens: str = "512"
    max_cost: Decimal | None = None
    at_once: int = 4


class ArmsServices(SetupServices, JobServices, Protocol):
    """What planning the arms needs of the running program."""


def planned_arms(services: ArmsServices, wish: ArmsWish, test_set: TestSet) -> ArmsPlan:
    """Return the plan of the arms; asks accounts for their models at most.

    Raises:
        TunedeckError: A file can't be read, a model is not found, a check is written wrong, or texts are not
            embedded yet.
    """
    base, tuned = lanes_of(services, wish)
    job = _job_of(services, tuned)
    seconds = None
    if job is not None and job.created_at is not None and job.finished_at is not None:
        seconds = float(job.finished_at - job.created_at)
    return plan_arms(
        services, test_set, base, tuned, training_of(services, wish, tuned),
        [parse_check(text) for text in wish.checks],
        prompt=None if wish.prompt is None else read_prompt(wish.prompt), examples=wish.examples,
        how=nearness_of(services, wish, tuned),
        parameters=parse_parameters({"temperature": wish.temperature, "max_tokens": wish.max_tokens}),
        max_cost=wish.max_cost, at_once=wish.at_once, job_seconds=seconds,
    )  # fmt: skip


def lanes_of(services: SetupServices, wish: ArmsWish) -> tuple[Lane, Lane]:
    """Return the base and the tuned model.

    Raises:
        TunedeckError: One is not found, or the tuned one is none.
    """
    tuned = find_lane(services, wish.model, wish.account)
    if wish.against in (None, BASE):
        if base_of(tuned.model) == tuned.model:
            raise TunedeckError(
                f"{tuned.model} is no tuned model.", "Name a tuned one, or who it stands against (--against)."
            )
        return Lane(tuned.account, base_of(tuned.model)), tuned
    return find_lane(services, wish.against or "", wish.against_account or wish.account), tuned


def training_of(services: ArmsServices, wish: ArmsWish, tuned: Lane) -> TestSet:
    """Return the rows that examples are taken from.

    Raises:
        TunedeckError: Nobody knows them, or they can't be read.
    """
    path = wish.training
    if path is None:
        job = _job_of(services, tuned)
        path = trained_on_file(services, job) if job is not None else None
    if path is None:
        raise TunedeckError(
            f"It is not known here what {tuned.model} was trained on.", "Name the file with --training."
        )
    return read_test_set(path)


def nearness_of(services: SetupServices, wish: ArmsWish, tuned: Lane) -> Nearness:
    """Return how the nearest examples are found."""
    if wish.nearest == BY_WORDS:
        return Nearness()
    if wish.nearest.startswith(_HERE):
        return Nearness(wish.nearest.removeprefix(_HERE))
    return Nearness(wish.nearest, Lane(wish.nearest_account or tuned.account, wish.nearest))


def _job_of(services: SetupServices, tuned: Lane) -> Job | None:
    jobs = services.store.jobs()
    return next(
        (one for one in jobs if (one.account, one.fine_tuned_model) == (tuned.account, tuned.model)), None
    )
