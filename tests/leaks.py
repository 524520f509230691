"""Whether a module's tests leave something running, which would disturb others far from its cause."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import psutil
import pytest

GRACE_SECONDS = 5.0
"""What ends by itself may do so: threads of an app that was left, workers of an engine that was stopped."""

_PYTHONS_OWN = "multiprocessing.resource_tracker"
"""A process that Python starts with the first of its own kind, and keeps for all that follow."""


def running() -> set[str]:
    """Return the threads, child processes and listening sockets of this process, in words."""
    this = psutil.Process()
    found = {f"thread {thread.name} ({thread.ident})" for thread in threading.enumerate()}
    for child in this.children(recursive=True):
        try:
            command = " ".join(child.cmdline())
        except psutil.Error:
            continue  # it ended while we looked
        if _PYTHONS_OWN not in command:
            found.add(f"process {child.pid} ({command[:120]})")
    return found | {
        f"port {connection.laddr.port}"
        for connection in this.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN
    }


@pytest.fixture(autouse=True, scope="module")
def nothing_left_running() -> Iterator[None]:
    """Fail a module whose tests leave a thread, a child process or an open port behind."""
    before = running()
    yield
    deadline = time.monotonic() + GRACE_SECONDS
    while left := running() - before:
        if time.monotonic() > deadline:
            pytest.fail(f"these tests leave running: {', '.join(sorted(left))}")
        time.sleep(0.05)
