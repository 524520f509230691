"""Launches whose answer was lost: they hold up their like until it is known whether they made a job."""

from __future__ import annotations

import time

from tui.errors import ExitCode, TunedeckError
from tui.jobs.ports import JobServices
from tui.jobs.runs import find_job_of_run, lists_back_to
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.protocol import Provider
from tui.records.notices import NoticeEvent, Trouble
from tui.store.launch_rows import LaunchRecord, LaunchState

_SETTLED_AFTER, _LOCAL_SETTLED_AFTER = 15 * 60, 60
"""Seconds after which a list without the job is believed; the longest that a request waits is 10 minutes."""
_LOST = (
    "Its creation got no answer, and the service's list of jobs does not tell whether it made one. "
    "`tunedeck settle` settles it; the same is not launched again before."
)
NOT_CREATED = "the service's list of jobs shows none"


class LaunchHeldUp(TunedeckError):
    """The same launch was sent before, and nobody knows yet whether it made a job."""

    def __init__(self, earlier: LaunchRecord) -> None:
        minutes = settled_after(earlier.account) // 60
        wait = "a minute" if minutes == 1 else f"{minutes} minutes"
        super().__init__(
            "The same launch was made before and got no answer: a job may exist.",
            f"`tunedeck jobs` looks for it, as Jobs does. Once {earlier.account} answers and lists none "
            f"{wait} after it was sent, this launch is free again; `tunedeck settle` settles it by hand. "
            "For a second job, change the seed.",
            exit_code=ExitCode.BAD,
        )


def settled_after(account: str) -> int:
    """Return the seconds after which an account's list of jobs is believed to be complete."""
    return _LOCAL_SETTLED_AFTER if account == LOCAL_NAME else _SETTLED_AFTER


def held_up_by(services: JobServices, account: str, fingerprint: str, run_id: str) -> LaunchHeldUp | None:
    """Return why a launch must wait for an earlier one that asked for the same, or None."""
    for earlier in services.store.launches_like(account, fingerprint):
        if earlier.run_id != run_id and earlier.state in (LaunchState.CREATING, LaunchState.UNKNOWN):
            return LaunchHeldUp(earlier)
    return None


def settle_launches(services: JobServices, account: str) -> None:
    """Find the jobs of launches whose answer was lost, or find out that they made none.

    Raises:
        ProviderError: The service can't be asked.
    """
    for record in services.store.open_launches():
        if record.account != account:
            continue
        provider = services.provider(account)
        job = find_job_of_run(provider, record.run_id)
        if job is not None:
            services.store.save_job(job)
            services.store.update_launch(record.run_id, LaunchState.CREATED, job_id=job.id)
        elif _made_none(provider, record):
            services.store.update_launch(record.run_id, LaunchState.REFUSED, problem=NOT_CREATED)
        elif time.time() - record.created_at > settled_after(account):
            services.store.add_notice(account, record.run_id, NoticeEvent.ATTENTION, Trouble.LOST, _LOST)


def _made_none(provider: Provider, record: LaunchRecord) -> bool:
    """Believe a list that does not show the job when it is late enough and reaches back far enough."""
    wait = settled_after(record.account)
    return time.time() - record.created_at > wait and lists_back_to(provider, record.created_at - wait)
