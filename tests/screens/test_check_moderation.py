from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from screens import confirm
from screens.check import CheckScreen
from screens.confirm import ConfirmScreen
from tests.screens.fakes import FakeProvider, Pilots, freeze, make_app, text_of, until
from tests.unit.datasets.builders import assistant, chat, clean_chats, user, write
from tui.app import TunedeckApp
from tui.providers.protocol import ProviderError
from tui.records.models import Capability

SIZES = [(80, 24), (140, 40)]


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    monkeypatch.setattr(confirm, "DEAD_SECONDS", 0.0)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-0123456789")


@pytest.fixture
def path(isolated_home: Path) -> Path:
    rows = clean_chats(60)
    rows[6] = chat(user("Why?"), assistant("HATE"))
    return write(isolated_home / "rows.jsonl", rows)


def app_with(provider: FakeProvider) -> TunedeckApp:
    local = FakeProvider("local")
    local.forbidden[Capability.MODERATE] = "Local engine has no moderation to ask."
    return make_app(local, provider)


async def open_check(pilot: Pilots, app: TunedeckApp, path: Path) -> CheckScreen:
    app.open_check(path)
    await until(pilot, lambda: isinstance(app.screen, CheckScreen) and app.screen.checked_file())
    assert isinstance(app.screen, CheckScreen)
    return app.screen


async def ask(pilot: Pilots, screen: CheckScreen) -> None:
    await until(pilot, lambda: not screen.reason_against("moderate"))
    await pilot.press("a")
    await until(pilot, lambda: isinstance(screen.app.screen, ConfirmScreen))


def flagged_lines(screen: CheckScreen) -> list[int | None]:
    checked = screen.checked_file()
    assert checked is not None
    return [finding.line for finding in checked[1].findings if finding.rule == "moderation-flag"]


async def test_what_is_flagged_joins_the_findings_after_a_notice_and_a_yes(path: Path) -> None:
    provider = FakeProvider("openai")
    app = app_with(provider)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        await ask(pilot, screen)
        shown = text_of(app)
        assert "120 texts of this file" in " ".join(shown.split())
        assert provider.calls == []
        await pilot.press("y")
        await until(pilot, lambda: flagged_lines(screen))
        assert flagged_lines(screen) == [7]
        assert "A text that OpenAI's moderation flags" in text_of(app)
        assert not screen.is_moderating
        asked = list(provider.calls)
        assert asked == ["moderate 32"] * 3 + ["moderate 24"]
        await pilot.press("a")  # all is known, so nothing is sent and nothing asked
        await until(pilot, lambda: not screen.is_moderating)
        assert provider.calls == asked
        assert flagged_lines(screen) == [7]


async def test_a_no_sends_nothing(path: Path) -> None:
    provider = FakeProvider("openai")
    app = app_with(provider)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_check(pilot, app, path)
        await ask(pilot, screen)
        await pilot.press("n")
        await until(pilot, lambda: not screen.is_moderating)
        assert provider.calls == []
        assert not screen.reason_against("moderate")


async def test_a_round_is_stopped_with_its_answers_kept(path: Path) -> None:
    provider = FakeProvider("openai")
    provider.hold.clear()
    app = app_with(provider)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        await ask(pilot, screen)
        await pilot.press("y")
        await until(pilot, lambda: provider.calls)
        assert "already" in screen.reason_against("moderate")
        assert not screen.reason_against("stop_check")
        await pilot.press("x")
        provider.hold.set()
        await until(pilot, lambda: not screen.is_moderating)
        assert provider.calls == ["moderate 32"]
        assert any("Stopped; so far: 1 row flagged" in note.message for note in app._notifications)


async def test_a_service_that_refuses_is_told_in_its_words(path: Path) -> None:
    provider = FakeProvider("openai")
    provider.failure = ProviderError("OpenAI refused with 401: no such key", "Set the right key.", status=401)
    app = app_with(provider)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        await ask(pilot, screen)
        await pilot.press("y")
        await until(pilot, lambda: any("no such key" in note.title for note in app._notifications))
        assert not screen.is_moderating


async def test_the_key_is_greyed_with_the_reason_where_no_account_can(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_API_KEY")
    provider = FakeProvider("openai")
    app = app_with(provider)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_check(pilot, app, path)
        await until(pilot, lambda: "OPENAI_API_KEY" in screen.reason_against("moderate"))
        await pilot.press("a")
        await until(pilot, lambda: any("OPENAI_API_KEY" in note.message for note in app._notifications))
        assert app.screen is screen


@pytest.mark.parametrize("size", SIZES)
def test_the_notice_before_anything_is_sent_looks(
    path: Path, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app = app_with(FakeProvider("openai"))

    async def before(pilot: Pilots) -> None:
        await ask(pilot, await open_check(pilot, app, path))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES)
def test_flagged_rows_look(path: Path, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = app_with(FakeProvider("openai"))

    async def before(pilot: Pilots) -> None:
        screen = await open_check(pilot, app, path)
        await ask(pilot, screen)
        await pilot.press("y")
        await until(pilot, lambda: flagged_lines(screen))
        app.clear_notifications()
        for prices in ("#costs", "#cost-note"):  # other tests draw them, and they change with the catalog
            screen.query_one(prices).display = False
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)
