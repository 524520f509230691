"""An engine on another machine as a provider: its tunnel is opened when first asked for, and reopened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.errors import TunedeckError
from tui.providers.failures import NOT_REACHED
from tui.providers.local import MovingEngineProvider, engine_client
from tui.providers.profiles import ModelFacts, profile
from tui.providers.protocol import ProviderError
from tui.records.models import Account
from tui.remote import connection
from tui.remote.tunnel import find_tunnel

if TYPE_CHECKING:
    from openai import OpenAI


class RemoteEngineProvider(MovingEngineProvider):
    """The engine behind an account's tunnel.

    The tunnel is opened again where it has ended, and the engine there started. Attempts after failures are
    spaced by `tui.remote.connection`.
    """

    def __init__(self, account: Account, facts: ModelFacts) -> None:
        super().__init__(account, profile(account.provider), self._connect, facts)

    def _connect(self) -> OpenAI:
        try:
            address = connection.connect(self._account.name)
        except TunedeckError as error:
            raise ProviderError(error.message, error.remedy, code=NOT_REACHED, retryable=True) from None
        self._secrets.append(address.token)
        return engine_client(address.url, address.token)

    def _token_refused(self) -> None:
        connection.forget(self._account.name)

    def _is_there(self, client: OpenAI) -> bool:
        tunnel = find_tunnel(self._account.name)
        return tunnel is not None and str(client.base_url).rstrip("/") == tunnel.url
