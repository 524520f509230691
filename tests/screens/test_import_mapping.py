"""Import: columns, roles, a live preview, and the new file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.widgets import Static

from screens.check import CheckScreen
from screens.import_mapping import ImportMappingScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import Pilots, freeze, make_app, text_of, until
from tests.unit.datasets.convert.support import rows_of
from tui.app import TunedeckApp
from tui.widgets.message_view import MessageView
from tui.widgets.table import Table

TABLE = 'context,question,answer,id\nBe kind.,Where is it?,"In the [/b]\nbox.",1\n,And \x1bnow?,There.,2\n'


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "person" / "faq.csv"
    path.parent.mkdir()
    path.write_text(TABLE)
    return path


async def open_import(pilot: Pilots, app: TunedeckApp, path: Path) -> ImportMappingScreen:
    app.open_import(path)
    await until(pilot, lambda: isinstance(app.screen, ImportMappingScreen))
    screen = app.screen
    assert isinstance(screen, ImportMappingScreen)
    await until(pilot, lambda: screen._mapping is not None)
    return screen


def preview_of(screen: ImportMappingScreen) -> str:
    return str(screen.query_one(MessageView).query_one(Static).render())


async def test_a_role_is_changed_and_the_preview_follows(table: Path) -> None:
    app = make_app()
    async with app.run_test(size=(120, 30)) as pilot:
        screen = await open_import(pilot, app, table)
        assert "Where is it?" in preview_of(screen)
        assert "Be kind." not in preview_of(screen)
        assert "column context" in text_of(app)
        columns = screen.query_one("#columns", Table)
        assert columns.row_key == "context"
        await pilot.press("space")  # after drop comes system
        assert "Be kind." in preview_of(screen)
        await pilot.press("n")
        assert "There." in preview_of(screen)
        await pilot.press("v")
        assert '"question"' in preview_of(screen)


async def test_columns_that_nobody_knows_are_shown_with_what_stands_in_them(table: Path) -> None:
    table.write_text("Frage;Antwort\nWo ist es?;Im Kasten.\n")  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_import(pilot, app, table)
        assert "Im Kasten." in preview_of(screen)


async def test_a_conversion_writes_the_file_and_opens_the_check(table: Path) -> None:
    before = table.read_bytes()  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_import(pilot, app, table)
        await pilot.press("enter")
        await until(
            pilot, lambda: isinstance(app.screen, TextDialog) and "column id: left out" in text_of(app)
        )
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))
    rows = rows_of(table.with_name("faq.converted.jsonl"))
    assert [row["messages"][-1]["content"] for row in rows] == ["In the [/b]\nbox.", "There."]
    assert table.read_bytes() == before  # noqa: ASYNC240 - nothing runs any more


async def test_bad_rows_are_told_and_skipped_on_request(table: Path) -> None:
    table.write_text(TABLE + "ragged\n")  # noqa: ASYNC240 - nothing runs yet
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_import(pilot, app, table)
        await pilot.press("w")
        await until(pilot, lambda: screen._worker is None and len(app._notifications) > 0)
        assert not table.with_name("faq.converted.jsonl").exists()
        await pilot.press("s", "w")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and "line 5: " in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))


async def test_all_that_is_not_carried_over_is_listed_before_the_check(tmp_path: Path) -> None:
    path = tmp_path / "rows.json"
    kept = {"instruction": "Say it.", "output": "It."}
    lost = {f"extra{number}": number for number in range(8)}
    path.write_text(json.dumps([kept, {**kept, **lost}]))
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        await open_import(pilot, app, path)
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        text = text_of(app)
        assert all(f"column extra{number}: left out (1x; row 2)" in text for number in range(8))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, CheckScreen))


async def test_a_file_that_can_not_be_read_is_told(tmp_path: Path) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(b"PAR1")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_import(path)
        await until(pilot, lambda: isinstance(app.screen, ImportMappingScreen))
        await until(pilot, lambda: "can't be imported" in text_of(app))
        await pilot.press("space", "w", "n", "v", "t")
        assert app.is_running


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_the_import_looks(
    table: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    snap_compare: Callable[..., bool],
    size: tuple[int, int],
) -> None:
    freeze(monkeypatch, table.parent)

    async def before(pilot: Pilots) -> None:
        app = pilot.app
        assert isinstance(app, TunedeckApp)
        await open_import(pilot, app, table)

    assert snap_compare(make_app(), terminal_size=size, run_before=before)
