"""Finds the job a person means by its id or the beginning of it: in the store, then at the services."""

from __future__ import annotations

import datetime as dt
from typing import Any

import click

from tui.errors import TunedeckError
from tui.jobs.fetch import FetchResult, fetch_job
from tui.providers.protocol import ProviderError
from tui.records.jobs import Checkpoint, Job
from tui.services import Services

account_option = click.option("--account", help="Only this account's; otherwise every account is searched.")
_NO_SUCH_JOB = (400, 404)
"""Answers to an id that the service does not have, or that can't be one of its ids."""
job_argument = click.argument("job_id", metavar="JOB")


def find_job(services: Services, job_id: str, account: str | None = None) -> Job:
    """Return the job with this id, or whose id begins so.

    Raises:
        TunedeckError: There is none, or more than one, or a service that may have it could not be asked.
    """
    if not job_id or not job_id.isprintable():  # surrogates of bytes that are no UTF-8 are not printable
        raise TunedeckError(f"There is no job {job_id!r}.", "`tunedeck jobs` lists them.")
    if account is not None:
        services.account(account)  # a name that is none must not look like a job that is none
    found = [job for job in services.store.find_jobs(job_id) if account in (None, job.account)]
    found = found or _ask_services(services, job_id, account)
    if not found:
        raise TunedeckError(f"There is no job {job_id!r}.", "`tunedeck jobs` lists them.")
    if len(found) > 1:
        names = ", ".join(f"{job.id} ({job.account})" for job in found[:5])
        raise TunedeckError(
            f"{job_id!r} fits {len(found)} jobs: {names}.", "Give more of the id, or --account."
        )
    return found[0]


def _ask_services(services: Services, job_id: str, account: str | None) -> list[Job]:
    """Return the job from each service that has it.

    Raises:
        TunedeckError: None has it, and one that may have it could not be asked.
    """
    found, unasked = [], []
    for one in services.accounts():
        if account not in (None, one.name) or not (one.ready or account):
            continue
        try:
            job = services.provider(one.name).retrieve_job(job_id)
        except TunedeckError as error:
            if not (isinstance(error, ProviderError) and error.status in _NO_SUCH_JOB):
                unasked.append((one.name, error))
            continue
        services.store.save_job(job)
        found.append(job)
    if unasked and not found:
        raise _unknown_because(job_id, unasked)
    return found


def _unknown_because(job_id: str, unasked: list[tuple[str, TunedeckError]]) -> TunedeckError:
    names = " and ".join(name for name, _ in unasked)
    reasons = " ".join(error.message for _, error in unasked)
    remedies = dict.fromkeys(error.remedy for _, error in unasked if error.remedy)
    return TunedeckError(
        f"The job {job_id!r} is not known here, and {names} could not be asked for it. {reasons}",
        " ".join(remedies),
        exit_code=unasked[0][1].exit_code,
    )


def refresh(services: Services, job: Job) -> FetchResult:
    """Ask the service for the job's news and keep them."""
    return fetch_job(services.store, services.provider(job.account), job)


def when(seconds: int | None) -> str:
    """Return Unix seconds as local date and time, or a dash."""
    if seconds is None:
        return "-"
    return dt.datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def job_json(job: Job) -> dict[str, Any]:
    """Return a job for `--json`: our names, and the service's whole answer under "raw"."""
    error = job.error
    return {
        "account": job.account, "id": job.id, "state": str(job.state), "raw_status": job.raw_status,
        "model": job.model, "method": str(job.method), "created_at": job.created_at,
        "finished_at": job.finished_at, "estimated_finish": job.estimated_finish,
        "fine_tuned_model": job.fine_tuned_model, "training_file": job.training_file,
        "validation_file": job.validation_file, "result_files": list(job.result_files),
        "trained_tokens": job.trained_tokens, "hyperparameters": dict(job.hyperparameters),
        "seed": job.seed, "suffix": job.suffix, "metadata": dict(job.metadata),
        "error": {"code": error.code, "message": error.message, "param": error.param} if error else None,
        "raw": dict(job.raw),
    }  # fmt: skip


def checkpoint_json(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint for `--json`."""
    return {"id": checkpoint.id, "model": checkpoint.model, "step": checkpoint.step,
            "metrics": dict(checkpoint.metrics)}  # fmt: skip
