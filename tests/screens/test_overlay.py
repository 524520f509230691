"""Several jobs over one another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from screens.choose import ChooseScreen
from screens.job import JobScreen
from screens.jobs import JobsScreen
from screens.overlay import OverlayScreen
from screens.text_dialog import TextDialog
from tests.screens.fakes import (
    NOW,
    FakeProvider,
    Pilots,
    make_app,
    make_events,
    make_job,
    text_of,
    until,
)
from tui.app import TunedeckApp
from tui.jobs.watch import JobChange
from tui.records.jobs import Job, JobEvent, JobState
from tui.widgets.overlay_chart import OverlayChart
from tui.widgets.table import Table

SIZES = [(80, 24), (140, 40)]
SIZE_IDS = ["80x24", "140x40"]
NAMES = ("one", "two", "three", "four", "five")

pytestmark = pytest.mark.usefixtures("frozen")


def job_named(number: int) -> Job:
    """Return the job of that number, with a rate of its own."""
    job = make_job(f"ftjob-{NAMES[number]}", JobState.SUCCEEDED, created_at=NOW - 600 - number)
    rate = 0.5 + number
    return replace(
        job,
        fine_tuned_model=f"ft:smollm2-135m-instruct:local:{NAMES[number]}:abc1234{number}",
        trained_tokens=7_308 + number,
        hyperparameters={**job.hyperparameters, "learning_rate_multiplier": rate},
    )


def events_of(job: Job, number: int) -> list[JobEvent]:
    """Return events whose loss falls the slower the higher the number is."""
    return [
        one._replace(data={name: value * (1 + 0.25 * number) if "loss" in name else value
                           for name, value in one.data.items()})
        for one in make_events(job.id, steps=40 - 6 * number)
    ]  # fmt: skip


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    return app_with_jobs(provider)


def app_with_jobs(provider: FakeProvider) -> TunedeckApp:
    """Return an app with five jobs, each a little different."""
    app = make_app(provider)
    for number in range(5):
        job = job_named(number)
        app.services.store.save_job(job)
        app.services.store.add_events("local", job.id, events_of(job, number))
        app.services.store.mark_archived("local", job.id)
        provider.jobs[job.id] = job
    return app


async def open_overlay(pilot: Pilots, app: TunedeckApp, count: int = 2) -> OverlayScreen:
    app.go_to("jobs")
    await until(pilot, lambda: isinstance(app.screen, JobsScreen))
    app.open_overlay([("local", f"ftjob-{name}") for name in NAMES[:count]])
    await until(pilot, lambda: isinstance(app.screen, OverlayScreen) and "step 40" in text_of(app))
    assert isinstance(app.screen, OverlayScreen)
    return app.screen


def runs_of(app: TunedeckApp) -> list[str]:
    screen = app.screen
    overlay = screen._overlay if isinstance(screen, OverlayScreen) else None
    return [run.job.id for run in overlay.runs] if overlay is not None else []


def settings_of(screen: OverlayScreen) -> list[str]:
    return screen.query_one("#overlay-settings", Table).keys


async def test_jobs_marked_in_the_list_are_laid_over_one_another(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("5")
        await until(
            pilot, lambda: isinstance(app.screen, JobsScreen) and len(app.screen.query_one(Table).keys) == 5
        )
        await pilot.press("space", "j", "space")
        await until(pilot, lambda: "2 marked: o lays them over one another" in text_of(app))
        assert text_of(app).count("◆ ") == 2
        await pilot.press("o")
        await until(pilot, lambda: runs_of(app) == ["ftjob-one", "ftjob-three"])
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        assert text_of(app).count("◆ ") == 2


async def test_marks_are_two_to_four_and_the_keys_say_so(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await pilot.press("5")
        await until(
            pilot, lambda: isinstance(app.screen, JobsScreen) and len(app.screen.query_one(Table).keys) == 5
        )
        await pilot.press("o")
        await until(pilot, lambda: "Mark two to four jobs first" in text_of(app))
        await pilot.press("space", "space", "space", "space")
        await until(pilot, lambda: "4 marked" in text_of(app))
        await pilot.press("space")
        await until(pilot, lambda: "4 jobs at once are the most" in text_of(app))
        await pilot.press("g", "space")
        await until(pilot, lambda: "3 marked" in text_of(app))


async def test_from_a_job_another_one_is_chosen_by_typing(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_job("local", "ftjob-two")
        await until(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.chosen_job() is not None)
        await pilot.press("o")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        assert "ftjob-two" not in " ".join(app.screen.query_one(Table).keys)
        await pilot.press(*"four", "enter")
        await until(pilot, lambda: runs_of(app) == ["ftjob-two", "ftjob-four"])


async def test_the_cursor_reads_every_job_and_says_from_which_step(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_overlay(pilot, app)
        chart = screen.query_one(OverlayChart)
        assert chart.has_focus
        assert chart.readout == "step 40   ● A 0.521   × B 0.733 @34"
        await pilot.press("home")
        assert chart.readout == "step 1   ● A 2.45   × B 3.06"
        await pilot.press("right")
        assert chart.readout.startswith("step 2 ")


async def test_curves_are_told_apart_by_marks_alone(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_overlay(pilot, app, 4)
        chart = screen.query_one(OverlayChart)
        picture = "\n".join(chart.render_line(y).text for y in range(1, chart.size.height))
        assert all(picture.count(mark) >= 2 for mark in "●×▲■")


async def test_a_spike_stays_seen_when_the_curves_are_smoothed(app: TunedeckApp) -> None:
    app.services.store.add_metrics("local", "ftjob-one", {20: {"train_loss": 30.0}})
    async with app.run_test(size=(80, 24)) as pilot:
        chart = (await open_overlay(pilot, app)).query_one(OverlayChart)
        for smoothing in (0.0, 0.6, 0.9):
            assert chart.smoothing == smoothing
            top = chart.render_line(1).text + chart.render_line(2).text
            assert any(0x2800 < ord(char) < 0x2900 for char in top)
            await pilot.press("s")
        assert "log" not in chart.readout
        await pilot.press("y")
        assert "log" in chart.readout


async def test_v_draws_the_next_metric(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_overlay(pilot, app)
        chart = screen.query_one(OverlayChart)
        titles = [str(chart.border_title)]
        for _ in range(4):
            await pilot.press("v")
            titles.append(str(chart.border_title))
        assert titles == [
            "Training loss", "Token accuracy", "Validation loss", "Full validation loss", "Training loss",
        ]  # fmt: skip
        await pilot.press("V")
        assert chart.readout == "step 22   ● A 0.946   × B 1.18"


async def test_only_what_differs_is_listed_until_f_asks_for_all(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_overlay(pilot, app)
        assert settings_of(screen)[:3] == ["Rate multiplier", "Steps", "Trained tokens"]
        assert "Seed" not in settings_of(screen)
        await pilot.press("f")
        await until(pilot, lambda: "Seed" in settings_of(screen))
        await pilot.press("tab", "enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog) and "B  two:abc12341" in text_of(app))
        assert "1.5" in text_of(app)


async def test_jobs_are_added_and_taken_out(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40), notifications=True) as pilot:
        await open_overlay(pilot, app)
        await pilot.press("x")
        await until(pilot, lambda: "Two jobs are the least." in text_of(app))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press(*"five", "enter")
        await until(pilot, lambda: runs_of(app) == ["ftjob-one", "ftjob-two", "ftjob-five"])
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await pilot.press("A", "enter")
        await until(pilot, lambda: len(runs_of(app)) == 2)
        assert runs_of(app) == ["ftjob-two", "ftjob-five"]


async def test_a_job_that_goes_on_is_followed(app: TunedeckApp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("screens.overlay._SECONDS", 0.01)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_overlay(pilot, app)
        new = make_events("ftjob-one", steps=41)[-1:]
        app.services.store.add_events("local", "ftjob-one", new)
        screen._heard(JobChange("local", "ftjob-one", job_named(0), tuple(new)))
        await until(pilot, lambda: "step 41" in text_of(app))


async def test_names_from_outside_are_no_markup_and_move_no_cursor(app: TunedeckApp) -> None:
    hostile = replace(
        job_named(1),
        fine_tuned_model=None,
        suffix="[red]x[/]\x1b[2J",
        hyperparameters={"[b]\x07": "[/b]\x1b[31m"},
    )
    app.services.store.save_job(hostile)
    async with app.run_test(size=(140, 40)) as pilot:
        await open_overlay(pilot, app)
        assert "[red]x[/]␛[2J" in text_of(app)
        assert "[b]␇" in text_of(app)
        assert "[/b]␛[31m" in text_of(app)


@pytest.mark.parametrize("size", SIZES, ids=SIZE_IDS)
def test_four_jobs_over_one_another_look(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    async def before(pilot: Pilots) -> None:
        await open_overlay(pilot, app, 4)
        await pilot.press(*["left"] * 12)
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=SIZE_IDS)
def test_two_jobs_without_colour_look(
    provider: FakeProvider, snap_compare: Callable[..., bool], size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setenv("NO_COLOR", "1")
    app = app_with_jobs(provider)
    app.services.store.add_metrics("local", "ftjob-two", {20: {"train_loss": 4.0}})

    async def before(pilot: Pilots) -> None:
        await open_overlay(pilot, app)
        await pilot.press("s", "tab")
        await pilot.pause()

    assert snap_compare(app, terminal_size=size, run_before=before)


@pytest.mark.parametrize("size", SIZES, ids=SIZE_IDS)
def test_marked_jobs_in_the_list_look(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    async def before(pilot: Pilots) -> None:
        await pilot.press("5")
        await until(
            pilot, lambda: isinstance(app.screen, JobsScreen) and len(app.screen.query_one(Table).keys) == 5
        )
        await pilot.press("space", "j", "space")
        await until(pilot, lambda: "2 marked" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=before)
