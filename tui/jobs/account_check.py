"""Asks an account's service what works: models, files, jobs, and whether a job could be created."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from tui.errors import TunedeckError
from tui.jobs.fetch import NOT_OFFERED
from tui.jobs.inventory import account_models, chats_only, list_account_jobs
from tui.jobs.ports import JobServices
from tui.providers.failures import TRAINING_REFUSED
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import profile
from tui.providers.protocol import ProviderError
from tui.records.models import Account, Capability

_METHODS = {
    Capability.TRAIN_SUPERVISED: "supervised",
    Capability.TRAIN_DPO: "dpo",
    Capability.TRAIN_REINFORCEMENT: "reinforcement",
}


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One thing that works or does not."""

    level: Literal["ok", "warn", "fail"]
    what: str
    """key, models, files, jobs or training."""
    text: str
    remedy: str = ""


def check_account(services: JobServices, name: str, *, ask: bool = True) -> Iterator[AccountLine]:
    """Yield what works with an account, in words, as it is found out.

    Nothing is created and nothing costs money: whether a job may really be created only a creation tells.

    Args:
        services: The store, the catalog and the providers.
        name: The account.
        ask: Whether the service is asked; False says what is known without it.

    Raises:
        TunedeckError: There is no such account.
    """
    account = services.account(name)
    if not account.ready:
        yield AccountLine("warn", "key", f"{account.label} is not ready.", account.state)
        return
    if not ask:
        yield AccountLine("ok", "key", f"{account.label}: not asked")
        return
    first = _guarded("models", lambda: _models(services, account))
    yield first
    if first.level == "fail":
        return  # whatever stops the simplest question stops the others
    if name != LOCAL_NAME:
        provider = services.provider(name)
        yield _guarded("files", lambda: _count(len(provider.list_files("fine-tune")), "training file"))
        yield _guarded("jobs", lambda: _count(len(list_account_jobs(services, name, 20)), "job", most=20))
    yield _training(services, account)


def _guarded(what: str, question: Callable[[], str]) -> AccountLine:
    try:
        return AccountLine("ok", what, question())
    except ProviderError as error:
        # A service that speaks half the shape may chat all the same.
        half = what != "models" and error.status in NOT_OFFERED
        if half and what == "files":
            return AccountLine("warn", what, f"takes no files at this address ({error.message}).")
        return AccountLine("warn" if half else "fail", what, error.message, error.remedy)
    except TunedeckError as error:
        return AccountLine("fail", what, error.message, error.remedy)


def _models(services: JobServices, account: Account) -> str:
    models, note = account_models(services, account.name)
    return note or f"{account.label} answers and lists {_count(len(models), 'model')}"


def _training(services: JobServices, account: Account) -> AccountLine:
    provider = services.provider(account.name)
    permissions = {word: provider.can(capability) for capability, word in _METHODS.items()}
    possible = [word for word, permission in permissions.items() if permission]
    if not possible:
        reasons = dict.fromkeys(permission.reason for permission in permissions.values())
        return AccountLine("warn", "training", " ".join(reasons), "Another account trains the same file.")
    only_chats = chats_only(services, account.name)
    if only_chats:
        return AccountLine("warn", "training", only_chats, "Another account trains the same file.")
    refused = services.store.account_note(account.name, TRAINING_REFUSED)
    if refused is not None:
        day = datetime.fromtimestamp(refused[1], UTC).date()
        return AccountLine("warn", "training", f"On {day} the service refused a job: {refused[0]}")
    service = services.catalog.provider_dates(account.provider)
    until = f" until {service.training_ends}" if service.training_ends else ""
    text = f"takes {', '.join(possible)} jobs{until}"
    if service.eligibility:
        return AccountLine("warn", "training", f"{text}, but not from everyone. {service.eligibility}")
    remedy = profile(account.provider).deployment
    return AccountLine("ok", "training", f"{text}." if remedy else text, remedy)


def _count(number: int, word: str, most: int | None = None) -> str:
    shown = f"{number:,} or more" if number == most else f"{number:,}"
    return f"{shown} {word}" if number == 1 else f"{shown} {word}s"
