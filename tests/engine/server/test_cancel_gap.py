"""A cancel that was begun is finished: by the next engine, or when the disk has room again."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.server.harness import EngineProcess
from tests.engine.server.test_scheduling import Scripted, create, ended, scripted
from tests.support import wait_until
from tui.engine.folder import EngineFolder
from tui.engine.server.engine import Engine, EngineOptions
from tui.engine.server.job_record import JobRecord
from tui.engine.server.job_store import JobStore

__all__ = ["scripted"]

_CANCEL_AND_DIE = """
import os, signal, sys
from pathlib import Path
from tui.engine.server.engine import Engine, EngineOptions
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_store import JobStore

def die(*_, **__):
    os.kill(os.getpid(), signal.SIGKILL)

engine = Engine(EngineOptions(root=Path(sys.argv[1]), base_models=Path(sys.argv[2])), None)
if sys.argv[4] == "event":
    JobStore.say_once = die
else:
    JobStore.change = die
engine.job_service().cancel(sys.argv[3])
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("state", ["validating_files", "queued", "paused"])
@pytest.mark.parametrize("dies_before", ["event", "record"])
def test_an_engine_killed_in_the_middle_of_a_cancel_ends_the_job_at_its_next_start(
    new_engine: Callable[..., EngineProcess], tiny_base_models: Path, state: str, dies_before: str
) -> None:
    engine = new_engine()
    EngineFolder(engine.root).prepare()
    before = Engine(EngineOptions(root=engine.root, base_models=tiny_base_models), None)
    job_id = create(before)
    before.jobs.change(job_id, lambda record: setattr(record, "status", state))
    places = [str(engine.root), str(tiny_base_models)]
    command = [sys.executable, "-c", _CANCEL_AND_DIE, *places, job_id, dies_before]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert Engine(before.options, None).jobs.get(job_id).status == state  # the gap is really there
    with engine.start().client() as client:
        job = wait_until(
            lambda: job if (job := client.fine_tuning.jobs.retrieve(job_id)).finished_at else None,
            what="the end of the job",
        )
        messages = [event.message for event in client.fine_tuning.jobs.list_events(job_id)]
    assert job.status == "cancelled"
    assert messages.count("The job has been cancelled") == 1
    assert messages[0] == "The job has been cancelled"
    assert "Fine-tuning job started" not in messages


def test_a_cancel_whose_record_the_disk_refuses_is_done_later_and_the_job_never_runs(
    scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = 'while not list(folder.glob("stop-*")): time.sleep(0.05)'
    engine = scripted.start(hold)
    running = create(engine)
    wait_until(lambda: engine.jobs.get(running).status == "running", what="the first job's start")
    queued = create(engine)
    wait_until(lambda: engine.jobs.get(queued).status == "queued", what="the second job's place in the queue")
    change = JobStore.change

    def refuse(store: JobStore, job_id: str, edit: Callable[[JobRecord], None], **options: bool) -> JobRecord:
        if job_id == queued:
            raise OSError(errno.ENOSPC, "No space left on device")
        return change(store, job_id, edit, **options)

    with monkeypatch.context() as patch:
        patch.setattr(JobStore, "change", refuse)
        with pytest.raises(OSError, match="No space"):
            engine.job_service().cancel(queued)
    engine.job_service().cancel(running)
    assert ended(engine, queued).status == "cancelled"
    assert not (engine.jobs.folder(queued) / "starts").exists()
