"""What an account can train, as far as is known without asking it."""

from __future__ import annotations

from tui import paths
from tui.engine.gguf_base import is_gguf_base
from tui.jobs.inventory import chats_only
from tui.jobs.plan import TRAINING
from tui.jobs.ports import JobServices
from tui.providers.profile_data import LOCAL_NAME
from tui.records.jobs import Method


def only_answering_here() -> dict[str, str]:
    """Return the base models of this machine that nobody can train here, each with the reason."""
    try:
        folders = sorted(paths.base_models_dir().iterdir())
    except OSError:
        return {}  # none was fetched yet
    return {
        folder.name: "A GGUF file only answers, through llama.cpp; nobody here can train it."
        for folder in folders
        if not folder.name.startswith(".") and is_gguf_base(folder)
    }


def models_for(services: JobServices, account: str, method: Method) -> list[str]:
    """Return the models on which an account can start a job of this method, as far as is known."""
    provider = services.account(account).provider
    refused = only_answering_here() if provider == LOCAL_NAME else {}
    known = [
        one.id
        for one in services.catalog.trainable(method)
        if one.provider == provider and one.id not in refused
    ]
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
