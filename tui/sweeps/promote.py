"""What is done with the best trial: it is marked, tagged, written as a job file, trained on or talked to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.job_export import terms_of_plan
from tui.jobs.job_file import JobTerms, job_file_text
from tui.sweeps.board import Board, TrialRow
from tui.sweeps.ports import SweepServices
from tui.sweeps.space import EPOCHS, settings_words
from tui.sweeps.trial_plan import plan_of_trial

WINNER_TAG = "sweep-winner"
"""Tag of a promoted trial's model, beside one with the sweep's id."""


@dataclass(frozen=True, slots=True)
class Promotion:
    """A trial that was promoted."""

    row: TrialRow
    terms: JobTerms
    """A job with its settings, from the base, with all epochs that it trained."""
    model: str | None
    """Its tuned model, where it has made one."""

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        job = self.row.job
        return {
            "trial": self.row.trial.number, "settings": dict(self.row.trial.settings),
            "value": self.row.trial.value, "account": None if job is None else job.account,
            "job": None if job is None else job.id, "model": self.model, "terms": self.terms.as_json(),
        }  # fmt: skip


def promote(services: SweepServices, board: Board, number: int | None = None) -> Promotion:
    """Mark a trial as the winner and tag its model; the same again changes nothing.

    Args:
        services: The store.
        board: The sweep.
        number: Of the trial; None takes the best.

    Raises:
        TunedeckError: There is no such trial, or none has a value yet.
    """
    row = board.best if number is None else board.row(number)
    if row is None:
        asked = "No trial has a value yet." if number is None else f"There is no trial {number}."
        raise TunedeckError(asked, f"`tunedeck sweep show {board.sweep.id}` lists them.")
    job = row.job
    if job is not None and job.fine_tuned_model:
        services.store.tag_model(job.account, job.fine_tuned_model, [WINNER_TAG, f"sweep-{board.sweep.id}"])
    services.store.choose_winner(board.sweep.id, row.trial.number)
    model = job.fine_tuned_model if job is not None else None
    return Promotion(row, terms_of_trial(services, board, row), model)


def terms_of_trial(services: SweepServices, board: Board, row: TrialRow) -> JobTerms:
    """Return a job of its own with a trial's settings, from the base model."""
    plan = plan_of_trial(services, board.terms, row.trial.settings)
    terms = terms_of_plan(plan)
    halving = board.terms.halving
    numbers: Mapping[str, Any] = terms.hyperparameters
    if halving is not None:
        numbers = {**numbers, EPOCHS: halving.rungs[row.trial.rung]}
    return replace(terms, hyperparameters=dict(numbers))


def terms_to_go_on(promotion: Promotion, epochs: int) -> JobTerms:
    """Return a job that trains the promoted model on.

    Args:
        promotion: Whose model.
        epochs: More passes over the file.

    Raises:
        TunedeckError: It has made no model.
    """
    if promotion.model is None:
        raise TunedeckError(
            f"Trial {promotion.row.trial.number} has made no model to train on.",
            "Promote one that came to its end.",
        )
    numbers = {**promotion.terms.hyperparameters, EPOCHS: epochs}
    return replace(promotion.terms, model=promotion.model, hyperparameters=numbers)


def winner_file_text(board: Board, promotion: Promotion) -> str:
    """Return a job file that trains the promoted trial's settings again."""
    trial = promotion.row.trial
    value = "" if trial.value is None else f" It came to {trial.value:.6g} ({board.terms.objective.words})."
    return job_file_text(
        promotion.terms,
        (f"Trial {trial.number} of the sweep {board.sweep.name} ({board.sweep.id}): "
         f"{settings_words(trial.settings)}.{value}",),
    )  # fmt: skip


def write_new(path: Path, text: str) -> None:
    """Write a file that is not there yet.

    Raises:
        TunedeckError: It is there, or can't be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
    except FileExistsError:
        raise TunedeckError(f"{path} is there already.", "Choose another name, or move it away.") from None
    except OSError as error:
        raise TunedeckError(
            f"{path} can't be written: {error.strerror or error}.", "Check the folder."
        ) from None
