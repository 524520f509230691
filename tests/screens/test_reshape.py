"""Reshape: a form whose preview follows, and new files."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.check import CheckScreen
from screens.reshape import ReshapeScreen
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, freeze, make_app, text_of, until
from tests.unit.datasets.builders import assistant, chat, clean_chats, user, write
from tui.app import TunedeckApp
from tui.datasets.reshape import row_table
from tui.datasets.reshape.tracker import Tracker
from tui.widgets.table import Table


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "person"
    folder.mkdir()
    rows = [chat(user(f"Question [/b]\x1b{n}"), assistant("yes" if n % 3 else "no")) for n in range(30)]
    return write(folder / "rows.jsonl", [*rows, rows[2], ""])


async def opened(pilot: Pilots, app: TunedeckApp, path: Path) -> ReshapeScreen:
    app.open_reshape(path)
    await until(pilot, lambda: isinstance(app.screen, ReshapeScreen))
    screen = app.screen
    assert isinstance(screen, ReshapeScreen)
    await until(pilot, lambda: screen._plan_made is not None)
    return screen


async def planned(pilot: Pilots, screen: ReshapeScreen, operation: str) -> None:
    await until(pilot, lambda: screen._plan_made is not None and screen._plan_made.operation == operation)


async def test_a_name_with_control_bytes_is_drawn_without_them(path: Path) -> None:
    hostile = path.with_name("ro\x1b[31mws\x07[bold].jsonl")
    path.rename(hostile)  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, app, hostile)
        screen.form.others = [hostile]
        assert not {"\x1b", "\x07"} & set(text_of(app) + screen.form.others_label())
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Wrote 2 files." in text_of(app))
        assert not {"\x1b", "\x07"} & set(text_of(app))
        assert "ws" in text_of(app)


async def test_a_split_is_previewed_written_and_its_files_opened(path: Path) -> None:
    before = path.read_bytes()  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, app, path)
        assert "training 28 rows   validation 3 rows   of 31   seed 42" in text_of(app)
        assert "1 blank line is left out." in text_of(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen._plan_made is None)
        assert "Wrote 2 files." in text_of(app)
        await pilot.press("down", "enter")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
    parts = [path.with_name(f"rows.{name}.jsonl").read_bytes() for name in ("training", "validation")]
    assert sorted(b"".join(parts).splitlines()) == sorted(line for line in before.splitlines() if line)
    assert path.read_bytes() == before  # noqa: ASYNC240 - nothing runs any more


async def test_the_preview_follows_the_form(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, path)
        await pilot.press("tab", "backspace", "backspace", "backspace", "9")
        await until(pilot, lambda: "validation 9 rows" in text_of(app))
        await pilot.press("down", "down", "right")
        await until(pilot, lambda: "answer: yes 15 / 6, no 7 / 3" in text_of(app))
        await pilot.press("up", "up", "x")
        await until(pilot, lambda: bool(screen._problem))
        assert "is no number of rows" in text_of(app)
        assert screen.check_action("write_files", ()) is None
        await pilot.press("ctrl+r")
        await until(pilot, lambda: "validation 3 rows" in text_of(app))


async def test_every_operation_has_a_plan_or_says_what_is_missing(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 40), notifications=True) as pilot:
        screen = await opened(pilot, app, path)
        await pilot.press("ctrl+n")
        await planned(pilot, screen, "dedupe")
        assert "1 row left out" in text_of(app)
        assert "the same bytes as line 3" in text_of(app)
        for operation in ("cut", "sample", "shuffle"):
            await pilot.press("ctrl+n")
            await planned(pilot, screen, operation)
        await pilot.press("ctrl+n")
        assert "Say which rows" in text_of(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: len(app._notifications) > 0)
        screen.query_one("#delete-where", Input).value = "messages[1].content == 'no'"
        await planned(pilot, screen, "delete")
        assert "kept 21 rows" in text_of(app)
        await pilot.press("ctrl+n")
        assert "Add a file" in text_of(app)


async def test_a_merge_adds_files_and_takes_them_away(path: Path) -> None:
    other = write(path.with_name("other.jsonl"), clean_chats(3))
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, path)
        await pilot.press(*["ctrl+n"] * 6, "down", "enter")
        await until(pilot, lambda: app.screen is not screen)
        app.screen.query_one(Input).value = str(other)
        await pilot.press("enter")
        await planned(pilot, screen, "merge")
        assert "merged 34 rows" in text_of(app)
        screen.query_one("#merge-others").focus()
        await pilot.press("backspace")
        assert "Add a file" in text_of(app)


async def test_a_name_can_be_typed_and_a_taken_one_is_not_overwritten(path: Path) -> None:
    taken = write(path.with_name("rows.deduped.jsonl"), ["mine"])
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await opened(pilot, app, path)
        await pilot.press("ctrl+n")
        await planned(pilot, screen, "dedupe")
        assert "rows.deduped-2.jsonl in" in text_of(app)
        await pilot.press("ctrl+o")
        screen.query_one("#reshape-name", Input).value = "rows.deduped.jsonl"
        await pilot.press("enter", "ctrl+s")
        await until(pilot, lambda: not screen.is_writing and len(app._notifications) > 0)
        await pilot.press("ctrl+o")
        screen.query_one("#reshape-name", Input).value = "mine.jsonl"
        await pilot.press("enter", "ctrl+s")
        await until(pilot, lambda: screen._plan_made is None)
    assert taken.read_bytes() == b"mine\n"
    assert len(path.with_name("mine.jsonl").read_bytes().splitlines()) == 30


async def test_what_a_cut_row_loses_is_shown_and_written_beside(path: Path) -> None:
    turns = [one for n in range(6) for one in (user(f"q{n} word word"), assistant(f"a{n}"))]
    write(path, [chat(*turns), chat()])
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await opened(pilot, app, path)
        await pilot.press("ctrl+n", "ctrl+n")
        screen.query_one("#cut-limit", Input).value = "60"
        await planned(pilot, screen, "cut")
        await until(pilot, lambda: screen._plan_made is not None and screen._plan_made.lost_rows == 1)
        assert "rows.cut.lost.jsonl" in text_of(app)
        assert "loses" in text_of(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen._plan_made is None)
    lost = path.with_name("rows.cut.lost.jsonl").read_text().splitlines()
    assert json.loads(lost[0])["message"]["content"].startswith("q1")


async def test_esc_stops_what_is_under_way_then_leaves(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, app, path)
        monkeypatch.setattr(row_table.RowTable, "copy", _endless)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: screen.is_writing)
        assert screen.check_action("next_operation", ()) is None
        await pilot.press("escape")
        await until(pilot, lambda: not screen.is_writing)
        assert app.screen is screen
        assert [file.name for file in path.parent.iterdir()] == ["rows.jsonl"]
        await pilot.press("escape")
        assert app.screen is not screen


def _endless(self: row_table.RowTable, positions: object, file: object, tracker: Tracker) -> None:
    while True:
        tracker.tick(1, 2)


async def test_a_row_of_the_preview_opens_where_it_stands(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await opened(pilot, app, path)
        await pilot.press("ctrl+n")
        await planned(pilot, screen, "dedupe")
        await pilot.press("ctrl+l", "enter")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        rows = app.screen
        assert isinstance(rows, RowsScreen)
        await until(pilot, lambda: rows.rows.line_number == 31)


async def test_it_opens_from_datasets_rows_and_check(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ReshapeScreen))
        app.open_check(path)
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ReshapeScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
        app.go_to("datasets")
        await until(pilot, lambda: isinstance(app.screen, ReshapeScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: bool(app.screen.query("#known")))
        app.screen.query_one("#known", Table).focus()
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, ReshapeScreen))


async def test_a_file_that_can_not_be_read_says_why(tmp_path: Path) -> None:
    empty = tmp_path / "empty.jsonl"
    empty.write_bytes(b"\n\n")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_reshape(empty)
        await until(pilot, lambda: isinstance(app.screen, ReshapeScreen))
        screen = app.screen
        assert isinstance(screen, ReshapeScreen)
        await until(pilot, lambda: bool(screen._problem))
        assert "has no rows" in screen._problem
        assert "Write one JSON object" in text_of(app)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
@pytest.mark.parametrize("operation", ["split", "dedupe"])
def test_reshape_looks(
    path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Callable[..., bool],
    size: tuple[int, int],
    operation: str,
) -> None:
    freeze(monkeypatch, path.parent)

    async def before(pilot: Pilots) -> None:
        app = pilot.app
        assert isinstance(app, TunedeckApp)
        screen = await opened(pilot, app, path)
        if operation == "dedupe":
            await pilot.press("ctrl+n")
            await planned(pilot, screen, "dedupe")

    assert snap_compare(make_app(), terminal_size=size, run_before=before)
