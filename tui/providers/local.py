"""The local engine as a provider: started when first asked for, found again when it has moved."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tui import local_engine
from tui.providers.failures import LOST_ANSWER, NOT_REACHED
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import ModelFacts, profile
from tui.providers.protocol import ProviderError
from tui.records.models import Account

if TYPE_CHECKING:
    from openai import OpenAI

_UNAUTHORISED = 401
_TRUST_SECONDS = 1.0
"""For so long an engine that answered counts as still there."""
_CONNECT_SECONDS, _ANSWER_SECONDS = 5.0, 600.0


class MovingEngineProvider(OpenAIShapeProvider):
    """An engine whose address changes when it, or the way to it, begins anew.

    A call that finds nobody forgets the client; the next one looks again.
    """

    _look_again_at = 0.0

    def _is_there(self, client: OpenAI) -> bool:
        """Say whether the client still leads to the engine."""
        raise NotImplementedError

    def _token_refused(self) -> None:
        """Take note that the engine has another token now."""

    @contextmanager
    def _calling(self, *, retry: bool = True) -> Iterator[OpenAI]:
        try:
            with super()._calling(retry=retry) as client:
                yield client
        except ProviderError as error:
            if error.status == _UNAUTHORISED:
                self._token_refused()
            if error.code in (NOT_REACHED, LOST_ANSWER) or error.status == _UNAUTHORISED:
                self.close()
            raise

    def _open_client(self) -> OpenAI:
        now = time.monotonic()
        if self._client is not None and now >= self._look_again_at:
            if not self._is_there(self._client):
                self.close()
            self._look_again_at = now + _TRUST_SECONDS
        return super()._open_client()


class LocalProvider(MovingEngineProvider):
    """The engine on this machine, which is started if need be."""

    def __init__(self, account: Account, facts: ModelFacts, *, idle_exit_seconds: int = 120) -> None:
        super().__init__(account, profile(LOCAL_NAME), lambda: self._connect(idle_exit_seconds), facts)

    def _connect(self, idle_exit_seconds: int) -> OpenAI:
        address = local_engine.ensure_engine(idle_exit_seconds=idle_exit_seconds)
        self._secrets.append(address.token)
        return engine_client(address.url, address.token)

    def _is_there(self, client: OpenAI) -> bool:
        address = local_engine.find_engine()
        return (
            address is not None
            and str(client.base_url).rstrip("/") == address.url.rstrip("/")
            and client.api_key == address.token
        )


def engine_client(url: str, token: str) -> OpenAI:
    """Return a client for an engine on this machine, past any proxy that the environment names."""
    import openai

    timeout = openai.Timeout(_ANSWER_SECONDS, connect=_CONNECT_SECONDS)
    return openai.OpenAI(
        api_key=token,
        base_url=url,
        timeout=timeout,
        http_client=openai.DefaultHttpxClient(trust_env=False, timeout=timeout),
    )
