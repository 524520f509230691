"""The whole main job on a shipped example, headless: check, cost, upload, train, and what was learned.

Everything goes through the same core functions and the same engine over HTTP that the app uses. A tour that
was interrupted goes on with its job the next time; an engine that it started is stopped at the end.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tui import local_engine, paths
from tui.data.examples import SENTIMENT, Example
from tui.datasets.report import Report
from tui.errors import ExitCode, TunedeckError
from tui.jobs.fetch import fetch_job
from tui.jobs.launch import launch, preflight
from tui.jobs.plan import LaunchPlan
from tui.jobs.reports import report_for
from tui.money.estimate import Estimate, estimate_cost
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobEvent, JobState
from tui.tour_exam import ExamResult, examine, read_questions
from tui.tour_report import LossCurve, TourResult

if TYPE_CHECKING:
    from tui.providers.protocol import Provider
    from tui.services import Services

ACCOUNT = "local"
COMPARED_MODEL = "gpt-4.1-mini-2025-04-14"
SEED = 7
_POLL_SECONDS = 0.5
_BASE_MODEL_POLL_SECONDS = 0.25
_MOST_FAILURES_IN_A_ROW = 40
"""Looks at a job that may fail one after another, half a second apart, while an engine comes back."""


class TourObserver(Protocol):
    """Hears how a tour goes on."""

    def stage(self, title: str) -> None:
        """A new part begins."""

    def note(self, text: str) -> None:
        """Something worth a line."""

    def progress(self, label: str, done: int, total: int, unit: str) -> None:
        """Part of the current stage is done."""

    def loss(self, curve: LossCurve, total_steps: int) -> None:
        """A training step's loss arrived."""


@dataclass(frozen=True, slots=True)
class TourOptions:
    """How long a tour takes.

    Args:
        fast: Two epochs and 24 held-out rows instead of three and all 60.
    """

    fast: bool = False
    example: Example = SENTIMENT

    @property
    def epochs(self) -> int:
        """Passes over the training file."""
        return 2 if self.fast else 3

    @property
    def questions(self) -> int | None:
        """Most held-out rows; None for all."""
        return 24 if self.fast else None


class Tour:
    """One run through the main job.

    Args:
        services: The opened core.
        observer: Hears about progress.
        options: Which example, and how thorough.
    """

    def __init__(
        self, services: Services, observer: TourObserver, options: TourOptions | None = None
    ) -> None:
        self._services = services
        self._observer = observer
        self._options = options or TourOptions()
        self._model = services.settings.default_model

    def run(self) -> TourResult:
        """Do all of it.

        Raises:
            TunedeckError: A part failed; says which and what to do.
        """
        started = time.monotonic()
        report = self._check()
        cost, compared = self._price(report)
        with _engine_of_our_own(self._observer, self._services.settings.engine_idle_seconds):
            provider = self._services.provider(ACCOUNT)
            self._wait_for_base_model()
            before = self._examine(provider, self._model, "Ask the base model")
            job, resumed = self._train(provider, cost)
            after = self._examine(provider, _tuned_model(job), "Ask the tuned model")
        _forget_progress()
        return TourResult(
            example=self._options.example.name, check=report, cost=cost, compared=compared, job_id=job.id,
            resumed=resumed, fine_tuned_model=_tuned_model(job), trained_tokens=job.trained_tokens,
            loss=self._loss_curve(job), before=before, after=after, seconds=time.monotonic() - started,
        )  # fmt: skip

    def _check(self) -> Report:
        example = self._options.example
        self._observer.stage("Check the dataset")
        report = report_for(self._services, example.training, self._services.catalog.model(self._model))
        if not report.valid:
            raise TunedeckError(
                f"The example {example.name} does not pass its check.", exit_code=ExitCode.BAD
            )
        self._observer.note(f"{example.title}: {report.rows} examples, nothing wrong. {example.description}")
        return report

    def _price(self, report: Report) -> tuple[Estimate, Estimate | None]:
        self._observer.stage("Price")
        catalog, epochs = self._services.catalog, self._options.epochs
        cost = estimate_cost(report.tokens.per_epoch, catalog.model(self._model), epochs=epochs)
        self._observer.note(cost.formula)
        compared = None
        if other := catalog.find(COMPARED_MODEL):
            counted = report_for(self._services, self._options.example.training, other).tokens.per_epoch
            compared = estimate_cost(counted, other, epochs=epochs)
            self._observer.note(
                f"{compared.model} would be: {compared.formula} (price of {compared.price_read_on})"
            )
        return cost, compared

    def _wait_for_base_model(self) -> None:
        address = local_engine.ensure_engine()
        while True:
            model = local_engine.engine_status(address).base_model
            if model.state == "ready":
                return
            if model.state == "failed":
                raise TunedeckError(
                    f"The base model is not there: {model.error}", "Run `tunedeck engine fetch`."
                )
            self._observer.progress(
                f"Base model, {model.state}", model.done_bytes, model.total_bytes, "bytes"
            )
            time.sleep(_BASE_MODEL_POLL_SECONDS)

    def _examine(self, provider: Provider, model: str, title: str) -> ExamResult:
        held_out = self._options.example.held_out
        assert held_out is not None, "a tour needs an example with held-out rows"
        self._observer.stage(title)
        questions = read_questions(held_out, self._options.questions)
        result = examine(
            provider,
            model,
            questions,
            lambda done, total: self._observer.progress("Answers", done, total, "rows"),
        )
        self._observer.note(
            f"{model}: {result.correct} of {len(questions)} held-out rows right ({result.accuracy:.0%})"
        )
        return result

    def _train(self, provider: Provider, cost: Estimate) -> tuple[Job, bool]:
        self._observer.stage("Train")
        job = self._unfinished_job(provider)
        resumed = job is not None
        if job is None:
            job = self._launch(cost)
        else:
            self._observer.note(f"Going on with {job.id} of an interrupted tour.")
        _remember_progress(job, self._options)
        return self._follow(provider, job), resumed

    def _launch(self, cost: Estimate) -> Job:
        plan = LaunchPlan(
            account=ACCOUNT, model=self._model, training=self._options.example.training,
            hyperparameters={"n_epochs": self._options.epochs}, suffix="tour", seed=SEED,
        )  # fmt: skip
        for line in preflight(plan, self._services):
            if line.level == "stop":
                raise TunedeckError(line.text, line.remedy, exit_code=ExitCode.BAD)
        job = launch(
            plan, self._services, confirmed_price=cost,
            on_progress=lambda label, done, total: self._observer.progress(label, done, total, "bytes"),
        )  # fmt: skip
        self._observer.note(f"Job {job.id} is {job.state}.")
        return job

    def _unfinished_job(self, provider: Provider) -> Job | None:
        job_id = _remembered_job(self._options)
        if job_id is None:
            return None
        with contextlib.suppress(ProviderError):
            job = provider.retrieve_job(job_id)
            if job.state is JobState.PAUSED:
                return provider.resume_job(job_id)
            if job.state not in (JobState.FAILED, JobState.CANCELLED):
                return job
        return None

    def _follow(self, provider: Provider, job: Job) -> Job:
        failures = 0
        while True:
            try:
                fetched = fetch_job(self._services.store, provider, job)
            except ProviderError as error:
                failures += 1
                if not error.retryable or failures > _MOST_FAILURES_IN_A_ROW:
                    raise
            else:
                failures, job = 0, fetched.job
                self._tell(job, fetched.new_events)
                if job.state.is_final or job.state is JobState.OTHER:
                    return _succeeded(job)
            time.sleep(_POLL_SECONDS)

    def _tell(self, job: Job, events: list[JobEvent]) -> None:
        for event in events:
            if event.type == "metrics" and "train_loss" in event.data:
                self._observer.loss(self._loss_curve(job), int(event.data.get("total_steps", 0)))
            elif event.type != "metrics":
                self._observer.note(event.message)

    def _loss_curve(self, job: Job) -> LossCurve:
        steps = self._services.store.metrics(ACCOUNT, job.id)
        points = (
            (step, values["train_loss"]) for step, values in sorted(steps.items()) if "train_loss" in values
        )
        return LossCurve(tuple(points))


def _succeeded(job: Job) -> Job:
    if job.state is JobState.SUCCEEDED:
        return job
    reason = job.error.message if job.error else f"it is {job.raw_status}"
    raise TunedeckError(
        f"The job {job.id} did not succeed: {reason}",
        f"See `tunedeck events {job.id}`.",
        exit_code=ExitCode.BAD,
    )


def _tuned_model(job: Job) -> str:
    if not job.fine_tuned_model:
        raise TunedeckError(f"The job {job.id} ended without naming its model.", exit_code=ExitCode.BAD)
    return job.fine_tuned_model


@contextlib.contextmanager
def _engine_of_our_own(observer: TourObserver, idle_seconds: int) -> Iterator[None]:
    """Stop the engine afterwards if it was not there before; a job that it trains is kept and can go on."""
    was_there = local_engine.find_engine() is not None
    observer.stage("Local engine")
    try:
        address = local_engine.ensure_engine(idle_exit_seconds=idle_seconds)
        observer.note(f"{'Found' if was_there else 'Started'} at {address.url}, process {address.pid}.")
        yield
    finally:
        found = None if was_there else local_engine.find_engine()
        if found is not None:
            # An engine that is still saving leaves by itself; that must not hide how the tour went.
            with contextlib.suppress(TunedeckError):
                local_engine.stop_engine(found)


def _progress_file() -> Path:
    return paths.data_dir() / "tour.json"


def _remember_progress(job: Job, options: TourOptions) -> None:
    path = _progress_file()
    paths.make_private(path.parent)
    path.write_text(json.dumps({"job": job.id, "fast": options.fast}), encoding="utf-8")


def _remembered_job(options: TourOptions) -> str | None:
    try:
        kept = json.loads(_progress_file().read_text(encoding="utf-8"))
        return str(kept["job"]) if kept["fast"] == options.fast else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _forget_progress() -> None:
    _progress_file().unlink(missing_ok=True)
