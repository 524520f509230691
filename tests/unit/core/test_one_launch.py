from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult, wait_until
from tests.unit.core.fake_service import FakeService, accept_and_drop
from tests.unit.core.test_launch import JOBS, a_plan, launch_now
from tui.jobs.launch import LaunchUncertain
from tui.jobs.plan import RUN_ID_KEY
from tui.services import Services
from tui.store.launch_rows import LaunchState

Cli = Callable[..., CliResult]
RUN_ID = "one-confirmation"
FILES = "/v1/files"
LAUNCH = """
import sys
from pathlib import Path
from tui.errors import TunedeckError
from tui.jobs.launch import launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import estimate_plan
from tui.services import Services

plan = LaunchPlan("openai", "gpt-4.1-mini", Path(sys.argv[1]), run_id=sys.argv[2])
with Services.open() as services:
    price = estimate_plan(plan, services)
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        print(launch(plan, services, confirmed_price=price, search_delays=(0.05,) * 100).id)
    except TunedeckError as error:
        print(type(error).__name__)
"""
"""A program that launches the confirmation it is given, once a line comes in."""


def start(dataset: Path, run_id: str = RUN_ID) -> subprocess.Popen[str]:
    """Start a process that is about to launch."""
    process = subprocess.Popen(
        [sys.executable, "-c", LAUNCH, str(dataset), run_id],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def go(*processes: subprocess.Popen[str]) -> None:
    """Let them launch at the same moment."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()


def said(process: subprocess.Popen[str]) -> str:
    words, _ = process.communicate(timeout=60)
    return words.strip()


def hold(seen: threading.Event, *, accept: bool) -> Callable[[Any], bool]:
    """Take a request, do what it asks or not, and never answer it."""

    def fault(handler: Any) -> bool:
        if accept:
            handler.accept_job()
        seen.set()
        handler.rfile.read(1)  # returns when the other side is gone
        handler.close_connection = True
        return True

    return fault


@pytest.mark.parametrize("loses_answer", [False, True])
def test_one_confirmation_in_two_processes_makes_one_job(
    services: Services, service: FakeService, dataset: Path, loses_answer: bool
) -> None:
    if loses_answer:
        service.faults["POST", JOBS].append(accept_and_drop)
    processes = [start(dataset), start(dataset)]
    go(*processes)
    assert [said(process) for process in processes] == ["ftjob-1", "ftjob-1"]
    assert service.count("POST", JOBS) == 1


def test_two_confirmations_of_the_same_in_two_processes_make_no_second_job_while_the_first_is_unknown(
    services: Services, service: FakeService, dataset: Path
) -> None:
    seen = threading.Event()
    service.faults["POST", JOBS].append(hold(seen, accept=True))
    first, second = start(dataset, "first"), start(dataset, "second")
    go(first)
    assert seen.wait(30)
    go(second)
    assert said(second) == "LaunchHeldUp"
    first.kill()
    first.communicate()
    assert service.count("POST", JOBS) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
@pytest.mark.parametrize("accept", [True, False])
def test_a_launch_killed_while_its_creation_is_under_way_is_never_sent_again(
    services: Services, service: FakeService, dataset: Path, cli: Cli, accept: bool
) -> None:
    seen = threading.Event()
    service.faults["POST", JOBS].append(hold(seen, accept=accept))
    process = start(dataset)
    go(process)
    assert seen.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    record = services.store.launch(RUN_ID)
    assert record is not None
    assert record.state is LaunchState.CREATING
    # A second confirmation is stopped before anything is sent, whether there is a job or not.
    again = cli("launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--yes")
    assert (again.code, "got no answer" in again.stderr) == (1, True)
    plan = a_plan(dataset, run_id=RUN_ID)
    with Services.open() as restarted:
        if accept:
            restarted.watcher.poll_once()
            assert launch_now(plan, restarted).metadata[RUN_ID_KEY] == RUN_ID
            record = restarted.store.launch(RUN_ID)
            assert record is not None
            assert (record.state, record.job_id) == (LaunchState.CREATED, "ftjob-1")
        else:
            with pytest.raises(LaunchUncertain):
                launch_now(plan, restarted)
    assert service.count("POST", JOBS) == 1
    assert len(service.jobs) == int(accept)


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_launch_killed_before_its_creation_was_sent_makes_one_job_after_a_restart(
    services: Services, service: FakeService, dataset: Path
) -> None:
    seen = threading.Event()
    service.faults["POST", FILES].append(hold(seen, accept=False))
    process = start(dataset)
    go(process)
    assert seen.wait(30)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert service.count("POST", JOBS) == 0
    plan = a_plan(dataset, run_id=RUN_ID)
    with Services.open() as restarted:
        assert launch_now(plan, restarted).id == launch_now(plan, restarted).id == "ftjob-1"
    assert service.count("POST", JOBS) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
def test_a_killed_process_leaves_the_other_of_one_confirmation_its_job(
    services: Services, service: FakeService, dataset: Path
) -> None:
    seen = threading.Event()
    service.faults["POST", JOBS].append(hold(seen, accept=True))
    first, second = start(dataset), start(dataset)
    go(first)
    assert seen.wait(30)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    go(second)
    assert said(second) == "ftjob-1"
    assert service.count("POST", JOBS) == 1
    wait_until(lambda: services.store.launch_of_job("openai", "ftjob-1"), what="the launch with its job")
