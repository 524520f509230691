"""Everything that waits: launches held here, and jobs in the queue of an engine that keeps one."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tui.errors import ExitCode, TunedeckError
from tui.jobs.at_once import has_place, limit_of, under_way
from tui.jobs.ports import JobServices
from tui.jobs.queue import when_due
from tui.jobs.queue_wish import priority_word
from tui.records.jobs import Job, JobState
from tui.records.models import Capability
from tui.records.requests import QueueChange
from tui.store.launch_rows import QueuedLaunch

_DAY_SECONDS = 86_400
PLACES = ("first", "up", "down", "last")
"""Where a person can move what waits, among those of its account and priority."""


class WaitsIn(StrEnum):
    """Whose queue something waits in."""

    TUNEDECK = "tunedeck"
    """Sent by the open app or by `tunedeck queue run`."""
    ENGINE = "engine"
    """Started by the engine, whether this program runs or not."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something that waits; the first of a queue goes first once it may."""

    id: str
    """Run id of a launch, or id of a job."""
    waits_in: WaitsIn
    account: str
    model: str
    file: str
    priority: int
    start_at: int | None
    """Unix seconds before which it does not start; None where a place is all it needs."""
    why: str
    """What it waits for, in a few words."""
    launch: QueuedLaunch | None = None
    job: Job | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it for `--json`."""
        return {
            "id": self.id, "waits_in": str(self.waits_in), "account": self.account, "model": self.model,
            "file": self.file, "priority": priority_word(self.priority), "start_at": self.start_at,
            "why": self.why,
        }  # fmt: skip


def waiting(services: JobServices, now: float | None = None) -> list[Waiting]:
    """Return all that waits, as the store knows it: by account, in the order in which it goes.

    Raises:
        StoreError: The store can't be read.
    """
    moment = time.time() if now is None else now
    found = [_of_launch(services, one, moment) for one in services.store.queued_launches()]
    jobs = [job for job in services.store.jobs_to_watch() if job.state is JobState.QUEUED]
    kept = {name: keeps_queue(services, name) for name in {job.account for job in jobs}}
    found += [_of_job(services, job, moment) for job in sorted(jobs, key=_place) if kept[job.account]]
    return sorted(found, key=lambda one: one.account)  # stable: each account keeps its order


def words_of_waiting_jobs(services: JobServices, now: float | None = None) -> dict[tuple[str, str], str]:
    """Return (account, job) -> when it may start, or its place in the queue of its engine, in 14 columns.

    Jobs of services that start them in an order of their own are not in it.

    Raises:
        StoreError: The store can't be read.
    """
    moment = time.time() if now is None else now
    words: dict[tuple[str, str], str] = {}
    places: dict[str, int] = {}
    for one in waiting(services, moment):
        if one.job is None:
            continue
        place = places[one.account] = places.get(one.account, 0) + 1
        if one.start_at is not None:
            at = datetime.fromtimestamp(one.start_at, UTC)
            near = one.start_at - moment < _DAY_SECONDS
            words[one.account, one.id] = f"{at:%H:%M} UTC" if near else f"{at:%m-%d %H:%M}"
        else:
            words[one.account, one.id] = "next" if place == 1 else f"place {place:,}"
    return words


def look_at_queues(services: JobServices) -> None:
    """Ask the services that keep a queue for the jobs in it, whose order the store may not know yet.

    Raises:
        ProviderError: One of them does not answer.
    """
    opened = [job for job in services.store.jobs_to_watch() if not job.state.is_final]
    for account in {job.account for job in opened}:
        if keeps_queue(services, account):
            for job in services.provider(account).list_jobs():
                services.store.save_job(job)


def keeps_queue(services: JobServices, account: str) -> bool:
    """Say whether an account's service keeps jobs waiting in an order that can be changed."""
    try:
        return bool(services.provider(account).can(Capability.QUEUE))
    except TunedeckError:
        return False  # an account that is there no more


def find_waiting(services: JobServices, name: str) -> Waiting:
    """Return what waits under this id, or under one that begins so.

    Raises:
        TunedeckError: There is none, or more than one.
    """
    found = [one for one in waiting(services) if name and one.id.startswith(name)]
    exact = [one for one in found if one.id == name]
    if not found:
        raise TunedeckError(f"Nothing waits as {name!r}.", "`tunedeck queue` lists what does.")
    if len(found) > 1 and len(exact) != 1:
        raise TunedeckError(f"{name!r} fits {len(found)} that wait.", "Give more of the id.")
    return exact[0] if exact else found[0]


def change_waiting(services: JobServices, one: Waiting, change: QueueChange) -> None:
    """Give something that waits another priority, time or place.

    Raises:
        ProviderError: The engine refused: it waits no more, perhaps.
        TunedeckError: The store can't be written, or the place is none.
    """
    if change.place is not None and change.place not in PLACES:
        raise TunedeckError(
            f"{change.place!r} is no place.", f"Places are {', '.join(PLACES)}.", exit_code=ExitCode.WRONG_USE
        )
    if one.job is not None:
        services.store.save_job(services.provider(one.account).requeue_job(one.id, change))
        look_at_queues(services)  # others have moved with it
    elif one.launch is not None:
        _change_launch(services, one.launch, change)


def drop_waiting(services: JobServices, one: Waiting) -> None:
    """Let something wait no longer: a launch is not sent, a job is cancelled.

    Raises:
        ProviderError: The engine refused.
        StoreError: The store can't be written.
    """
    if one.job is not None:
        services.store.save_job(services.provider(one.account).cancel_job(one.id))
    else:
        services.store.unqueue_launch(one.id)


def _change_launch(services: JobServices, launch: QueuedLaunch, change: QueueChange) -> None:
    run_id, store = launch.record.run_id, services.store
    if change.priority is not None or change.start_after is not None:
        due_at = launch.due_at if change.start_after is None else change.start_after or int(time.time())
        store.queue_launch(run_id, due_at, priority=change.priority, is_wished=True)
    if change.place is not None:
        store.reorder_queue(_moved(store.queued_launches(), run_id, change.place))


def _moved(queue: Sequence[QueuedLaunch], run_id: str, place: str) -> list[str]:
    """Return the run ids in their new order; one moves among those of its account and priority only."""
    mine = next((one for one in queue if one.record.run_id == run_id), None)
    if mine is None:
        raise TunedeckError("This launch waits no more.", "")
    peers = [
        index for index, one in enumerate(queue)
        if (one.record.account, one.priority) == (mine.record.account, mine.priority)
    ]  # fmt: skip
    here = peers.index(queue.index(mine))
    wanted = {"first": 0, "up": here - 1, "down": here + 1, "last": len(peers) - 1}[place]
    order = [queue[index].record.run_id for index in peers]
    order.insert(min(max(wanted, 0), len(peers) - 1), order.pop(here))
    ids = [one.record.run_id for one in queue]
    for index, moved in zip(peers, order, strict=True):
        ids[index] = moved
    return ids


def _of_launch(services: JobServices, one: QueuedLaunch, now: float) -> Waiting:
    record, account = one.record, one.record.account
    if one.due_at > now:
        why = f"starts {when_due(one.due_at)}" if one.is_wished else f"tried again {when_due(one.due_at)}"
    elif not has_place(services, account):
        why = f"{under_way(services, account)} of {limit_of(services, account)} jobs under way"
    else:
        why = "sent next"
    return Waiting(
        record.run_id, WaitsIn.TUNEDECK, account, str(record.request.get("model")),
        record.dataset_path.name, one.priority, one.due_at if one.due_at > now else None, why, launch=one,
    )  # fmt: skip


def _of_job(services: JobServices, job: Job, now: float) -> Waiting:
    beyond = _beyond(job)
    start_at = _integer(beyond.get("start_after"))
    later = start_at is not None and start_at > now
    launch = services.store.launch_of_job(job.account, job.id)
    return Waiting(
        job.id, WaitsIn.ENGINE, job.account, job.model,
        launch.dataset_path.name if launch is not None else job.training_file or "",
        _integer(beyond.get("priority")) or 0, start_at if later else None,
        f"starts {when_due(start_at)}" if later and start_at is not None else "for a place at the engine",
        job=job,
    )  # fmt: skip


def _place(job: Job) -> tuple[int, int, int]:
    beyond = _beyond(job)
    return (
        -(_integer(beyond.get("priority")) or 0),
        _integer(beyond.get("queue_order")) or 0,
        job.created_at or 0,
    )


def _beyond(job: Job) -> Mapping[str, Any]:
    """Return what the engine says of a job beside the service's own fields."""
    beyond = job.raw.get("tunedeck")
    return beyond if isinstance(beyond, Mapping) else {}


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
