from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.small_disk import small_disk
from tests.support import CliResult, tunedeck_command
from tests.unit.core.fake_service import FakeService, drop, refuse, running, stall
from tests.unit.core.test_launch import a_plan, launch_now
from tests.unit.core.test_watch import is_fake, wait_until
from tui import paths
from tui.errors import TunedeckError
from tui.jobs.archive import MANIFEST, archive_folder, archive_job
from tui.jobs.archiving import Archiver, archive_due
from tui.jobs.watch import JobWatcher
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobState
from tui.services import Services

Cli = Callable[..., CliResult]
RESULTS = b"step,train_loss,valid_loss\n1,2.5,\n2,2.0,2.25\n"


def an_ended_job(services: Services, service: FakeService, job_id: str = "ftjob-1") -> Job:
    """Put a job with everything at the service, and look until it is wholly kept."""
    service.contents |= {"file-t": b'{"messages": []}\n', "file-r": base64.b64encode(RESULTS)}
    service.add_job(
        id=job_id, status="succeeded", training_file="file-t", validation_file="file-gone",
        result_files=["file-r"], fine_tuned_model="ft:x",
    )  # fmt: skip
    service.add_event(job_id, "made \x1b[31m here")
    service.add_event(job_id, step=2, total_steps=2, train_loss=2.0, valid_loss=2.25)
    services.watcher.poll_once()
    services.watcher.poll_once()
    job = services.store.job("openai", job_id)
    assert job is not None
    return job


def test_a_copy_holds_everything_and_says_what_is_missing(services: Services, service: FakeService) -> None:
    result = archive_job(services, an_ended_job(services, service))
    folder = result.folder
    assert folder == archive_folder(Job("openai", "ftjob-1", JobState.SUCCEEDED, "", "m"))
    assert {path.name for path in folder.iterdir()} == {
        "README.txt", "job.json", "events.jsonl", "metrics.csv", "checkpoints.json", "training.jsonl",
        "result-1.csv", MANIFEST,
    }  # fmt: skip
    assert (folder / "training.jsonl").read_bytes() == b'{"messages": []}\n'
    with (folder / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"step": "1", "train_loss": "2.5", "valid_loss": ""},
        {"step": "2", "train_loss": "2.0", "valid_loss": "2.25"},
    ]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert [event["id"] for event in events] == [
        event.id for event in services.store.events("openai", "ftjob-1")
    ]
    assert json.loads((folder / "job.json").read_text())["fine_tuned_model"] == "ft:x"
    readme = (folder / "README.txt").read_text("utf-8")
    assert "Fine-tuning job ftjob-1" in readme
    assert "validation.jsonl (file-gone): missing." in readme
    assert "\x1b" not in readme
    manifest = json.loads((folder / MANIFEST).read_text())
    for entry in manifest["files"]:
        assert hashlib.sha256((folder / entry["name"]).read_bytes()).hexdigest() == entry["sha256"]
    assert [one["what"] for one in manifest["missing"]] == ["validation.jsonl (file-gone)", "weights"]
    note = services.store.archive_note("openai", "ftjob-1")
    assert note is not None
    assert (note.folder, note.due_at) == (str(folder), None)


def test_a_copy_that_was_broken_off_goes_on_without_asking_twice(
    services: Services, service: FakeService
) -> None:
    job = an_ended_job(services, service)
    services.store.save_job(job)
    for _ in range(3):
        service.faults["GET", "/v1/files/file-r/content"].append(drop)
    with pytest.raises(ProviderError):
        archive_job(services, job)
    assert not archive_folder(job).exists()
    asked = service.count("GET", "/v1/files/file-t/content")
    result = archive_job(services, job)
    assert (result.folder / MANIFEST).exists()
    assert service.count("GET", "/v1/files/file-t/content") == asked
    assert [path.name for path in result.folder.parent.iterdir()] == [result.folder.name]
    again = archive_job(services, job)
    assert again.files == result.files
    assert service.count("GET", "/v1/files/file-t/content") == asked


def test_a_killed_copy_is_whole_after_the_next(services: Services, service: FakeService, cli: Cli) -> None:
    an_ended_job(services, service)
    release = threading.Event()
    asked = service.count("GET", "/v1/files/file-r/content")
    service.faults["GET", "/v1/files/file-r/content"].append(stall(release))
    child = subprocess.Popen(tunedeck_command("archive", "ftjob-1", "--offline"), stderr=subprocess.DEVNULL)
    partial = archive_folder(Job("openai", "ftjob-1", JobState.SUCCEEDED, "", "m")).with_name(
        "ftjob-1.partial"
    )
    wait_until(lambda: service.count("GET", "/v1/files/file-r/content") > asked, 60)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    release.set()
    assert (partial / "training.jsonl").exists()
    (partial / ".result-1.csv-abc.part").write_bytes(b"half")
    told = cli("archive", "ftjob-1", "--offline", "--json").json()
    folder = Path(told["folder"])
    assert not partial.exists()
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []
    assert (folder / "result-1.csv").read_bytes() == base64.b64encode(RESULTS)


def test_a_full_disk_is_told_and_what_was_copied_stays(
    services: Services, service: FakeService, tmp_path: Path
) -> None:
    job = an_ended_job(services, service)
    with small_disk(tmp_path / "disk") as disk:
        (disk.folder / "openai").mkdir()
        disk.fill()
        with pytest.raises(TunedeckError, match=r"is full.*tunedeck archive ftjob-1"):
            archive_job(services, job, below=disk.folder)
        disk.free()
        assert (archive_job(services, job, below=disk.folder).folder / MANIFEST).exists()


def test_a_training_file_is_taken_from_this_machine_while_it_is_the_one_launched(
    services: Services, service: FakeService, dataset: Path
) -> None:
    launched = launch_now(a_plan(dataset), services)
    content = dataset.read_bytes()
    before = service.count("GET", f"/v1/files/{launched.training_file}/content")
    first = archive_job(services, launched)
    assert (first.folder / "training.jsonl").read_bytes() == content
    assert service.count("GET", f"/v1/files/{launched.training_file}/content") == before
    dataset.write_bytes(content + b"{}\n")
    elsewhere = archive_job(services, launched, below=first.folder.parent / "other")
    assert (elsewhere.folder / "training.jsonl").read_bytes() == content
    assert service.count("GET", f"/v1/files/{launched.training_file}/content") == before + 1


@pytest.mark.parametrize("name", ["../../../etc/x", "..", ".", "", "a/b", "x" * 300, "ü", "a\0b"])
def test_no_foreign_id_leads_out_of_the_place_for_copies(name: str) -> None:
    folder = archive_folder(Job(name, name, JobState.FAILED, "", "m"))
    assert folder.parent.parent == paths.archive_dir()
    assert folder.name not in (".", "..")
    assert "\0" not in str(folder)
    assert folder != archive_folder(Job(name, name + "?", JobState.FAILED, "", "m"))


def test_weights_of_the_local_engine_are_copied_without_taking_room(services: Services) -> None:
    job = Job("local", "ftjob-l", JobState.SUCCEEDED, "succeeded", "m", fine_tuned_model="ft:l")
    services.store.save_job(job)
    source = paths.engine_job_dir(job.id) / "adapter"
    source.mkdir(parents=True)
    (source / "adapter_model.safetensors").write_bytes(b"weights")
    result = archive_job(services, job)
    copied = result.folder / "adapter" / "adapter_model.safetensors"
    assert copied.read_bytes() == b"weights"
    assert copied.samefile(source / "adapter_model.safetensors")
    assert result.missing == ()


def test_a_job_that_ends_while_it_is_watched_is_copied_and_older_ones_are_left(
    services: Services, service: FakeService
) -> None:
    an_ended_job(services, service, "ftjob-old")
    service.add_job(id="ftjob-new", training_file="file-t")
    services.watcher.wake("openai")
    services.watcher.poll_once()
    watcher = JobWatcher(services, poll_seconds=600, may_discover=is_fake, archives=True)
    watcher.start()
    try:
        service.faults["GET", "/v1/files/file-t/content"].append(refuse(500, "later"))
        service.jobs["ftjob-new"]["status"] = "succeeded"
        watcher.wake("openai")
        wait_until(lambda: copied(services, "ftjob-new"))
    finally:
        watcher.stop()
    assert services.store.archive_note("openai", "ftjob-old") is None
    assert (archive_folder(Job("openai", "ftjob-new", JobState.SUCCEEDED, "", "m")) / MANIFEST).exists()


def copied(services: Services, job_id: str, account: str = "openai") -> bool:
    note = services.store.archive_note(account, job_id)
    return note is not None and note.folder is not None


def test_a_slow_service_holds_up_no_copy_of_another_account(services: Services, service: FakeService) -> None:
    release = threading.Event()
    with running(FakeService()) as other:
        declare_account(DeclaredAccount("work", "custom", other.url, "OPENAI_API_KEY"))
        services.reload_accounts()
        for one in (service, other):
            one.contents["file-t"] = b"{}\n"
            one.add_job(id="ftjob-1", training_file="file-t")
        services.watcher.poll_once()
        for one in (service, other):
            one.jobs["ftjob-1"]["status"] = "succeeded"
        services.watcher.poll_once()
        service.faults["GET", "/v1/files/file-t/content"].append(stall(release))
        stopping = threading.Event()
        Archiver(services).begin(stopping)
        try:
            wait_until(lambda: copied(services, "ftjob-1", "work"))
            assert not copied(services, "ftjob-1")
        finally:
            stopping.set()
            release.set()
            for thread in threading.enumerate():
                if thread.name.startswith("job-archiver"):
                    thread.join(20)


def test_a_service_that_is_away_at_the_end_is_asked_again_later(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="ftjob-1", training_file="file-t")
    services.watcher.poll_once()
    service.jobs["ftjob-1"]["status"] = "failed"
    services.watcher.poll_once()
    for _ in range(3):
        service.faults["GET", "/v1/files/file-t/content"].append(drop)
    archive_due(services, threading.Event(), "openai")
    note = services.store.archive_note("openai", "ftjob-1")
    assert note is not None
    assert note.problem
    assert note.folder is None
    assert note.due_at is not None
    assert services.store.archives_due(note.due_at - 1) == []
    assert services.store.archives_due(note.due_at) == [note]


def test_a_copy_that_leaving_breaks_off_says_nothing_and_is_due_at_the_next_start(
    services: Services, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_job(id="ftjob-1", training_file="file-t")
    services.watcher.poll_once()
    service.jobs["ftjob-1"]["status"] = "failed"
    services.watcher.poll_once()
    provider = services.provider("openai")
    stopping = threading.Event()

    def leave(_file_id: str) -> bytes:
        stopping.set()
        provider.close()
        raise RuntimeError("Cannot send a request, as the client has been closed.")

    monkeypatch.setattr(provider, "file_content", leave)
    archive_due(services, stopping, "openai")
    note = services.store.archive_note("openai", "ftjob-1")
    assert note is not None
    assert (note.folder, note.problem) == (None, None)
    assert note.due_at is not None


def test_watch_copies_the_job_that_it_saw_end(services: Services, service: FakeService, cli: Cli) -> None:
    service.contents["file-t"] = b"{}\n"
    service.add_job(id="ftjob-1", training_file="file-t")
    services.watcher.poll_once()
    service.jobs["ftjob-1"]["status"] = "succeeded"
    told = cli("watch", "ftjob-1")
    assert told.code == 0
    assert "All its files are in" in told.stderr
    assert "All its files" not in cli("watch", "ftjob-1").stderr
