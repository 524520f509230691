"""Two to four jobs over one another: their curves by step, and in which settings and results they differ."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.chat.model_names import job_title
from tui.errors import TunedeckError
from tui.jobs.metrics import MetricSeries, progress_from, series_from
from tui.jobs.ports import JobServices
from tui.jobs.so_far import so_far
from tui.providers.parameters import told_choice
from tui.providers.profiles import Profile, profile
from tui.records.jobs import METRIC_NAMES, Job, JobEvent, JobState
from tui.store.model_queries import ModelKey

LETTERS = "ABCD"
"""How runs are told apart in charts and tables, without colour."""
MOST_RUNS = len(LETTERS)
_HASH_SHOWN = 12
_SEED = "Seed"
_HYPERPARAMETERS = {
    "n_epochs": "Epochs", "batch_size": "Batch size", "learning_rate_multiplier": "Rate multiplier",
    "learning_rate": "Learning rate", "beta": "Beta",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """One job of an overlay."""

    letter: str
    job: Job
    series: Mapping[str, MetricSeries]
    total_steps: int | None = None

    @property
    def title(self) -> str:
        """The shortest name that tells the job apart; as the service has it, so not safe for a terminal."""
        return job_title(self.job)

    @property
    def steps_words(self) -> str:
        """How many steps it has, for people: `120 steps`, or `10 of 120 steps`; empty when nobody knows."""
        if not self.total_steps:
            return ""
        last = max((one.points[-1][0] for one in self.series.values() if one.points), default=0)
        whole = last >= self.total_steps or self.job.state is JobState.SUCCEEDED  # not each step has numbers
        done = "" if whole else f"{last:,} of "
        return f"{done}{self.total_steps:,} steps"

    def curve(self, metric: str) -> list[tuple[int, float]]:
        """Return (step, value) in order of steps; empty where the job has none of this metric."""
        found = self.series.get(metric)
        return list(found.points) if found is not None else []

    def value_at(self, metric: str, step: int) -> tuple[int, float] | None:
        """Return (step, value) of the newest value up to a step, or None before the first."""
        points = self.curve(metric)
        index = bisect_right(points, (step, math.inf))
        return points[index - 1] if index else None


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting or result, with its value in each run; None where a run has none."""

    name: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        """True when not all runs have the same value."""
        return any(value != self.values[0] for value in self.values[1:])

    @property
    def words(self) -> tuple[str, ...]:
        """The values for people, a dash where there is none."""
        if self.name == _SEED:  # a name of a number, not an amount
            return tuple("–" if value is None else str(value) for value in self.values)
        return tuple(map(_words, self.values))


@dataclass(frozen=True, slots=True)
class Overlay:
    """Runs over one another."""

    runs: tuple[Run, ...]
    settings: tuple[Setting, ...]
    """Every setting that any run has, in a fixed order: what went in, then what came out."""

    @property
    def metrics(self) -> list[str]:
        """Names of the metrics that any run has, the usual ones first."""
        names = {name for run in self.runs for name in run.series}
        return [name for name in METRIC_NAMES if name in names] + sorted(names - set(METRIC_NAMES))

    @property
    def differing(self) -> list[Setting]:
        """The settings that are not the same in all runs."""
        return [setting for setting in self.settings if setting.differs]

    def as_json(self) -> dict[str, Any]:
        """Return the shape of `--json`; settings are keyed by name, their values in the order of "jobs"."""
        return {
            "jobs": [{"letter": run.letter, "account": run.job.account, "id": run.job.id, "title": run.title,
                      "state": str(run.job.state)} for run in self.runs],
            "differ": [setting.name for setting in self.differing],
            "settings": {setting.name: list(setting.values) for setting in self.settings},
            "curves": {name: [[list(point) for point in run.curve(name)] for run in self.runs]
                       for name in self.metrics},
        }  # fmt: skip


def overlay_runs(services: JobServices, jobs: Sequence[ModelKey]) -> Overlay:
    """Return jobs over one another, as they are kept; asks no service.

    Args:
        services: Store, catalog and accounts.
        jobs: (account, job id), two to four different ones; they are lettered in this order.

    Raises:
        TunedeckError: Too few, too many, or one that is not kept here.
    """
    wanted = list(dict.fromkeys(jobs))
    if not 2 <= len(wanted) <= MOST_RUNS:
        raise TunedeckError(
            f"An overlay takes two to four different jobs, not {len(wanted)}.", "`tunedeck jobs` lists them."
        )
    drafts = [_Draft(services, account, job_id) for account, job_id in wanted]
    runs = tuple(
        Run(letter, draft.job, draft.series, draft.total_steps)
        for letter, draft in zip(LETTERS, drafts, strict=False)
    )
    facts = [dict(draft.facts()) for draft in drafts]
    names = _merged_names([list(one) for one in facts])
    return Overlay(runs, tuple(Setting(name, tuple(one.get(name) for one in facts)) for name in names))


def _merged_names(lists: Sequence[Sequence[str]]) -> list[str]:
    """Return all names once; one that only a later list has comes after what it follows there."""
    merged: list[str] = []
    for names in lists:
        place = 0
        for name in names:
            if name in merged:
                place = merged.index(name) + 1
            else:
                merged.insert(place, name)
                place += 1
    return merged


class _Draft:
    """A job while its facts are gathered."""

    def __init__(self, services: JobServices, account: str, job_id: str) -> None:
        job = services.store.job(account, job_id)
        if job is None:
            raise TunedeckError(
                f"The job {job_id!r} of {account} is not kept here.", "`tunedeck jobs` asks for what is new."
            )
        self.job = job
        self._services = services
        self._events: list[JobEvent] = services.store.events(account, job_id)
        self.series = series_from(services.store.metrics(account, job_id))
        progress = progress_from(self._events)
        self.total_steps = progress.total_steps if progress else None

    def facts(self) -> Iterator[tuple[str, Any]]:
        """Yield what is known of the job, settings before results; what is not known is left out."""
        pairs = [*self._settings(), *self._results()]
        yield from ((name, value) for name, value in pairs if value is not None)

    def _settings(self) -> Iterator[tuple[str, Any]]:
        job, services = self.job, self._services
        service = self._profile()
        digest, name = self._dataset()
        yield "Base", job.model
        yield "Method", str(job.method)
        yield "Account", job.account
        yield "Service", service.label if service is not None else None
        yield "Dataset", name
        yield "Dataset SHA-256", digest[:_HASH_SHOWN] if digest else None
        held_out = job.validation_file and services.store.content_of_file(job.account, job.validation_file)
        yield "Validation", held_out[:_HASH_SHOWN] if held_out else job.validation_file
        for key, value in job.hyperparameters.items():
            yield _HYPERPARAMETERS.get(key, str(key)), value
        for known in service.parameters_for(job.method) if service is not None else ():
            if known.where == "body" and known.name not in job.hyperparameters:
                yield known.name, told_choice(job.raw, known.name)
        yield _SEED, job.seed

    def _results(self) -> Iterator[tuple[str, Any]]:
        spent = so_far(self._services, self.job, self._events)
        yield "State", str(self.job.state)
        yield "Steps", max((series.points[-1][0] for series in self.series.values()), default=None)
        yield "Trained tokens", spent.tokens
        yield "Cost", spent.cost_words
        for name, series in self.series.items():
            yield f"Last {name}", series.last
        for name, series in self.series.items():
            if name.startswith(("valid", "full_valid")) and series.best is not None:
                yield f"Best {name}", series.best[1]

    def _profile(self) -> Profile | None:
        try:
            return profile(self._services.account(self.job.account).provider)
        except TunedeckError:
            return None  # the account was taken out of the settings

    def _dataset(self) -> tuple[str | None, str | None]:
        """Return the training file's hash and name, as far as they are known here."""
        job, store = self.job, self._services.store
        launch = store.launch_of_job(job.account, job.id)
        if launch is not None:
            return launch.dataset_sha256, launch.dataset_path.name
        return (
            store.content_of_file(job.account, job.training_file) if job.training_file else None,
            job.training_file,
        )


def _words(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value, default=str)
