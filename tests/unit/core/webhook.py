"""A webhook and a mail server on loopback, for apprise: they keep what they are sent, and can hang."""

from __future__ import annotations

import json
import socketserver
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class _BearsLeaving(socketserver.BaseServer):
    """Prints no traceback for a sender that was killed or gave up before it had its answer."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class Webhook(_BearsLeaving, ThreadingHTTPServer):
    """Keeps the body of every POST; `status` is what it answers, `hangs` until it is released."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.received: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.status = 200
        self.drops = False
        """Takes what is sent, and closes the connection without an answer."""
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
        if self.server.drops:
            self.close_connection = True
            return
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


class MailServer(_BearsLeaving, socketserver.ThreadingTCPServer):
    """Speaks enough SMTP to take a mail; `hangs_at` is the command that it never answers."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MailHandler)
        self.mails: list[str] = []
        self.hangs_at = ""
        """A command such as DATA, or GREETING, or END for the one after the mail."""
        self.released = threading.Event()

    @property
    def url(self) -> str:
        """Its apprise URL."""
        port = self.server_address[1]
        return (
            f"mailto://127.0.0.1:{port}/?from=me@example.com&to=boss@example.com&smtp=127.0.0.1"
            f"&mode=insecure&name={TOKEN}"
        )


class _MailHandler(socketserver.StreamRequestHandler):
    server: MailServer

    def _answer(self, command: str, line: str) -> None:
        if command == self.server.hangs_at:
            self.server.released.wait(60)
        self.wfile.write(f"{line}\r\n".encode())

    def handle(self) -> None:
        self._answer("GREETING", "220 here")
        for line in self.rfile:
            command = line.split(None, 1)[0].decode().upper() if line.strip() else ""
            if command == "DATA":
                self._answer(command, "354 go on")
                lines: list[str] = []
                for text in self.rfile:
                    if text == b".\r\n":
                        self.server.mails.append("".join(lines))
                        self._answer("END", "250 taken")
                        break
                    lines.append(text.decode("utf-8", "replace"))
            elif command == "QUIT":
                self._answer(command, "221 bye")
                return
            else:
                self._answer(command, "250 ok")


@contextmanager
def taking_mail() -> Iterator[MailServer]:
    """Give a mail server that is listening."""
    server = MailServer()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.shutdown()
        server.server_close()
        thread.join()
