"""Sweeps on the screen: the list, the board, and what keys do to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from screens.ask_text import AskTextScreen
from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from screens.overlay import OverlayScreen
from screens.sweep import SweepScreen
from screens.sweeps import SweepsScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import NOW, FakeProvider, Pilots, make_app, make_events, make_job, text_of, until
from tui.app import TunedeckApp
from tui.jobs.job_file import JobTerms
from tui.records.jobs import JobState, Method
from tui.records.sweeps import Stage, Sweep, SweepState, Trial, TrialState
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.store.store import Store
from tui.sweeps.runner import runner_lock
from tui.sweeps.space import Axis
from tui.sweeps.sweep_file import sweep_file_text
from tui.sweeps.terms import Caps, Search, SweepTerms

pytestmark = pytest.mark.usefixtures("frozen")
SIZES = [(80, 24), (140, 40)]
ID = "abc123def456"
RATES = (0.5, 2.0, 8.0, 1.0, 4.0, 0.25)
VALUES = (1.2, 0.4123, 2.5, 0.7, None, None)
STATES = (
    TrialState.DONE, TrialState.DONE, TrialState.DONE, TrialState.DONE, TrialState.RUNNING, TrialState.FAILED,
)  # fmt: skip


def terms_for(training: Path, **changes: Any) -> SweepTerms:
    job = JobTerms("local", "smollm2-135m-instruct", Method.SUPERVISED, training, split_share=0.2)
    axes = (Axis("learning_rate_multiplier", (), 0.1, 10.0, log=True), Axis("batch_size", (2, 4)))
    return replace(SweepTerms("rates [b]", job, axes, Search(trials=8, at_once=2)), **changes)


def keep_sweep(store: Store, training: Path, **changes: Any) -> Sweep:
    """Keep a sweep of six trials, four of which have come to their end."""
    terms = terms_for(training)
    values: dict[str, Any] = {
        "id": ID, "name": terms.name, "definition": terms.as_json(), "state": SweepState.RUNNING,
        "agreed": {"total": "0", "currency": "USD", "units": {"smollm2-135m-instruct": "0"}, "files": {},
                   "at_once": 2},
        "created_at": NOW - 1200, "started_at": NOW - 1200, **changes,
    }  # fmt: skip
    sweep = Sweep(**values)
    store.add_sweep(sweep)
    for number, (rate, value, state) in enumerate(zip(RATES, VALUES, STATES, strict=True), 1):
        ended = None if state is TrialState.RUNNING else NOW - 1200 + 150 * number
        store.add_trial(
            Trial(ID, number, {"learning_rate_multiplier": rate, "batch_size": 4 - number % 2}, state, 0,
                  value, "The loss\x1b[2J is no number." if state is TrialState.FAILED else "",
                  NOW - 1300 + 150 * number, ended)
        )  # fmt: skip
        store.save_stage(Stage(ID, number, 0, f"run-{number}", "local", 0.0, value=value))
        if state is not TrialState.FAILED:
            keep_job_of(store, number, value)
    store.note_sweep(ID, "Trial 1: job ftjob-1 on local")
    return sweep


def keep_job_of(store: Store, number: int, value: float | None) -> None:
    job_id = f"ftjob-{number}"
    job = make_job(job_id, JobState.RUNNING if value is None else JobState.SUCCEEDED, created_at=NOW - 900)
    if value is not None:
        job = replace(job, fine_tuned_model=f"ft:smollm2-135m-instruct:local:t{number}:abcd1234")
    store.save_job(job)
    events = [
        one._replace(data={name: item * (value or 1.0) if "loss" in name else item
                           for name, item in one.data.items()})
        for one in make_events(job_id, steps=20 + 4 * number)
    ]  # fmt: skip
    store.add_events("local", job_id, events)
    store.claim_launch(
        LaunchRecord(f"run-{number}", "local", LaunchState.PREPARING, {}, f"f{number}", Path("/data/x"),
                     "0" * 64, {}, None, None, NOW)
    )  # fmt: skip
    store.update_launch(f"run-{number}", LaunchState.CREATED, job_id=job_id)


@pytest.fixture
def app(provider: FakeProvider, sound: Path, monkeypatch: pytest.MonkeyPatch) -> TunedeckApp:
    app = make_app(provider)
    keep_sweep(app.services.store, sound)
    for module in ("sweep", "sweeps"):
        monkeypatch.setattr(f"screens.{module}._SECONDS", 3600.0)
    monkeypatch.setattr("screens.sweep.clock_time", lambda at: "20:06:40")
    return app


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of sweeps for which a process would have been started."""
    found: list[str] = []
    monkeypatch.setattr("screens.sweep_begin.start_sweep", found.append)
    return found


@pytest.fixture
def being_run() -> Any:
    lock = runner_lock(ID)
    assert lock.acquire()
    yield lock
    lock.release()


async def open_board(pilot: Pilots, app: TunedeckApp) -> SweepScreen:
    app.open_sweep(ID)
    await until(pilot, lambda: isinstance(app.screen, SweepScreen) and "0.4123" in text_of(app))
    assert isinstance(app.screen, SweepScreen)
    return app.screen


async def test_home_and_jobs_lead_to_the_list_and_the_list_to_the_board(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, SweepsScreen) and "interrupted" in text_of(app))
        assert "rates [b]" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen) and "0.4123" in text_of(app))
        assert "\x1b" not in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        await pilot.press("5", "W")
        await until(pilot, lambda: isinstance(app.screen, SweepsScreen))


async def test_curves_are_those_of_marked_trials_and_o_lays_them_over_one_another(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_board(pilot, app)
        assert [one.number for one in screen._drawn] == [2, 4, 1, 5]
        await pilot.press("j", "j", "space", "j", "space")
        await until(pilot, lambda: [one.number for one in screen._drawn] == [1, 3])
        assert text_of(app).count("◆") == 2
        await pilot.press("v", "z")
        await until(pilot, lambda: "Trials by" not in text_of(app))
        await pilot.press("escape", "L")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and "job ftjob-1" in text_of(app))
        await pilot.press("escape", "o")
        await until(pilot, lambda: isinstance(app.screen, OverlayScreen) and "What differs" in text_of(app))


async def test_the_winner_is_promoted_and_written_as_a_job_file(
    app: TunedeckApp, isolated_home: Path
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_board(pilot, app)
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"file", "enter")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        target = isolated_home / "winner.toml"
        app.screen.query_one(Input).value = str(target)
        await pilot.press("enter")
        await until(pilot, target.exists)
        assert "learning_rate_multiplier = 2.0" in target.read_text("utf-8")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen))
        await pilot.press("p")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"talk", "enter")
        await until(pilot, lambda: app.current_mode == "chat")
        tags = app.services.store.model_tags()["local", "ft:smollm2-135m-instruct:local:t2:abcd1234"]
        assert set(tags) == {"sweep-winner", f"sweep-{ID}"}
        sweep = app.services.store.sweep(ID)
        assert sweep is not None
        assert sweep.winner == 2


async def test_what_was_interrupted_goes_on_and_what_runs_is_stopped(
    app: TunedeckApp, started: list[str], provider: FakeProvider
) -> None:
    job = app.services.store.job("local", "ftjob-5")
    assert job is not None
    provider.jobs[job.id] = job
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_board(pilot, app)
        await pilot.press("r")
        await until(pilot, lambda: started == [ID])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await pilot.pause(0.4)
        await pilot.press("y")
        await until(pilot, lambda: "stopped" in text_of(app))
        trial = app.services.store.trials(ID)[4]
        assert (trial.state, trial.note) == (TrialState.CANCELLED, "stopped by a person")
    assert "cancel ftjob-5" in " ".join(provider.calls)


async def test_one_that_a_cap_has_ended_goes_on_with_another(
    provider: FakeProvider, sound: Path, started: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    app = make_app(provider)
    terms = terms_for(sound, caps=Caps(hours=1.0))
    keep_sweep(app.services.store, sound, state=SweepState.STOPPED, ended_at=NOW, definition=terms.as_json(),
               reason="The time cap of 1 h was reached.")  # fmt: skip
    async with app.run_test(size=(80, 24)) as pilot:
        await open_board(pilot, app)
        await pilot.press("r")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = "2.5"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "2.5 h" in text_of(app)
        await pilot.pause(0.4)
        await pilot.press("y")
        await until(pilot, lambda: started == [ID])
        sweep = app.services.store.sweep(ID)
        assert sweep is not None
        assert (sweep.state, sweep.definition["caps"]) == (SweepState.RUNNING, {"hours": 2.5})
        await until(pilot, lambda: "interrupted" in text_of(app))  # until the process is there


async def test_keys_that_can_not_act_say_why(app: TunedeckApp, being_run: object) -> None:
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_board(pilot, app)
        await pilot.press("r")
        await until(pilot, lambda: "A process is at it already." in text_of(app))
        await pilot.press("G", "p")
        await until(pilot, lambda: "This trial has no value yet." in text_of(app))


async def test_a_sweep_begins_from_a_file_after_its_price(
    app: TunedeckApp, started: list[str], sound: Path, isolated_home: Path
) -> None:
    path = isolated_home / "new.toml"
    path.write_text(sweep_file_text(terms_for(sound, name="fresh", caps=Caps(hours=2.0))), "utf-8")
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_sweeps()
        await until(pilot, lambda: isinstance(app.screen, SweepsScreen) and "rates" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"from", "enter")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(path)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "8, up to 8 jobs, 2 at once" in text_of(app)
        assert "free" in text_of(app)
        await pilot.pause(0.4)
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, SweepScreen))
        assert len(started) == 1
        sweep = app.services.store.sweep(started[0])
        assert sweep is not None
        assert (sweep.name, sweep.state) == ("fresh", SweepState.READY)


async def test_a_sweep_is_written_around_a_dataset_in_ones_own_editor(
    app: TunedeckApp, started: list[str], sound: Path, isolated_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "screens.sweep_new.edit_in_own_editor",
        lambda app, text, name: text.replace("trials = 8", "trials = 3"),
    )
    monkeypatch.chdir(isolated_home)
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_sweeps()
        await until(pilot, lambda: isinstance(app.screen, SweepsScreen) and "rates" in text_of(app))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"dataset", "enter")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen) and "Search on which" in text_of(app))
        await pilot.press(*str(sound), "enter")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        app.screen.query_one(Input).value = str(isolated_home / "around.toml")
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        assert "3, up to 3 jobs" in text_of(app)
        await pilot.press("n")
        await until(pilot, lambda: isinstance(app.screen, SweepsScreen))
    assert "trials = 3" in (isolated_home / "around.toml").read_text("utf-8")
    assert not started


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_board_looks(
    app: TunedeckApp, snap_compare: Callable[..., bool], being_run: object, size: tuple[int, int]
) -> None:
    async def show(pilot: Pilots) -> None:
        await open_board(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=show)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_list_looks(
    app: TunedeckApp, snap_compare: Callable[..., bool], being_run: object, size: tuple[int, int]
) -> None:
    async def show(pilot: Pilots) -> None:
        app.open_sweeps()
        await until(pilot, lambda: isinstance(app.screen, SweepsScreen) and "rates" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=show)
