"""The models of an account: asked where that costs nothing, as last seen otherwise."""

from __future__ import annotations

from tui.jobs.ports import JobServices
from tui.records.models import ModelInfo

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
    return models, ""


def _engine_runs() -> bool:
    from tui.local_engine import find_engine  # only the local account needs it

    return find_engine() is not None


def _from_catalog(services: JobServices) -> list[ModelInfo]:
    return [
        ModelInfo(_LOCAL, model.id, can_train=True)
        for model in services.catalog.models
        if model.provider == _LOCAL
    ]
