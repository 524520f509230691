from __future__ import annotations

import multiprocessing
import os
import sqlite3
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.errors import TunedeckError
from tui.records.chats import Answer, ChatParameters, Usage
from tui.records.jobs import Checkpoint, Job, JobError, JobEvent, JobState, Method
from tui.records.models import ModelInfo
from tui.records.requests import RemoteFile
from tui.store.event_queries import JobOutline
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.store.schema import MIGRATIONS
from tui.store.store import Store


def a_job(job_id: str = "ftjob-1", state: JobState = JobState.RUNNING, **fields: Any) -> Job:
    return Job(account="openai", id=job_id, state=state, raw_status=str(state), model="m", **fields)


def an_event(number: int, **data: Any) -> JobEvent:
    return JobEvent(f"e{number}", "ftjob-1", 100 + number, "info", f"event {number}",
                    "metrics" if data else "message", data)  # fmt: skip


def test_a_job_comes_back_as_it_was_saved(store: Store) -> None:
    job = Job(
        "openai", "ftjob-1", JobState.FAILED, "failed", "m", Method.DPO, 1, 2, 3, "ft:m", "file-1", "file-2",
        ("file-3",), 99, {"n_epochs": 3, "beta": 0.1}, 7, "suffix", {"a": "b"},
        JobError("bad", "Very bad \ud800", "training_file"), {"odd": [1, None, {"deep": "\x1b"}]},
    )  # fmt: skip
    assert store.save_job(job)
    assert store.job("openai", "ftjob-1") == job


def test_saving_the_same_job_again_is_no_news(store: Store) -> None:
    assert store.save_job(a_job(created_at=5))
    assert not store.save_job(a_job(created_at=5))
    assert store.save_job(a_job(created_at=5, trained_tokens=1))


def test_a_late_answer_does_not_bring_a_finished_job_back_to_life(store: Store) -> None:
    store.save_job(a_job(state=JobState.SUCCEEDED))
    assert not store.save_job(a_job(state=JobState.RUNNING))
    found = store.job("openai", "ftjob-1")
    assert found is not None
    assert found.state is JobState.SUCCEEDED


def test_active_jobs_leave_out_what_is_over(store: Store) -> None:
    store.save_job(a_job("a", JobState.SUCCEEDED, created_at=3))
    store.save_job(a_job("b", JobState.RUNNING, created_at=2))
    store.save_job(a_job("c", JobState.PAUSED, created_at=1))
    assert [job.id for job in store.jobs(active_only=True)] == ["b", "c"]
    assert [job.id for job in store.jobs(limit=1)] == ["a"]
    assert [job.id for job in store.jobs_to_watch()] == ["c", "b", "a"]
    store.mark_archived("openai", "a")
    assert [job.id for job in store.jobs_to_watch()] == ["c", "b"]


@given(st.lists(st.lists(st.integers(0, 12), max_size=8), max_size=8))
def test_events_received_in_any_overlapping_batches_are_kept_once_each(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[int]]
) -> None:
    with Store(tmp_path_factory.mktemp("store") / "s.sqlite3") as store:
        told: list[str] = []
        for batch in batches:
            told += [one.id for one in store.add_events("openai", "ftjob-1", map(an_event, batch))]
        expected = {f"e{number}" for batch in batches for number in batch}
        assert sorted(told) == sorted(expected)
        kept = store.events("openai", "ftjob-1")
        assert {event.id for event in kept} == expected
        assert [event.created_at for event in kept] == sorted(event.created_at for event in kept)


def test_metrics_of_events_and_result_file_are_merged_by_step(store: Store) -> None:
    events = [an_event(1, step=1, total_steps=9, train_loss=2.5, note="x", flag=True, bad=float("nan"))]
    store.add_events("openai", "ftjob-1", events)
    store.add_metrics("openai", "ftjob-1", {1: {"valid_loss": 2.25}, 2: {"train_loss": 2.0}})
    store.add_metrics("openai", "ftjob-1", {2: {"train_loss": 2.0}})
    assert store.metrics("openai", "ftjob-1") == {
        1: {"train_loss": 2.5, "valid_loss": 2.25},
        2: {"train_loss": 2.0},
    }


def test_events_after_a_row_number_are_only_the_later_ones(store: Store) -> None:
    store.add_events("openai", "ftjob-1", [an_event(1), an_event(2)])
    last = store.event_rows("openai", "ftjob-1")[-1][0]
    store.add_events("openai", "ftjob-1", [an_event(2), an_event(3)])
    assert [event.id for event in store.events("openai", "ftjob-1", last)] == ["e3"]
    assert store.last_event_id("openai", "ftjob-1") == "e3"


def test_checkpoints_dropped_by_a_service_stay_as_history(store: Store) -> None:
    store.save_checkpoints("openai", "j", [Checkpoint("c1", "j", "m:1", 1), Checkpoint("c2", "j", "m:2", 2)])
    store.save_checkpoints("openai", "j", [Checkpoint("c2", "j", "m:2", 2, 5, {"train_loss": 0.5})])
    found = store.checkpoints("openai", "j")
    assert [(one.id, one.is_listed) for one in found] == [("c2", True), ("c1", False)]
    assert found[0].metrics == {"train_loss": 0.5}


def test_a_dataset_is_known_until_its_file_changes(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    path.write_text("{}\n")
    store.touch_dataset(path, sha256="abc", size=3, rows=1, format="chat", valid=True, counts={"error": 0})
    known = store.dataset(path)
    assert known is not None
    assert (known.sha256, known.rows, known.valid) == ("abc", 1, True)
    path.write_text("{}\n{}\n")
    assert store.dataset(path) is None
    assert [one.path for one in store.recent_datasets()] == [path]


def test_reports_are_kept_by_content_and_options(store: Store) -> None:
    store.save_report("abc", "gpt", {"rows": 1})
    assert store.report("abc", "gpt") == {"rows": 1}
    assert store.report("abc", "other") is None


def test_a_remote_file_is_found_by_its_content(store: Store) -> None:
    remote = RemoteFile("file-1", "a.jsonl", 3, "fine-tune", 5, "processed")
    store.remember_file("openai", "abc", remote)
    assert store.remote_file("openai", "abc") == remote
    assert store.remote_file("local", "abc") is None


def test_only_one_of_many_threads_passes_from_preparing_to_creating(store: Store) -> None:
    record = LaunchRecord(
        "run", "openai", LaunchState.PREPARING, {}, "f", Path("/d"), "abc", {}, None, None, 1
    )
    assert store.claim_launch(record)
    assert not store.claim_launch(record)
    passed: list[bool] = []
    threads = [threading.Thread(target=lambda: passed.append(store.begin_creating("run"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(passed) == [False] * 7 + [True]


def test_a_chat_comes_back_with_messages_answers_and_usage(store: Store) -> None:
    models = [("local", "base"), ("local", "ft:base")]
    chat = store.create_chat(
        models, title="Hello", system_prompt="Be kind", parameters=ChatParameters(stop=("x",))
    )
    store.add_message(chat, 1, "user", "Hi \ud83d")
    answer = Answer(chat, 1, "base", "local", "Hello", "stop", Usage(3, 2, 1), 0.1, 0.5, 77)
    store.add_answer(answer)
    store.add_answer(answer)
    found = store.chat(chat)
    assert found is not None
    assert found.summary.models == tuple(models)
    assert found.summary.parameters.stop == ("x",)
    assert found.messages[0][1].content == "Hi \ufffd"
    assert found.answers == (answer,)
    total = store.usage()[0]
    assert (total.uses, total.prompt_tokens, total.completion_tokens) == (1, 3, 2)
    store.delete_chat(chat)
    assert store.chat(chat) is None


def test_models_are_replaced_as_a_whole(store: Store) -> None:
    store.save_models("local", [ModelInfo("local", "a"), ModelInfo("local", "b", base_model="a")])
    store.save_models("local", [ModelInfo("local", "b", base_model="a", shutdown_date="2027-01-14")])
    assert [(one.id, one.is_fine_tuned) for one in store.models()] == [("b", True)]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no permission bits")
def test_file_and_folder_are_private(store: Store) -> None:
    assert os.stat(store.path).st_mode & 0o077 == 0
    assert os.stat(store.path.parent).st_mode & 0o077 == 0


def _read_in_another_process(path: str, pipe: Any) -> None:
    with Store(Path(path)) as other:
        pipe.send([job.id for job in other.jobs()])
        other.add_events("openai", "ftjob-1", [an_event(1), an_event(2)])
        pipe.send("written")


def test_a_second_process_reads_and_writes_while_the_first_has_it_open(store: Store) -> None:
    store.save_job(a_job())
    store.add_events("openai", "ftjob-1", [an_event(1)])
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_read_in_another_process, args=(str(store.path), theirs))
    process.start()
    try:
        assert ours.poll(60)
        assert ours.recv() == ["ftjob-1"]
        assert ours.poll(60)
        assert ours.recv() == "written"
    finally:
        process.join(60)
    assert [event.id for event in store.events("openai", "ftjob-1")] == ["e1", "e2"]


READ_AND_CLOSE = """
import sys
from pathlib import Path
from tui.store.store import Store

with Store(Path(sys.argv[1])) as store:
    print(sorted(job.id for job in store.jobs()))
"""
"""A program that opens the store, says what it sees, and closes it as the last, as far as it knows."""


def test_a_store_opened_twice_by_one_program_keeps_what_it_writes_after_another_has_closed_it(
    tmp_path: Path,
) -> None:
    path = tmp_path / "private" / "store.sqlite3"

    def seen_elsewhere() -> str:
        command = [sys.executable, "-c", READ_AND_CLOSE, str(path)]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()

    # The app opens what lists, and later the whole store; closing any descriptor of the file in between
    # would drop the locks of both, and the next program to close it would take the log away under them.
    with Store(path) as lists, Store(path) as whole:
        lists.save_job(a_job("ftjob-1"))
        assert seen_elsewhere() == "['ftjob-1']"
        whole.save_job(a_job("ftjob-2"))
        lists.save_job(a_job("ftjob-3"))
        assert seen_elsewhere() == "['ftjob-1', 'ftjob-2', 'ftjob-3']"


@pytest.mark.parametrize("content", [b"this is no database at all, not even nearly" * 40, b"\x00" * 8192])
def test_a_damaged_file_is_moved_aside_once_and_a_new_store_begun(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.sqlite3"
    path.write_bytes(content)
    with Store(path) as store:
        store.save_job(a_job())
        aside = [one for one in tmp_path.iterdir() if ".damaged-" in one.name]
        assert [one.read_bytes() for one in aside] == [content]
        assert str(aside[0]) in store.notice
    with Store(path) as store:
        assert store.notice == ""
        assert [job.id for job in store.jobs()] == ["ftjob-1"]


def test_damage_inside_is_told_and_the_next_start_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    with Store(path) as store:
        store.query("PRAGMA wal_checkpoint(TRUNCATE)")
        after_the_schema = path.stat().st_size
        for number in range(300):
            store.save_job(a_job(f"job-{number}", metadata={"filler": "x" * 200}))
        store.query("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[after_the_schema:] = b"\xff" * (len(content) - after_the_schema)
    path.write_bytes(bytes(content))
    with Store(path) as store, pytest.raises(TunedeckError, match="damaged"):
        store.jobs(limit=300)
    with Store(path) as store:
        assert "damaged" in store.notice
        assert store.jobs() == []


def test_events_and_numbers_of_an_older_store_stay_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    at = next(number for number, text in enumerate(MIGRATIONS) if "DROP TABLE events" in text)
    with sqlite3.connect(path) as raw:
        for statements in MIGRATIONS[:at]:
            raw.executescript(statements)
        raw.execute(f"PRAGMA user_version = {at}")
        for job_id in ("ftjob-1", "ftjob-2"):
            for number in (3, 1, 2):
                raw.execute(
                    "INSERT INTO events VALUES ('openai', ?, ?, 100, 'info', 'm', 'metrics', ?)",
                    (job_id, f"e{number}", f'{{"step": {number}}}'),
                )
            raw.execute("INSERT INTO metrics VALUES ('openai', ?, 1, 'train_loss', 2.5)", (job_id,))
        raw.execute("INSERT INTO metrics VALUES ('local', 'ftjob-1', 7, 'valid_loss', 0.5)")
    raw.close()
    with Store(path) as store:
        for job_id in ("ftjob-1", "ftjob-2"):
            assert [event.id for event in store.events("openai", job_id)] == ["e3", "e1", "e2"]
            assert store.last_event_id("openai", job_id) == "e2"
            assert store.metrics("openai", job_id) == {1: {"train_loss": 2.5}}
        assert store.metrics("local", "ftjob-1") == {7: {"valid_loss": 0.5}}
        assert store.events("local", "ftjob-1") == []
        assert store.add_events("openai", "ftjob-1", [an_event(1, step=1, train_loss=9.0)]) == []


def test_an_outline_keeps_spikes_and_follows_what_comes(store: Store) -> None:
    assert store.job_outline("openai", "ftjob-1") == JobOutline()
    store.add_metrics("openai", "ftjob-1", {step: {"train_loss": 1.0} for step in range(1, 5001)})
    store.add_metrics("openai", "ftjob-1", {2500: {"train_loss": 90.0}, 5001: {"valid_loss": 7.0}})
    outline = store.job_outline("openai", "ftjob-1")
    assert (max(outline.losses), outline.last_loss, outline.last_step) == (90.0, 1.0, 5000)
    assert len(outline.losses) == 64
    assert store.job_outline("openai", "ftjob-1") == outline
    store.add_events("openai", "ftjob-1", [an_event(1, step=5002, train_loss=0.25)])
    assert store.job_outline("openai", "ftjob-1").last_loss == 0.25


def test_the_newest_events_with_numbers_come_in_their_order(store: Store) -> None:
    store.add_events("openai", "ftjob-1", [an_event(number, step=number) for number in range(1, 31)])
    store.add_events("openai", "ftjob-1", [an_event(99)])
    newest = store.recent_metrics_events("openai", "ftjob-1", 3)
    assert [event.id for event in newest] == ["e28", "e29", "e30"]
    assert newest[0] == an_event(28, step=28)


def test_a_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.execute("PRAGMA user_version = 99")
    raw.close()
    before = path.read_bytes()
    with pytest.raises(TunedeckError, match="newer tunedeck"):
        Store(path)
    assert path.read_bytes() == before


def test_a_full_disk_is_told_in_a_sentence_and_nothing_half_written_stays(store: Store) -> None:
    store.save_job(a_job())
    pages = store.query("PRAGMA page_count")[0][0]
    store.query(f"PRAGMA max_page_count = {pages}")  # what SQLite does on a full disk, without filling one
    events = [an_event(number, step=number, filler="x" * 4000) for number in range(200)]
    with pytest.raises(TunedeckError, match="is full"):
        store.add_events("openai", "ftjob-1", events)
    assert store.events("openai", "ftjob-1") == []
    store.query("PRAGMA max_page_count = 1000000")
    assert len(store.add_events("openai", "ftjob-1", events)) == 200


def test_a_folder_that_cannot_be_used_is_told_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TunedeckError, match="can't be opened"):
        Store(tmp_path / "file" / "s.sqlite3")
    (tmp_path / "folder").mkdir()
    with pytest.raises(TunedeckError, match="can't be opened"):
        Store(tmp_path / "folder")


def test_training_rates_come_from_metrics_of_succeeded_jobs(store: Store) -> None:
    store.save_job(a_job(state=JobState.SUCCEEDED, trained_tokens=1100, finished_at=5))
    store.add_events("openai", "ftjob-1", [an_event(number, step=number) for number in range(11)])
    assert store.training_rates("openai") == [pytest.approx(100.0)]
    assert store.training_rates("local") == []


def test_every_thread_may_use_the_store_and_its_connection_ends_with_it(store: Store) -> None:
    problems: list[BaseException] = []

    def work(number: int) -> None:
        try:
            store.save_job(a_job(f"job-{number}"))
            assert store.job("openai", f"job-{number}") is not None
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(store.jobs()) == 12


def test_many_may_open_a_new_store_at_the_same_moment(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    barrier, problems = threading.Barrier(8), []

    def open_it() -> None:
        barrier.wait()
        try:
            Store(path).close()
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert [one.name for one in tmp_path.iterdir() if "damaged" in one.name] == []


def test_a_disk_too_full_for_a_new_store_is_told_as_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect

    def connect_with_little_room(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.execute("PRAGMA max_page_count = 3")
        return connection

    monkeypatch.setattr(sqlite3, "connect", connect_with_little_room)
    with pytest.raises(TunedeckError, match="full"):
        Store(tmp_path / "store.sqlite3")


def test_damage_on_a_disk_that_takes_no_mark_is_still_told(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "touch", refuse)
    damage = sqlite3.DatabaseError("malformed")
    damage.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
    with pytest.raises(TunedeckError, match="damaged"), store._failures():
        raise damage
