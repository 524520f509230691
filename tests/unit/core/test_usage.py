from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from tui.records.chats import Answer, Usage
from tui.records.jobs import Job, JobState
from tui.store.schema import MIGRATIONS
from tui.store.store import Store
from tui.store.usage_rows import UsageKind, UsageTotal

ANSWER = Answer("chat-1", 1, "base/small", "local", "Hello", "stop", Usage(3, 2, 1), 0.1, 0.5, 77)
JOB = Job("openai", "ftjob-1", JobState.SUCCEEDED, "succeeded", "gpt-4.1-mini", created_at=10,
          finished_at=20, trained_tokens=900)  # fmt: skip
OF_ANSWER = UsageTotal("local", UsageKind.CHAT, "base/small", 1, 3, 2, 1, 0)
OF_JOB = UsageTotal("openai", UsageKind.TRAINING, "gpt-4.1-mini", 1, 0, 0, 0, 900)


def kept_rows(path: Path) -> list[tuple[object, ...]]:
    with sqlite3.connect(path) as raw:
        found = [tuple(row) for row in raw.execute("SELECT * FROM usage ORDER BY kind, reference")]
    raw.close()
    return found


def test_an_answer_is_counted_once_however_often_it_is_saved(store: Store) -> None:
    store.add_answer(ANSWER)
    store.add_answer(ANSWER)
    assert store.usage() == [OF_ANSWER]


def test_answers_to_the_same_question_are_counted_apart(store: Store) -> None:
    for answer in (ANSWER, replace(ANSWER, created_at=78), replace(ANSWER, turn=2)):
        store.add_answer(answer)
    assert [(one.uses, one.prompt_tokens) for one in store.usage()] == [(3, 9)]


def test_a_deleted_conversation_has_still_used_its_tokens(store: Store) -> None:
    chat = store.create_chat([("local", "base/small")])
    store.add_answer(replace(ANSWER, chat_id=chat))
    store.delete_chat(chat)
    assert store.usage() == [OF_ANSWER]


def test_a_job_counts_from_its_end_and_only_once(store: Store) -> None:
    store.save_job(replace(JOB, state=JobState.RUNNING, finished_at=None))
    assert store.usage() == []
    store.save_job(JOB)
    store.save_job(JOB)
    assert store.usage() == [OF_JOB]


def test_trained_tokens_that_are_told_or_corrected_after_the_end_are_taken(store: Store) -> None:
    store.save_job(replace(JOB, trained_tokens=None))
    assert store.usage() == []
    store.save_job(replace(JOB, trained_tokens=800))
    store.save_job(JOB)
    assert store.usage() == [OF_JOB]


@pytest.mark.parametrize("trained", [0, -5])
def test_a_job_that_trained_nothing_is_not_counted(store: Store, trained: int) -> None:
    store.save_job(replace(JOB, state=JobState.CANCELLED, trained_tokens=trained))
    assert store.usage() == []


def test_nonsense_of_a_service_does_not_break_the_sums(store: Store) -> None:
    for number in range(3):
        store.save_job(replace(JOB, id=f"ftjob-{number}", trained_tokens=2**70))
    assert store.usage()[0].trained_tokens == 2**63 - 1


def columns_of(raw: sqlite3.Connection, table: str) -> set[str]:
    return {row[1] for row in raw.execute(f"PRAGMA table_info({table})").fetchall()}


def as_version_one(path: Path) -> None:
    """Make the file what version 1 wrote: its tables and rows, and no later table or column."""
    with sqlite3.connect(":memory:") as first:
        first.executescript(MIGRATIONS[0])
        kept = dict(first.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
        first_columns = {name: columns_of(first, name) for name in kept}
    first.close()
    with sqlite3.connect(path) as raw:
        for (name,) in raw.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if name not in kept:
                raw.execute(f"DROP TABLE {name}")
            elif kept.pop(name, None):
                later = columns_of(raw, name) - first_columns[name]
                for column in later:
                    raw.execute(f"ALTER TABLE {name} DROP COLUMN {column}")
        for made in kept.values():
            raw.execute(made)
        raw.execute("PRAGMA user_version = 1")
    raw.close()


def test_a_store_of_version_1_is_filled_from_its_answers_and_jobs(tmp_path: Path) -> None:
    path = tmp_path / "s.sqlite3"
    with Store(path) as store:
        store.add_answer(ANSWER)
        store.save_job(JOB)
        store.save_job(replace(JOB, id="ftjob-2", state=JobState.RUNNING))
        store.save_job(replace(JOB, id="ftjob-3", trained_tokens=None))
    as_it_happened = kept_rows(path)
    as_version_one(path)
    with Store(path) as store:
        assert store.query("PRAGMA user_version")[0][0] == len(MIGRATIONS)
        assert store.usage() == [OF_ANSWER, OF_JOB]
        store.add_answer(ANSWER)  # under the reference that the migration gave it
        store.save_job(replace(JOB, suffix="seen again"))
        assert store.usage() == [OF_ANSWER, OF_JOB]
    assert kept_rows(path) == as_it_happened


def test_the_tables_of_version_1_are_led_to_those_of_today(tmp_path: Path, store: Store) -> None:
    path = tmp_path / "old.sqlite3"
    with sqlite3.connect(path) as raw:
        raw.executescript(MIGRATIONS[0])
        raw.execute("PRAGMA user_version = 1")
    raw.close()
    described = "SELECT name, sql FROM sqlite_master ORDER BY name"
    with Store(path) as migrated:
        found = [tuple(row) for row in migrated.query(described)]
        assert found == [tuple(row) for row in store.query(described)]
