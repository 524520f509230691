from __future__ import annotations

import json
import resource
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import openai
import psutil
import pytest

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.server.test_jobs import finished, supervised, upload
from tests.support import wait_until
from tui import __version__, local_engine, paths
from tui.errors import TunedeckError

NewEngine = Callable[..., EngineProcess]


@pytest.fixture
def background_home(
    isolated_home: Path, tiny_base_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """A home whose engine, started by the product itself, is stopped at the end."""
    monkeypatch.setenv("TUNEDECK_BASE_MODELS", str(tiny_base_models))
    monkeypatch.setenv("TUNEDECK_NO_FETCH", "1")
    yield isolated_home
    address = local_engine.find_engine()
    if address is not None:
        local_engine.stop_engine(address, timeout=30)


def test_the_app_starts_finds_asks_and_stops_an_engine(background_home: Path) -> None:
    assert local_engine.find_engine() is None
    began = time.monotonic()
    address = local_engine.ensure_engine(idle_exit_seconds=30)
    assert time.monotonic() - began < 10
    assert address.url == f"{address.root_url}/v1"
    assert local_engine.ensure_engine() == address == local_engine.find_engine()
    status = local_engine.engine_status(address)
    assert (status.version, status.pid, status.running_jobs, status.queued_jobs) == (
        __version__,
        address.pid,
        0,
        0,
    )
    assert (status.base_model.name, status.base_model.state) == (BASE_MODEL, "ready")
    assert status.memory_bytes > 0
    wait_until(lambda: bool(local_engine.engine_status(address).weights))
    assert local_engine.engine_status(address).weights == {
        BASE_MODEL: "float32: its weights were never quantised"
    }
    local_engine.stop_engine(address)
    assert local_engine.find_engine() is None
    assert not psutil.pid_exists(address.pid)
    with pytest.raises(TunedeckError, match="does not answer"):
        local_engine.engine_status(address)


def test_an_engine_that_was_killed_comes_back_where_its_clients_look(background_home: Path) -> None:
    first = local_engine.ensure_engine(idle_exit_seconds=30)
    process = psutil.Process(first.pid)
    process.kill()
    wait_until(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
    second = local_engine.ensure_engine(idle_exit_seconds=30)
    assert (second.url, second.token) == (first.url, first.token)
    assert second.pid != first.pid


def test_a_stale_address_is_not_believed(background_home: Path) -> None:
    root = paths.make_private(paths.engine_dir())
    (root / "token").write_text("t" * 43)
    server = {"pid": psutil.Process().pid, "create_time": 1.0, "url": "http://127.0.0.1:1", "version": "0"}
    for content in (json.dumps(server), "{", "[]", "{}"):
        (root / "server.json").write_text(content)
        assert local_engine.find_engine() is None


def test_an_engine_that_can_not_start_says_why(
    background_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths.make_private(paths.data_dir())
    engine_dir = paths.make_private(paths.engine_dir())
    (engine_dir / "files").write_text("in the way")
    with pytest.raises(TunedeckError, match="can't be used"):
        local_engine.ensure_engine(timeout=3)


def test_two_starters_end_with_one_engine(background_home: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: local_engine.ensure_engine(), range(3)))
    assert len(set(found)) == 1


def test_a_second_engine_on_the_folder_is_refused(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    second = engine.spawn()
    output, _ = second.communicate(timeout=20)
    assert second.returncode == 2
    assert b"Another engine is already running on" in output
    with engine.client() as client:
        assert list(client.models.list())


def test_a_killed_engine_leaves_no_lock(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    engine.kill()
    engine.start()


def test_a_taken_port_is_told(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    port = engine.url.rpartition(":")[2]
    other = new_engine().spawn(["--root", str(engine.home / "other"), "--port", port])
    output, _ = other.communicate(timeout=20)
    assert other.returncode == 2
    assert b"can't listen on" in output


def test_the_status_route_tells_of_jobs(engine: EngineProcess) -> None:
    with engine.http() as http, engine.client() as client:
        training = upload(client, chat_rows(10))
        job = client.fine_tuning.jobs.create(
            model=BASE_MODEL, training_file=training, method=supervised(n_epochs=1)
        )
        assert sum(http.get("/tunedeck/status").json()["jobs"].values()) == 1
        finished(client, job.id)
        status = http.get("/tunedeck/status").json()
        assert status["jobs"] == {"running": 0, "queued": 0}
        assert status["clients_seen_at"] >= status["started_at"]


def _small_files_only() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


def test_a_full_disk_refuses_an_upload_and_keeps_nothing_of_it(new_engine: NewEngine) -> None:
    engine = new_engine().start(preexec_fn=_small_files_only)
    with engine.client() as client:
        with pytest.raises(openai.InternalServerError) as caught:
            upload(client, chat_rows(4000, words=30))
        assert caught.value.status_code == 507
        assert caught.value.code == "insufficient_storage"
        assert caught.value.response.headers["x-should-retry"] == "false"
        assert not list((engine.root / "incoming").iterdir())
        assert not list((engine.root / "files").iterdir())
        assert upload(client, chat_rows(10))


def test_a_training_job_on_a_full_disk_fails_with_a_reason(new_engine: NewEngine) -> None:
    def barely_any() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    engine = new_engine().start(preexec_fn=barely_any)
    with engine.client() as client:
        job = client.fine_tuning.jobs.create(
            model=BASE_MODEL, training_file=upload(client, chat_rows(12)), method=supervised(n_epochs=2)
        )
        done = finished(client, job.id)
        assert done.status == "failed"
        assert done.error is not None
        assert done.error.message


def test_a_terminated_engine_ends_soon_even_with_an_open_connection(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    with engine.http() as http:
        http.get("/v1/models")
        assert engine.process is not None
        engine.process.terminate()
        assert engine.process.wait(15) == 0


def test_the_log_does_not_grow_for_ever(new_engine: NewEngine, tmp_path: Path) -> None:
    from tui.engine.server.run import LOG_BYTES

    engine = new_engine()
    engine.root.mkdir(parents=True)
    (engine.root / "log.txt").write_bytes(b"x" * (LOG_BYTES - 100))
    engine.start()
    with engine.http() as http:
        for _ in range(3):
            http.get("/v1/models")
    wait_until(lambda: (engine.root / "log.txt.1").exists())
    assert (engine.root / "log.txt").stat().st_size < 10_000


def test_a_process_that_ends_leaves_its_engine_running(background_home: Path) -> None:
    import sys

    code = "from tui.local_engine import ensure_engine; print(ensure_engine(idle_exit_seconds=60).pid)"
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    address = local_engine.find_engine()
    assert address is not None
    assert address.pid == int(ended.stdout)
