from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from screens.jobs import JobsScreen
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
from tui.errors import TunedeckError
from tui.jobs.watch import JobChange
from tui.providers.protocol import ProviderError
from tui.records.jobs import JobError, JobState
from tui.records.models import Capability, Permission
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]


pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app whose store holds a running, a succeeded and a failed job."""
    app = make_app(provider)
    failed = JobError("invalid_training_file", "The job failed due to an invalid training file.")
    for job in (
        make_job(),
        make_job("ftjob-two", JobState.SUCCEEDED, created_at=NOW - 9_000, finished_at=NOW - 8_000),
        make_job(
            "ftjob-three", JobState.FAILED, created_at=NOW - 90_000, finished_at=NOW - 89_900, suffix=None,
            error=failed,
        ),
    ):  # fmt: skip
        keep_job(app.services.store, job)
        provider.jobs[job.id] = job
    return app


async def open_jobs(pilot: Pilots, app: TunedeckApp, rows: int = 3) -> Table:
    await pilot.press("5")
    await until(
        pilot, lambda: isinstance(app.screen, JobsScreen) and len(app.screen.query_one(Table).keys) == rows
    )
    return app.screen.query_one(Table)


async def after_dead_time(pilot: Pilots) -> None:
    await pilot.pause(0.35)


async def test_the_bell_rings_once_for_a_job_that_ends_and_not_for_old_ones(
    app: TunedeckApp, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(TunedeckApp, "bell", lambda _app: rung.append(True))
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app)
        watcher = app.services.watcher
        store = app.services.store
        await until(pilot, lambda: [job.id for job in store.jobs_to_watch()] == ["ftjob-one"])
        assert rung == []  # the two that ended before were looked at all the same
        provider.jobs["ftjob-one"] = make_job(state=JobState.SUCCEEDED)
        watcher.wake("local")
        await until(pilot, lambda: rung and not store.jobs_to_watch())
        watcher.wake("local")
        await until(pilot, lambda: "3 jobs" in text_of(app) and "not over yet" not in text_of(app))
        assert rung == [True]


async def test_the_bell_is_silent_where_the_settings_say_so(
    app: TunedeckApp, provider: FakeProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    rung: list[bool] = []
    monkeypatch.setattr(TunedeckApp, "bell", lambda _app: rung.append(True))
    app.services.settings = replace(app.services.settings, bell=False)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_jobs(pilot, app)
        provider.jobs["ftjob-one"] = make_job(state=JobState.SUCCEEDED)
        app.services.watcher.wake("local")
        await until(pilot, lambda: "not over yet" not in text_of(app))
        assert rung == []


async def test_the_list_does_not_wait_for_what_accounts_can_do(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, answered = threading.Event(), threading.Event()

    def ask(_screen: JobsScreen, _account: str) -> dict[Capability, Permission]:
        asked.set()
        answered.wait(20)
        return {Capability.CANCEL: Permission(False, "not here")}

    monkeypatch.setattr(JobsScreen, "ask_permissions", ask)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_jobs(pilot, app)
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, asked.is_set)
        assert screen.permissions("local") == {}
        answered.set()
        await until(pilot, lambda: screen.permissions("local") != {})
        assert screen.reason_against("cancel_job") == "not here"


async def test_a_slow_old_reading_is_not_shown_over_a_newer_one(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, let_go = threading.Event(), threading.Event()
    answers: list[dict[Capability, Permission]] = []

    def ask(_screen: JobsScreen, _account: str) -> dict[Capability, Permission]:
        if not asked.is_set():  # the first reading waits here with what it has read before the change
            asked.set()
            let_go.wait(20)
        answers.append({})
        return {}

    monkeypatch.setattr(JobsScreen, "ask_permissions", ask)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_jobs(pilot, app)
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        await until(pilot, asked.is_set)
        app.services.store.save_job(make_job(state=JobState.CANCELLED))
        screen.job_changed()
        await until(pilot, lambda: "cancelled" in text_of(app))
        let_go.set()
        await until(pilot, lambda: len(answers) == 2)
        await app.workers.wait_for_complete()
        await pilot.pause()
        assert "cancelled" in text_of(app)


async def test_a_trouble_stays_shown_until_its_own_account_answers_again(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_jobs(pilot, app)
        screen = app.screen
        assert isinstance(screen, JobsScreen)
        screen._heard(JobChange("local", "", None, (), TunedeckError("no answer", "")))
        await until(pilot, lambda: "local: no answer" in text_of(app))
        screen._heard(JobChange("local", "ftjob-one", make_job()))
        screen._heard(JobChange("openai", "", None))
        await pilot.pause(0.2)
        assert "local: no answer" in text_of(app)
        screen._heard(JobChange("local", "", None))
        await until(pilot, lambda: "no answer" not in text_of(app))


async def test_jobs_are_listed_newest_first_with_state_progress_and_loss(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        table = await open_jobs(pilot, app)
        assert [key.split("\n")[1] for key in table.keys] == ["ftjob-one", "ftjob-two", "ftjob-three"]
        shown = text_of(app)
        assert "▶ running" in shown
        assert "61%" in shown
        assert "3 min left" in shown
        assert "✓ succeeded" in shown
        assert "✗ failed" in shown


async def test_an_empty_list_says_what_to_do() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "n starts one" in text_of(app))


async def test_enter_opens_the_job_and_back_leads_to_the_list(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        await pilot.press("q")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))


async def test_cancel_needs_a_yes_after_the_dead_time(app: TunedeckApp, provider: FakeProvider) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("x", "y")
        assert isinstance(app.screen, ConfirmScreen), "a y that came with the x was taken for an answer"
        assert provider.calls == []
        await after_dead_time(pilot)
        await pilot.press("y")
        await until(pilot, lambda: provider.calls == ["cancel ftjob-one"])
        await until(pilot, lambda: "cancelled" in text_of(app))


@pytest.mark.parametrize("key", ["n", "escape", "q"])
async def test_no_leaves_the_job_alone(app: TunedeckApp, provider: FakeProvider, key: str) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("x")
        await after_dead_time(pilot)
        await pilot.press("enter", key)
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        assert provider.calls == []


async def test_a_key_that_can_not_act_says_why(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.forbidden[Capability.PAUSE] = "This service pauses only reinforcement jobs."
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: any("reinforcement" in note.message for note in app._notifications))
        await pilot.press("c")
        await until(pilot, lambda: any("no tuned model yet" in note.message for note in app._notifications))
        await pilot.press("j", "x")
        await until(pilot, lambda: any("succeeded already" in note.message for note in app._notifications))
        assert isinstance(app.screen, JobsScreen)
        assert provider.calls == []


async def test_a_paused_job_goes_on_without_a_question(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.forbidden[Capability.PAUSE] = "This service pauses by itself only."
    paused = make_job(state=JobState.PAUSED)
    app.services.store.save_job(paused)
    provider.jobs[paused.id] = paused
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: provider.calls == ["resume ftjob-one"])


async def test_a_refused_cancel_tells_what_the_service_said(app: TunedeckApp, provider: FakeProvider) -> None:
    provider.failure = ProviderError("The job has ended already.", "Look at its events.")
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("x")
        await after_dead_time(pilot)
        await pilot.press("y")
        await until(pilot, lambda: any("ended already" in note.title for note in app._notifications))


async def test_c_opens_the_base_and_the_tuned_model(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[tuple[tuple[str, str], ...]] = []
    monkeypatch.setattr(TunedeckApp, "open_chat", lambda _app, *models: opened.append(models))
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app)
        await pilot.press("j", "c")
        assert opened == [(("local", BASE), ("local", TUNED))]


async def test_only_active_jobs_are_listed_on_request(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        table = await open_jobs(pilot, app)
        await pilot.press("f")
        await until(pilot, lambda: len(table.keys) == 1)


async def test_hostile_text_of_a_service_moves_no_cursor(provider: FakeProvider) -> None:
    app = make_app(provider)
    app.services.store.save_job(
        make_job(model="[/red]\x1b[2J", suffix="[bold]\x1b]52;c;x\x07", raw_status="\x9b")
    )
    async with app.run_test(size=(140, 40)) as pilot:
        await open_jobs(pilot, app, rows=1)
        shown = text_of(app)
        assert "[bold]␛]52;c;x␇" in shown
        assert not {"\x1b", "\x07", "\x9b"} & set(shown)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_jobs_look(app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    async def before(pilot: Pilots) -> None:
        await open_jobs(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_an_empty_list_looks(snap_compare: Callable[..., bool]) -> None:
    app = make_app()

    async def before(pilot: Pilots) -> None:
        await pilot.press("5")
        await until(pilot, lambda: "n starts one" in text_of(app))

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)
