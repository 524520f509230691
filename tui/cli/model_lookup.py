"""Finds the model that a person named on the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.cli.output import narrate
from tui.errors import TunedeckError
from tui.services import Services

if TYPE_CHECKING:
    from tui.jobs.model_family import FamilyModel
    from tui.records.models import ModelInfo


def find_named_model(services: Services, name: str, account: str | None) -> FamilyModel:
    """Return the model meant, as last seen; the accounts are asked when it is not known."""
    from tui.jobs.model_family import model_family
    from tui.jobs.model_list import find_model, fitting_models

    if account is not None:
        services.account(account)
    family = model_family(services)
    if not fitting_models(family, name):
        family = model_family(services, models_of_accounts(services, account))
    return find_model(family, name, account)


def models_of_accounts(services: Services, account: str | None, *, offline: bool = False) -> list[ModelInfo]:
    """Return what the accounts list, or what they listed last; what went wrong is narrated."""
    if offline:
        return services.store.models(account)
    from tui.jobs.inventory import account_models

    found: list[ModelInfo] = []
    for one in services.accounts():
        if account not in (None, one.name):
            continue
        try:
            models, note = account_models(services, one.name)
        except TunedeckError as error:
            models, note = services.store.models(one.name), error.message
        if note:
            narrate(note)
        found += models
    return found
