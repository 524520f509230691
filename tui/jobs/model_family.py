"""Every model with where it comes from: base, job, checkpoint, continued job; days left, scores, cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from tui.jobs.checkpoint_use import DROPPED
from tui.jobs.model_costs import NOTHING, ModelCosts
from tui.jobs.ports import JobServices
from tui.money.lifetime import Lifetime, Lifetimes
from tui.money.usage_price import Amount
from tui.records.jobs import JobState
from tui.records.model_names import base_of
from tui.records.models import ModelInfo, Permission
from tui.store.model_queries import ModelKey
from tui.store.model_rows import JobOrigin, KeptCheckpoint


class ModelKind(StrEnum):
    """What a line of the family is."""

    BASE = "base"
    TUNED = "tuned"
    CHECKPOINT = "checkpoint"
    JOB = "job"
    """A job that has made no model yet; its id stands for the model's."""


@dataclass(frozen=True, slots=True)
class FamilyModel:
    """A model of an account, with all that is known here of its life."""

    account: str
    id: str
    kind: ModelKind
    provider: str
    parent: ModelKey | None
    """What it was trained from; None for a base."""
    lifetime: Lifetime
    trainable: Permission
    """Whether a job can be created on it today."""
    base_model: str | None = None
    """The base at the root of its family; None for a base."""
    job: JobOrigin | None = None
    """The job that made it, where that is known."""
    step: int | None = None
    """Of a checkpoint."""
    created_at: int | None = None
    can_chat: bool = True
    is_listed: bool = True
    """The service names it among its models, as far as was seen last."""
    is_dropped: bool = False
    """A checkpoint that its service does not list any more: it answers nobody."""
    deleted_at: int | None = None
    """Unix second at which it was deleted from here."""
    owned_by: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)
    """Loss and accuracy of its checkpoint, by name."""
    training_cost: Amount | None = None
    """None when it is not known or not published."""
    answers_cost: Amount | None = None
    tags: tuple[str, ...] = ()
    note: str = ""

    @property
    def key(self) -> ModelKey:
        """Account and id."""
        return self.account, self.id

    @property
    def is_model(self) -> bool:
        """False for a job that has made none yet."""
        return self.kind is not ModelKind.JOB


@dataclass(slots=True)
class _Draft:
    """A model while its parts are gathered."""

    kind: ModelKind
    parent: ModelKey | None = None
    job: JobOrigin | None = None
    step: int | None = None
    created_at: int | None = None
    listed: ModelInfo | None = None
    scores: Mapping[str, float] = field(default_factory=dict)
    is_dropped: bool = False
    """A checkpoint that its service does not list any more."""


def model_family(
    services: JobServices, models: Iterable[ModelInfo] | None = None, *, today: date | None = None
) -> list[FamilyModel]:
    """Return every model that is known, bases and what was made from them; asks no service.

    Args:
        services: Store, catalog and accounts.
        models: What the accounts list; None takes what the store saw last.
        today: The day that days are counted from.

    Raises:
        TunedeckError: The store, or a file of the person's, can't be read.
    """
    store = services.store
    drafts = _Drafts()
    for model in store.models() if models is None else models:
        drafts.add_listed(model)
    jobs = {(job.account, job.id): job for job in store.job_origins()}
    checkpoints = store.all_checkpoints()
    with_checkpoints = {(one.account, one.job_id) for one in checkpoints}
    for job in jobs.values():
        drafts.add_job(job, has_checkpoints=(job.account, job.id) in with_checkpoints)
    for checkpoint in checkpoints:
        drafts.add_checkpoint(checkpoint, jobs.get((checkpoint.account, checkpoint.job_id)))
    return _Finisher(services, today).finish(drafts.close())


class _Drafts:
    """Gathers models from lists, jobs and checkpoints; whoever is named as a parent is there in the end."""

    def __init__(self) -> None:
        self._drafts: dict[ModelKey, _Draft] = {}

    def add_listed(self, model: ModelInfo) -> None:
        parent = (model.account, model.base_model) if model.base_model else None
        kind = ModelKind.TUNED if parent else ModelKind.BASE
        self._drafts[model.account, model.id] = _Draft(
            kind, parent, created_at=model.created_at, listed=model
        )

    def add_job(self, job: JobOrigin, *, has_checkpoints: bool) -> None:
        parent = (job.account, job.model)
        if job.fine_tuned_model:
            draft = self._drafts.setdefault((job.account, job.fine_tuned_model), _Draft(ModelKind.TUNED))
            draft.kind, draft.parent, draft.job = ModelKind.TUNED, parent, job
            draft.created_at = draft.created_at or job.finished_at or job.created_at
        elif has_checkpoints or JobState(job.state) not in (JobState.FAILED, JobState.CANCELLED):
            # One that succeeded without a name for its model has to be deployed to get one.
            self._drafts[job.account, job.id] = _Draft(ModelKind.JOB, parent, job, created_at=job.created_at)

    def add_checkpoint(self, checkpoint: KeptCheckpoint, job: JobOrigin | None) -> None:
        if job is None or not checkpoint.model:
            return
        made = (job.account, job.fine_tuned_model or job.id)
        if checkpoint.model == job.fine_tuned_model:  # the last one is the model itself
            self._drafts[made].scores = checkpoint.metrics
            return
        draft = self._drafts.setdefault((job.account, checkpoint.model), _Draft(ModelKind.CHECKPOINT))
        draft.kind, draft.parent, draft.job = ModelKind.CHECKPOINT, made, job
        draft.step, draft.scores, draft.is_dropped = (
            checkpoint.step,
            checkpoint.metrics,
            not checkpoint.is_listed,
        )
        draft.created_at = draft.created_at or checkpoint.created_at

    def close(self) -> dict[ModelKey, _Draft]:
        """Add the parents that no list names: models that were shut down, or of an account not asked yet."""
        missing = [one.parent for one in self._drafts.values() if one.parent is not None]
        while missing:
            account, model = missing.pop()
            if (account, model) in self._drafts:
                continue
            base = base_of(model)
            parent = (account, base) if base != model else None
            self._drafts[account, model] = _Draft(ModelKind.TUNED if parent else ModelKind.BASE, parent)
            if parent is not None:
                missing.append(parent)
        return self._drafts


class _Finisher:
    """Makes models of drafts: dates, permissions, prices, words."""

    def __init__(self, services: JobServices, today: date | None) -> None:
        store = services.store
        self._catalog = services.catalog
        self._lifetimes = Lifetimes(services.catalog, store.model_dates(), today)
        self._providers = {account.name: account.provider for account in services.accounts()}
        self._tags = store.model_tags()
        self._notes = store.model_notes()
        self._deleted = store.deleted_models()
        self._costs = ModelCosts(services.catalog, store.usage())

    def finish(self, drafts: Mapping[ModelKey, _Draft]) -> list[FamilyModel]:
        """Return the models in the order of the drafts."""
        return [self._model(key, draft, _root(key, drafts)) for key, draft in drafts.items()]

    def _model(self, key: ModelKey, draft: _Draft, root: str) -> FamilyModel:
        account, model_id = key
        provider = self._providers.get(account, account)
        listed = draft.listed
        named = model_id if draft.kind is not ModelKind.JOB else root
        lifetime = self._lifetimes.of(provider, named, listed.shutdown_date if listed else None)
        if lifetime.shutdown_date is None and named != root:
            lifetime = self._lifetimes.of(provider, root)
        known = self._catalog.find(named, provider) or self._catalog.find(root, provider)
        # A base costs nobody its training, and a checkpoint's is that of its job's model.
        was_trained = draft.kind in (ModelKind.TUNED, ModelKind.JOB)
        deleted_at = None if listed is not None else self._deleted.get(key)
        return FamilyModel(
            account, model_id, draft.kind, provider, draft.parent, lifetime,
            self._trainable(key, draft, root, provider, deleted_at),
            base_model=None if draft.kind is ModelKind.BASE else root, job=draft.job, step=draft.step,
            created_at=draft.created_at,
            can_chat=draft.kind is not ModelKind.JOB and deleted_at is None and not lifetime.is_over
            and not draft.is_dropped and (listed is None or listed.can_chat),
            is_listed=listed is not None, is_dropped=draft.is_dropped, deleted_at=deleted_at,
            owned_by=listed.owned_by if listed else "",
            scores=draft.scores,
            training_cost=self._costs.of_training(known, draft.job) if was_trained else NOTHING,
            answers_cost=self._costs.of_answers(known, key, tuned=draft.kind is not ModelKind.BASE),
            tags=self._tags.get(key, ()), note=self._notes.get(key, ""),
        )  # fmt: skip

    def _trainable(
        self, key: ModelKey, draft: _Draft, root: str, provider: str, deleted_at: int | None
    ) -> Permission:
        if draft.kind is ModelKind.JOB:
            return Permission(False, "This job has made no model yet.")
        if deleted_at is not None:
            return Permission(False, f"{key[1]} was deleted.")
        if draft.is_dropped:
            return Permission(False, DROPPED)
        known = self._catalog.find(key[1], provider) or self._catalog.find(root, provider)
        if known is not None:
            return known.can_train(None, self._lifetimes.today)
        if draft.listed is not None and draft.listed.can_train:
            return Permission(True)
        return Permission(False, f"The catalog does not say that {root} can be trained at {provider}.")


def _root(key: ModelKey, drafts: Mapping[ModelKey, _Draft]) -> str:
    """Return the base that a model comes from; a service that makes a ring of parents ends nothing."""
    seen = {key}
    parent = drafts[key].parent
    while parent is not None and parent not in seen:
        seen.add(parent)
        key, parent = parent, drafts[parent].parent
    return base_of(key[1])
