"""What a screen may ask of the app; screens know this and not each other."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from tui.engine_watch import EngineState
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tui.datasets.report import Finding
    from tui.datasets.row_source import RowSource
    from tui.jobs.job_file import JobTerms
    from tui.records.jobs import Job
    from tui.services import Services

ModelChoice = tuple[str, str]
"""Account and model id."""


class Navigator(Protocol):
    """Ways from one screen to another, and what all screens share."""

    @property
    def services(self) -> Services:
        """Store, settings, providers and the job watcher."""
        ...

    @property
    def account_status(self) -> Part:
        """State of the account in use, for the top line."""
        ...

    @property
    def engine_state(self) -> EngineState:
        """What is known of the local engine."""
        ...

    def watch_engine(self) -> object:
        """Find or start the local engine in the background, and follow it."""
        ...

    def open_check(self, path: Path) -> None:
        """Go to Check & cost with this file."""
        ...

    def open_rows(self, path: Path, line: int = 1, fix: str = "", findings: Sequence[Finding] = ()) -> None:
        """Show a file's rows.

        Args:
            path: The file.
            line: Where the cursor goes.
            fix: A rule; what its fix would do is shown at once.
            findings: What a check found, where that is known.
        """
        ...

    def open_tokens(self, path: Path, line: int, model: str = "", rows: RowSource | None = None) -> None:
        """Show one row token by token.

        Args:
            path: The file.
            line: Number of the row.
            model: Whose tokens; empty takes the one that the settings name.
            rows: Where rows come from, when the file is open already.
        """
        ...

    def open_notices(self) -> None:
        """Show where the person is told of what."""
        ...

    def test_channel(self, name: str) -> str | None:
        """Send a test message through one channel; returns why it failed. Blocks: for a thread."""
        ...

    def open_import(self, path: Path) -> None:
        """Say what the columns of a file are, and make a dataset of it."""
        ...

    def open_making(self, path: Path | None = None, lines: tuple[int, ...] = ()) -> None:
        """Let a model propose training rows.

        Args:
            path: File of examples.
            lines: Only these of its rows.
        """
        ...

    def open_review(self, run_id: str) -> None:
        """Look through the rows that a run proposed."""
        ...

    def open_reshape(self, path: Path) -> None:
        """Choose what to do with the rows of a file, and write new files."""
        ...

    def open_launch(self, path: Path | None = None) -> None:
        """Go to Launch, with this training file if given."""
        ...

    def open_launch_with(self, terms: JobTerms) -> None:
        """Go to Launch with the form filled in."""
        ...

    def open_launch_on(self, model: ModelChoice) -> None:
        """Go to Launch with this model to train further."""
        ...

    def open_job(self, account: str, job_id: str) -> None:
        """Show a job over the list of jobs."""
        ...

    def open_overlay(self, jobs: Sequence[tuple[str, str]]) -> None:
        """Show jobs over one another, over the screen that is shown.

        Args:
            jobs: (account, job id) of two to four.
        """
        ...

    def open_sweeps(self) -> None:
        """List searches over many jobs, over the screen that is shown."""
        ...

    def open_sweep(self, sweep_id: str) -> None:
        """Show the board of a sweep, over the screen that is shown."""
        ...

    def open_evaluation(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        """Measure a model, over the screen that is shown.

        Args:
            model: None takes the newest tuned one.
            job: The job that made it, where that is known.
        """
        ...

    def open_queue(self) -> None:
        """Show what waits to start, over the screen that is shown."""
        ...

    def open_evaluations(self) -> None:
        """List evaluations from before, over the screen that is shown."""
        ...

    def open_diet(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        """Try how short the system prompt may be, over the screen that is shown.

        Args:
            model: None takes the newest tuned one.
            job: The job that made it, where that is known.
        """
        ...

    def open_arms(self, model: ModelChoice | None = None, job: Job | None = None) -> None:
        """Say whether fine-tuning is worth it, over the screen that is shown.

        Args:
            model: None takes the newest tuned one.
            job: The job that made it, where that is known.
        """
        ...

    def open_parity(self, recording: str = "", model: ModelChoice | None = None) -> None:
        """Compare a recorded model with its successor, over the screen that is shown.

        Args:
            recording: Id of what was recorded; empty takes what was recorded of `model`, else the newest.
            model: One of the two.
        """
        ...

    def open_chat(self, *models: ModelChoice) -> None:
        """Go to Chat with these models side by side; without any, as it was left."""
        ...

    def open_compare(self, *models: ModelChoice) -> None:
        """Put models side by side, over the screen that is shown; without any, the newest beside its base."""
        ...

    def open_scrub(self, account: str, job_id: str) -> None:
        """Show one prompt's answers through a job's training, over the screen that is shown."""
        ...

    def go_to(self, place: str) -> None:
        """Go to a mode by its name: home, datasets, check, launch, jobs, chat, models."""
        ...

    def copy_text(self, text: str, what: str) -> None:
        """Put text on the clipboard, locally or through SSH and tmux, and say how that went."""
        ...


@runtime_checkable
class ShowsPath(Protocol):
    """A screen that can be handed another file while it is open (Check, Launch)."""

    @property
    def has_path(self) -> bool:
        """True once a file is chosen."""
        ...

    def show_path(self, path: Path) -> None:
        """Turn to this file."""
        ...


@runtime_checkable
class ShowsModels(Protocol):
    """A screen that can be handed models while it is open (Chat)."""

    def show_models(self, models: tuple[ModelChoice, ...]) -> None:
        """Turn to these models."""
        ...


def show_path(path: Path, screen: object) -> None:
    """Hand a file to a screen, if it shows files."""
    if isinstance(screen, ShowsPath):
        screen.show_path(path)


def show_models(models: tuple[ModelChoice, ...], screen: object) -> None:
    """Hand models to a screen, if it shows models."""
    if isinstance(screen, ShowsModels):
        screen.show_models(models)


@runtime_checkable
class TrainsFrom(Protocol):
    """A screen that can be told which model to train further (Launch)."""

    def train_from(self, model: ModelChoice) -> None:
        """Turn to this model."""
        ...


@runtime_checkable
class TakesTerms(Protocol):
    """A screen whose form can be filled in from outside (Launch)."""

    def take_terms(self, terms: JobTerms) -> None:
        """Fill the form in."""
        ...


def take_terms(terms: JobTerms, screen: object) -> None:
    """Hand what a job is made from to a screen, if it launches jobs."""
    if isinstance(screen, TakesTerms):
        screen.take_terms(terms)


def train_from(model: ModelChoice, screen: object) -> None:
    """Hand a model to a screen, if it trains models."""
    if isinstance(screen, TrainsFrom):
        screen.train_from(model)
