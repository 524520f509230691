"""Which models can be talked to, and which one a person means."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Protocol

from tui.chat.lanes import Lane
from tui.config import Settings
from tui.errors import TunedeckError
from tui.providers.protocol import Provider
from tui.records.models import Account, Capability, ModelInfo
from tui.store.store import Store


class ChatServices(Protocol):
    """What finding models needs of the running program."""

    @property
    def settings(self) -> Settings:
        """What the person chose."""
        ...

    @property
    def store(self) -> Store:
        """Models as last seen."""
        ...

    def accounts(self) -> Sequence[Account]:
        """Every account, ready or not."""
        ...

    def provider(self, name: str) -> Provider:
        """The provider of an account."""
        ...


def known_models(services: ChatServices) -> list[ModelInfo]:
    """Return the models that can be talked to, as last seen, tuned ones first; asks no service."""
    models = [model for model in services.store.models() if model.can_chat]
    return sorted(models, key=lambda model: not model.is_fine_tuned)


def refresh_models(services: ChatServices, account: str | None = None) -> list[TunedeckError]:
    """Ask every ready account (or one) for its models and keep them; returns what went wrong.

    Args:
        services: Accounts, providers and the store.
        account: Only this one.
    """
    problems = []
    for one in services.accounts():
        if not one.ready or account not in (None, one.name):
            continue
        try:
            services.store.save_listing(one, list(services.provider(one.name).list_models()))
        except TunedeckError as error:
            problems.append(error)
    return problems


def beside_its_base(model: ModelInfo) -> tuple[Lane, ...]:
    """Return the lanes to open for a model: a tuned one stands beside its base."""
    lane = Lane(model.account, model.id)
    return (Lane(model.account, model.base_model), lane) if model.base_model else (lane,)


def default_lanes(services: ChatServices) -> tuple[Lane, ...]:
    """Return whom to talk to unasked: the newest tuned model beside its base, else the default model."""
    tuned = [model for model in known_models(services) if model.is_fine_tuned]
    if tuned:
        return beside_its_base(max(tuned, key=lambda model: model.created_at or 0))
    return (Lane(services.settings.default_account, services.settings.default_model),)


def find_lane(services: ChatServices, name: str, account: str | None = None) -> Lane:
    """Return the lane that a name means: a model's id, its end, or a checkpoint of a job.

    Asks the accounts for their models when the name is not among those last seen.

    Args:
        services: Accounts, providers and the store.
        name: What was typed.
        account: Only this account's models; with it, a name that no list holds is taken as it is.

    Raises:
        TunedeckError: No model, or several, are meant; the remedy names the nearest.
    """
    if account is not None and account not in [one.name for one in services.accounts()]:
        names = ", ".join(one.name for one in services.accounts())
        raise TunedeckError(f"There is no account {account!r}.", f"Accounts: {names}.")
    found = _among(_candidates(services, account), name)
    problems: list[TunedeckError] = []
    if not found:
        problems = refresh_models(services, account)
        found = _among(_candidates(services, account), name)
    if len(found) == 1:
        return found[0]
    if found:
        raise TunedeckError(
            f"{name!r} may be any of {', '.join(lane.model for lane in found[:5])}.",
            "Write more of the name.",
        )
    if account is not None:
        return Lane(account, name)
    raise problems[0] if problems else _unknown(services, name)


def _candidates(services: ChatServices, account: str | None) -> list[Lane]:
    lanes = [Lane(model.account, model.id) for model in known_models(services)]
    for job in services.store.jobs():
        lanes += [Lane(job.account, item.model) for item in services.store.checkpoints(job.account, job.id)]
    return [lane for lane in dict.fromkeys(lanes) if account in (None, lane.account)]


def _among(lanes: Sequence[Lane], name: str) -> list[Lane]:
    exact = [lane for lane in lanes if lane.model == name]
    return exact[:1] or [lane for lane in lanes if lane.model.endswith(f":{name}") or lane.label == name]


def _unknown(services: ChatServices, name: str) -> TunedeckError:
    names = [lane.model for lane in _candidates(services, None)]
    nearest = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    guess = f"Did you mean {nearest[0]}? " if nearest else ""
    return TunedeckError(f"No account has a model {name!r}.", f"{guess}`tunedeck models` lists them.")


def can_chat(services: ChatServices, lane: Lane) -> str:
    """Return why a lane can't be talked to; empty when it can."""
    try:
        permission = services.provider(lane.account).can(Capability.CHAT)
    except TunedeckError as error:
        return str(error)
    return "" if permission else permission.reason
