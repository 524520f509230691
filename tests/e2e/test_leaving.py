"""Leaving is immediate, whatever the engine is doing: a hang of another program is not this one's."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from tests.e2e.terminal import TerminalApp
from tests.engine.tiny_model import make_tiny_base_model
from tests.support import wait_until
from tui import local_engine

pytestmark = [
    pytest.mark.timeout(120),
    pytest.mark.skipif(sys.platform == "win32", reason="sends SIGSTOP"),
]
MODEL = "smollm2-135m-instruct"
LONGEST = 1.5
"""Seconds; 0.5 on a quiet machine, of which the interpreter's own end takes a part."""


def test_the_app_leaves_at_once_while_the_engine_hangs(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_tiny_base_model(tmp_path / MODEL, name=MODEL)
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tmp_path))
    monkeypatch.setenv("TUNEDECK_NO_FETCH", "1")
    address = local_engine.ensure_engine()
    os.kill(address.pid, signal.SIGSTOP)
    try:
        with TerminalApp() as app:
            app.start()
            app.wait_for("5 Jobs")
            app.press("4", "5", "6")  # each asks the engine something
            wait_until(lambda: app.read() and app.shows("Nothing asked yet"), what="the chat")
            app.settle()
            started = time.monotonic()
            app.press("ctrl+q")
            assert app.wait_for_exit() == 0
            assert time.monotonic() - started < LONGEST
    finally:
        os.kill(address.pid, signal.SIGCONT)
