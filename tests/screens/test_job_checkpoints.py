"""What is done with a checkpoint from the screen of its job."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from screens.chat import ChatScreen
from screens.job import JobScreen
from screens.job_checkpoints import CheckpointTable
from screens.launch import LaunchScreen
from tests.screens.fakes import (
    BASE,
    TUNED,
    FakeProvider,
    Pilots,
    keep_job,
    make_app,
    make_checkpoints,
    make_job,
    text_of,
    until,
)
from tui.app import TunedeckApp
from tui.chat.lanes import Lane
from tui.records.jobs import Checkpoint, JobState
from tui.records.models import Capability

pytestmark = pytest.mark.usefixtures("frozen")

LATEST = f"{TUNED}:ckpt-step-44"


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app whose store holds one job that succeeded."""
    return app_with(provider, JobState.SUCCEEDED)


def app_with(provider: FakeProvider, state: JobState) -> TunedeckApp:
    app = make_app(provider)
    job = make_job(state=state)
    keep_job(app.services.store, job)
    provider.jobs[job.id] = job
    list_checkpoints(app, provider, make_checkpoints())
    return app


def list_checkpoints(app: TunedeckApp, provider: FakeProvider, listed: list[Checkpoint]) -> None:
    """Let the service list these, and the store know it."""
    provider.checkpoints["ftjob-one"] = listed
    app.services.store.save_checkpoints("local", "ftjob-one", listed)


async def open_checkpoints(pilot: Pilots, app: TunedeckApp) -> JobScreen:
    app.open_job("local", "ftjob-one")
    await until(
        pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.chosen_checkpoint() is not None
    )
    await pilot.press("right_square_bracket")
    await until(pilot, lambda: isinstance(app.focused, CheckpointTable))
    assert isinstance(app.screen, JobScreen)
    return app.screen


def lanes_of(app: TunedeckApp) -> tuple[Lane, ...]:
    return app.screen.session.lanes if isinstance(app.screen, ChatScreen) and app.screen._session else ()


async def test_enter_talks_to_the_checkpoint_beside_its_base(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_checkpoints(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: lanes_of(app) == (Lane("local", BASE), Lane("local", LATEST)))


async def test_m_puts_base_checkpoint_and_final_model_side_by_side(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_checkpoints(pilot, app)
        await pilot.press("j", "m")
        early = f"{TUNED}:ckpt-step-22"
        await until(pilot, lambda: lanes_of(app) == tuple(Lane("local", one) for one in (BASE, early, TUNED)))
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: len(provider.chats) == 3)
        assert {request.model for request in provider.chats} == {BASE, early, TUNED}


async def test_t_takes_the_checkpoint_to_launch_as_the_model_to_train(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_checkpoints(pilot, app)
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, LaunchScreen))
        assert isinstance(app.screen, LaunchScreen)
        assert (app.screen.form.account, app.screen.form.model) == ("local", LATEST)


async def test_y_copies_the_name_to_ask_by_and_i_the_id(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(TunedeckApp, "copy_text", lambda _app, text, _what: copied.append(text))
    async with app.run_test(size=(80, 24)) as pilot:
        await open_checkpoints(pilot, app)
        await pilot.press("y", "i")
        await until(pilot, lambda: len(copied) == 2)
        assert copied == [LATEST, "ftckpt-2"]


async def test_comparing_is_greyed_with_its_reason_until_there_is_a_final_model(
    provider: FakeProvider,
) -> None:
    app = app_with(provider, JobState.RUNNING)
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await open_checkpoints(pilot, app)
        await pilot.press("m")
        await until(pilot, lambda: "There is no final model yet;" in text_of(app))
        assert isinstance(app.screen, JobScreen)


async def test_a_checkpoint_that_its_service_dropped_says_so_and_greys_its_keys(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    list_checkpoints(app, provider, make_checkpoints()[:1])
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        screen = await open_checkpoints(pilot, app)
        assert "dropped" in text_of(app)
        assert screen.check_action("train_on_checkpoint", ()) is True
        await pilot.press("j")
        await until(pilot, lambda: screen.check_action("train_on_checkpoint", ()) is None)
        await pilot.press("t")
        await until(pilot, lambda: "does not list this checkpoint any more" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: "Chat: not now" in text_of(app))
        assert app.screen is screen


async def test_where_the_account_can_not_chat_enter_says_why(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    provider.forbidden[Capability.CHAT] = "This service only trains."
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_checkpoints(pilot, app)
        await pilot.press("enter")
        await until(pilot, lambda: "This service only trains." in text_of(app))
        assert app.screen is screen


async def test_a_checkpoint_without_a_name_can_only_give_its_id(provider: FakeProvider) -> None:
    app = app_with(provider, JobState.SUCCEEDED)
    nameless = [one._replace(model="") for one in make_checkpoints()]
    list_checkpoints(app, provider, nameless)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        screen = await open_checkpoints(pilot, app)
        greyed = ("compare_checkpoint", "train_on_checkpoint", "copy_checkpoint")
        assert [screen.check_action(action, ()) for action in greyed] == [None] * 3
        assert screen.check_action("copy_checkpoint_id", ()) is True
        assert len(screen.query_one(CheckpointTable).keys) == 2


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_checkpoints_of_a_job_that_succeeded_look(
    app: TunedeckApp, provider: FakeProvider, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    list_checkpoints(app, provider, make_checkpoints()[:1])

    async def before(pilot: Pilots) -> None:
        await open_checkpoints(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=before)
