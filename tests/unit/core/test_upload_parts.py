from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import drop, refuse, running
from tests.unit.core.fake_uploads import FakeUploads, complete_and_drop, take_and_drop
from tests.unit.core.test_launch import JOBS, a_plan, launch_now
from tui.providers import profiles, upload_parts
from tui.providers.profiles import profile
from tui.providers.protocol import ProviderError
from tui.records.uploads import OpenUpload, SentPart
from tui.services import Services
from tui.store.store import Store

PART, PARTS = 1000, 6
COMPLETE = "/v1/uploads/upload-1/complete"
LAUNCH = """
import sys
from dataclasses import replace
from pathlib import Path
from tui.jobs.launch import launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import estimate_plan
from tui.providers import profiles, upload_parts
from tui.services import Services

upload_parts._PART_BYTES = 1000
small = replace(profiles.profile("openai"), largest_file_bytes=500)
profiles.profile = lambda name: small
plan = LaunchPlan("openai", "gpt-4.1-mini", Path(sys.argv[1]))
with Services.open() as services:
    print(launch(plan, services, confirmed_price=estimate_plan(plan, services)).id)
"""
"""A program that launches a job whose file goes up in parts."""


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeUploads]:
    with running(FakeUploads()) as fake:
        assert isinstance(fake, FakeUploads)
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield fake


@pytest.fixture
def services(service: FakeUploads, monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    monkeypatch.setattr(upload_parts, "_PART_BYTES", PART)
    small = replace(profile("openai"), largest_file_bytes=500)
    monkeypatch.setattr(profiles, "profile", lambda name: small)
    with Services.open() as opened:
        yield opened


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """A sound file of a little more than five parts."""
    path = tmp_path / "large.jsonl"
    lines: list[str] = []
    while sum(map(len, lines)) <= (PARTS - 1) * PART:
        answer = {"role": "assistant", "content": f"It is {len(lines) + 1}."}
        asked = {"role": "user", "content": f"How much is {len(lines)} and one?"}
        lines.append(json.dumps({"messages": [asked, answer]}) + "\n")
    path.write_text("".join(lines), "utf-8")
    assert (PARTS - 1) * PART < path.stat().st_size <= PARTS * PART
    return path


def parts_of(path: Path) -> list[bytes]:
    content = path.read_bytes()
    return [content[start : start + PART] for start in range(0, len(content), PART)]


def notes_of(services: Services, path: Path) -> OpenUpload | None:
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return services.store.upload_notes("openai", sha256).open_upload()


def break_connection(service: FakeUploads, call: int) -> None:
    """Lose a part and every attempt of the client's own to send it again."""
    for attempt in range(3):
        service.part_faults[call + attempt] = drop


@pytest.mark.parametrize("broken", range(1, PARTS + 1))
def test_a_connection_that_breaks_at_any_part_leaves_only_the_missing_parts_to_send(
    services: Services, service: FakeUploads, rows: Path, broken: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)  # the client's pauses between its attempts
    break_connection(service, broken)
    plan = a_plan(rows)
    with pytest.raises(ProviderError):
        launch_now(plan, services)
    assert service.count("POST", JOBS) == 0
    kept = notes_of(services, rows)
    assert kept is not None
    assert [part.number for part in kept.parts] == list(range(broken - 1))
    before = len(service.part_calls)
    with Services.open() as restarted:
        job = launch_now(plan, restarted)
        assert notes_of(restarted, rows) is None
    assert service.part_calls[before:] == parts_of(rows)[broken - 1 :]
    assert len(service.uploads) == 1
    assert service.contents[str(job.training_file)] == rows.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGKILL")
@pytest.mark.parametrize("killed_at", [1, 4, PARTS])
def test_a_process_killed_in_the_middle_of_an_upload_goes_on_with_the_next_part(
    services: Services, service: FakeUploads, rows: Path, killed_at: int
) -> None:
    seen = threading.Event()

    def hold(handler: Any) -> bool:
        seen.set()
        handler.rfile.read(1)  # returns when the other side is gone
        handler.close_connection = True
        return True

    service.part_faults[killed_at] = hold
    process = subprocess.Popen([sys.executable, "-c", LAUNCH, str(rows)], stdout=subprocess.PIPE)
    assert seen.wait(60)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    assert service.part_calls == parts_of(rows)[:killed_at]
    again = subprocess.run(
        [sys.executable, "-c", LAUNCH, str(rows)], capture_output=True, text=True, timeout=120, check=False
    )
    assert again.stdout.strip() == "ftjob-1", again.stderr
    assert service.part_calls[killed_at:] == parts_of(rows)[killed_at - 1 :]
    assert len(service.uploads) == 1
    assert service.contents["file-of-upload-1"] == rows.read_bytes()


def test_the_same_content_is_not_sent_again_and_progress_begins_where_it_stopped(
    services: Services, service: FakeUploads, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    launch_now(a_plan(rows), services)
    launch_now(a_plan(rows, seed=1), services)
    assert len(service.part_calls) == PARTS
    assert len(service.uploads) == 1


def test_a_part_whose_answer_was_lost_is_sent_once_more_and_the_file_is_whole(
    services: Services, service: FakeUploads, rows: Path
) -> None:
    service.part_faults[2] = take_and_drop
    job = launch_now(a_plan(rows), services)
    assert len(service.part_calls) == PARTS + 1
    assert service.contents[str(job.training_file)] == rows.read_bytes()


def test_a_completion_whose_answer_was_lost_is_found_in_the_list_of_files(
    services: Services, service: FakeUploads, rows: Path
) -> None:
    service.faults["POST", COMPLETE].append(complete_and_drop)
    job = launch_now(a_plan(rows), services)
    assert job.training_file == "file-of-upload-1"
    assert len(service.part_calls) == PARTS
    assert notes_of(services, rows) is None


def test_a_completion_that_was_lost_for_longer_is_found_at_the_next_launch(
    services: Services, service: FakeUploads, rows: Path
) -> None:
    service.faults["POST", COMPLETE].append(complete_and_drop)
    service.faults["GET", "/v1/files"] = [refuse(400, "no list now")]
    plan = a_plan(rows)
    with pytest.raises(ProviderError):
        launch_now(plan, services)
    job = launch_now(plan, services)
    assert job.training_file == "file-of-upload-1"
    assert len(service.part_calls) == PARTS
    assert len(service.uploads) == 1


@pytest.mark.parametrize("harm", ["expired here", "expired there", "unknown", "cancelled"])
def test_an_upload_that_has_ended_at_the_service_begins_anew(
    services: Services, service: FakeUploads, rows: Path, harm: str
) -> None:
    upload = OpenUpload("upload-1", rows.stat().st_size, PART, int(time.time()), int(time.time()) + 3600)
    notes = services.store.upload_notes("openai", hashlib.sha256(rows.read_bytes()).hexdigest())
    first = parts_of(rows)[0]
    part = SentPart(0, hashlib.sha256(first).hexdigest(), len(first), "gone")
    if harm == "expired here":
        upload = replace(upload, expires_at=int(time.time()) + 5)
    elif harm != "unknown":
        service.uploads["upload-1"] = {
            "id": "upload-1", "status": "cancelled" if harm == "cancelled" else "pending",
            "expires_at": time.time() - 1, "bytes": upload.bytes,
        }  # fmt: skip
    notes.begun(upload)
    notes.part_sent("upload-1", part)
    job = launch_now(a_plan(rows), services)
    assert service.contents[str(job.training_file)] == rows.read_bytes()
    assert service.part_calls[-PARTS:] == parts_of(rows)
    assert notes_of(services, rows) is None


def test_a_part_of_other_content_is_never_taken_for_this_files(
    services: Services, service: FakeUploads, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _seconds: None)
    break_connection(service, 3)
    with pytest.raises(ProviderError):
        launch_now(a_plan(rows), services)
    notes = services.store.upload_notes("openai", hashlib.sha256(rows.read_bytes()).hexdigest())
    notes.part_sent("upload-1", SentPart(0, "0" * 64, PART, "of another file"))
    job = launch_now(a_plan(rows), services)
    assert service.contents[str(job.training_file)] == rows.read_bytes()


def test_a_refused_upload_is_cancelled_and_forgotten(
    services: Services, service: FakeUploads, rows: Path
) -> None:
    service.faults["POST", COMPLETE].append(refuse(400, "the checksum differs"))
    with pytest.raises(ProviderError, match="checksum differs"):
        launch_now(a_plan(rows), services)
    assert service.uploads["upload-1"]["status"] == "cancelled"
    assert notes_of(services, rows) is None


def test_notes_of_uploads_are_kept_apart_and_forgotten_together(store: Store) -> None:
    notes, other = store.upload_notes("a", "x"), store.upload_notes("b", "x")
    assert notes.open_upload() is None
    upload = OpenUpload("u", 10, 5, 1, 2)
    notes.begun(upload)
    other.begun(upload)
    notes.part_sent("u", SentPart(1, "s", 5, "p2"))
    notes.part_sent("u", SentPart(0, "s", 5, "p1"))
    notes.part_sent("u", SentPart(0, "s", 5, "p1"))
    known = notes.open_upload()
    assert known is not None
    assert [part.id for part in known.parts] == ["p1", "p2"]
    assert other.open_upload() == upload
    notes.begun(replace(upload, id="v"))
    assert notes.open_upload() == replace(upload, id="v")
    notes.ended("u")
    assert notes.open_upload() is not None
    notes.ended("v")
    assert notes.open_upload() is None
    assert store.query("SELECT * FROM upload_parts WHERE account = 'a'") == []
