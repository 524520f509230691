"""Ctrl+c while a service hangs: the program ends at once, and what has arrived is kept."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from tests.support import tunedeck_command, wait_until
from tui.services import Services
from tui.store.chat_rows import StoredChat

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for a child alone")
MODEL = "gpt-hung"
ENDS_WITHIN = 20.0
"""Seconds, all of it a busy machine's: the client itself would wait 600. That a hung service is given 0.2
another test holds."""


class HungService:
    """Lists one model, then sends `words` of an answer, or not even its headers, and never anything more."""

    def __init__(self, words: str) -> None:
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections: list[socket.socket] = []
        self.asked = threading.Event()
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/v1"

    def close(self) -> None:
        for one in (self._listener, *self._connections):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)  # wakes the thread that waits on it
            one.close()
        for thread in self._threads:
            thread.join(5)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._connections.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError):
            while head := _request_head(connection):
                if b"/models" in head:
                    body = json.dumps({"object": "list", "data": [{"id": MODEL, "object": "model"}]}).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                                       b"content-length: %d\r\n\r\n" % len(body) + body)  # fmt: skip
                    continue
                if self._words:
                    choice = {"index": 0, "delta": {"content": self._words}, "finish_reason": None}
                    chunk = json.dumps({"id": "c", "model": MODEL, "choices": [choice]}).encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
                                       b"connection: close\r\n\r\ndata: " + chunk + b"\n\n")  # fmt: skip
                self.asked.set()
                return  # and say nothing more, with the connection open


def _request_head(connection: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            return b""
        data += piece
    return data


@pytest.fixture
def hung_service(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[HungService]:
    service = HungService(request.param)
    monkeypatch.setenv("OPENAI_BASE_URL", service.url)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
    yield service
    service.close()


def kept_chats() -> list[StoredChat]:
    with Services.open() as services:
        kept = [services.store.chat(chat.id) for chat in services.store.chats()]
        return [chat for chat in kept if chat is not None]


@pytest.mark.parametrize("hung_service", ["Some words", ""], indirect=True, ids=["mid answer", "no answer"])
@pytest.mark.parametrize("arguments", [(), ("--json",)], ids=["text", "json"])
def test_ctrl_c_ends_a_chat_with_a_hung_service_at_once_and_keeps_what_arrived(
    hung_service: HungService, request: pytest.FixtureRequest, arguments: tuple[str, ...]
) -> None:
    words = "Some words" if "mid answer" in request.node.name else ""
    process = subprocess.Popen(
        tunedeck_command("chat", MODEL, "--account", "openai", "-m", "Hi", *arguments),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        wait_until(hung_service.asked.is_set, what="the question's arrival")
        if words:
            wait_until(
                lambda: [answer for chat in kept_chats() for answer in chat.answers], what="the first words"
            )
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=30)
    finally:
        process.kill()
    assert time.monotonic() - began < ENDS_WITHIN
    assert process.returncode == 130
    assert "Traceback" not in told
    (chat,) = kept_chats()
    assert [message.content for _, message in chat.messages] == ["Hi"]
    assert [(answer.text, answer.finish_reason) for answer in chat.answers] == [(words, "stopped")]
