"""The rows that a job was not trained on, as a file of this machine."""

from __future__ import annotations

from pathlib import Path

from tui.errors import TunedeckError
from tui.jobs.files import job_files
from tui.jobs.ports import JobServices
from tui.jobs.queue import plan_of
from tui.jobs.reports import file_sha256
from tui.records.jobs import Job


def trained_on_file(services: JobServices, job: Job) -> Path | None:
    """Return the training file of a job that was launched here, without the part that was split off.

    Returns:
        None when the job was not launched here, or its file is gone or changed.
    """
    record = services.store.launch_of_job(job.account, job.id)
    if record is None:
        return None
    try:
        plan = plan_of(record)
        unchanged = plan.training.is_file() and file_sha256(plan.training) == record.dataset_sha256
        return job_files(plan).training if unchanged else None
    except (KeyError, ValueError, TunedeckError, OSError):
        return None


def held_out_file(services: JobServices, job: Job) -> Path | None:
    """Return the validation file of a job that was launched here, the part that was split off included.

    A split is made again where it was thrown away: the same share and seed give the same rows.

    Returns:
        None when the job was not launched here, has no validation file, or its files are gone or changed.
    """
    record = services.store.launch_of_job(job.account, job.id)
    if record is None:
        return None
    try:
        plan = plan_of(record)
    except (KeyError, ValueError):
        return None  # kept by a version that wrote down less
    if plan.split_share is not None:
        try:
            files = job_files(plan)
            # A file that has changed since is cut elsewhere: rows that were trained on would be asked.
            unchanged = file_sha256(files.training) == record.dataset_sha256
        except (TunedeckError, OSError):
            return None
        return files.validation if unchanged else None
    return plan.validation if plan.validation is not None and plan.validation.is_file() else None
