"""The bytes that a terminal really gets when a job ends, plain, wrapped for tmux, and through a real tmux."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.e2e.terminal import TerminalApp
from tests.support import tunedeck_command, wait_until
from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import FakeService, running
from tui.jobs.notices.rules import set_rule
from tui.records.notices import NoticeEvent

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal"),
]
NASTY = "to\x1b]0;owned\x07ne\x9c;x"
SHOWN = "to␛]0,owned␇ne�,x"
TEST = b"\x1b]9;tunedeck: a test. "


@pytest.fixture
def service() -> Iterator[FakeService]:
    with running(FakeService()) as fake:
        yield fake


def environment_of(service: FakeService, **more: str) -> dict[str, str]:
    return {
        "OPENAI_BASE_URL": service.url, "OPENAI_API_KEY": KEY, "TUNEDECK_NO_ENGINE_START": "1", **more
    }  # fmt: skip


def bytes_of(*arguments: str, environment: Mapping[str, str]) -> bytes:
    with TerminalApp() as app:
        app.start(*arguments, environment=environment)
        assert app.wait_for_exit(30) == 0
        return bytes(app.output)


def test_a_test_message_comes_as_the_terminal_knows_it_with_and_without_tmux(tmp_path: Path) -> None:
    test = ("notify", "test", "--channel", "terminal", "--channel", "bell")
    plain = bytes_of(*test, environment={"TERM_PROGRAM": "iTerm.app"})
    assert plain.count(TEST) == 1
    assert b"\x1bPtmux;" not in plain
    fake = tmp_path / "tmux"
    fake.write_text("#!/bin/sh\nprintf 'iTerm2 3.5\\txterm-256color\\t1\\n'\n", "utf-8")
    fake.chmod(0o755)
    inside = {"TMUX": "/tmp/none,1,0", "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    wrapped = bytes_of(*test, environment=inside)
    assert wrapped.count(b"\x1bPtmux;\x1b" + TEST) == 1
    assert wrapped.count(b"\a\x1b\\") == 1
    for written in (plain, wrapped):
        assert written.replace(b"\a\x1b\\", b"").count(b"\a") >= 1


def test_the_app_rings_and_has_the_terminal_show_a_jobs_end_once_whatever_its_name_holds(
    service: FakeService, isolated_home: Path
) -> None:
    set_rule(NoticeEvent.SUCCEEDED, ["bell", "terminal"])
    service.add_job(id="j", suffix=NASTY)
    environment = environment_of(service, TERM_PROGRAM="WezTerm")
    with TerminalApp(columns=120, rows=30) as app:
        app.start(environment=environment)
        app.wait_for("running")
        before = len(app.output)
        service.jobs["j"]["status"] = "succeeded"
        app.press("5")
        app.press("enter")  # a job that is shown is looked at at once
        start = b"\x1b]777;notify;"
        wait_until(lambda: app.read() and start in app.output[before:], timeout=60, what="the notification")
        app.settle()
        written = bytes(app.output[before:])
        assert written.count(start) == 1
        sequence = written[written.index(start) : written.index(b"\a", written.index(start))]
        assert sequence.decode("utf-8").startswith(f"\x1b]777;notify;{SHOWN} succeeded;")
        assert sequence.count(b"\x1b") == 1
        assert (
            re.sub(rb"\x1b\][^\x07]*\x07", b"", written).count(b"\a") == 1
        )  # the bell; others end sequences
        app.press("ctrl+q")
        assert app.wait_for_exit() == 0


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
@pytest.mark.parametrize("passthrough", ["on", "off"])
def test_through_a_real_tmux_it_comes_where_the_option_lets_it_and_else_the_reason_is_told(
    passthrough: str, tmp_path: Path
) -> None:
    socket = str(tmp_path / "tmux.socket")
    configuration = tmp_path / "tmux.conf"
    configuration.write_text(f"set -g allow-passthrough {passthrough}\n", "utf-8")
    log = tmp_path / "answer"
    command = " ".join(tunedeck_command("notify", "test", "--channel", "terminal"))
    inner = f"{command} > {log}; sleep 60"
    try:
        with TerminalApp() as app:
            app.start_program(
                "tmux", "-S", socket, "-f", str(configuration), "new-session", inner,
                environment={"ITERM_SESSION_ID": "w0t0p0", "PYTHONPATH": str(Path(__file__).parents[2])},
            )  # fmt: skip
            wait_until(
                lambda: app.read() and log.exists() and "terminal" in log.read_text("utf-8"),
                timeout=60, what="the answer",
            )  # fmt: skip
            app.settle()
            answer = log.read_text("utf-8")
            if passthrough == "on":
                assert answer.startswith("OK ")
                assert bytes(app.output).count(TEST) == 1
            else:
                assert "allow-passthrough" in answer
                assert TEST not in app.output
    finally:
        subprocess.run(("tmux", "-S", socket, "kill-server"), check=False, capture_output=True)
