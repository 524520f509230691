"""What `cancel`, `pause` and `resume` share: find the job, ask its service, keep and show the answer."""

from __future__ import annotations

from collections.abc import Callable

from tui.cli.job_lookup import find_job, job_json
from tui.cli.output import print_json, say
from tui.errors import TunedeckError
from tui.providers.protocol import Provider
from tui.records.jobs import Job
from tui.records.models import Capability
from tui.services import Services


def control_job(
    job_id: str,
    account: str | None,
    capability: Capability,
    act: Callable[[Provider, Job], Job],
    *,
    as_json: bool,
) -> None:
    """Do something to a job at its service.

    Raises:
        TunedeckError: There is no such job, or the service can't or won't.
    """
    with Services.open() as services:
        job = find_job(services, job_id, account)
        provider = services.provider(job.account)
        permission = provider.can(capability)
        if not permission:
            raise TunedeckError(f"{provider.account.label} can't do that.", permission.reason)
        job = act(provider, job)
        if as_json:
            print_json(job_json(job))
        else:
            say(f"Job {job.id}: {job.state} ({job.raw_status}).")
        services.store.save_job(job)  # after it was said: the service has done it even if this fails
