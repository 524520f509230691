"""What can be done with a checkpoint: talk to it, compare it with base and result, train further from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.ports import JobServices
from tui.money.lifetime import Lifetime, Lifetimes
from tui.records.jobs import Checkpoint, Job
from tui.records.models import Capability, Permission

YES = Permission(True)
DROPPED = "The service does not list this checkpoint any more; it keeps the last few."


@dataclass(frozen=True, slots=True)
class CheckpointUse:
    """What can be done with one checkpoint, each with the reason when it can't."""

    chat: Permission = YES
    compare: Permission = YES
    """Base, checkpoint and final model side by side."""
    train: Permission = YES

    def as_json(self) -> dict[str, Any]:
        """Return the reasons against each use; null where there is none."""
        uses = {"chat": self.chat, "compare": self.compare, "train": self.train}
        return {name: None if permission else permission.reason for name, permission in uses.items()}


def checkpoint_uses(
    services: JobServices, job: Job, checkpoints: Iterable[Checkpoint], *, today: date | None = None
) -> dict[str, CheckpointUse]:
    """Return what can be done with each checkpoint of a job, by checkpoint id; asks no service.

    Whether a service would take a job on a model that the catalog does not know is left to preflight: it has
    taken one on the same base before.

    Args:
        services: Store, catalog and accounts.
        job: Whose checkpoints they are.
        checkpoints: As they are kept.
        today: The day that ends are judged by, UTC.
    """
    if not (wanted := list(checkpoints)):
        return {}  # and no service's client is loaded
    lifetimes = Lifetimes(services.catalog, services.store.model_dates(), today)
    deleted = {model for account, model in services.store.deleted_models() if account == job.account}
    try:
        service = services.account(job.account).provider
    except TunedeckError as error:
        gone = Permission(False, error.message)
        return {one.id: CheckpointUse(gone, gone, gone) for one in wanted}
    known = services.catalog.find(job.model, service)
    train = known.can_train(None, lifetimes.today) if known is not None else YES
    chat = _chat_permission(services, job.account)
    found = {}
    for one in wanted:
        gone = _existence(one, deleted, lifetimes.of(service, one.model or job.model))
        talk = gone if not gone else chat
        found[one.id] = CheckpointUse(talk, _comparison(job, one, deleted, talk), gone if not gone else train)
    return found


def _chat_permission(services: JobServices, account: str) -> Permission:
    try:
        return services.provider(account).can(Capability.CHAT)
    except TunedeckError as error:
        return Permission(False, error.message)


def _existence(checkpoint: Checkpoint, deleted: set[str], lifetime: Lifetime) -> Permission:
    if not checkpoint.model:
        return Permission(False, "The service gives this checkpoint no name that a model is asked by.")
    if checkpoint.model in deleted:
        return Permission(False, f"{checkpoint.model} was deleted.")
    if not checkpoint.is_listed:
        return Permission(False, DROPPED)
    if lifetime.is_over:
        return Permission(False, f"{checkpoint.model} was shut down on {lifetime.shutdown_date}.")
    return YES


def _comparison(job: Job, checkpoint: Checkpoint, deleted: set[str], chat: Permission) -> Permission:
    if not chat:
        return chat
    if job.fine_tuned_model is None:
        return Permission(False, "There is no final model yet; beside its base it can be talked to already.")
    if job.fine_tuned_model in deleted:
        return Permission(False, f"The final model {job.fine_tuned_model} was deleted.")
    if job.fine_tuned_model == checkpoint.model:
        return Permission(False, "This checkpoint is the final model; beside its base it can be talked to.")
    return YES
