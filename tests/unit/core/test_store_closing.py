"""A store that is closed while other threads use it: nothing crashes and nothing begun is lost."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path

import pytest

from tui.store.database import Database, StoreError

SLOW = (
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 40000)"
    " SELECT sum(n) FROM numbers"
)


def test_a_query_under_way_ends_well_when_the_store_is_closed(tmp_path: Path) -> None:
    for _ in range(20):
        database = Database(tmp_path / "store.sqlite3")
        begun = threading.Event()
        told: list[BaseException] = []

        def read(
            database: Database = database, begun: threading.Event = begun, told: list[BaseException] = told
        ) -> None:
            try:
                while True:
                    assert database.query(SLOW)[0][0] == 800020000
                    begun.set()
            except StoreError as error:
                told.append(error)

        reader = threading.Thread(target=read)
        reader.start()
        begun.wait()
        database.close()
        reader.join()
        assert "closed" in str(told[0])


def test_a_store_is_closed_while_a_thread_opens_its_connection(tmp_path: Path) -> None:
    for _ in range(50):
        database = Database(tmp_path / "store.sqlite3")
        begun = threading.Event()

        def read(database: Database = database, begun: threading.Event = begun) -> None:
            begun.set()
            with contextlib.suppress(StoreError):
                database.query("SELECT 1")

        reader = threading.Thread(target=read)
        reader.start()
        begun.wait()
        database.close()
        reader.join()
        with pytest.raises(StoreError, match="closed"):
            database.query("SELECT 1")


def test_a_transaction_under_way_is_kept_when_the_store_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.store.database._CLOSE_SECONDS", 0.01)
    database = Database(tmp_path / "store.sqlite3")
    with database.transaction() as connection:
        connection.execute("CREATE TABLE notes (text)")
    inside, closed = threading.Event(), threading.Event()

    def write() -> None:
        with database.transaction() as connection:
            connection.execute("INSERT INTO notes VALUES ('kept')")
            inside.set()
            closed.wait()
            assert len(database.query("SELECT text FROM notes")) == 1

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait()
    database.close()
    closed.set()
    writer.join()
    with Database(tmp_path / "store.sqlite3") as again:
        assert [row["text"] for row in again.query("SELECT text FROM notes")] == ["kept"]


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    database = Database(tmp_path / "store.sqlite3")
    database.close()
    with pytest.raises(StoreError, match="closed"):
        database.query("SELECT 1")
