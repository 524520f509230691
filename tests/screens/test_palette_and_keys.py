"""The command palette's order, keys that were moved, and the way out when there is no clipboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from screens.commands import deck_commands
from screens.help import HelpScreen
from screens.jobs import JobsScreen
from tests.screens.fakes import keep_job, make_app, make_job, text_of, until
from tui import clipboard, paths
from tui.errors import TunedeckError
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")


def move_keys(lines: str) -> None:
    paths.make_private(paths.config_dir())
    paths.settings_file().write_text(f"[keys]\n{lines}", "utf-8")


def texts_in(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


async def test_the_palette_begins_with_what_the_screen_is_for_and_ends_with_the_frame() -> None:
    app = make_app()
    keep_job(app.services.store, make_job())
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen) and app.screen.query_one(Table).keys)
        titles = [command.title for command in deck_commands(app, app.screen)]
        areas = [title.partition(":")[0] for title in titles]
        assert titles[0] == "jobs: start a fine-tuning job"
        order = ["jobs", "list", "job", "app", "theme"]
        assert [areas.index(area) for area in order] == sorted(areas.index(area) for area in order)
        await pilot.press("ctrl+p")
        await until(pilot, lambda: "jobs: start a fine-tuning job" in text_of(app))
        assert "app: go to Home" not in text_of(app)


async def test_names_in_the_palette_are_no_markup(isolated_home: Path) -> None:
    path = isolated_home / "[red]odd [1].jsonl"
    path.write_text("{}\n")
    app = make_app()
    app.services.store.touch_dataset(
        path, sha256="0" * 64, size=3, rows=1, format="chat", valid=True, counts={"error": 0}
    )
    async with app.run_test(size=(100, 40)) as pilot:
        await pilot.press("ctrl+p", *"showodd")
        await until(pilot, lambda: "dataset: show [red]odd [1].jsonl" in text_of(app))


async def test_a_moved_key_works_and_stands_in_footer_and_help_in_place_of_the_old_one() -> None:
    move_keys('app.help = "f3"\nhome.browse = ["b", "B"]\n')
    app = make_app()
    async with app.run_test(size=(80, 40)) as pilot:
        await until(pilot, lambda: "b Datasets" in text_of(app))
        assert "f3 Help" in text_of(app)
        await pilot.press("question_mark")
        assert not isinstance(app.screen, HelpScreen)
        await pilot.press("f3")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert "b B" in text_of(app)
        await pilot.press("escape", "d")
        assert app.current_mode == "home"
        await pilot.press("B")
        await until(pilot, lambda: app.current_mode == "datasets")


async def test_keys_that_change_places_both_work() -> None:
    move_keys('app.jobs = "6"\napp.chat = "5"\n')
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("6")
        await until(pilot, lambda: app.current_mode == "jobs")
        await pilot.press("5")
        await until(pilot, lambda: app.current_mode == "chat")


def test_an_app_with_a_key_that_can_not_be_moved_does_not_open() -> None:
    move_keys('app.hlp = "f3"\n')
    with pytest.raises(TunedeckError, match=r"settings.toml, line 2: there is no action 'app.hlp'"):
        make_app()


async def test_a_copy_that_the_clipboard_refuses_can_be_saved_by_the_key_in_the_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refusal = clipboard.CopyResult(False, "Line 7 is too long.", is_certain=False)
    monkeypatch.setattr(clipboard, "copy", lambda *_: refusal)
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await pilot.press("f2")
        app.copy_text("the [b]text[/b]", "Line 7")
        await until(pilot, lambda: "Line 7 is too long. f2 saves it to a file." in text_of(app))
        await pilot.press("f2")
        await until(pilot, lambda: "Saved" in text_of(app))
    assert texts_in(tmp_path) == {"tunedeck-line-7.txt": "the [b]text[/b]"}
