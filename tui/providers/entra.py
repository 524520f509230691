"""Tokens of Microsoft Entra ID in place of a key: fetched when needed, renewed before they end, never kept.

`azure-identity` finds who is signed in: `az login`, a managed identity, or the AZURE_* variables of a service
principal. It asks for a new token some minutes before the old one ends.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

from tui.providers.protocol import ProviderError

_NO_TOKEN = "no_key"


@lru_cache(maxsize=8)
def entra_tokens(scope: str) -> Callable[[], str]:
    """Return what gives a valid token each time it is called; it may ask the network. One for each scope.

    Args:
        scope: What the token is for, such as `https://management.azure.com/.default`.

    Raises:
        ProviderError: The package is not installed; from the returned function, that nobody is signed in.
    """
    try:
        from azure.core.exceptions import AzureError  # an extra: 25 MB
        from azure.identity import DefaultAzureCredential, get_bearer_token_provider
    except ImportError:
        raise ProviderError(
            "Tokens of Microsoft Entra need the package azure-identity, which is not installed.",
            "Install it with `pip install 'tunedeck[azure]'`, then sign in with `az login`.",
            code=_NO_TOKEN,
        ) from None
    ask: Callable[[], str] = get_bearer_token_provider(DefaultAzureCredential(), scope)

    def token() -> str:
        try:
            return ask()
        except AzureError as error:
            # Its words list every way that was tried, over many lines.
            first = str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__
            raise ProviderError(
                f"Microsoft Entra gives no token: {first}",
                "Sign in with `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET.",
                code=_NO_TOKEN,
            ) from None

    return token
