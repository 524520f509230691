"""An engine on another machine as a provider: its tunnel is opened when first asked for, and reopened."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui.errors import TunedeckError
from tui.providers.failures import LOST_ANSWER, NOT_REACHED
from tui.providers.local import engine_client
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.providers.profiles import ModelFacts, profile
from tui.providers.protocol import ProviderError
from tui.records.models import Account
from tui.remote import connection
from tui.remote.tunnel import find_tunnel

if TYPE_CHECKING:
    from openai import OpenAI

_UNAUTHORISED = 401
_TRUST_SECONDS = 1.0
"""For so long a tunnel that was there counts as still there."""


class RemoteEngineProvider(OpenAIShapeProvider):
    """The engine behind an account's tunnel.

    A call that finds nobody forgets the client; the next one looks for the tunnel, opens it again, and starts
    the engine there if it has ended. Attempts after failures are spaced by `tui.remote.connection`.
    """

    def __init__(self, account: Account, facts: ModelFacts) -> None:
        super().__init__(account, profile(account.provider), self._connect, facts)
        self._look_again_at = 0.0

    def _connect(self) -> OpenAI:
        try:
            address = connection.connect(self._account.name)
        except TunedeckError as error:
            raise ProviderError(error.message, error.remedy, code=NOT_REACHED, retryable=True) from None
        self._secrets.append(address.token)
        return engine_client(address.url, address.token)

    @contextmanager
    def _calling(self, *, retry: bool = True) -> Iterator[OpenAI]:
        try:
            with super()._calling(retry=retry) as client:
                yield client
        except ProviderError as error:
            if error.status == _UNAUTHORISED:
                connection.forget(self._account.name)  # another token is there now
            if error.code in (NOT_REACHED, LOST_ANSWER) or error.status == _UNAUTHORISED:
                self.close()
            raise

    def _open_client(self) -> OpenAI:
        now = time.monotonic()
        if self._client is not None and now >= self._look_again_at:
            tunnel = find_tunnel(self._account.name)
            if tunnel is None or str(self._client.base_url).rstrip("/") != tunnel.url:
                self.close()
            self._look_again_at = now + _TRUST_SECONDS
        return super()._open_client()
