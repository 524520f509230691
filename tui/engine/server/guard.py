"""The door of the engine: who may speak to it, how each answer is stamped, and when it was last used."""

from __future__ import annotations

import hmac
import ipaddress
import logging
import secrets
import socket
import time
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tui.engine.api_errors import ApiError
from tui.engine.server.job_record import ORGANIZATION
from tui.engine.server.requests import error_response

API_VERSION = "2020-10-01"
"""What api.openai.com puts into openai-version (seen 2026)."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
OPEN_PATHS = frozenset({"/health"})
_log = logging.getLogger("tui.engine.access")


class Activity:
    """When the engine was last used, for its idle exit."""

    def __init__(self) -> None:
        self.open_requests = 0
        self.last_used = time.monotonic()
        self.seen_at: int | None = None
        """Unix seconds of the last request that had the token."""

    def idle_seconds(self) -> float:
        """Return the seconds since the last request ended; 0 while one is open."""
        return 0.0 if self.open_requests else time.monotonic() - self.last_used


def is_loopback(host: str) -> bool:
    """Say whether `host` can only be reached from this machine."""
    if host in LOOPBACK_NAMES:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def host_name(value: str) -> str:
    """Return the name in a Host header or authority, without port and brackets."""
    try:
        return (urlsplit(f"//{value}").hostname or "").lower()
    except ValueError:
        return ""


class Guard:
    """ASGI middleware around the whole application.

    A web page may make a browser send requests to loopback, under a name that it controls (DNS rebinding);
    so the Host must be ours and an Origin, which only browsers send, must be our own too.
    """

    def __init__(self, app: ASGIApp, *, token: str, bound_host: str, activity: Activity) -> None:
        self._app = app
        self._token = token.encode()
        self._activity = activity
        self._hosts = set(LOOPBACK_NAMES)
        self._any_address = bound_host in ("0.0.0.0", "::")
        if not self._any_address:
            self._hosts.add(bound_host.lower())
        elif not is_loopback(bound_host):
            self._hosts.update({socket.gethostname().lower(), socket.getfqdn().lower()})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request, stamp its answer."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = f"req_{secrets.token_hex(16)}"
        status = 0

        async def stamped(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["x-request-id"] = request_id
                headers["openai-processing-ms"] = str(round(1000 * (time.perf_counter() - started)))
                headers["openai-version"] = API_VERSION
                headers["openai-organization"] = ORGANIZATION
                headers["x-content-type-options"] = "nosniff"
            await send(message)

        self._activity.open_requests += 1
        try:
            refusal = self._refusal(scope)
            app = self._app if refusal is None else error_response(refusal)
            await app(scope, receive, stamped)
        finally:
            self._activity.open_requests -= 1
            self._activity.last_used = time.monotonic()
            milliseconds = 1000 * (time.perf_counter() - started)
            _log.info(
                "%s %s %.80s %d %.0f ms", request_id, scope["method"], _path(scope), status, milliseconds
            )

    def _refusal(self, scope: Scope) -> ApiError | None:
        headers = Headers(scope=scope)
        if not self._is_our_host(host_name(headers.get("host", ""))):
            return ApiError(
                403,
                "The Host header names neither this machine nor the address the engine is bound to.",
                code="host_not_allowed",
            )
        origin = headers.get("origin")
        if origin is not None and not self._is_our_origin(origin, headers.get("host", "")):
            return ApiError(403, "Requests from other web origins are refused.", code="origin_not_allowed")
        if scope["path"] in OPEN_PATHS:
            return None
        return self._token_refusal(headers.get("authorization", ""))

    def _is_our_host(self, name: str) -> bool:
        if name in self._hosts:
            return True
        if not self._any_address:
            return False
        try:
            return bool(ipaddress.ip_address(name))  # an address can't be rebound, a name can
        except ValueError:
            return False

    def _is_our_origin(self, origin: str, host: str) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        return parts.scheme == "http" and parts.netloc.lower() == host.lower()

    def _token_refusal(self, authorization: str) -> ApiError | None:
        scheme, _, given = authorization.partition(" ")
        hint = "`tunedeck engine token` prints this engine's token."
        if scheme.lower() != "bearer" or not given.strip():
            return ApiError(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header "
                f"using Bearer auth (i.e. Authorization: Bearer YOUR_KEY). {hint}",
            )
        if not hmac.compare_digest(given.strip().encode("utf-8", "surrogateescape"), self._token):
            return ApiError(401, f"Incorrect API key provided. {hint}", code="invalid_api_key")
        self._activity.seen_at = int(time.time())
        return None


def _path(scope: Scope) -> str:
    return "".join(char if char.isprintable() else "?" for char in str(scope["path"]))
