"""Finds what a confirmation made when its answer was lost."""

from __future__ import annotations

from tui.jobs.plan import RUN_ID_KEY
from tui.providers.failures import NOT_REACHED
from tui.providers.protocol import Provider, ProviderError
from tui.records.jobs import Job

_JOBS_SEARCHED = 100


_REQUEST_TIMEOUT_STATUS, _SERVER_TROUBLE_STATUS = 408, 500


def may_have_happened(error: ProviderError) -> bool:
    """Return whether a request that failed so may have been carried out all the same."""
    if error.status is None:
        return error.code != NOT_REACHED
    return (
        error.status == _REQUEST_TIMEOUT_STATUS
        or error.status >= _SERVER_TROUBLE_STATUS
        or error.status < 300
    )


def find_job_of_run(provider: Provider, run_id: str) -> Job | None:
    """Return the job that carries a run id, or None; also when the service ignores the metadata filter.

    Raises:
        ProviderError: The list can't be read.
    """
    for metadata in ({RUN_ID_KEY: run_id}, None):
        for job in provider.list_jobs(limit=_JOBS_SEARCHED, metadata=metadata):
            if job.metadata.get(RUN_ID_KEY) == run_id:
                return job
    return None


def lists_back_to(provider: Provider, moment: float) -> bool:
    """True when the jobs that are searched include every one made since `moment` (unix seconds).

    Raises:
        ProviderError: The list can't be read.
    """
    jobs = provider.list_jobs(limit=_JOBS_SEARCHED)
    return len(jobs) < _JOBS_SEARCHED or any(
        job.created_at is not None and job.created_at < moment for job in jobs
    )
