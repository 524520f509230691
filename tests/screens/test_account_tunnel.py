"""Engines on other machines in the accounts: their tunnels, and the key that opens and closes them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from screens.accounts import AccountsScreen
from tests.screens.fakes import FakeProvider, Pilots, freeze, make_app, text_of, until
from tests.screens.test_accounts import SIZES, choose_account, open_accounts
from tui.remote import account, connection, records, tunnel
from tui.remote.records import RemoteEngine, keep_record, known_record
from tui.remote.ssh_failures import SshError
from tui.remote.tunnel import Tunnel


@pytest.fixture(autouse=True)
def _fixed(monkeypatch: pytest.MonkeyPatch, isolated_home: Path) -> None:
    freeze(monkeypatch, isolated_home)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)


@pytest.fixture(autouse=True)
def _nobody_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The watcher of a running app would ask ssh for these machines."""

    def connect(name: str, *, by_hand: bool = False) -> None:
        raise SshError(f"{name} was asked for by a test.", "")

    monkeypatch.setattr(connection, "connect", connect)


def some_engines() -> None:
    for name, target, wanted in (("bench", "ada@bench", False), ("gpu-box", "gpu-box", True)):
        record = RemoteEngine(name, target, "/srv/ada/.tunedeck-engine", "python3", is_wanted=wanted)
        keep_record(record)
        account.declare(record, "http://127.0.0.1:40123/v1")


async def test_a_key_opens_a_tunnel_and_says_why_it_could_not(monkeypatch: pytest.MonkeyPatch) -> None:
    some_engines()
    let_go = threading.Event()
    asked: list[tuple[str, bool]] = []

    def connect(name: str, *, by_hand: bool = False) -> None:
        if not by_hand:
            raise SshError("not now", "")  # the watcher, once the account is wanted
        asked.append((name, by_hand))
        let_go.wait(20)
        if len(asked) == 1:
            raise SshError("bench can't be reached: connection refused.", "Check that the machine is awake.")
        keep_record(replace(known_record(name), is_wanted=True))

    monkeypatch.setattr(connection, "connect", connect)
    app = make_app(FakeProvider())
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "bench")
        assert "tunnel closed; c opens it" in text_of(app)
        await pilot.press("c")
        await until(pilot, lambda: "opening…" in text_of(app))
        screen = app.screen
        assert isinstance(screen, AccountsScreen)
        assert "being opened" in screen.reason_against("toggle_tunnel")  # a second press waits for the first
        let_go.set()
        await until(pilot, lambda: "connection refused" in text_of(app))
        assert asked == [("bench", True)]
        await pilot.press("c")
        await until(pilot, lambda: "tunnel opens when needed" in text_of(app) and len(asked) == 2)
        assert screen.services.account("bench").ready


async def test_what_happens_outside_is_seen_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    some_engines()
    app = make_app(FakeProvider())
    async with app.run_test() as pilot:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "bench")
        keep_record(replace(known_record("bench"), is_wanted=True))
        await until(pilot, lambda: "tunnel closed" not in text_of(app))


async def test_what_the_other_keys_can_not_do_with_it_is_said() -> None:
    some_engines()
    app = make_app(FakeProvider())
    async with app.run_test() as pilot:
        await open_accounts(pilot, app)
        screen = app.screen
        assert isinstance(screen, AccountsScreen)
        assert "engine deploy" in screen.reason_against("toggle_tunnel")  # the local account has none
        await choose_account(pilot, app, "gpu-box")
        assert "engine deploy" in screen.reason_against("edit_account")
        assert "engine remote remove" in screen.reason_against("remove_account")
        records.forget_record("gpu-box")
        await until(pilot, lambda: "nothing is known here of its machine" in text_of(app))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_the_accounts_with_engines_elsewhere_look(
    snap_compare: Callable[..., bool], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    some_engines()
    monkeypatch.setattr(
        tunnel, "find_tunnel", lambda name: Tunnel(1, 0.0, 40123, 8917, 0.0) if name == "gpu-box" else None
    )
    app = make_app(FakeProvider())

    async def before(pilot: Pilots) -> None:
        await open_accounts(pilot, app)
        await choose_account(pilot, app, "bench")
        await until(pilot, lambda: "tunnel closed" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)
