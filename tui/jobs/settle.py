"""Settling a lost launch by hand: its job is named, or a person's word is taken that there is none.

A launch is lost when its creation got no answer and the watcher could not find the job by its run id: the
service drops metadata, lists too few jobs, or lists none. Nothing here ever creates a job.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from tui.errors import ExitCode, TunedeckError
from tui.jobs.plan import RUN_ID_KEY
from tui.jobs.ports import JobServices
from tui.jobs.runs import find_job_of_run
from tui.jobs.unsettled import settled_after
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job
from tui.store.launch_rows import LaunchRecord, LaunchState

BY_HAND = "settled by hand: no job was made"
_CLOCK_SLACK_SECONDS = 15 * 60
"""How far a service's clock may be behind: a job made earlier than this before the launch is not its job."""


def lost_launches(services: JobServices) -> list[LaunchRecord]:
    """Return the launches that were sent and whose job is not known, oldest first.

    Raises:
        StoreError: The store can't be read.
    """
    return services.store.open_launches()


def find_lost_launch(services: JobServices, run_id: str) -> LaunchRecord:
    """Return the lost launch with this run id, or whose run id begins so.

    Raises:
        TunedeckError: There is none, or more than one.
    """
    found = [record for record in lost_launches(services) if record.run_id.startswith(run_id)]
    if not run_id or not found:
        raise TunedeckError(f"There is no lost launch {run_id!r}.", "`tunedeck settle` lists them.")
    if len(found) > 1:
        raise TunedeckError(f"{run_id!r} fits {len(found)} lost launches.", "Give more of the run id.")
    return found[0]


def likely_jobs(services: JobServices, record: LaunchRecord) -> list[Job]:
    """Return the known jobs that the launch may have made, newest first."""
    jobs = services.store.jobs(record.account)
    return [job for job in jobs if not _reason_against(services, record, job)]


def adopt_job(services: JobServices, record: LaunchRecord, job_id: str) -> Job:
    """Take a job of the account for the one that the launch made, and return it.

    Raises:
        TunedeckError: The service has no such job, it can't be this launch's, or the launch was settled
            meanwhile.
    """
    job = services.provider(record.account).retrieve_job(job_id)
    reason = _reason_against(services, record, job)
    if reason:
        raise TunedeckError(f"The job {job.id} is not the one of this launch: {reason}", "Name another job.")
    services.store.save_job(job)
    if not services.store.settle_launch(record.run_id, LaunchState.CREATED, job_id=job.id):
        raise _settled_meanwhile(record)
    return job


def seconds_until_dismissal(record: LaunchRecord) -> float:
    """Return how long a launch can't be called off yet, because its request may still be under way."""
    return max(0.0, record.created_at + settled_after(record.account) - time.time())


def mark_not_created(services: JobServices, record: LaunchRecord) -> Job | None:
    """Take a person's word that the launch made no job, after asking the service once more.

    Returns:
        None when the same may be launched again; the job when the service knows it after all, and the
        launch is tied to it.

    Raises:
        TunedeckError: It is too early, the service could not be reached, or it was settled meanwhile.
    """
    seconds = seconds_until_dismissal(record)
    if seconds > 0:
        raise TunedeckError(
            "The creation was sent so short a time ago that it may still be under way.",
            f"Try again in {round(seconds / 60) or 1} min.",
            exit_code=ExitCode.BAD,
        )
    job = _asked_once_more(services, record)
    if job is not None:
        return adopt_job(services, record, job.id)
    if not services.store.settle_launch(record.run_id, LaunchState.REFUSED, problem=BY_HAND):
        raise _settled_meanwhile(record)
    return None


def launch_json(record: LaunchRecord) -> dict[str, Any]:
    """Return a launch for `--json`."""
    return {
        "run_id": record.run_id, "account": record.account, "state": str(record.state),
        "sent_at": record.created_at, "model": record.request.get("model"),
        "method": record.request.get("method"), "file": str(record.dataset_path),
        "price": dict(record.price), "job_id": record.job_id, "problem": record.problem,
    }  # fmt: skip


def launch_facts(record: LaunchRecord) -> Sequence[tuple[str, str]]:
    """Return names and values that tell a launch apart, for people; the values are not made safe."""
    total = record.price.get("total")
    price = "not published" if total is None else f"{total} {record.price.get('currency', '')}".strip()
    return (
        ("Run", record.run_id),
        ("Account", record.account),
        ("Model", str(record.request.get("model"))),
        ("File", str(record.dataset_path)),
        ("Price", price),
    )


def _reason_against(services: JobServices, record: LaunchRecord, job: Job) -> str:
    run_id = job.metadata.get(RUN_ID_KEY)
    if run_id is not None and run_id != record.run_id:
        return "it carries the run id of another launch."
    owner = services.store.launch_of_job(job.account, job.id)
    if owner is not None and owner.run_id != record.run_id:
        return "another launch of yours made it."
    if job.created_at is not None and job.created_at < record.created_at - _CLOCK_SLACK_SECONDS:
        return "it was made before the launch was sent."
    return ""


def _asked_once_more(services: JobServices, record: LaunchRecord) -> Job | None:
    try:
        return find_job_of_run(services.provider(record.account), record.run_id)
    except ProviderError as error:
        if error.status is not None and 400 <= error.status < 500:
            return None  # it answers, and lists no jobs; that is what a person's word is for
        raise


def _settled_meanwhile(record: LaunchRecord) -> TunedeckError:
    return TunedeckError(
        f"The launch {record.run_id} was settled meanwhile, by the watcher or another program.",
        "`tunedeck settle` lists those that are left.",
    )
