"""One look at one job: ask, store, and say what was new."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from tui.jobs.results import read_result_file
from tui.providers.protocol import Provider, ProviderError
from tui.records.jobs import Job, JobEvent, JobState
from tui.records.notices import NoticeEvent, Trouble
from tui.store.store import Store

_NOT_FOUND = 404
_LISTED_JOBS = 100
NOT_OFFERED = (404, 405, 501)
"""Statuses of a service that has no such list."""
Item = TypeVar("Item")
GONE_STATUS = "not found"
"""Our word in `Job.raw_status` for a job that its service no longer knows."""
_GONE_WORDS = (
    "Its service answers, but knows no such job any more: deleted there, or of another project than the "
    "account's key. What it had told is kept here. Should it be listed again, it is followed again."
)


@dataclass(frozen=True, slots=True)
class FetchResult:
    """The job as it is now, and what this look added to the store."""

    job: Job
    changed: bool
    new_events: list[JobEvent]


def fetch_job(store: Store, provider: Provider, known: Job) -> FetchResult:
    """Ask a service for a job, its new events and checkpoints, and keep them.

    The job is asked before its events, so that a final answer is followed by all events; it is stored after
    them, so that a program killed in between asks again. A job that is over and wholly kept is marked so.

    Raises:
        ProviderError: The service can't be asked; nothing is lost, the next look fills the gap.
    """
    account = known.account
    try:
        job = provider.retrieve_job(known.id)
    except ProviderError as error:
        if error.status != _NOT_FOUND:
            raise
        listed = _listed(provider, known)
        if listed is None:
            return _gone(store, known)
        job = listed
    last_event = store.last_event_id(account, known.id)
    events = _if_offered(lambda: provider.list_events(known.id, known_id=last_event))
    new_events = store.add_events(account, known.id, events)
    if job.state.is_final or any("checkpoint" in event.message.lower() for event in new_events):
        fetch_checkpoints(store, provider, known)
    if job.state.is_final:
        _keep_result_file(store, provider, job)
    changed = store.save_job(job)
    if job.state.is_final:
        store.mark_archived(account, known.id)
    return FetchResult(job, changed, new_events)


def fetch_checkpoints(store: Store, provider: Provider, job: Job) -> None:
    """Ask a service for a job's checkpoints and keep them, whatever its events say of any.

    Raises:
        ProviderError: The service can't be asked; one without such a list changes nothing.
    """
    checkpoints = _if_offered(lambda: provider.list_checkpoints(job.id))
    store.save_checkpoints(job.account, job.id, checkpoints)


def _if_offered(ask: Callable[[], Sequence[Item]]) -> Sequence[Item]:
    """Return what a service lists, or nothing when it has no such list."""
    try:
        return ask()
    except ProviderError as error:
        if error.status in NOT_OFFERED:
            return ()
        raise


def _listed(provider: Provider, known: Job) -> Job | None:
    """Return a job from the service's list, which must answer before a job is given up.

    A proxy or a mistaken base URL answers 404 to everything, and knows of no job at all.

    Raises:
        ProviderError: The list can't be had either: nothing is known of the job.
    """
    return next((job for job in provider.list_jobs(_LISTED_JOBS) if job.id == known.id), None)


def _gone(store: Store, known: Job) -> FetchResult:
    job = known if known.state.is_final else replace(known, state=JobState.OTHER, raw_status=GONE_STATUS)
    changed = store.save_job(job)
    store.mark_archived(known.account, known.id)
    if not known.state.is_final:
        store.add_notice(known.account, known.id, NoticeEvent.ATTENTION, Trouble.GONE, _GONE_WORDS)
    return FetchResult(job, changed, [])


def _keep_result_file(store: Store, provider: Provider, job: Job) -> None:
    for file_id in job.result_files:
        try:
            content = provider.file_content(file_id)
        except ProviderError as error:
            if error.retryable:
                raise
            continue  # deleted or expired: the events hold the same numbers
        store.add_metrics(job.account, job.id, read_result_file(content))
