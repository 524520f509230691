"""Cancelling, pausing and resuming a job: what can be done to it now, and doing it."""

from __future__ import annotations

from enum import StrEnum

from tui.errors import TunedeckError
from tui.jobs.ports import JobServices
from tui.providers.protocol import Provider
from tui.records.jobs import Job, JobState
from tui.records.models import Capability, Permission

_PAUSABLE = (JobState.PREPARING, JobState.QUEUED, JobState.RUNNING, JobState.PAUSED)


class Control(StrEnum):
    """Something that can be done to a job that is not over."""

    CANCEL = "cancel"
    PAUSE = "pause"
    RESUME = "resume"

    @property
    def capability(self) -> Capability:
        """What an account must be able to do for it."""
        return Capability(self.value)


_PARTICIPLES = {Control.CANCEL: "cancelled", Control.PAUSE: "paused", Control.RESUME: "resumed"}


class NotKept(TunedeckError):
    """The service has done it, but the store could not take it down.

    Args:
        job: As the service answered.
        error: What the store said.
    """

    def __init__(self, job: Job, error: TunedeckError) -> None:
        super().__init__(
            f"The job {job.id} is {job.state} at {job.account}, but that could not be kept here. "
            f"{error.message}",
            error.remedy,
            exit_code=error.exit_code,
        )
        self.job = job


def reason_against(job: Job, control: Control, permission: Permission) -> str:
    """Return why this can't be done to the job as it was last seen; empty when it can.

    Args:
        job: As the store knows it; a service may be further by now, and then refuses by itself.
        control: What shall be done.
        permission: What the job's account says of `control.capability`.
    """
    if job.state.is_final:
        return f"The job is {job.state} already."
    if control is Control.PAUSE and job.state not in _PAUSABLE:
        return f"A job that is {job.state} can't be paused."
    return "" if permission else permission.reason


def control_job(services: JobServices, job: Job, control: Control) -> Job:
    """Do it at the job's service, keep the answer and return it.

    Raises:
        TunedeckError: It can't be done, or the service would not.
        NotKept: It is done, and the store failed.
    """
    provider = services.provider(job.account)
    reason = reason_against(job, control, provider.can(control.capability))
    if reason:
        raise TunedeckError(f"The job {job.id} can't be {_PARTICIPLES[control]}.", reason)
    changed = _ask(provider, job.id, control)
    try:
        services.store.save_job(changed)
    except TunedeckError as error:
        raise NotKept(changed, error) from None
    return changed


def _ask(provider: Provider, job_id: str, control: Control) -> Job:
    match control:
        case Control.CANCEL:
            return provider.cancel_job(job_id)
        case Control.PAUSE:
            return provider.pause_job(job_id)
        case Control.RESUME:
            return provider.resume_job(job_id)
