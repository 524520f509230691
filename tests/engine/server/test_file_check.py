"""A job's files are checked in a process of their own, which ends with its job and with its engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from openai import OpenAI

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.support import wait_until
from tui.engine.server import file_check
from tui.engine.server.file_check import CheckFailed, check_files

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows can't stop a process for a while")
MODULE = "tui.engine.server.file_check"


def checking_processes(engine: EngineProcess) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter(["cmdline", "status"]):
        command = process.info["cmdline"] or []
        if MODULE in command and any(str(engine.root) in part for part in command):
            found.append(process)
    return found


@pytest.fixture(scope="module")
def large_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sound file whose check takes long enough to be caught at it."""
    path = tmp_path_factory.mktemp("large") / "train.jsonl"
    path.write_bytes(chat_rows(5000) * 40)
    return path


def held_check(engine: EngineProcess, client: OpenAI, large_file: Path) -> tuple[str, psutil.Process]:
    """Start a job and stop the process that checks its file in the middle of it."""
    uploaded = client.files.create(file=large_file, purpose="fine-tune")
    job = client.fine_tuning.jobs.create(model=BASE_MODEL, training_file=uploaded.id)
    process = wait_until(lambda: checking_processes(engine), interval=0.002, what="the checking process")[0]
    process.suspend()
    assert client.fine_tuning.jobs.retrieve(job.id).status == "validating_files"
    return job.id, process


def is_gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.fixture
def engine(new_engine: Callable[..., EngineProcess]) -> EngineProcess:
    """An engine of this test's own, since it is stopped and killed."""
    return new_engine().start()


def test_other_requests_are_answered_while_a_file_is_checked_and_the_job_goes_on_after_it(
    engine: EngineProcess, large_file: Path
) -> None:
    with engine.client() as client:
        job_id, process = held_check(engine, client, large_file)
        assert process.pid != engine.server["pid"]
        for _ in range(20):
            began = time.monotonic()
            client.models.list()
            assert time.monotonic() - began < 1
        process.resume()
        wait_until(
            lambda: client.fine_tuning.jobs.retrieve(job_id).status != "validating_files", what="the verdict"
        )
        client.fine_tuning.jobs.cancel(job_id)
        messages = [event.message for event in client.fine_tuning.jobs.list_events(job_id)]
    assert "Files validated, moving job to queued state" in messages
    wait_until(lambda: is_gone(process), what="the end of the checking process")


def test_a_cancel_ends_the_check_at_once(engine: EngineProcess, large_file: Path) -> None:
    with engine.client() as client:
        job_id, process = held_check(engine, client, large_file)
        assert client.fine_tuning.jobs.cancel(job_id).status == "cancelled"
        wait_until(lambda: is_gone(process), timeout=5, what="the end of the checking process")
        messages = [event.message for event in client.fine_tuning.jobs.list_events(job_id)]
    assert messages[0] == "The job has been cancelled"
    assert "Files validated, moving job to queued state" not in messages


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_no_check_outlives_its_engine_and_the_next_engine_does_it_again(
    engine: EngineProcess, new_engine: Callable[..., EngineProcess], large_file: Path, kill: bool
) -> None:
    with engine.client() as client:
        job_id, process = held_check(engine, client, large_file)
    if kill:
        engine.kill()
        process.resume()  # a stopped process notices nothing, except on Linux
    else:
        engine.stop()
    wait_until(lambda: is_gone(process), timeout=10, what="the end of the checking process")
    assert checking_processes(engine) == []
    with new_engine().start().client() as client:
        wait_until(
            lambda: client.fine_tuning.jobs.retrieve(job_id).status in ("queued", "running", "succeeded"),
            what="the job's going on",
        )
        client.fine_tuning.jobs.cancel(job_id)
        messages = [event.message for event in client.fine_tuning.jobs.list_events(job_id)]
    assert messages.count("Files validated, moving job to queued state") == 1


def test_a_check_that_dies_fails_its_job_with_the_reason(engine: EngineProcess, large_file: Path) -> None:
    with engine.client() as client:
        job_id, process = held_check(engine, client, large_file)
        process.kill()
        failed = wait_until(
            lambda: job if (job := client.fine_tuning.jobs.retrieve(job_id)).status == "failed" else None,
            what="the job's failure",
        )
    assert failed.error is not None
    assert f"signal {signal.SIGKILL.value}" in str(failed.error.message)


def test_the_verdict_is_the_same_as_without_a_process(tmp_path: Path) -> None:
    (tmp_path / "training.jsonl").write_bytes(chat_rows(12))
    (tmp_path / "validation.jsonl").write_bytes(b'{"messages": []}\n')
    error = check_files(tmp_path, model=BASE_MODEL, method="supervised", cancelled=lambda: False)
    assert error is not None
    assert (error["code"], error["param"]) == ("invalid_training_file", "validation_file")
    (tmp_path / "validation.jsonl").unlink()
    assert check_files(tmp_path, model=BASE_MODEL, method="supervised", cancelled=lambda: False) is None


def test_a_process_that_gives_no_verdict_is_told_with_its_last_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "import sys; sys.exit('out of luck')"
    monkeypatch.setattr(file_check, "check_command", lambda *_: [sys.executable, "-c", program])
    with pytest.raises(CheckFailed, match="exit code 1: out of luck"):
        check_files(tmp_path, model=BASE_MODEL, method="supervised", cancelled=lambda: False)


def test_a_check_whose_engine_is_gone_already_does_not_begin(tmp_path: Path) -> None:
    (tmp_path / "training.jsonl").write_bytes(chat_rows(12))
    finished = subprocess.run(
        file_check.check_command(tmp_path, BASE_MODEL, "supervised"),
        env={**os.environ, "TUNEDECK_ENGINE_PID": "1"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (finished.returncode, finished.stdout) == (1, "")


def test_wrong_use_is_told() -> None:
    finished = subprocess.run([sys.executable, "-m", MODULE], capture_output=True, text=True, check=False)
    assert finished.returncode == 2
    assert "usage" in finished.stderr
