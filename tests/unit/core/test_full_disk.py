"""A disk that is full: every way in tells it in a sentence, and nothing that was there is lost."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from tests.small_disk import SmallDisk, small_disk
from tests.support import CliResult
from tests.unit.chat.script import ScriptedModel, provider_of
from tests.unit.core.fake_service import FakeService
from tests.unit.core.test_launch import a_plan, launch_now
from tui import paths
from tui.chat.lanes import Lane
from tui.chat.session import AnswersNotKept, ChatSession
from tui.chat.streams import LaneUpdate
from tui.errors import ExitCode, TunedeckError
from tui.jobs.files import job_files
from tui.jobs.reports import report_for
from tui.records.jobs import JobState
from tui.services import Services
from tui.store import database
from tui.store.database import Database, DiskFull
from tui.store.launch_rows import LaunchState
from tui.store.store import Store

Cli = Callable[..., CliResult]
LANE = Lane("base", "smollm2")


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    """A small disk that holds this test's home, with a store that has been opened once."""
    with small_disk(tmp_path / "disk") as mounted:
        monkeypatch.setenv(paths.HOME_VARIABLE, str(mounted.folder / "home"))
        with Services.open():
            pass
        yield mounted


@contextmanager
def full(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let every transaction of every thread fail as on a full disk, where no real one can be had."""
    with monkeypatch.context() as patch:

        def refuse(store: Database) -> NoReturn:
            raise store._full(opening=False)

        patch.setattr(Database, "transaction", refuse)
        yield


def fail_when_writing(monkeypatch: pytest.MonkeyPatch, table: str) -> None:
    """Let writes to one table fail as on a full disk; all others pass."""
    original = Database.transaction

    class Refusing:
        def __init__(self, store: Database, connection: sqlite3.Connection) -> None:
            self._store, self._connection = store, connection

        def execute(self, sql: str, *values: object) -> sqlite3.Cursor:
            if f" {table} " in sql and not sql.startswith("SELECT"):
                raise self._store._full(opening=False)
            return self._connection.execute(sql, *values)  # type: ignore[arg-type]

        def __getattr__(self, name: str) -> object:
            return getattr(self._connection, name)

    @contextmanager
    def transaction(store: Database) -> Iterator[Refusing]:
        with original(store) as connection:
            yield Refusing(store, connection)

    monkeypatch.setattr(Database, "transaction", transaction)


@pytest.mark.parametrize(
    "arguments",
    [
        ("jobs", "--offline"), ("jobs", "x"), ("watch", "x"), ("events", "x"), ("cancel", "x"), ("models",),
        ("chat", "smollm2-135m-instruct", "-m", "Hi"), ("cost", "FILE"), ("doctor",),
        ("launch", "FILE", "--model", "smollm2-135m-instruct", "--split", "10%", "--yes"),
        ("config", "set", "ascii", "true"),
    ],
)  # fmt: skip
def test_every_verb_tells_a_full_disk_in_a_sentence_with_its_file_and_remedy(
    disk: SmallDisk, cli: Cli, example_file: Path, arguments: tuple[str, ...]
) -> None:
    disk.fill()
    result = cli(*(str(example_file) if one == "FILE" else one for one in arguments))
    told = result.stdout + result.stderr
    assert result.code in (1, 2)
    assert "disk I/O error" not in told
    assert "Traceback" not in told
    assert "Errno" not in told
    assert str(disk.folder) in told
    assert "full" in told or "No space left" in told
    assert "Free" in told
    disk.free()
    assert cli("jobs", "--offline").code == 0


def test_a_check_needs_no_room(disk: SmallDisk, cli: Cli, example_file: Path) -> None:
    disk.fill()
    assert cli("check", str(example_file), "--json").code == 0


def ask_until_it_is_full(store: Store, chat_id: str) -> None:
    for number in range(200):
        store.add_message(chat_id, number, "user", "x" * 4000)


def test_what_was_kept_before_is_there_again_when_the_disk_has_room(disk: SmallDisk) -> None:
    with Services.open() as services:
        chat_id = services.store.create_chat([("base", "smollm2")], title="before")
        disk.fill()
        with pytest.raises(DiskFull, match="this was not saved"):
            ask_until_it_is_full(services.store, chat_id)
        kept = services.store.chat(chat_id)
        disk.free()
        services.store.add_message(chat_id, 500, "user", "after")
    assert kept is not None
    with Services.open() as services:
        now = services.store.chat(chat_id)
    assert now is not None
    assert now.messages[: len(kept.messages)] == kept.messages
    assert now.messages[-1][1].content == "after"


def test_an_io_error_on_a_disk_with_room_is_not_called_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trouble = sqlite3.OperationalError("disk I/O error")
    trouble.sqlite_errorcode = sqlite3.SQLITE_IOERR
    with Store(tmp_path / "store.sqlite3") as store:
        with pytest.raises(TunedeckError, match="disk I/O error"), store._failures():
            raise trouble
        monkeypatch.setattr(database, "_has_room", lambda _folder: False)
        with pytest.raises(DiskFull, match="is full"), store._failures():
            raise trouble


def test_an_answer_that_can_not_be_kept_is_still_shown_and_is_kept_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = threading.Event()
    model = ScriptedModel("All ", "of it", hold=hold)
    shown: list[LaneUpdate] = []
    problems: list[AnswersNotKept] = []
    with Store(tmp_path / "store.sqlite3") as store:
        session = ChatSession([LANE], provider_of(base=model), store)

        def ask() -> None:
            try:
                session.ask("Hi", shown.append)
            except AnswersNotKept as error:
                problems.append(error)

        asking = threading.Thread(target=ask)
        asking.start()
        assert model.first_piece_sent.wait(5)
        with full(monkeypatch):
            hold.set()
            asking.join(10)
        assert "".join(update.text for update in shown) == "All of it"
        (problem,) = problems
        assert problem.turn.answers[LANE].text == "All of it"
        assert str(store.path) in problem.message
        assert "Free some space" in problem.remedy
        session.ask("Again", lambda update: None)
        assert session.chat_id is not None
        kept = store.chat(session.chat_id)
    assert kept is not None
    assert [(answer.turn, answer.text) for answer in kept.answers] == [(1, "All of it"), (2, "All of it")]


@pytest.mark.parametrize("arguments", [(), ("--json",)])
def test_chat_on_the_command_line_prints_an_answer_that_can_not_be_kept(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    class Model(ScriptedModel):
        def list_models(self) -> list[object]:
            return []

        def close(self) -> None:
            return None

    monkeypatch.setattr(Services, "provider", lambda _services, _name: Model("All of it"))
    fail_when_writing(monkeypatch, "answers")
    result = cli("chat", "smollm2-135m-instruct", "--account", "local", "-m", "Hi", *arguments)
    assert result.code == 2
    assert "All of it" in result.stdout
    assert "is full" in result.stderr
    assert "Free some space" in result.stderr
    if arguments:
        assert json.loads(result.stdout)["answers"][0]["text"] == "All of it"


def test_a_job_that_was_created_on_a_full_disk_is_named_and_found_again(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = a_plan(dataset)
    with monkeypatch.context() as patch:
        fail_when_writing(patch, "jobs")
        with pytest.raises(TunedeckError, match="has created the job") as caught:
            launch_now(plan, services)
    (job_id,) = service.jobs
    assert job_id in caught.value.message
    assert "do not launch again" in caught.value.remedy
    assert caught.value.exit_code is ExitCode.BAD
    assert services.store.job("openai", job_id) is None
    services.watcher.poll_once()
    record = services.store.launch(plan.run_id)
    assert record is not None
    assert (record.state, record.job_id) == (LaunchState.CREATED, job_id)
    assert len(service.jobs) == 1


def test_a_cancelled_job_is_told_as_cancelled_even_when_that_can_not_be_kept(
    cli: Cli, service: FakeService, services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_job(id="ftjob-x")
    job = services.provider("openai").retrieve_job("ftjob-x")
    services.store.save_job(replace(job, state=JobState.RUNNING))
    fail_when_writing(monkeypatch, "jobs")
    result = cli("cancel", "ftjob-x")
    assert (result.code, service.jobs["ftjob-x"]["status"]) == (2, "cancelled")
    assert "cancelled" in result.stdout
    assert "is full" in result.stderr


def test_a_report_is_given_even_where_it_can_not_be_kept(
    services: Services, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = services.catalog.model("gpt-4.1-mini", "openai")
    with full(monkeypatch):
        assert report_for(services, dataset, model).rows == 12
    assert services.store.dataset(dataset) is None


def test_a_split_that_finds_no_room_is_told_with_its_folder(dataset: Path, disk: SmallDisk) -> None:
    disk.fill()
    with pytest.raises(TunedeckError, match="can't be written") as caught:
        job_files(a_plan(dataset, split_share=0.2))
    assert str(paths.cache_dir()) in caught.value.message
    assert "Free some space" in caught.value.remedy
