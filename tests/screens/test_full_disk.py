"""The app on a disk that fills up while it runs: it goes on, says so, and keeps what it held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from screens.chat import ChatScreen
from screens.check import CheckScreen
from tests.screens.fakes import BASE, FakeProvider, Pilots, freeze, make_app, until
from tests.small_disk import SmallDisk, small_disk
from tui import paths
from tui.app import TunedeckApp
from tui.services import Services
from tui.widgets.prompt_input import PromptInput
from tui.widgets.table import Table


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        home = mounted.folder / "home"
        monkeypatch.setenv(paths.HOME_VARIABLE, str(home))
        freeze(monkeypatch, home)
        yield mounted


def notices(app: TunedeckApp) -> str:
    return "\n".join(f"{one.title} {one.message}" for one in app._notifications)


async def type_question(pilot: Pilots, app: TunedeckApp, words: str) -> ChatScreen:
    await pilot.press("6")
    await until(pilot, lambda: isinstance(app.screen, ChatScreen) and isinstance(app.focused, PromptInput))
    assert isinstance(app.screen, ChatScreen)
    await pilot.press(*words, "enter")
    return app.screen


async def test_a_question_on_a_full_disk_is_told_and_can_be_asked_again(disk: SmallDisk) -> None:
    provider = FakeProvider()
    app = make_app(provider)
    app.services.store.save_models("local", list(provider.list_models()))
    async with app.run_test(size=(100, 30)) as pilot:
        disk.fill()
        screen = await type_question(pilot, app, "Hello")
        await until(pilot, lambda: "is full" in notices(app) and not screen._asking)
        assert "Free some space" in notices(app)
        assert [turn.question for turn in screen.session.turns] == ["Hello"]
        disk.free()
        screen.action_retry()
        await until(pilot, lambda: not screen._asking and bool(screen.session.turns[-1].answers))
    with Services.open() as services:
        (chat,) = services.store.chats()
        stored = services.store.chat(chat.id)
    assert stored is not None
    assert [message.content for _, message in stored.messages] == ["Hello"]
    assert {answer.model for answer in stored.answers} >= {BASE}


async def test_a_file_is_checked_all_the_same(disk: SmallDisk, example_file: Path) -> None:
    app = make_app(FakeProvider())
    async with app.run_test(size=(100, 30)) as pilot:
        disk.fill()
        app.open_check(example_file)
        await until(pilot, lambda: any(table.keys for table in app.screen.query("#costs").results(Table)))
        assert isinstance(app.screen, CheckScreen)
        assert app.is_running
