"""The models and jobs of an account: asked where that costs nothing, as last seen otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from tui.jobs.ports import JobServices
from tui.providers.protocol import ProviderError
from tui.providers.remedies import NO_FINE_TUNING
from tui.records.jobs import Job
from tui.records.models import Capability, ModelInfo

_LOCAL = "local"


def account_models(services: JobServices, account: str) -> tuple[list[ModelInfo], str]:
    """Return an account's models, newest first, and a note for the person when they are not fresh.

    The local engine is not started for this: its models are then the ones last seen, or the catalog's.

    Raises:
        ProviderError: The service can't be asked.
    """
    details = services.account(account)
    if not details.ready:
        return services.store.models(account), f"{details.label}: {details.state}"
    if account == _LOCAL and not _engine_runs():
        known = services.store.models(account) or _from_catalog(services)
        return known, "The local engine is not running; these are its models as last seen."
    models = list(services.provider(account).list_models())
    services.store.save_listing(details, models)
    services.catalog.take_dates(services.store.model_dates())
    if services.provider(account).can(Capability.DEPLOY):
        _note_deployments(services, account)
    return models, ""


def _note_deployments(services: JobServices, account: str) -> None:
    from tui.jobs.deployments import list_deployments  # few people deploy

    with suppress(ProviderError):  # who is not signed in there can have the models all the same
        list_deployments(services, account)


def list_account_jobs(services: JobServices, account: str, limit: int) -> Sequence[Job]:
    """Return an account's newest jobs, and keep whether its address has such a list at all.

    Raises:
        ProviderError: The service can't be asked, or only chats.
    """
    try:
        jobs = services.provider(account).list_jobs(limit)
    except ProviderError as error:
        if error.code == NO_FINE_TUNING:
            services.store.note_account(account, NO_FINE_TUNING, error.message)
        raise
    if services.store.account_note(account, NO_FINE_TUNING) is not None:
        services.store.forget_account_note(account, NO_FINE_TUNING)
    return jobs


def chats_only(services: JobServices, account: str) -> str:
    """Return that an account had no fine-tuning jobs when it was last asked, in words; empty otherwise."""
    note = services.store.account_note(account, NO_FINE_TUNING)
    if note is None:
        return ""
    day = datetime.fromtimestamp(note[1], UTC).date()
    return f"It only chatted when it was asked on {day}: no fine-tuning jobs at its address."


def _engine_runs() -> bool:
    from tui.local_engine import find_engine  # only the local account needs it

    return find_engine() is not None


def _from_catalog(services: JobServices) -> list[ModelInfo]:
    return [
        ModelInfo(_LOCAL, model.id, can_train=True)
        for model in services.catalog.models
        if model.provider == _LOCAL
    ]
