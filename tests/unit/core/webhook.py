"""A webhook on loopback for apprise's `json://`: keeps what it is sent, and can refuse or hang."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class Webhook(ThreadingHTTPServer):
    """Keeps the body of every POST; `status` is what it answers, `hangs` until it is released."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.received: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 200
        self.released = threading.Event()
        self.released.set()

    @property
    def url(self) -> str:
        """Its apprise URL, with a token in it."""
        return f"json://127.0.0.1:{self.server_address[1]}/hooks/{TOKEN}"


TOKEN = "whsec-0123456789-very-secret"


class _Handler(BaseHTTPRequestHandler):
    server: Webhook

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        pass

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        self.server.paths.append(self.path)
        self.server.received.append(body)
        self.server.released.wait(30)
        self.send_response(self.server.status)
        self.send_header("content-length", "0")
        self.end_headers()


@contextmanager
def receiving(port: int = 0) -> Iterator[Webhook]:
    """Give a webhook that is listening."""
    hook = Webhook(port)
    thread = threading.Thread(target=hook.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield hook
    finally:
        hook.released.set()
        hook.shutdown()
        hook.server_close()
        thread.join()
