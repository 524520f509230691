from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.widgets import Input, Static

from screens.datasets import DatasetsScreen
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, make_app, until
from tui.app import TunedeckApp
from tui.datasets.check import check_file
from tui.widgets.folder_listing import Entry, count_rows
from tui.widgets.message_view import MessageView
from tui.widgets.row_list import RowList
from tui.widgets.table import Table


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, example_file: Path) -> Path:
    (tmp_path / "sub").mkdir()
    (tmp_path / "train.jsonl").write_bytes(example_file.read_bytes())
    (tmp_path / "valid [1].jsonl").write_bytes(example_file.read_bytes()[:3000])
    (tmp_path / "notes.txt").write_text("no dataset")
    (tmp_path / ".hidden.jsonl").write_text("{}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def open_folder(pilot: Pilots, app: TunedeckApp) -> Table:
    await pilot.press("2")
    await until(pilot, lambda: isinstance(app.screen, DatasetsScreen))
    table = app.screen.query_one("#folder", Table)
    await until(pilot, lambda: len(table.keys) > 1)
    table.focus()
    return table


def names(table: Table) -> list[str]:
    return [Path(key).name for key in table.keys]


async def test_datasets_come_first_and_other_files_only_on_request(folder: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        table = await open_folder(pilot, app)
        assert names(table) == ["..", "train.jsonl", "valid [1].jsonl", "sub"]
        await pilot.press("a")
        assert names(table)[-1] == "notes.txt"


async def test_an_estimate_is_prepared_while_the_cursor_rests_on_a_large_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []
    monkeypatch.setattr("screens.datasets.warm_up", prepared.append)
    monkeypatch.setattr("screens.datasets.LARGE_BYTES", (folder / "train.jsonl").stat().st_size)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        table = await open_folder(pilot, app)
        await pilot.press("down", "down")
        assert names(table)[table.cursor] == "valid [1].jsonl"
        await until(pilot, lambda: prepared == ["o200k_base"])


async def test_rows_are_counted_behind_the_list(folder: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        table = await open_folder(pilot, app)
        await until(pilot, lambda: " 90 " in "".join(table.render_line(y).text for y in range(6)))


@pytest.mark.parametrize(
    ("content", "rows"),
    [
        (b"", 0),
        (b"{}", 1),
        (b"{}\n{}\n", 2),
        (b"{}\n\n{}\n", 2),
        (b"\n \n{}\r\n\r\n\t\n  {}\n \n{}", 3),
        (b"{} \n \n\n ", 1),
        (b"   \n" * 5, 0),
    ],
)
@pytest.mark.parametrize("chunk", [1, 2, 3, 1 << 20])
def test_the_quick_count_leaves_out_blank_lines_as_the_check_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, rows: int, chunk: int
) -> None:
    monkeypatch.setattr("tui.widgets.folder_listing._CHUNK", chunk)
    path = tmp_path / "some.jsonl"
    path.write_bytes(content)
    assert list(count_rows([Entry(path, False, len(content))])) == [(path, rows)]
    if content:
        assert check_file(path).rows == rows


async def test_typing_narrows_the_folder_and_escape_widens_it_again(folder: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        table = await open_folder(pilot, app)
        await pilot.press("slash", *"VAL")
        assert names(table) == ["..", "valid [1].jsonl"]
        await pilot.press("enter")
        assert app.focused is table
        assert names(table) == ["..", "valid [1].jsonl"]
        assert table.row_key == str(folder / "valid [1].jsonl")
        await pilot.press("escape")
        assert len(table.keys) == 4
        assert app.current_mode == "datasets"


async def test_folders_open_and_close_with_the_cursor_where_it_was(folder: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        table = await open_folder(pilot, app)
        await pilot.press("G", "enter")
        await until(pilot, lambda: table.keys == [".."])
        await pilot.press("h")
        await until(pilot, lambda: len(table.keys) == 4)
        assert table.row_key == str(folder / "sub")


async def test_a_folder_that_cannot_be_read_is_told_and_nothing_is_lost(folder: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        table = await open_folder(pilot, app)
        (folder / "sub").rmdir()
        screen = app.screen
        assert isinstance(screen, DatasetsScreen)
        screen._list_folder(folder / "sub")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert len(table.keys) == 4


async def test_the_shipped_examples_are_there_at_once(folder: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.press("2")
        await pilot.pause()
        known = app.screen.query_one("#known", Table)
        assert "sentiment-train.jsonl" in names(known)


# Rows


async def open_rows(pilot: Pilots, app: TunedeckApp, path: Path, line: int = 1) -> RowsScreen:
    app.open_rows(path, line)
    await until(pilot, lambda: isinstance(app.screen, RowsScreen))
    screen = app.screen
    assert isinstance(screen, RowsScreen)
    await until(pilot, lambda: screen._dataset is None or screen._dataset.index_complete)
    await pilot.pause()
    return screen


def message_of(screen: RowsScreen) -> str:
    return str(screen.query_one(MessageView).query_one(Static).render())


async def test_a_row_is_drawn_as_the_conversation_it_is(example_file: Path) -> None:
    row = json.loads(example_file.read_text().splitlines()[2])  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_rows(pilot, app, example_file)
        await pilot.press("j", "j")
        shown = message_of(screen)
        for message in row["messages"]:
            assert f"▌{message['role']}" in shown
            assert message["content"] in shown


async def test_weights_tools_and_images_are_told_in_words(tmp_path: Path) -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"id": 7}'}}
    image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    rows = [
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
        {"role": "assistant", "tool_calls": [call], "weight": 0},
        {"role": "tool", "tool_call_id": "c1", "content": "a cat"},
        {"role": "assistant", "content": "A cat."},
    ]
    path = tmp_path / "tools.jsonl"
    path.write_text(json.dumps({"messages": rows}) + "\n")
    app = make_app()
    async with app.run_test(size=(120, 30)) as pilot:
        shown = message_of(await open_rows(pilot, app, path))
        assert "1 image" in shown
        assert "weight 0: not trained on" in shown
        assert "look_up" in shown


async def test_the_json_is_one_key_away_and_so_is_the_way_back(example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_rows(pilot, app, example_file)
        await pilot.press("r")
        assert '"messages": [\n' in message_of(screen)
        await pilot.press("r")
        assert message_of(screen).startswith('{"messages": [{')
        await pilot.press("r")
        assert "▌user" in message_of(screen)


async def test_a_line_is_reached_by_its_number(example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_rows(pilot, app, example_file)
        await pilot.press("colon", "4", "2", "enter")
        await pilot.pause()
        rows = screen.query_one(RowList)
        assert rows.line_number == 42
        assert app.focused is rows
        assert not screen.query_one("#jump", Input).display
        await pilot.press("colon", "9", "9", "9", "9", "enter")
        assert rows.line_number == 90


async def test_a_file_opens_at_the_line_that_was_asked_for(example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await open_rows(pilot, app, example_file, 33)
        await until(pilot, lambda: screen.query_one(RowList).line_number == 33)


async def test_n_goes_from_error_to_error_and_says_which(broken_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_rows(pilot, app, broken_file)
        rows = screen.query_one(RowList)
        await pilot.press("n")
        await until(pilot, lambda: screen._error_lines is not None)
        first = rows.line_number
        await until(pilot, lambda: message_of(screen).strip() != "")
        assert first in (screen._error_lines or [])
        await pilot.press("n")
        assert rows.line_number > first
        await pilot.press("N")
        assert rows.line_number == first
        await pilot.press("n")
        await pilot.pause()
        assert "✗ " in message_of(screen)


async def test_enter_moves_into_the_conversation_and_escape_back(example_file: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_rows(pilot, app, example_file)
        await pilot.press("enter")
        assert screen.query_one(MessageView).has_focus
        await pilot.press("z")
        assert not screen.query_one("#rows").display
        await pilot.press("escape")
        assert screen.query_one("#rows").display
        assert screen.query_one(RowList).has_focus


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\x00\xff\xfe", b'[1, 2]\n3\n"x"\n', b'{"a": 1}'])
async def test_odd_files_are_shown_or_refused_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "odd.jsonl"
    path.write_bytes(content)
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_rows(pilot, app, path)
        await pilot.press("j", "r", "G", "n")
        await pilot.pause()
        assert app.is_running


async def test_a_file_that_goes_away_is_told_and_not_fatal(tmp_path: Path, example_file: Path) -> None:
    path = tmp_path / "gone.jsonl"
    path.write_bytes(example_file.read_bytes())  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_rows(pilot, app, path)
        path.write_bytes(b"{}\n")
        await pilot.press("G", "k", "r")
        await pilot.pause()
        assert app.is_running


async def test_a_million_rows_open_at_once_and_move_at_once(tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    row = b'{"messages":[{"role":"user","content":"hi"},{"role":"assistant","content":"ho"}]}\n'
    path.write_bytes(row * 1_000_000)
    app = make_app()
    async with app.run_test(size=(120, 40)) as pilot:
        screen = await open_rows(pilot, app, path)
        rows = screen.query_one(RowList)
        await until(pilot, lambda: rows.item_count() == 1_000_000)
        await pilot.press("G")
        assert rows.line_number == 1_000_000
        assert len(rows._strips) < 2_000
