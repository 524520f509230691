"""Editing one row on a screen: its messages, its JSON, the verdict beside it, and leaving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from textual.events import Paste
from textual.widgets import Input

from screens.edit_row import EditRowScreen
from screens.rows import RowsScreen
from tests.screens.fakes import Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.datasets.edits import EditedDataset, pending_edits
from tui.widgets.draft_list import DraftList
from tui.widgets.row_text_area import RowTextArea

ROW = {
    "messages": [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hello?"},
        {"role": "assistant", "content": "Hi."},
    ]
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", json.dumps(ROW), '{"messages": [}', json.dumps(ROW))


def write(path: Path, *rows: str) -> Path:
    path.write_text("".join(f"{row}\n" for row in rows))
    return path


async def edit_row(pilot: Pilots, app: TunedeckApp, path: Path, line: int = 1) -> EditRowScreen:
    app.open_rows(path, line)
    await until(pilot, lambda: isinstance(app.screen, RowsScreen))
    rows = app.screen
    assert isinstance(rows, RowsScreen)
    await until(pilot, lambda: rows.dataset is not None and rows.dataset.index_complete)
    await pilot.press("e")
    await until(pilot, lambda: isinstance(app.screen, EditRowScreen))
    assert isinstance(app.screen, EditRowScreen)
    return app.screen


def draft(screen: EditRowScreen) -> list[dict[str, Any]]:
    value = json.loads(screen.draft.line)
    found: list[dict[str, Any]] = value["messages"]
    return found


def roles(screen: EditRowScreen) -> str:
    return "".join(message["role"][0] for message in draft(screen))


@pytest.mark.parametrize(
    ("keys", "after", "on"),
    [
        (["r"], "dua", 0),
        (["R", "R"], "aua", 0),
        (["j", "a"], "suaa", 2),
        (["G", "a"], "suau", 3),
        (["j", "c"], "suua", 2),
        (["d"], "ua", 0),
        (["G", "d", "d", "d"], "", 0),
        (["G", "d", "d", "d", "a"], "u", 0),
        (["J"], "usa", 1),
        (["G", "K", "K"], "asu", 0),
        (["d", "u"], "sua", 0),
        (["d", "u", "U"], "ua", 0),
    ],
)
async def test_keys_change_the_messages(path: Path, keys: list[str], after: str, on: int) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press(*keys)
        assert roles(screen) == after
        assert screen.query_one(DraftList).cursor == on


async def test_a_content_is_typed_in_and_the_row_goes_into_the_journal_on_leaving(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("G", "enter", *" Bye?q1", "enter", "x", "escape")
        assert draft(screen)[2]["content"] == "Hi. Bye?q1\nx"
        assert screen.query_one(DraftList).has_focus
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        rows = app.screen
        assert isinstance(rows, RowsScreen)
        assert rows.dataset is not None
        assert rows.dataset.line(1) == screen.draft.line
        await until(pilot, lambda: "1 edited: not saved" in text_of(app))
        await pilot.press("u")
        await pilot.pause()
        assert json.loads(rows.dataset.line(1)) == ROW


async def test_weight_and_name_are_set_and_taken_away(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("G", "w")
        assert draft(screen)[2]["weight"] == 0
        await pilot.press("w", "n", *"bot", "enter")
        assert draft(screen)[2] == {"role": "assistant", "content": "Hi.", "weight": 1, "name": "bot"}
        assert "w1 bot Hi." in text_of(app)
        await pilot.press("w", "n")
        screen.query_one("#name", Input).value = ""
        await pilot.press("enter")
        assert draft(screen) == ROW["messages"]


async def test_the_verdict_follows_every_step_and_names_the_service(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await edit_row(pilot, app, path)
        await until(pilot, lambda: "nothing is wrong with it" in text_of(app))
        await pilot.press("G", "d")
        await until(pilot, lambda: "✗ " in text_of(app))
        before = text_of(app)
        await pilot.press("p")
        await until(
            pilot, lambda: "OpenAI on this row" in before and "OpenAI on this row" not in text_of(app)
        )
        await pilot.press("u")
        await until(pilot, lambda: "✗ " not in text_of(app))


async def test_the_json_is_judged_while_it_is_typed_and_refused_with_its_place(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("v")
        area = screen.query_one("#json-area", RowTextArea)
        assert area.has_focus
        area.load_text(json.dumps(ROW, indent=2).replace('"Hi."', ""))
        await until(pilot, lambda: "Not valid JSON" in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: "esc once more drops what you typed" in text_of(app))
        assert area.cursor_location[0] == 13
        area.load_text(json.dumps(ROW, indent=2).replace("Hi.", "Ho."))
        await pilot.press("escape")
        assert draft(screen)[2]["content"] == "Ho."
        assert screen.query_one(DraftList).has_focus


async def test_json_that_stays_broken_is_dropped_only_when_asked_twice(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("v", "x", "escape")
        assert screen.has_class("-json")
        await pilot.press("escape")
        assert not screen.is_editing_json
        assert not screen.draft.is_changed


async def test_a_row_that_is_no_json_begins_as_text_and_is_mended(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await edit_row(pilot, app, path, line=2)
        area = screen.query_one("#json-area", RowTextArea)
        assert area.text == '{"messages": [}'
        area.load_text('{"messages": []}')
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        assert isinstance(app.screen, RowsScreen)
        assert app.screen.dataset is not None
        assert app.screen.dataset.line(2) == b'{"messages": []}'


async def test_what_acts_on_a_terminal_is_edited_as_escapes_and_kept(tmp_path: Path) -> None:
    row = {
        "messages": [{"role": "user", "content": "a\x1b[31mb\u202ec"}, {"role": "assistant", "content": "d"}]
    }
    path = write(tmp_path / "rows.jsonl", json.dumps(row, ensure_ascii=False))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("enter")
        area = screen.query_one("#json-area", RowTextArea)
        assert area.has_focus
        assert "\\u001b[31mb\\u202ec" in area.text
        await pilot.press("escape")
        assert not screen.draft.is_changed
        await pilot.press("G", "enter")
        area = screen.query_one("#content-area", RowTextArea)
        app.post_message(Paste("x\x1b]52;c;y\x07z"))
        await until(pilot, lambda: area.text == "dx␛]52;c;y␇z")


async def test_what_was_changed_is_kept_when_the_program_is_left(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await edit_row(pilot, app, path)
        await pilot.press("d")
        app.exit()
    pending = pending_edits(path)
    assert pending is not None
    assert pending.changes.edited == 1


async def test_what_was_changed_is_kept_when_another_place_shows_the_file(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("d", "3")
        await until(pilot, lambda: app.current_mode == "check")
        app.open_rows(path, 3)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        rows = app.screen
        assert isinstance(rows, RowsScreen)
        await until(pilot, lambda: rows.dataset is not None and rows.dataset.line(1) == screen.draft.line)


async def test_a_huge_row_is_left_to_another_editor_with_a_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", json.dumps({"messages": ["x" * 2_000_000]}))
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("e")
        await until(pilot, lambda: "Edit it with an editor of your own" in text_of(app))
        assert isinstance(app.screen, RowsScreen)


async def test_many_messages_and_deep_nesting_are_edited_without_harm(tmp_path: Path) -> None:
    many = json.dumps({"messages": [{"role": "user", "content": "a"}] * 20_000})
    deep = '{"messages": [{"role": "user", "content": ' + "[" * 900 + "]" * 900 + "}]}"
    path = write(tmp_path / "rows.jsonl", many, deep)
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        screen = await edit_row(pilot, app, path)
        await pilot.press("G", "r", "d")
        assert len(draft(screen)) == 19_999
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, RowsScreen))
        await pilot.press("j", "e")
        await until(pilot, lambda: isinstance(app.screen, EditRowScreen) and app.screen is not screen)
        await pilot.press("r", "c", "d", "v", "escape", "escape")
        await pilot.pause()
        assert app.is_running


async def test_a_row_that_can_not_be_written_stays_open_with_the_reason(path: Path) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await edit_row(pilot, app, path)
        other = EditedDataset.open(path)
        other.delete(3)
        await pilot.press("d", "escape")
        await until(pilot, lambda: "Another tunedeck is changing this file" in text_of(app))
        assert app.screen is screen
        other.close(discard=True)
