from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.engine.server.harness import BASE_MODEL
from tests.engine.tiny_model import make_tiny_base_model
from tests.remote.sshd import Sshd, plant_installation, skip_without_sshd
from tui.remote import account, connection
from tui.remote.records import RemoteEngine, all_records, keep_record
from tui.remote.ssh import close_shared
from tui.remote.tunnel import close_tunnel


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """An ssh server that lets this test's key in, for a module."""
    skip_without_sshd()
    server = Sshd(tmp_path_factory.mktemp("sshd"))
    server.trust()
    server.admit()
    make_tiny_base_model(server.folder / "base-models" / BASE_MODEL, name=BASE_MODEL)
    yield server.start()
    server.stop()
    for process in psutil.process_iter(["environ"]):
        # An engine that a test left there belongs to nobody any more.
        if (process.info["environ"] or {}).get("HOME") == str(server.home):
            process.kill()


@pytest.fixture(autouse=True)
def closed_connections(isolated_home: Path) -> Iterator[None]:
    """Leave no tunnel, no shared connection and no memory of a test's engines."""
    yield
    for record in all_records():
        close_tunnel(record.name)
        close_shared(record.destination)
        connection.forget(record.name)


@pytest.fixture
def far(sshd: Sshd) -> RemoteEngine:
    """An engine that is deployed at the server already, and its account; it does not run yet."""
    folder = sshd.home / ".tunedeck-engine"
    if not folder.exists():
        plant_installation(sshd.home)
    record = RemoteEngine(
        "far", "far", str(folder), "python3", "planted", "0", ssh_config=os.fspath(sshd.config), fetches=False
    )
    keep_record(record)
    account.declare(record, "http://127.0.0.1:1/v1")
    return record
