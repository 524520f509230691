"""Small answers come at once: no 40 ms of waiting for a delayed acknowledgement."""

from __future__ import annotations

import socket
import statistics
import time
from pathlib import Path

import httpx2

from tui.engine.server.engine import EngineOptions
from tui.engine.server.run import _listen


def test_answers_on_a_kept_connection_do_not_wait_for_an_acknowledgement(http: httpx2.Client) -> None:
    seconds = []
    for _ in range(41):
        began = time.perf_counter()
        http.get("/v1/models").raise_for_status()
        seconds.append(time.perf_counter() - began)
    assert statistics.median(seconds) < 0.035


def test_small_writes_are_sent_at_once_on_every_connection(tmp_path: Path) -> None:
    listener = _listen(EngineOptions(root=tmp_path, base_models=tmp_path), 0)
    with listener:
        assert listener.proto == socket.IPPROTO_TCP  # what asyncio looks at
