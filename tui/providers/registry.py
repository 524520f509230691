"""Which accounts there are, and the provider of each; keys stay in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tui.errors import TunedeckError
from tui.providers.keys import ENTRA, KEYRING, SSH, is_writable, key_from_environment, key_from_keyring
from tui.providers.profile_data import LOCAL_NAME, OPENAI_NAME, profile_entry
from tui.records.models import Account

if TYPE_CHECKING:
    import httpx2
    from openai import OpenAI

    from tui.config import Settings
    from tui.providers.account_limits import RateLimits
    from tui.providers.account_settings import DeclaredAccount
    from tui.providers.deploying import Deployer
    from tui.providers.openai_shape import OpenAIShapeProvider
    from tui.providers.profiles import ModelFacts
    from tui.providers.protocol import Provider

_AZURE_API_VERSION = "2025-04-01-preview"
"""Of the older route, the only one on which large uploads were seen to work (read 2026-11)."""


def accounts(settings: Settings, declared: Sequence[DeclaredAccount] = ()) -> list[Account]:
    """Return every account, the default one first; one without its key is there, not ready, and says why.

    Args:
        settings: What the person chose.
        declared: The settings file's accounts; one named like a built-in takes its place.
    """
    named = {one.name: one for one in declared}
    found = [
        Account(LOCAL_NAME, LOCAL_NAME, None, profile_entry(LOCAL_NAME)["label"], ready=True),
        _hosted(OPENAI_NAME, OPENAI_NAME, named.pop(OPENAI_NAME, None)),
        *(_hosted(one.name, one.provider, one) for one in named.values()),
    ]
    return sorted(found, key=lambda account: account.name != settings.default_account)


def _hosted(name: str, provider: str, declared: DeclaredAccount | None) -> Account:
    service = profile_entry(provider)
    url = _base_url(service, declared)
    host = _host(url)
    label = declared.label if declared is not None else None
    if label is None:
        label = str(service["label"])
        if url != service.get("base_url") or name != provider:
            label = f"{label} ({host or 'unreadable address'})"
    source = _key_source(service, declared)
    state = _missing_option(service, declared) or _problem(service, declared, host, source)
    if source == SSH and not state:
        state = _tunnel_problem(name)
    # An address that can't be used is not shown either: it may hold a password.
    return Account(
        name, provider, url if host else None, label, ready=not state, state=state, key_source=source
    )


def _key_source(service: Mapping[str, Any], declared: DeclaredAccount | None) -> str:
    if declared is not None and declared.in_keyring:
        return KEYRING
    if declared is not None and declared.by_entra:
        return ENTRA
    if declared is not None and declared.by_ssh:
        return SSH
    own = declared.key_variable if declared is not None else None
    return own or service.get("key_variable") or ""


def _base_url(service: Mapping[str, Any], declared: DeclaredAccount | None) -> str:
    own = declared.base_url if declared is not None else None
    url = own or os.environ.get(service.get("base_url_variable") or "")
    if url:
        return url.strip()
    options = _options(service, declared)
    template = str(service.get("base_url") or "")
    return template.format(**{name: options.get(name, "") for name in service.get("options", {})})


def _options(service: Mapping[str, Any], declared: DeclaredAccount | None) -> dict[str, str]:
    """Return what an account chose, with the profile's own choice where it chose nothing."""
    known = service.get("options", {})
    defaults = {name: str(entry["default"]) for name, entry in known.items() if entry.get("default")}
    return {**defaults, **(declared.options if declared is not None else {})}


def _missing_option(service: Mapping[str, Any], declared: DeclaredAccount | None) -> str:
    if declared is None or declared.base_url:
        return ""
    chosen = _options(service, declared)
    for name, entry in service.get("options", {}).items():
        words = chosen.get(name, "").replace("-", "").replace(".", "")
        if entry["where"] == "url" and not (words.isascii() and words.isalnum()):
            return f"Its option {name} is missing or can't be part of an address: tunedeck account add."
    return ""


def _problem(
    service: Mapping[str, Any], declared: DeclaredAccount | None, host: str | None, source: str
) -> str:
    if not source:
        return "It names no environment variable for its key, nor the keyring: tunedeck account add."
    if source not in (KEYRING, ENTRA, SSH):
        key = key_from_environment(source)
        if not key:
            return f"Set {source} and start tunedeck again."
        if not is_writable(key):
            return f"The key in {source} holds a space or a letter that no key has; set it again."
    if host is None:
        wanted = service.get("base_url") or service.get("base_url_hint")
        place = None if declared is not None and declared.base_url else service.get("base_url_variable")
        return f"{place or 'Its base URL'} is not a URL such as {wanted}."
    return ""


def _tunnel_problem(name: str) -> str:
    from tui.remote.records import read_record  # few have an engine on another machine

    record = read_record(name)
    if record is None:
        return "Nothing is known here of its machine: tunedeck engine deploy user@host."
    return "" if record.is_wanted else f"Its tunnel is closed: tunedeck engine remote connect {name}."


def _host(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises when it is no port
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and parts.username is None
    return parts.hostname if usable else None


def build_provider(
    account: Account,
    facts: ModelFacts,
    *,
    declared: DeclaredAccount | None = None,
    limits: RateLimits | None = None,
    engine_idle_seconds: int = 120,
) -> Provider:
    """Return the provider of an account; nothing is imported or asked yet.

    Args:
        account: From `accounts`.
        facts: The catalog.
        declared: What the settings file says of it, if anything.
        limits: Hears what every answer says of the account's limits, and paces background work.
        engine_idle_seconds: When an engine started for the local account ends by itself.
    """
    if account.provider == LOCAL_NAME:
        from tui.providers.local import LocalProvider  # psutil, only for the engine

        return LocalProvider(account, facts, idle_exit_seconds=engine_idle_seconds)
    if account.key_source == SSH:
        from tui.providers.remote_engine import RemoteEngineProvider

        return RemoteEngineProvider(account, facts)
    # The accounts are listed before any is used.
    from tui.providers import profiles

    service = profiles.profile(account.provider)

    secrets: list[str] = []
    send_by = partial(_sender, limits)
    query = query_options(account.provider, declared)

    def key() -> str | Callable[[], str]:
        if account.key_source == ENTRA:
            from tui.providers.entra import entra_tokens  # few have such an account

            host = _host(account.base_url or "") or ""
            scope = next(one for end, one in service.entra_scopes.items() if host.endswith(end))
            return _remembered(entra_tokens(scope), secrets)
        return _remembered(lambda: _key(account), secrets)()

    def connect() -> OpenAI:
        import openai  # 0.4 s, only when a call is made

        return openai.OpenAI(
            api_key=key(), base_url=account.base_url, default_query=query or None,
            http_client=send_by(),
        )  # fmt: skip

    def connect_for_parts() -> OpenAI:
        import openai

        parts = urlsplit(account.base_url or "")
        found = key()
        signed: dict[str, Any] = {"azure_ad_token_provider": found}
        named = {"api_key": found} if isinstance(found, str) else signed
        return openai.AzureOpenAI(
            azure_endpoint=f"{parts.scheme}://{parts.netloc}", api_version=_AZURE_API_VERSION,
            http_client=send_by(), **named,
        )  # fmt: skip

    return _adapter(service.shape)(
        account, service, connect, facts,
        deployer=_deployer(account, service.deploys, declared, connect, send_by, secrets),
        parts_client_factory=connect_for_parts if service.parts_route == "azure" else None,
        secrets=secrets,
    )  # fmt: skip


def _sender(limits: RateLimits | None) -> httpx2.Client | None:
    """Return what sends requests, paces them and reads the limits; None lets the package make its own."""
    from tui.providers.limited_client import limited_client  # only once a service is asked

    return limited_client(limits) if limits is not None else None


def _deployer(
    account: Account,
    kind: str,
    declared: DeclaredAccount | None,
    connect: Callable[[], OpenAI],
    send_by: Callable[[], httpx2.Client | None],
    secrets: list[str],
) -> Deployer | None:
    """Return what deploys the account's tuned models; None where nothing does."""
    if kind == "azure":
        from tui.providers.azure_deployments import (
            AzureDeployer,
            management_client,
        )  # few have such an account
        from tui.providers.entra import entra_tokens

        chosen = _options(profile_entry(account.provider), declared)
        url = chosen["management"].rstrip("/")
        resource = chosen.get("resource") or (_host(account.base_url or "") or "").partition(".")[0]

        def manage() -> OpenAI:
            token = _remembered(entra_tokens(f"{url}/.default"), secrets)
            return management_client(url, token, send_by())

        return AzureDeployer(
            account.name, manage, chosen.get("subscription", ""), chosen.get("resource_group", ""), resource
        )
    if kind == "nebius":
        from tui.providers.nebius_deployments import NebiusDeployer

        root = (account.base_url or "").rstrip("/").removesuffix("/v1")
        return NebiusDeployer(account.name, lambda: connect().copy(base_url=root))
    return None


def _remembered(ask: Callable[[], str], secrets: list[str]) -> Callable[[], str]:
    """Return what fetches a token and lets no error show it."""

    def token() -> str:
        found = ask()
        if found not in secrets:
            secrets.append(found)
        return found

    return token


def _adapter(shape: str) -> type[OpenAIShapeProvider]:
    if shape == "together":
        from tui.providers.together.adapter import TogetherProvider  # only who has such an account needs it

        return TogetherProvider
    if shape == "fireworks":
        from tui.providers.fireworks.adapter import FireworksProvider

        return FireworksProvider
    from tui.providers.openai_shape import OpenAIShapeProvider

    return OpenAIShapeProvider


def query_options(provider: str, declared: DeclaredAccount | None) -> dict[str, object]:
    """Return what goes with every request of an account, in its address."""
    service = profile_entry(provider)
    known = _options(service, declared)
    asked = service.get("options", {})
    return {name: known[name] for name, entry in asked.items() if entry["where"] == "query" and name in known}


def _key(account: Account) -> str:
    if account.key_source != KEYRING:
        return key_from_environment(account.key_source)
    from tui.providers.protocol import ProviderError

    try:
        key = key_from_keyring(account.name)
    except TunedeckError as error:
        raise ProviderError(error.message, error.remedy, code="no_key") from None
    if not key:
        raise ProviderError(
            f"The keyring holds no key of the account {account.name}.",
            f"`tunedeck account add {account.name}` asks for it.", code="no_key",
        )  # fmt: skip
    return key
