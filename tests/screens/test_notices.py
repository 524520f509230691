from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from textual.widgets import Input

from screens.confirm import ConfirmScreen
from screens.notice_dialogs import AddressDialog, RuleDialog
from screens.notices import NoticesScreen
from tests.screens.fakes import NOW, Pilots, make_app, make_job, text_of, until
from tests.unit.core.test_accounts import MemoryKeyring
from tests.unit.core.test_accounts import ring as ring
from tests.unit.core.webhook import TOKEN, Webhook, receiving
from tui import paths
from tui.app import TunedeckApp
from tui.jobs.notices.rules import Address, add_address, notify_rules, set_rule
from tui.records.jobs import JobState
from tui.records.notices import NoticeEvent
from tui.store.notice_queries import DONE, FAILED
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]

pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[Webhook]:
    with receiving() as server:
        monkeypatch.setenv("HOOK_URL", server.url)
        add_address(Address("hook", "HOOK_URL"))
        yield server


async def open_notices(pilot: Pilots, app: TunedeckApp) -> NoticesScreen:
    await pilot.press("n")
    await until(
        pilot,
        lambda: (
            isinstance(app.screen, NoticesScreen) and app.screen.query_one("#notice-channels", Table).keys
        ),
    )
    screen = app.screen
    assert isinstance(screen, NoticesScreen)
    return screen


async def choose_channel(pilot: Pilots, screen: NoticesScreen, name: str) -> None:
    table = screen.query_one("#notice-channels", Table)
    table.focus()
    table.cursor = table.keys.index(name)
    await until(pilot, lambda: table.has_focus and table.row_key == name)


async def test_a_rule_is_changed_by_keys_and_kept_in_the_settings_file() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_notices(pilot, app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, RuleDialog))
        assert "A job failed: tell it through" in text_of(app)
        await pilot.press("space", "j", "space", "enter")
        await until(pilot, lambda: notify_rules().channels_of(NoticeEvent.FAILED) == ("terminal",))
        await until(pilot, lambda: isinstance(app.screen, NoticesScreen))
        await until(pilot, lambda: "A job failed               terminal" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RuleDialog))
        await pilot.press("backspace", "escape")
        await until(pilot, lambda: isinstance(app.screen, NoticesScreen))
    assert notify_rules().channels_of(NoticeEvent.FAILED) == ("terminal",)
    assert 'failed = ["terminal"]' in paths.settings_file().read_text("utf-8")


async def test_a_channel_is_tried_and_its_failure_told_in_words_without_the_secret(hook: Webhook) -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_notices(pilot, app)
        await choose_channel(pilot, screen, "hook")
        await pilot.press("t")
        await until(pilot, lambda: "The test was handed to hook" in text_of(app), 60)
        assert [one["title"] for one in hook.received] == ["tunedeck: a test"]
        hook.status = 500
        await pilot.press("t")
        await until(pilot, lambda: "hook did not work" in text_of(app), 60)
        assert TOKEN not in text_of(app)


async def test_a_server_that_hangs_leaves_the_keys_alone(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.jobs.notices.address.SEND_SECONDS", 5.0)
    hook.released.clear()
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_notices(pilot, app)
        await choose_channel(pilot, screen, "hook")
        await pilot.press("t")
        await until(pilot, lambda: "trying…" in text_of(app))
        assert screen.reason_against("test_channel") == "hook is being tried."
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AddressDialog))
        await pilot.press("escape")
        await until(pilot, lambda: "No answer within 5 s" in text_of(app), 60)


async def test_an_address_is_typed_unseen_kept_by_the_keyring_and_removed_after_a_yes(
    ring: MemoryKeyring,
) -> None:
    app = make_app()
    url = f"json://127.0.0.1:9/{TOKEN}"
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        screen = await open_notices(pilot, app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AddressDialog))
        await pilot.press(*"team", "enter", "enter", *url)
        assert app.screen.query_one("#url", Input).value == url
        assert TOKEN not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: app.screen is screen, 60)
        await until(pilot, lambda: "team" in screen.query_one("#notice-channels", Table).keys)
        assert ring.kept == {("tunedeck", "notify:team"): url}
        assert TOKEN not in paths.settings_file().read_text("utf-8")
        await choose_channel(pilot, screen, "bell")
        await pilot.press("x")
        await until(pilot, lambda: "bell is a channel of its own" in text_of(app))
        await choose_channel(pilot, screen, "team")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause(0.35)
        await pilot.press("y")
        await until(pilot, lambda: "team" not in screen.query_one("#notice-channels", Table).keys)
    assert ring.kept == {}


async def test_the_form_says_what_is_missing_and_stays() -> None:
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_notices(pilot, app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AddressDialog))
        await pilot.press(*"bell", "ctrl+s")
        await until(pilot, lambda: "either the variable or the URL" in text_of(app))
        await pilot.press("enter", *"MY_URL", "ctrl+s")
        await until(pilot, lambda: "can't be the name of an address" in text_of(app))
        assert isinstance(app.screen, AddressDialog)


async def test_the_palette_finds_it_from_anywhere_once() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        for _ in range(2):
            app.open_notices()
            await until(pilot, lambda: isinstance(app.screen, NoticesScreen))
        assert sum(isinstance(screen, NoticesScreen) for screen in app.screen_stack) == 1


async def test_a_failed_channel_passes_by_as_a_toast_and_the_job_is_told_by_the_others(
    hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(TunedeckApp, "bell", lambda _app: rung.append(True))
    set_rule(NoticeEvent.FAILED, ["hook", "bell"])
    hook.status = 503
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        store = app.services.store
        store.save_job(make_job(state=JobState.RUNNING))
        store.save_job(make_job(state=JobState.FAILED))
        await until(pilot, lambda: rung == [True], 60)
        await until(pilot, lambda: "Not told" in text_of(app), 60)
        assert TOKEN not in text_of(app)


def some_news(app: TunedeckApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tui.store.notice_queries.time", _Clock)
    store = app.services.store
    for number, state in enumerate((JobState.SUCCEEDED, JobState.FAILED)):
        store.save_job(make_job(f"ftjob-{number}", JobState.RUNNING, suffix=f"tone-{number}"))
        store.save_job(make_job(f"ftjob-{number}", state, suffix=f"tone-{number}"))
    for notice in store.new_notices():
        store.route_notice(notice, ["bell", "hook"], NOW)
    for delivery in store.open_deliveries():
        failed = delivery.channel == "hook" and delivery.notice.event is NoticeEvent.FAILED
        words = "Not sent: A Connection error occurred sending JSON notification to 127.0.0.1."
        store.note_delivery(delivery, FAILED if failed else DONE, problem=words if failed else None)


class _Clock:
    """A clock that stands still."""

    time = staticmethod(lambda: NOW - 300)


def fixed_channels(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same terminal and desktop on every machine."""
    monkeypatch.setenv("TERM_PROGRAM", "WezTerm")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("HOOK_URL", "json://127.0.0.1:9/x")
    add_address(Address("hook", "HOOK_URL"))
    set_rule(NoticeEvent.FAILED, ["bell", "terminal", "hook"])
    set_rule(NoticeEvent.CANCELLED, [])


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_the_rules_and_what_was_told_look(
    snap_compare: Callable[..., bool], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_channels(monkeypatch)
    app = make_app()
    some_news(app, monkeypatch)

    async def before(pilot: Pilots) -> None:
        await open_notices(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_rule_looks(
    snap_compare: Callable[..., bool], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_channels(monkeypatch)
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_notices(pilot, app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, RuleDialog))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_new_address_looks(
    snap_compare: Callable[..., bool], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    fixed_channels(monkeypatch)
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await open_notices(pilot, app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AddressDialog))
        await pilot.press(*"mail")

    assert snap_compare(app, terminal_size=size, run_before=before)
