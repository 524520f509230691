from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from screens import confirm
from screens.check import CheckScreen
from screens.confirm import ConfirmScreen
from tests.screens.fakes import Pilots, freeze, make_app, text_of, until
from tests.unit.datasets.builders import clean_chats
from tui.app import TunedeckApp

SIZES = [(80, 24), (140, 40)]


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    monkeypatch.setattr(confirm, "DEAD_SECONDS", 0.0)


@pytest.fixture
def path(isolated_home: Path) -> Path:
    file = isolated_home / "rows.json"
    file.write_bytes(json.dumps(clean_chats(60), indent=1).encode("utf-16"))
    return file


def content(path: Path) -> bytes:
    return path.read_bytes()


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def names(path: Path) -> set[str]:
    return {file.name for file in path.parent.glob("*rows*")}


async def open_check(pilot: Pilots, app: TunedeckApp, path: Path) -> CheckScreen:
    app.open_check(path)
    await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.screen.checked_file())
    assert isinstance(app.screen, CheckScreen)
    return app.screen


async def test_a_file_that_is_no_json_lines_is_written_anew_and_checked(path: Path) -> None:
    before = content(path)
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "rows.fixed.jsonl" in text_of(app)
        await pilot.press("y")
        await until(
            pilot, lambda: (checked := screen.checked_file()) and checked[0].name == "rows.fixed.jsonl"
        )
        await until(pilot, lambda: "60 examples" in text_of(app))
        checked = screen.checked_file()
        assert checked is not None
        assert checked[1].valid
    assert content(path) == before
    lines = content(path.with_name("rows.fixed.jsonl")).splitlines()
    assert [json.loads(line) for line in lines] == clean_chats(60)


async def test_a_no_writes_nothing_and_a_taken_name_is_left_alone(path: Path) -> None:
    write(path.with_name("rows.fixed.jsonl"), b"mine")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_check(pilot, app, path)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "rows.fixed-2.jsonl" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: app.screen is screen)
        assert not screen.is_fixing
    assert names(path) == {"rows.json", "rows.fixed.jsonl"}


async def test_a_list_that_breaks_off_is_told_and_nothing_is_left(path: Path) -> None:
    write(path, b"[\n" + json.dumps(clean_chats(1)[0]).encode() + b",\n{")
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        rules = [item.group.rule for item in screen.query_one("#findings")._items]  # type: ignore[attr-defined]
        await pilot.press(*["j"] * rules.index("json-not-jsonl"))
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.press("y")
        await until(pilot, lambda: any("line 3" in note.title for note in app._notifications))
        assert not screen.is_fixing
    assert names(path) == {"rows.json"}


@pytest.mark.parametrize("size", SIZES)
def test_the_question_looks(path: Path, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_check(pilot, app, path)
        await pilot.press("F")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))

    assert snap_compare(app, terminal_size=size, run_before=before)
