"""What `cancel`, `pause` and `resume` share: find the job, let the core do it, show the answer."""

from __future__ import annotations

from tui.cli.job_lookup import find_job, job_json
from tui.cli.output import print_json, say
from tui.jobs.control import Control, NotKept, control_job
from tui.records.jobs import Job
from tui.services import Services


def control_and_say(job_id: str, account: str | None, control: Control, *, as_json: bool) -> None:
    """Do something to a job at its service and print the job.

    Raises:
        TunedeckError: There is no such job, or the service can't or won't.
    """
    with Services.open() as services:
        try:
            job = control_job(services, find_job(services, job_id, account), control)
        except NotKept as error:
            _say(error.job, as_json)  # the service has done it all the same
            raise
        _say(job, as_json)


def _say(job: Job, as_json: bool) -> None:
    if as_json:
        print_json(job_json(job))
    else:
        say(f"Job {job.id}: {job.state} ({job.raw_status}).")
