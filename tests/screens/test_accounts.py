from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from textual.widgets import Input

from screens.account_facts import account_lines, account_row
from screens.account_form import AccountDialog
from screens.accounts import AccountsScreen
from screens.confirm import ConfirmScreen
from tests.screens.fakes import FakeProvider, Pilots, freeze, make_app, text_of, until
from tests.unit.core.fake_service import FakeService, running
from tests.unit.core.test_accounts import MemoryKeyring
from tests.unit.core.test_accounts import ring as ring
from tui import paths
from tui.app import TunedeckApp
from tui.jobs.account_check import AccountLine
from tui.providers.account_limits import RateGauge
from tui.providers.account_settings import DeclaredAccount, declare_account, declared_accounts
from tui.records.models import Account
from tui.services import Services
from tui.widgets.choice_field import ChoiceField
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]
SECRET = "sk-typed-0123456789-secret"
LIMITS = {
    "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "45",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WORK_KEY", "sk-work-123456")


@pytest.fixture
def service() -> Iterator[FakeService]:
    with running(FakeService()) as fake:
        fake.answer_headers = LIMITS
        yield fake


def some_accounts(url: str = "https://models.example.com/v1") -> None:
    declare_account(DeclaredAccount("work", "custom", url, "WORK_KEY", label="Work"))
    declare_account(DeclaredAccount("foundry", "azure", options={"resource": "mine"}))


async def open_accounts(pilot: Pilots, app: TunedeckApp) -> None:
    await pilot.press("a")
    await until(pilot, lambda: isinstance(app.screen, AccountsScreen) and app.screen.query_one(Table).keys)


async def choose_account(pilot: Pilots, app: TunedeckApp, name: str) -> None:
    for _ in range(6):
        if app.screen.query_one(Table).row_key == name:
            return
        await pilot.press("j")
    raise AssertionError(f"{name} is not in the list")


async def test_a_service_that_hangs_holds_up_no_other(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    some_accounts(service.url)
    declare_account(DeclaredAccount("hangs", "custom", "https://hangs.example.com/v1", "WORK_KEY"))
    let_go = threading.Event()

    def check(services: Services, name: str) -> Iterator[AccountLine]:
        if name == "hangs":
            let_go.wait(30)
        yield AccountLine("ok", "key", f"{name} answers")

    monkeypatch.setattr("screens.accounts.check_account", check)
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "work")
        await pilot.press("T")
        await until(pilot, lambda: "work answers" in text_of(app))
        await choose_account(pilot, app, "hangs")
        await until(pilot, lambda: "asking" in text_of(app).casefold())
        let_go.set()
        await until(pilot, lambda: "hangs answers" in text_of(app))


async def test_a_test_says_what_works_and_shows_the_limits(service: FakeService) -> None:
    some_accounts(service.url)
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "work")
        assert service.count("GET", "/v1/files") == 0
        await pilot.press("t")
        await until(pilot, lambda: "takes supervised, dpo, reinforcement jobs" in text_of(app))
        shown = text_of(app)
        assert "Work answers and lists 1 model" in shown
        assert "45 of 60 requests left" in shown
        assert "✓ works" in shown
        assert not [request for request in service.requests if request[0] != "GET"]


async def test_an_account_that_is_refused_says_so_in_its_line(service: FakeService) -> None:
    some_accounts(service.url)
    service.missing_routes = {"/fine_tuning"}
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await open_accounts(pilot, app)
        await pilot.press("T")
        await until(pilot, lambda: "offers no fine-tuning jobs" in text_of(app))
        await until(pilot, lambda: "asking" not in text_of(app))


async def test_a_new_account_with_a_typed_key_goes_to_the_keyring_and_is_never_drawn(
    ring: MemoryKeyring,
) -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await open_accounts(pilot, app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AccountDialog))
        await pilot.press(*"mine", "enter", "right")
        while app.screen.query_one("#provider", ChoiceField).value != "custom":
            await pilot.press("right")
        await pilot.press("enter", *"http://127.0.0.1:9/v1", "enter", "right", "enter", *SECRET)
        assert app.screen.query_one("#key", Input).value == SECRET
        assert SECRET not in text_of(app)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        await until(pilot, lambda: "mine" in app.screen.query_one(Table).keys)
        assert SECRET not in text_of(app)
    assert ring.kept == {("tunedeck", "mine"): SECRET}
    assert declared_accounts() == [
        DeclaredAccount("mine", "custom", "http://127.0.0.1:9/v1", in_keyring=True)
    ]
    assert SECRET not in paths.settings_file().read_text("utf-8")


async def test_what_is_wrong_is_told_and_the_form_stays(isolated_home: Path) -> None:
    some_accounts()
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_accounts(pilot, app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AccountDialog))
        app.screen.query_one("#name", Input).value = "Not a name"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "can't be an" in text_of(app))
        app.screen.query_one("#name", Input).value = "work"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "There is an account work already" in text_of(app))
        assert isinstance(app.screen, AccountDialog)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
    assert len(declared_accounts()) == 2


async def test_an_account_is_changed_and_removed_and_built_in_ones_say_why_not() -> None:
    some_accounts()
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_accounts(pilot, app)
        await pilot.press("e")
        await until(pilot, lambda: "needs no account" in text_of(app))
        await choose_account(pilot, app, "openai")
        await pilot.press("x")
        await until(pilot, lambda: "This account is built in" in text_of(app))
        await choose_account(pilot, app, "foundry")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, AccountDialog))
        app.screen.query_one("#options", Input).value = "resource=other"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        await until(pilot, lambda: declared_accounts()[1].options == {"resource": "other"})
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "Remove the account foundry" in text_of(app))
        app.screen._opened_at = 0.0  # type: ignore[attr-defined]
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        await until(pilot, lambda: "foundry" not in app.screen.query_one(Table).keys)
    assert [one.name for one in declared_accounts()] == ["work"]


async def test_a_settings_file_that_was_broken_meanwhile_is_told_and_nothing_falls() -> None:
    some_accounts()
    app = make_app()
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_accounts(pilot, app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, AccountDialog))
        paths.settings_file().write_text('[accounts.x]\nprovider = "nobody"\n')
        app.screen.query_one("#name", Input).value = "fresh"
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "provider of account x" in text_of(app))
        await until(pilot, lambda: isinstance(app.screen, AccountsScreen))
        await pilot.press("escape")
        await until(pilot, lambda: app.current_mode == "home" and not isinstance(app.screen, AccountsScreen))
        assert app.services.account("work").ready


def test_a_line_shows_the_worst_first() -> None:
    account = Account("a", "custom", "http://h/v1", "A", ready=True, key_source="KEY")
    works, warns, fails = (
        AccountLine("ok", "models", "3 models"), AccountLine("warn", "training", "ends"),
        AccountLine("fail", "files", "refused"),
    )  # fmt: skip
    states = [
        account_row(account, found, False)[-1] for found in (None, [works], [works, warns], [fails, warns])
    ]
    assert [state[0][:2] for state in states] == ["re", "✓ ", "! ", "✗ "]
    assert account_row(account, None, True)[-1] == ("asking…", "accent")
    gauge = RateGauge("requests", 10, 5, None, 0.0)
    drawn = account_lines(account, None, [fails], [gauge], ascii_only=True)
    text = "\n".join("".join(part for part, _ in line) for line in drawn)
    assert "########--------  5 of 10 requests left" in text
    assert "✗ files" in text


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_the_accounts_look(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    some_accounts()
    app = make_app(FakeProvider())

    async def before(pilot: Pilots) -> None:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "work")
        screen = app.screen
        assert isinstance(screen, AccountsScreen)
        for line in (
            AccountLine("ok", "models", "Work answers and lists 12 models"),
            AccountLine("ok", "files", "3 training files"),
            AccountLine(
                "fail", "jobs", "Work offers no fine-tuning jobs at this address.", "Check the base URL."
            ),
            AccountLine("warn", "training", "takes supervised jobs until 2027-01-06, but not from everyone."),
        ):
            screen.post_message(AccountsScreen.Found("work", line))
        await until(pilot, lambda: "but not from everyone" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_the_form_looks(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    some_accounts()
    app = make_app(FakeProvider())

    async def before(pilot: Pilots) -> None:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "foundry")
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, AccountDialog) and "Variable" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)
