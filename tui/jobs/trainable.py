"""What an account can train, as far as is known without asking it."""

from __future__ import annotations

from tui.jobs.inventory import chats_only
from tui.jobs.plan import TRAINING
from tui.jobs.ports import JobServices
from tui.records.jobs import Method


def models_for(services: JobServices, account: str, method: Method) -> list[str]:
    """Return the models on which an account can start a job of this method, as far as is known."""
    provider = services.account(account).provider
    known = [one.id for one in services.catalog.trainable(method) if one.provider == provider]
    seen = [one.id for one in services.store.models(account) if one.can_train and one.id not in known]
    return known + seen


def methods_for(services: JobServices, account: str, first: Method) -> list[Method]:
    """Return by which methods an account can train something, as far as is known; `first` first."""
    provider = services.provider(account)
    if chats_only(services, account):
        return []
    able = [
        method for method in Method
        if provider.can(TRAINING[method]) and models_for(services, account, method)
    ]  # fmt: skip
    return sorted(able, key=lambda method: method is not first)
