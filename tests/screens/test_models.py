from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from screens.ask_text import AskTextScreen
from screens.choose import ChooseScreen
from screens.confirm import DEAD_SECONDS, ConfirmScreen
from screens.launch import LaunchScreen
from screens.models import ModelsScreen
from tests.screens.fakes import (
    BASE,
    NOW,
    TUNED,
    FakeProvider,
    Pilots,
    keep_job,
    make_app,
    make_job,
    text_of,
    until,
)
from tui.app import TunedeckApp
from tui.data.examples import SENTIMENT
from tui.jobs import inventory
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobState
from tui.records.models import Capability, ModelInfo
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
REMOTE_BASE = "gpt-4.1-mini-2025-04-14"
REMOTE = f"ft:{REMOTE_BASE}:acme:support:AbCd1234"


@pytest.fixture
def app(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    """Two accounts: the local engine with a job's family, and one whose models end."""
    remote = FakeProvider("openai")
    app = make_app(provider, remote)
    store = app.services.store
    asked = datetime(2026, 11, 29, 12, tzinfo=UTC).timestamp()
    monkeypatch.setattr("tui.store.chat_queries.time", SimpleNamespace(time=lambda: asked))
    keep_job(store, make_job(state=JobState.SUCCEEDED))
    store.save_job(make_job("ftjob-two", model=f"{TUNED}:ckpt-step-22", suffix="again"))
    store.save_models("local", list(provider.list_models()))
    store.save_models(
        "openai",
        [ModelInfo("openai", REMOTE_BASE, NOW - 9000), ModelInfo("openai", REMOTE, NOW, "acme", REMOTE_BASE)],
    )
    store.save_job(
        Job("openai", "ftjob-far", JobState.SUCCEEDED, "succeeded", REMOTE_BASE, created_at=NOW - 5000,
            fine_tuned_model=REMOTE, trained_tokens=1_500_000)
    )  # fmt: skip
    store.tag_model("openai", REMOTE, ["best"])
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    december = datetime(2026, 12, 20, tzinfo=UTC).timestamp()
    monkeypatch.setattr("screens.job_words.now", lambda: december)
    monkeypatch.setenv("TUNEDECK_TODAY", "2026-12-20")
    return app


async def open_models(pilot: Pilots, app: TunedeckApp, rows: int = 7) -> Table:
    await pilot.press("7")
    await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
    table = app.screen.query_one(Table)
    await until(pilot, lambda: len(table.keys) == rows)
    return table


def go_to(table: Table, model: str) -> None:
    table.cursor = next(index for index, key in enumerate(table.keys) if key.endswith(f"\n{model}"))


async def test_the_tree_shows_families_days_cost_and_source(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        table = await open_models(pilot, app)
        assert [key.partition("\n")[2] for key in table.keys] == [
            BASE, TUNED, f"{TUNED}:ckpt-step-22", "ftjob-two", f"{TUNED}:ckpt-step-44", REMOTE_BASE, REMOTE,
        ]  # fmt: skip
        shown = text_of(app)
        assert "└ tone:abc12345" in shown
        assert "  └ step 22" in shown
        assert "    └ again (running)" in shown
        go_to(table, REMOTE)
        await until(pilot, lambda: "2027-01-14, 25 days" in text_of(app))
        assert "developers.openai.com/api/docs" in text_of(app)
        assert "$7.50" in text_of(app)
        assert "7 Models" in text_of(app)


async def test_order_kind_and_filter_narrow_the_list_and_escape_clears_it(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        table = await open_models(pilot, app)
        await pilot.press("s")
        assert table.keys[0] == f"openai\n{REMOTE}"
        await pilot.press("f", "f", "f")
        assert [key.partition("\n")[2] for key in table.keys] == [REMOTE, REMOTE_BASE]
        await pilot.press("f", "slash", *"best", "enter")
        assert table.keys == [f"openai\n{REMOTE}"]
        assert "1 model of 7, all, by days, with “best”" in text_of(app)
        await pilot.press("slash", "x")
        assert "No model fits; esc clears the filter" in text_of(app)
        await pilot.press("escape")
        assert len(table.keys) == 7
        assert isinstance(app.screen, ModelsScreen)


async def test_tags_and_notes_are_typed_and_kept(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        table = await open_models(pilot, app)
        go_to(table, TUNED)
        await pilot.press("t", *"keep good", "enter")
        await until(pilot, lambda: "good keep" in text_of(app))
        await pilot.press("e", *"said yes", "enter")
        await until(pilot, lambda: "said yes" in text_of(app))
        assert app.services.store.model_tags()["local", TUNED] == ("good", "keep")
        assert app.services.store.model_notes()["local", TUNED] == "said yes"


async def test_nothing_is_deleted_before_the_whole_name_is_typed(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        table = await open_models(pilot, app)
        go_to(table, TUNED)
        await pilot.press("x", *"tone", "enter")
        await until(pilot, lambda: "That is not the name." in text_of(app))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        assert provider.calls == []
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press(*TUNED, "enter")
        await until(pilot, lambda: ("local", TUNED) in app.services.store.deleted_models())
        assert provider.calls == [f"delete {TUNED}"]
        await until(pilot, lambda: "deleted" in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: any("deleted already" in note.message for note in app._notifications))


async def test_keys_that_can_not_act_are_greyed_and_say_why(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.forbidden[Capability.DELETE_MODEL] = "This service keeps its models."
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        table = await open_models(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: "A base model belongs to its service" in text_of(app))
        go_to(table, TUNED)
        await pilot.press("x")
        await until(pilot, lambda: "This service keeps its models." in text_of(app))
        go_to(table, "ftjob-two")
        await pilot.press("c")
        await until(pilot, lambda: "This job has made no model yet." in text_of(app))
        assert not provider.calls


async def test_a_model_is_trained_further_in_launch(app: TunedeckApp) -> None:
    async with app.run_test(size=(120, 40)) as pilot:
        app._dataset = SENTIMENT.training
        table = await open_models(pilot, app)
        go_to(table, f"{TUNED}:ckpt-step-22")
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        form = app.screen.form  # type: ignore[attr-defined]
        await until(pilot, lambda: form.model == f"{TUNED}:ckpt-step-22")
        assert (form.account, form.training) == ("local", SENTIMENT.training)
        await pilot.press("7")
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        go_to(app.screen.query_one(Table), REMOTE)
        await pilot.press("l")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        assert (form.account, form.model) == ("openai", REMOTE)


async def test_enter_talks_to_the_model_beside_its_base_and_o_opens_its_job(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[object] = []
    monkeypatch.setattr(TunedeckApp, "open_chat", lambda _app, *models: opened.append(models))
    monkeypatch.setattr(TunedeckApp, "open_job", lambda _app, account, job: opened.append((account, job)))
    async with app.run_test(size=(80, 24)) as pilot:
        table = await open_models(pilot, app)
        go_to(table, TUNED)
        await pilot.press("enter", "o")
        go_to(table, "ftjob-two")
        await pilot.press("enter")
        assert opened == [(("local", BASE), ("local", TUNED)), ("local", "ftjob-one"), ("local", "ftjob-two")]


async def test_accounts_are_asked_and_a_failure_leaves_what_was_seen(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def ask(services: object, name: str) -> tuple[list[ModelInfo], str]:
        asked.append(name)
        raise ProviderError("The service is \x1b[2J not there.")

    monkeypatch.setattr("screens.models.account_models", ask)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_models(pilot, app)
        await until(pilot, lambda: "not there." in text_of(app))
        assert "local" in asked
        assert "\x1b" not in text_of(app)
        before = len(asked)
        await pilot.press("r")
        await until(pilot, lambda: len(asked) > before)
    assert inventory.account_models is not ask


async def test_hostile_names_move_no_cursor(provider: FakeProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    app = make_app(provider)
    app.services.store.save_models("local", [ModelInfo("local", "[/red]\x1b]52;c;x\x07", 1)])
    async with app.run_test(size=(80, 24)) as pilot:
        await open_models(pilot, app, rows=1)
        assert "[/red]␛]52;c;x␇" in text_of(app)
        assert not {"\x1b", "\x07"} & set(text_of(app))


async def test_five_hundred_models_stay_quick(app: TunedeckApp) -> None:
    names = [f"ft:{REMOTE_BASE}:acme:run-{number}:{number:08d}" for number in range(500)]
    app.services.store.save_models(
        "openai", [ModelInfo("openai", name, NOW + n, "acme", REMOTE_BASE) for n, name in enumerate(names)]
    )
    async with app.run_test(size=(140, 40)) as pilot:
        await open_models(pilot, app, rows=507)
        started = time.process_time()
        await pilot.press("s", "s", "j", "j", "G", "g")
        assert time.process_time() - started < 1.5


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_models_look(app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def before(pilot: Pilots) -> None:
        table = await open_models(pilot, app)
        go_to(table, REMOTE)
        await until(pilot, lambda: "25 days" in text_of(app))
        await app.workers.wait_for_complete()

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_an_empty_list_of_models_looks(
    snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await pilot.press("7")
        await until(pilot, lambda: "No model yet" in text_of(app))
        await app.workers.wait_for_complete()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_deleting_looks(app: TunedeckApp, snap_compare: Callable[..., bool]) -> None:
    async def before(pilot: Pilots) -> None:
        table = await open_models(pilot, app)
        go_to(table, TUNED)
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


AT_AZURE = f"{REMOTE_BASE}.ft-b044a9d3cf9c4228b5d393567f693b83"


async def test_a_model_is_deployed_at_a_shown_price_per_hour_and_taken_down_again(
    provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.models.account_models", lambda services, name: ([], ""))
    monkeypatch.setenv("A_KEY", "key-0123456789")
    declare_account(DeclaredAccount("azure", "azure", "http://127.0.0.1:9/v1", "A_KEY"))
    azure = FakeProvider("azure")
    del azure.forbidden[Capability.DEPLOY]
    app = make_app(provider, azure)
    app.services.store.save_models("azure", [ModelInfo("azure", AT_AZURE, NOW, "", REMOTE_BASE)])
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        table = await open_models(pilot, app, rows=2)
        go_to(table, AT_AZURE)
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        assert "at $1.70 for every hour, used or not" in text_of(app)
        assert "without a charge by the hour" in text_of(app)
        await pilot.press(*"Standard", "enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "$1.70 for every hour, used or not" in text_of(app)
        await until(pilot, lambda: ready_for_a_yes(app))
        await pilot.press("y")
        await until(pilot, lambda: len(azure.deployments) == 1)
        assert azure.calls == ["deploy tuned-693b83 on Standard"]
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        await pilot.press("D")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "tuned-693b83 serves this model. Take it down?" in text_of(app)
        await until(pilot, lambda: ready_for_a_yes(app))
        await pilot.press("y")
        await until(pilot, lambda: azure.deployments == [])
        await until(pilot, lambda: isinstance(app.screen, ModelsScreen))
        go_to(table, REMOTE_BASE)
        await pilot.press("D")
        await until(pilot, lambda: any("already" in note.message for note in app._notifications))


def ready_for_a_yes(app: TunedeckApp) -> bool:
    dialog = app.screen
    return isinstance(dialog, ConfirmScreen) and time.monotonic() - dialog._opened_at > DEAD_SECONDS
