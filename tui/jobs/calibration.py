"""Finds finished jobs whose training file we have counted, for `tui.money.calibration`."""

from __future__ import annotations

from collections.abc import Iterator

from tui.datasets.formats import DatasetFormat
from tui.errors import TunedeckError
from tui.jobs.ports import JobServices
from tui.jobs.reports import counts_for
from tui.money.calibration import Calibration, Observation, calibrate
from tui.money.catalog_model import MODEL_ENCODING
from tui.records.jobs import Job, JobState, Method
from tui.store.launch_rows import LaunchRecord

_JOBS_LOOKED_AT = 1_000
_FORMATS = {
    Method.SUPERVISED: DatasetFormat.CHAT,
    Method.DPO: DatasetFormat.PREFERENCE,
    Method.REINFORCEMENT: DatasetFormat.REINFORCEMENT,
}


def observations(services: JobServices) -> Iterator[Observation]:
    """Yield succeeded jobs with the tokens of an epoch, theirs and ours, newest first."""
    for job in services.store.jobs(limit=_JOBS_LOOKED_AT):
        epochs = job.hyperparameters.get("n_epochs")
        if job.state is not JobState.SUCCEEDED or not job.trained_tokens:
            continue
        if not isinstance(epochs, int) or isinstance(epochs, bool) or epochs < 1:
            continue
        seen = _observation(services, job, job.trained_tokens / epochs)
        if seen is not None:
            yield seen


def calibration_for(
    services: JobServices, provider: str, model: str, dataset_format: str
) -> Calibration | None:
    """Return what finished jobs suggest for a file of this format on this model, or None."""
    return calibrate(observations(services), provider, model, dataset_format)


def _observation(services: JobServices, job: Job, billed: float) -> Observation | None:
    try:
        provider = services.account(job.account).provider
    except TunedeckError:
        return None  # the account was taken out of the settings
    launch = services.store.launch_of_job(job.account, job.id)
    sha256 = launch.dataset_sha256 if launch is not None else None
    if sha256 is None and job.training_file is not None:
        sha256 = services.store.content_of_file(job.account, job.training_file)
    known = services.catalog.find(job.model, provider)
    model = known.id if known is not None else job.model
    counted = _kept_count(services, sha256, model) if sha256 else None
    dataset_format = _FORMATS[job.method].value
    if counted is None and launch is not None:
        counted = _count_at_launch(launch), dataset_format
    if counted is None or not counted[0]:
        return None
    return Observation(provider, model, counted[1], job.id, billed, counted[0])


def _kept_count(services: JobServices, sha256: str, model: str) -> tuple[int, str] | None:
    """Return (tokens of an epoch, format) of this content's kept report for the model, or None."""
    known = services.catalog.find(model)
    stands_in = known is not None and known.encoding == MODEL_ENCODING
    for key, report in services.store.reports_of(sha256):
        if counts_for(key, model) and not (stands_in and key.endswith("/tiktoken")):
            return int(report["tokens"]["per_epoch"]), str(report["format"])
    return None


def _count_at_launch(launch: LaunchRecord) -> int:
    """Return what was counted when the price was confirmed; 0 for a split, whose part was not counted."""
    tokens = launch.price.get("tokens_per_epoch")
    return tokens if isinstance(tokens, int) and launch.request.get("split_share") is None else 0
