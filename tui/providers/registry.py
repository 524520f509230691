"""Which accounts there are, and the provider of each; keys come from the environment, stay in memory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tui.providers.profiles import LOCAL, OPENAI, PROFILES, ModelFacts, Profile
from tui.records.models import Account

if TYPE_CHECKING:
    from openai import OpenAI

    from tui.config import Settings
    from tui.providers.protocol import Provider


def accounts(settings: Settings) -> list[Account]:
    """Return every account, the default one first; one without its key is there, not ready, and says why."""
    found = [
        Account(LOCAL.name, LOCAL.name, None, LOCAL.label, ready=True),
        _hosted(OPENAI),
    ]
    return sorted(found, key=lambda account: account.name != settings.default_account)


def _hosted(profile: Profile) -> Account:
    assert profile.key_variable is not None
    url = (os.environ.get(profile.base_url_variable or "") or profile.default_base_url or "").strip()
    host = _host(url)
    label = (
        profile.label
        if url == profile.default_base_url
        else f"{profile.label} ({host or 'unreadable address'})"
    )
    state = _problem(profile, os.environ.get(profile.key_variable, "").strip(), host)
    # An address that can't be used is not shown either: it may hold a password.
    return Account(profile.name, profile.name, url if host else None, label, ready=not state, state=state)


def _problem(profile: Profile, key: str, host: str | None) -> str:
    if not key:
        return f"Set {profile.key_variable} and start tunedeck again."
    if not all("!" <= char <= "~" for char in key):
        return f"The key in {profile.key_variable} holds a space or a letter that no key has; set it again."
    if host is None:
        return f"{profile.base_url_variable} is not a URL such as {profile.default_base_url}."
    return ""


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no port
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.username is None
    return parts.hostname if usable else None


def build_provider(account: Account, facts: ModelFacts, *, engine_idle_seconds: int = 120) -> Provider:
    """Return the provider of an account; nothing is imported or asked yet.

    Args:
        account: From `accounts`.
        facts: The catalog.
        engine_idle_seconds: When an engine started for the local account ends by itself.
    """
    profile = PROFILES[account.provider]
    if profile is LOCAL:
        from tui.providers.local import LocalProvider  # psutil, only for the engine

        return LocalProvider(account, facts, idle_exit_seconds=engine_idle_seconds)
    from tui.providers.openai_shape import OpenAIShapeProvider  # the accounts are listed before any is used

    key = os.environ.get(profile.key_variable or "", "").strip()

    def connect() -> OpenAI:
        import openai  # 0.4 s, only when a call is made

        return openai.OpenAI(api_key=key, base_url=account.base_url)

    return OpenAIShapeProvider(account, profile, connect, facts, secrets=[key])
