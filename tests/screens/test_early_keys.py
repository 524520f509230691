from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from textual.app import ScreenStackError
from textual.events import Key
from textual.widgets import Input

from screens.choose import ChooseScreen
from screens.help import HelpScreen
from screens.rows import RowsScreen
from tests.screens.fakes import FakeProvider, make_app, until
from tui.app import TunedeckApp
from tui.widgets.prompt_input import PromptInput


def is_made(app: TunedeckApp) -> bool:
    try:
        return app.screen.is_mounted
    except ScreenStackError:
        return False


async def type_at_once_when(app: TunedeckApp, is_time: Callable[[], bool], keys: str) -> None:
    """Press keys in the moment in which a new screen is wanted but has no widgets yet."""
    async with asyncio.timeout(20):
        while not is_time():  # noqa: ASYNC110 - there is no event for a moment like this
            await asyncio.sleep(0)  # any longer, and the screen is there
    assert not is_made(app), "the screen was made before a key could be too early"
    for key in keys:
        app.post_message(Key("question_mark" if key == "?" else key, key))


async def test_what_is_typed_while_chat_is_being_made_is_written_into_the_message() -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(Key("6", "6"))
        await type_at_once_when(app, lambda: app.current_mode == "chat", "xyz1?")
        await until(pilot, lambda: is_made(app) and app.screen.query_one(PromptInput).text == "xyz1?")
        assert app.current_mode == "chat"


async def test_what_is_typed_while_a_list_to_choose_from_is_being_made_narrows_it() -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("4")
        await until(pilot, lambda: is_made(app) and app.current_mode == "launch")
        app.post_message(Key("ctrl+o", None))
        await type_at_once_when(app, lambda: len(app.screen_stack) > 1, "senti")
        await until(pilot, lambda: is_made(app) and app.screen.query_one(Input).value == "senti")
        assert isinstance(app.screen, ChooseScreen)


async def test_keys_that_come_at_once_go_where_they_would_go_one_by_one() -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for key in "256hello":  # e and l are keys of Home and of other screens on the way
            app.post_message(Key(key, key))
        await until(pilot, lambda: is_made(app) and app.current_mode == "chat")
        await until(pilot, lambda: app.screen.query_one(PromptInput).text == "hello")
        assert app._visited == {"home", "datasets", "jobs", "chat"}


async def test_what_is_typed_at_once_after_a_key_that_opens_a_line_is_all_written_there(
    tmp_path: Path,
) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"messages": []}\n' * 3)
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_rows(path)
        await until(pilot, lambda: is_made(app) and isinstance(app.screen, RowsScreen))
        screen = app.screen
        assert isinstance(screen, RowsScreen)
        await until(pilot, lambda: screen.dataset is not None and screen.dataset.index_complete)
        for key in ("slash", *"add"):  # a copies a row and d deletes one, where they are keys
            app.post_message(Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: app.screen.query_one("#search", Input).value == "add")
        assert screen.dataset is not None
        assert not screen.dataset.is_changed


async def test_what_is_typed_at_once_after_a_key_that_asks_for_a_file_is_all_written_there() -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("3")
        await until(pilot, lambda: is_made(app) and app.current_mode == "check")
        for key in ("o", "slash", *"tmp"):
            app.post_message(Key(key, "/" if key == "slash" else key))
        await until(pilot, lambda: is_made(app) and isinstance(app.screen, ChooseScreen))
        await until(pilot, lambda: app.screen.query_one(Input).value == "/tmp")


async def test_a_key_whose_widget_went_away_holds_up_the_next_one_for_a_moment_only() -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        app._under_way_since = time.monotonic()  # nothing will come to tell that it has passed
        app.post_message(Key("2", "2"))
        await until(pilot, lambda: app.current_mode == "datasets")


async def test_keys_of_a_screen_that_is_being_made_are_its_own_in_the_order_they_were_pressed() -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(80, 24)) as pilot:
        app.post_message(Key("2", "2"))
        await type_at_once_when(app, lambda: app.current_mode == "datasets", "5?")
        await until(pilot, lambda: is_made(app) and isinstance(app.screen, HelpScreen))
        assert app.current_mode == "jobs"
