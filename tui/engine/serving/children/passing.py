"""A request passed on to a child and its answer passed back, byte for byte as it comes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from tui.engine.api_errors import ApiError
from tui.engine.serving.children.child import Child
from tui.engine.serving.children.failures import ChildNotReady
from tui.engine.serving.event_stream import HEADERS, cancelled_on_disconnect
from tui.safe_text import safe_line

if TYPE_CHECKING:
    import httpx2

CLIENT_CLOSED_REQUEST = 499
_CONNECT_SECONDS = 5.0


async def pass_on(
    request: Request, child: Child, path: str, body: dict[str, Any], on_bytes: Callable[[], None]
) -> Response:
    """Send a request to a child and return its answer; a stream goes on while the client reads it.

    Args:
        request: The client's; a disconnect closes the child's connection, which ends the work there.
        child: A child that answers.
        path: The route.
        body: What the child is asked.
        on_bytes: Called with each piece of the answer.

    Raises:
        ApiError: The child refused (its own status), or broke off (503).
    """
    import httpx2  # the HTTP client costs 60 ms, which only engines with a child need

    client = httpx2.AsyncClient(trust_env=False, timeout=httpx2.Timeout(None, connect=_CONNECT_SECONDS))
    sending = asyncio.create_task(
        client.send(
            client.build_request(
                "POST", f"{child.url}{path}", headers={"Authorization": f"Bearer {child.token}"}, json=body
            ),
            stream=True,
        )
    )
    try:
        with cancelled_on_disconnect(request.receive, sending.cancel):
            answer = await sending
        if answer.status_code >= 400:
            raise _refusal(answer.status_code, await answer.aread(), child)
        if answer.headers.get("content-type", "").startswith("text/event-stream"):
            return _Passed(client, answer, child, on_bytes)
        reading = asyncio.create_task(answer.aread())
        with cancelled_on_disconnect(request.receive, reading.cancel):
            content = await reading
        on_bytes()
    except asyncio.CancelledError:
        await client.aclose()
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    except httpx2.TransportError as error:
        await client.aclose()
        raise broken(child, error) from None
    except BaseException:
        await client.aclose()
        raise
    await client.aclose()
    return Response(content, answer.status_code, media_type="application/json")


class _Passed(Response):
    """A stream of events from a child; its bytes are not looked at.

    Args:
        client: Closed at the end.
        answer: The child's.
        child: Whose it is.
        on_bytes: Called with each piece.
    """

    media_type = "text/event-stream"

    def __init__(
        self, client: httpx2.AsyncClient, answer: httpx2.Response, child: Child, on_bytes: Callable[[], None]
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._client = client
        self._answer = answer
        self._child = child
        self._on_bytes = on_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass everything on (ASGI)."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        copying = asyncio.create_task(self._copy(send))
        try:
            with cancelled_on_disconnect(receive, copying.cancel), contextlib.suppress(OSError):
                await copying
        except asyncio.CancelledError:
            copying.cancel()
        finally:
            # Closing the connection is how the child learns that nobody reads on.
            await self._client.aclose()

    async def _copy(self, send: Send) -> None:
        import httpx2

        try:
            async for piece in self._answer.aiter_raw():
                self._on_bytes()
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except httpx2.TransportError as error:
            told = json.dumps(broken(self._child, error).body())
            event = f"data: {told}\n\n".encode()
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def broken(child: Child, error: Exception) -> ChildNotReady:
    """Return the refusal of a request whose server went away while it was answering."""
    words = safe_line(str(error), 200) or type(error).__name__
    return ChildNotReady(f"{child.plan.label} broke off: {words}. It is started again; ask again.", 2)


def _refusal(status: int, content: bytes, child: Child) -> ApiError:
    """Return a child's refusal in OpenAI's envelope."""
    try:
        value = json.loads(content)
    except ValueError:
        value = {}
    inner = value.get("error") if isinstance(value, dict) else None
    told = inner if isinstance(inner, dict) else value if isinstance(value, dict) else {}
    message = str(told.get("message") or content[:300].decode("utf-8", "replace"))
    if status in (401, 403):  # its key is ours, so this is no fault of the client's
        return ChildNotReady(f"{child.plan.label} refuses our key: {safe_line(message, 200)}", 2)
    kind = "invalid_request_error" if status < 500 else "server_error"
    code = told.get("code")
    return ApiError(
        status, f"{child.plan.label}: {safe_line(message, 1000)}", type=kind,
        code=code if isinstance(code, str) else None,
    )  # fmt: skip
