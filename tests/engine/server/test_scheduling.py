"""The scheduler against workers that follow a script: what it makes of every way to end."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.engine.server.harness import BASE_MODEL, chat_rows
from tests.support import wait_until
from tui.engine.atomic_files import write_json_atomically
from tui.engine.folder import EngineFolder
from tui.engine.server import scheduler
from tui.engine.server.engine import Engine, EngineOptions
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_schema import CreateJob

_PRELUDE = """
import json, os, sys, time, pathlib
folder = pathlib.Path(sys.argv[1])
starts = folder / "starts"
with starts.open("a") as stream: stream.write("x")
start = len(starts.read_text())
def progress(step): (folder / "progress.json").write_text(json.dumps({"step": step}))
def done(**value): (folder / "done.json").write_text(json.dumps(value))
"""


class Scripted:
    """An engine in this process whose workers run a few lines of Python."""

    def __init__(self, root: Path, base_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._root = root
        self._base_models = base_models
        self._script = root / "worker.py"
        self._engine: Engine | None = None
        command = lambda folder, trainer: [sys.executable, str(self._script), str(folder)]  # noqa: E731
        monkeypatch.setattr(scheduler, "worker_command", command)

    def start(self, script: str) -> Engine:
        self._root.mkdir(exist_ok=True)
        self._script.write_text(_PRELUDE + textwrap.dedent(script))
        EngineFolder(self._root).prepare()
        options = EngineOptions(root=self._root, base_models=self._base_models)
        self._engine = Engine(options, None)
        self._engine.start()
        return self._engine

    def stop(self) -> None:
        if self._engine is not None:
            self._engine.stop()


@pytest.fixture
def scripted(tmp_path: Path, tiny_base_models: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scripted]:
    root = tmp_path / "engine"
    root.mkdir()
    made = Scripted(root, tiny_base_models, monkeypatch)
    yield made
    made.stop()


def create(engine: Engine) -> str:
    source = engine.folder.incoming / "source"
    source.write_bytes(chat_rows(10))
    file = engine.files.add(source, "rows.jsonl", "fine-tune")
    raw = {"model": BASE_MODEL, "training_file": file.id}
    job_id = engine.job_service().create(CreateJob.model_validate(raw), raw)["id"]
    assert isinstance(job_id, str)
    return job_id


def ended(engine: Engine, job_id: str) -> JobRecord:
    wait_until(lambda: engine.jobs.get(job_id).is_final, what="the end of the job")
    return engine.jobs.get(job_id)


def starts(engine: Engine, job_id: str) -> int:
    return len((engine.jobs.folder(job_id) / "starts").read_text())


def test_a_worker_that_always_dies_is_given_up_after_three_restarts(scripted: Scripted) -> None:
    engine = scripted.start("progress(1); os.kill(os.getpid(), 9)")
    job = ended(engine, create(engine))
    assert job.status == "failed"
    assert job.error is not None
    assert job.error["code"] == "worker_died"
    assert "by signal SIGKILL" in str(job.error["message"])
    assert starts(engine, job.id) == 1 + 3
    warnings = [event for event in engine.jobs.events(job.id) if event["level"] == "warn"]
    assert len(warnings) == 3


def test_a_worker_that_gets_further_each_time_may_die_often(scripted: Scripted) -> None:
    engine = scripted.start(
        """
        progress(start)
        if start < 8: sys.exit(3)
        done(status="succeeded", trained_tokens=5, finished_at=1)
        """
    )
    job = ended(engine, create(engine))
    assert (job.status, job.trained_tokens, job.finished_at) == ("succeeded", 5, 1)


def test_a_worker_that_says_why_it_failed_is_believed(scripted: Scripted) -> None:
    error = '{"code": "loss_not_finite", "message": "NaN at step 3", "param": None}'
    engine = scripted.start(f'done(status="failed", trained_tokens=2, error={error})')
    job = ended(engine, create(engine))
    assert job.status == "failed"
    assert job.error == {"code": "loss_not_finite", "message": "NaN at step 3", "param": None}
    assert engine.jobs.events(job.id)[-1]["message"] == "NaN at step 3"
    assert starts(engine, job.id) == 1


def test_a_worker_deaf_to_a_cancel_is_killed(scripted: Scripted) -> None:
    engine = scripted.start("import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)")
    job_id = create(engine)
    wait_until(lambda: engine.jobs.get(job_id).status == "running")
    assert engine.job_service().cancel(job_id)["status"] == "cancelled"
    assert engine.jobs.events(job_id)[-1]["message"] == "The job has been cancelled"


def test_a_job_that_finishes_while_it_is_paused_has_succeeded(scripted: Scripted) -> None:
    engine = scripted.start(
        """
        import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); progress(1)
        while not (folder / "stop-pause").exists(): time.sleep(0.01)
        done(status="succeeded", trained_tokens=1, finished_at=2)
        """
    )
    job_id = create(engine)
    wait_until(lambda: engine.jobs.progress(job_id) is not None)
    assert engine.job_service().pause(job_id)["status"] in ("paused", "succeeded")
    assert ended(engine, job_id).status == "succeeded"


def test_a_result_is_taken_over_once_however_often_the_engine_starts(scripted: Scripted) -> None:
    engine = scripted.start('(folder / "result.csv").write_text("step\\n1\\n"); done(status="succeeded")')
    job = ended(engine, create(engine))
    scripted.stop()
    # As after a crash between the worker's end and the record's: everything is settled again.
    record = engine.jobs.folder(job.id) / "job.json"
    record.write_text(record.read_text().replace('"succeeded"', '"running"'))
    again = scripted.start("sys.exit(1)")
    settled = ended(again, job.id)
    assert settled.result_files == job.result_files
    assert len(again.files.all()) == 2
    said = [event["message"] for event in again.jobs.events(job.id)]
    assert len(said) == len(set(said))


def test_a_full_disk_while_a_job_starts_is_waited_out(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, full = write_json_atomically, [True]

    def refuse(path: Path, value: object) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        write(path, value)

    monkeypatch.setattr("tui.engine.server.scheduler.write_json_atomically", refuse)
    engine = scripted.start('done(status="succeeded")')
    job_id = create(engine)
    wait_until(lambda: engine.jobs.get(job_id).status == "queued")
    full[0] = False
    assert ended(engine, job_id).status == "succeeded"


def test_a_job_without_its_base_model_fails_with_a_reason(
    scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    empty = Scripted(tmp_path / "other", tmp_path / "no-models", monkeypatch)
    engine = empty.start("sys.exit(0)")
    job = ended(engine, create(engine))
    empty.stop()
    assert job.error is not None
    assert job.error["code"] == "base_model_unavailable"


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"[]", b"null", b'{"id": "x"}', b"\xff\xfe", b'{"status": 3}'],
    ids=["empty", "torn", "list", "null", "foreign", "bytes", "types"],
)
def test_a_damaged_job_record_is_a_failed_job_that_says_so(scripted: Scripted, damage: bytes) -> None:
    engine = scripted.start('done(status="succeeded")')
    job = ended(engine, create(engine))
    scripted.stop()
    (engine.jobs.folder(job.id) / "job.json").write_bytes(damage)
    again = scripted.start("sys.exit(1)")
    shown = again.job_service().show(job.id)
    assert shown["status"] == "failed"
    assert shown["error"]["code"] == "damaged_job_record"
    assert shown["model"] == BASE_MODEL
    assert again.jobs.events(job.id)


@pytest.mark.parametrize("damage", [b"", b"{", b'{"id": 1}', b'{"id": "file-x", "order": []}'])
def test_a_damaged_file_record_can_be_seen_and_deleted(scripted: Scripted, damage: bytes) -> None:
    engine = scripted.start('done(status="succeeded")')
    create(engine)
    scripted.stop()
    file_id = engine.files.all()[0].id
    (engine.folder.files / file_id / "file.json").write_bytes(damage)
    again = scripted.start("sys.exit(1)")
    assert again.files.get(file_id).status == "error"
    again.files.delete(file_id)
    assert not again.files.all()


def test_torn_event_lines_are_passed_over(scripted: Scripted) -> None:
    engine = scripted.start('done(status="succeeded")')
    job = ended(engine, create(engine))
    whole = engine.jobs.events(job.id)
    scripted.stop()
    log = engine.jobs.folder(job.id) / "events.jsonl"
    log.write_bytes(b"garbage\n" + log.read_bytes() + b'{"id": "ftevent-torn", "mess')
    again = scripted.start("sys.exit(1)")
    assert again.jobs.events(job.id) == whole


def test_stopping_keeps_the_running_job_first_in_the_queue(scripted: Scripted) -> None:
    script = """
        if start > 1: done(status="succeeded"); sys.exit(0)
        while not (folder / "stop-pause").exists(): time.sleep(0.01)
        done(status="paused")
    """
    engine = scripted.start(script)
    first, second = create(engine), create(engine)
    wait_until(lambda: engine.jobs.get(first).status == "running")
    wait_until(lambda: engine.jobs.get(second).status == "queued")
    scripted.stop()
    assert engine.jobs.get(first).status == "queued"
    again = scripted.start(script.replace("start > 1", "True"))
    assert ended(again, first).status == ended(again, second).status == "succeeded"
    order: Callable[[str], int] = lambda job: (again.jobs.folder(job) / "done.json").stat().st_mtime_ns  # noqa: E731
    assert order(first) < order(second)
