"""What goes where a person types: pasted, recalled or filled in, it can't act on the terminal."""

from __future__ import annotations

import pytest
from textual.events import Key, Paste
from textual.widgets import Input, TextArea

from screens.accounts import AccountsScreen
from screens.chat import ChatScreen
from screens.chat_settings import ChatSettingsScreen
from tests.screens.fakes import BASE, FakeProvider, Pilots, make_app, text_of, until
from tui.app import TunedeckApp
from tui.records.models import Account
from tui.widgets.paste_guard import PasteSafeParser
from tui.widgets.prompt_input import PromptInput
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
HOSTILE = "a\x1b]52;c;QQ==\x07b\x9b31m\u202ec"
SHOWN = "a␛]52;c;QQ==␇b\ufffd31m·c"
HARMLESS = "zero\u200bwidth so\u00adft می\u200cخواهم"


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    app = make_app(provider)
    app.services.store.save_models("local", list(provider.list_models()))
    return app


async def open_chat(pilot: Pilots, app: TunedeckApp) -> PromptInput:
    app.open_chat(("local", BASE))
    await until(pilot, lambda: isinstance(app.focused, PromptInput))
    return app.screen.query_one(PromptInput)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 4096])
def test_escape_characters_in_a_paste_send_no_key_however_the_bytes_are_cut(size: int) -> None:
    pasted = "\x1b[31mred\x1b[0m\rsecond\x1b\r\x1b[20"
    sent = f"a\x1b[A\x1b[200~{pasted}\x1b[201~b\x1b[B"
    parser = PasteSafeParser()
    tokens = [token for at in range(0, len(sent), size) for token in parser.feed(sent[at : at + size])]
    said = [
        token.key if isinstance(token, Key) else token.text
        for token in tokens
        if isinstance(token, Key | Paste)
    ]
    assert said == ["a", "up", pasted.replace("\x1b", "␛"), "b", "down"]


def control_bytes(app: TunedeckApp) -> list[str]:
    return [char for char in text_of(app) if (ord(char) < 0x20 and char != "\n") or 0x7F <= ord(char) < 0xA0]


async def test_a_paste_into_the_chat_shows_its_control_bytes_and_sends_what_is_shown(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        prompt = await open_chat(pilot, app)
        app.post_message(Paste(f"{HOSTILE}\r\n{HARMLESS}"))
        await until(pilot, lambda: prompt.text == f"{SHOWN}\n{HARMLESS}")
        assert control_bytes(app) == []
        await pilot.press("enter")
        await until(pilot, lambda: provider.chats)
        assert provider.chats[0].messages[-1].content == f"{SHOWN}\n{HARMLESS}"


async def test_what_was_copied_in_the_app_is_safe_to_paste_with_ctrl_v(app: TunedeckApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        prompt = await open_chat(pilot, app)
        app.copy_to_clipboard(HOSTILE)
        await pilot.press("ctrl+v")
        await until(pilot, lambda: prompt.text == SHOWN)
        assert control_bytes(app) == []


async def test_a_question_that_came_from_elsewhere_is_recalled_safe(app: TunedeckApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        prompt = await open_chat(pilot, app)
        prompt.set_history([HOSTILE])
        await pilot.press("up")
        await until(pilot, lambda: prompt.text == SHOWN)
        assert control_bytes(app) == []


async def test_a_hostile_system_prompt_is_drawn_safe_and_stays_as_it_was_unless_it_is_edited(
    app: TunedeckApp,
) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await open_chat(pilot, app)
        screen = app.screen
        assert isinstance(screen, ChatScreen)
        screen.session.system = HOSTILE
        for typed, expected in (((), HOSTILE), (("end", "x"), f"{SHOWN}x")):
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, ChatSettingsScreen) and app.focused is not None)
            assert app.screen.query_one("#system", TextArea).text == SHOWN
            assert control_bytes(app) == []
            await pilot.press(*typed, "ctrl+s")
            await until(pilot, lambda: app.screen is screen)
            assert screen.session.system == expected


async def test_a_paste_into_a_line_of_a_dialog_is_safe_too(app: TunedeckApp) -> None:
    async with app.run_test(size=(100, 30)) as pilot:
        await open_chat(pilot, app)
        await pilot.press("escape", "m")
        await until(pilot, lambda: isinstance(app.focused, Input))
        app.post_message(Paste(HOSTILE))
        await until(pilot, lambda: isinstance(app.focused, Input) and app.focused.value == SHOWN)
        assert control_bytes(app) == []


async def test_the_name_of_an_account_is_no_markup_over_its_facts(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "[red]x[/] [@click=app.quit]y\x1b[2J"
    hostile = Account(name, "custom", "http://127.0.0.1:1/v1", name, True)
    monkeypatch.setattr(type(app.services), "accounts", lambda _services: [hostile])
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("a")
        await until(
            pilot, lambda: isinstance(app.screen, AccountsScreen) and app.screen.query_one(Table).keys
        )
        await until(pilot, lambda: "─ [red]x[/] [@click=app.quit]y␛[2J ─" in text_of(app))
        assert control_bytes(app) == []
