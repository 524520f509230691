"""Server-sent events, and noticing that a client has gone away while its answer is being written."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tui.engine.api_errors import ApiError

HEADERS = {"cache-control": "no-cache", "x-accel-buffering": "no"}

_log = logging.getLogger(__name__)


class EventStream(Response):
    """Sends each chunk as one event as soon as it is there, then `[DONE]`.

    Args:
        chunks: The JSON objects; an ApiError raised by it is sent as the last event.
        cancel: Called when the client goes away, and at the end.
    """

    media_type = "text/event-stream"

    def __init__(self, chunks: AsyncIterator[Mapping[str, Any]], cancel: Callable[[], None]) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._chunks = chunks
        self._cancel = cancel

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write the whole stream (ASGI)."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        with cancelled_on_disconnect(receive, self._cancel):
            try:
                # A server may tell of a broken connection by refusing to send.
                with contextlib.suppress(OSError):
                    await self._send_events(send)
            finally:
                self._cancel()

    async def _send_events(self, send: Send) -> None:
        try:
            async for chunk in self._chunks:
                await _send_event(send, json.dumps(chunk, ensure_ascii=False, separators=(",", ":")))
            await _send_event(send, "[DONE]")
        except ApiError as error:
            await _send_event(send, json.dumps(error.body()))
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _send_event(send: Send, data: str) -> None:
    body = f"data: {data}\n\n".encode()
    await send({"type": "http.response.body", "body": body, "more_body": True})


@contextmanager
def cancelled_on_disconnect(receive: Receive, cancel: Callable[[], object]) -> Iterator[None]:
    """Call `cancel` if the client disconnects while the block runs; the request's body must be read."""
    watcher = asyncio.create_task(_watch(receive, cancel))
    try:
        yield
    finally:
        watcher.cancel()


async def _watch(receive: Receive, cancel: Callable[[], object]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    cancel()
