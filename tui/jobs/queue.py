"""Launches that wait: put off by their service, or to start later; sent at the confirmed price.

A launch waits before it was sent or after a definite refusal, so no job can exist; and it keeps its run id,
so that it can never make two. What changed meanwhile, the file or the price, ends its waiting: a person has
to confirm anew.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.datasets.formats import DatasetFormat
from tui.errors import ExitCode, TunedeckError
from tui.jobs.at_once import has_place, look_for_place, under_way
from tui.jobs.plan import LaunchPlan
from tui.jobs.ports import JobServices
from tui.jobs.queue_wish import QueueWish
from tui.jobs.wandb import parse_wandb
from tui.providers.protocol import Limit, ProviderError
from tui.records.jobs import Job, Method
from tui.records.notices import NoticeEvent, Trouble
from tui.store.database import StoreError
from tui.store.launch_rows import LaunchState, QueuedLaunch

if TYPE_CHECKING:
    from tui.store.launch_rows import LaunchRecord

_AFTER_MIDNIGHT = timedelta(minutes=5)
_AGAIN_SECONDS = 300
"""How often a launch asks whether another job has ended."""
_AGREED = (
    "model", "method", "tokens_per_epoch", "epochs", "price_per_million", "price_per_hour",
    "currency", "total",
)  # fmt: skip
"""What of a price was confirmed; the day on which it was read may be a later one."""
_LEASE_SECONDS = 1800
"""For so long a launch that one program is sending is left alone by others."""


class LaunchQueued(TunedeckError):
    """The launch waits: the service takes no more jobs now, or a person wants it to start later.

    Args:
        reason: Why, in a sentence.
        due_at: Unix second after which it is sent.
        is_wished: A person wants it so, and nothing went wrong.
    """

    def __init__(self, reason: str, due_at: int, *, is_wished: bool = False) -> None:
        sent = "sent" if is_wished else "sent once more"
        super().__init__(
            reason,
            f"The launch is queued: it is {sent} after {when_due(due_at)}, at the price you "
            "confirmed, by the open app or by `tunedeck queue run`. `tunedeck queue remove` takes it out.",
            exit_code=ExitCode.DONE if is_wished else ExitCode.BAD,
        )
        self.due_at = due_at
        self.is_wished = is_wished


def when_due(due_at: int) -> str:
    """Return a moment for people, in UTC: `2026-11-30 00:05 UTC`."""
    return f"{datetime.fromtimestamp(due_at, UTC):%Y-%m-%d %H:%M} UTC"


def put_off(services: JobServices, run_id: str, refusal: ProviderError) -> LaunchQueued | None:
    """Queue a launch that was refused because of a limit on jobs; None for any other refusal.

    The same launch does not wait twice, however often it was confirmed.
    """
    now = datetime.now(UTC)
    if refusal.limit is Limit.JOBS_PER_DAY:
        midnight = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        due_at = int((midnight + _AFTER_MIDNIGHT).timestamp())
    elif refusal.limit is Limit.JOBS_AT_ONCE:
        due_at = int(now.timestamp()) + _AGAIN_SECONDS
    else:
        return None
    try:
        twin = _twin_in_queue(services, run_id)
        if twin is not None:
            return LaunchQueued(refusal.message, twin.due_at)
        services.store.queue_launch(run_id, due_at)
    except StoreError:
        return None  # then it is a refusal like any other
    return LaunchQueued(refusal.message, due_at)


def wait_as_wished(services: JobServices, run_id: str, account: str, wish: QueueWish) -> LaunchQueued | None:
    """Queue a launch that is to start later, or whose account has no place now; None when it may start.

    Raises:
        StoreError: It can't be written.
        TunedeckError: The settings file is wrong.
    """
    now = int(time.time())
    due_at = wish.start_at or now
    if due_at <= now and look_for_place(services, account):
        return None
    taken = under_way(services, account)
    reason = (
        f"It is to start at {when_due(due_at)}."
        if due_at > now
        else f"{account} has {taken} {'job' if taken == 1 else 'jobs'} under way, as many as it may."
    )
    services.store.queue_launch(run_id, due_at, priority=wish.priority, is_wished=True)
    return LaunchQueued(reason, due_at, is_wished=True)


def _twin_in_queue(services: JobServices, run_id: str) -> QueuedLaunch | None:
    record = services.store.launch(run_id)
    wanted = (record.account, record.fingerprint) if record is not None else None
    for one in services.store.queued_launches():
        if one.record.run_id != run_id and (one.record.account, one.record.fingerprint) == wanted:
            return one
    return None


def send_due(
    services: JobServices, now: float | None = None, *, account: str | None = None
) -> list[Job | TunedeckError]:
    """Send the queued launches whose time has come; returns the jobs, or why there is none.

    Args:
        services: The store and the providers.
        now: Unix seconds; None takes the clock's.
        account: Only this one's; None sends every account's.

    Raises:
        StoreError: The store can't be read.
    """
    moment = int(time.time() if now is None else now)
    results: list[Job | TunedeckError] = []
    for queued in services.store.queued_launches():
        if account not in (None, queued.record.account) or queued.due_at > moment:
            continue
        if not has_place(services, queued.record.account):
            continue
        if not services.store.lease_queued(queued, moment + _LEASE_SECONDS):
            continue
        results.append(_send(services, queued.record))
    return results


def find_queued(services: JobServices, run_id: str) -> QueuedLaunch:
    """Return the queued launch whose run id begins so.

    Raises:
        TunedeckError: There is none, or more than one.
    """
    found = [one for one in services.store.queued_launches() if one.record.run_id.startswith(run_id)]
    if not run_id or not found:
        raise TunedeckError(f"There is no queued launch {run_id!r}.", "`tunedeck queue` lists them.")
    if len(found) > 1:
        raise TunedeckError(f"{run_id!r} fits {len(found)} queued launches.", "Give more of the run id.")
    return found[0]


def plan_of(record: LaunchRecord) -> LaunchPlan:
    """Return the plan that was confirmed, with its run id."""
    kept: Mapping[str, Any] = record.request
    return LaunchPlan(
        account=record.account,
        model=kept["model"],
        training=Path(kept["training"]),
        method=Method(kept["method"]),
        validation=Path(kept["validation"]) if kept.get("validation") else None,
        split_share=kept.get("split_share"),
        hyperparameters=kept.get("hyperparameters") or {},
        suffix=kept.get("suffix"),
        seed=kept.get("seed"),
        metadata=kept.get("metadata") or {},
        read_as=DatasetFormat(kept["read_as"]) if kept.get("read_as") else None,
        grader=kept.get("grader"),
        wandb=parse_wandb(kept["wandb"]) if kept.get("wandb") else None,
        stop_rules=kept.get("stop_rules") or "",
        run_id=record.run_id,
    )


def _send(services: JobServices, record: LaunchRecord) -> Job | TunedeckError:
    from tui.jobs.launch import launch  # it queues what is refused again
    from tui.jobs.preflight import estimate_plan

    plan = plan_of(record)
    try:
        _refuse_changes(services, plan, record)
        estimate = estimate_plan(plan, services)
        named = estimate.as_json()
        if any(named.get(key) != record.price.get(key) for key in _AGREED):
            raise _changed(record, "its price")
        job = launch(plan, services, confirmed_price=estimate)
    except LaunchQueued as error:
        return error
    except TunedeckError as error:
        if isinstance(error, ProviderError) and error.retryable:
            services.store.queue_launch(record.run_id, int(time.time()) + _AGAIN_SECONDS)
            return error
        services.store.unqueue_launch(record.run_id)
        if services.store.launch(record.run_id) == record:
            services.store.update_launch(record.run_id, LaunchState.REFUSED, problem=error.message)
        services.store.add_notice(
            record.account, record.run_id, NoticeEvent.ATTENTION, Trouble.QUEUE,
            f"{error.message} {error.remedy}".strip(),
        )  # fmt: skip
        return error
    services.store.unqueue_launch(record.run_id)
    return job


def _refuse_changes(services: JobServices, plan: LaunchPlan, record: LaunchRecord) -> None:
    from tui.jobs.files import job_files
    from tui.jobs.reports import file_sha256

    files = job_files(plan)
    validation = file_sha256(files.validation) if files.validation else None
    if plan.fingerprint(file_sha256(files.training), validation) != record.fingerprint:
        raise _changed(record, "its file")


def _changed(record: LaunchRecord, what: str) -> TunedeckError:
    return TunedeckError(
        f"The queued launch of {record.dataset_path.name} was not sent: {what} has changed since.",
        "Launch it again.",
        exit_code=ExitCode.BAD,
    )
