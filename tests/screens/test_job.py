from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from screens.event_list import EventList
from screens.job import JobScreen
from screens.job_facts import settings_of
from screens.job_view import read_job, read_whole_job
from screens.job_words import ago, duration, rough_duration
from screens.stop_rules_dialog import StopRulesDialog
from screens.text_dialog import TextDialog
from tests.screens.fakes import (
    NOW,
    FakeProvider,
    Pilots,
    keep_job,
    make_app,
    make_events,
    make_job,
    make_services,
    text_of,
    until,
)
from tui.app import TunedeckApp
from tui.errors import TunedeckError
from tui.jobs.watch import JobChange
from tui.records.jobs import JobError, JobEvent, JobState
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.widgets.loss_chart import LossChart

SIZES = [(80, 24), (140, 40)]


pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app whose store holds one running job."""
    app = make_app(provider)
    job = make_job()
    keep_job(app.services.store, job)
    provider.jobs[job.id] = job
    return app


async def open_job(pilot: Pilots, app: TunedeckApp, shows: str = "ftjob-one") -> JobScreen:
    app.open_job("local", shows)
    await until(pilot, lambda: isinstance(app.screen, JobScreen) and app.screen.chosen_job() is not None)
    assert isinstance(app.screen, JobScreen)
    return app.screen


async def test_everything_kept_is_shown_without_asking_the_service(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_job(pilot, app)
        shown = text_of(app)
        for part in (
            "▶ running",
            "61 %",
            "step 40 of 66",
            "3 min left",
            "Events 43",
            "Checkpoints 2",
            "full valid",
        ):
            assert part in shown, part
        assert "Rate multiplier" in shown


def test_the_settings_name_the_file_that_was_launched_from_here() -> None:
    with make_services() as services:
        job = make_job()
        services.store.save_job(job)
        view = read_whole_job(services, job.account, job.id)
        assert view is not None
        assert "Dataset" not in dict(settings_of(view))
        services.store.claim_launch(
            LaunchRecord("run", job.account, LaunchState.CREATED, {}, "f", Path("/data/tone\x1b.jsonl"),
                         "ab" * 32, {}, job.id, None, NOW)
        )  # fmt: skip
        launched = read_whole_job(services, job.account, job.id)
        assert launched is not None
        assert dict(settings_of(launched))["Dataset"] == "tone␛.jsonl"


async def test_the_sentence_under_the_curves_says_which_rule_fired_and_its_numbers(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_job(pilot, app)
        await until(pilot, lambda: "Learning: training loss 2.17 to 0.574" in text_of(app))
        app.services.store.add_metrics(
            "local", "ftjob-one", {step: {"train_loss": 4.0 + step / 10} for step in range(41, 60)}
        )
        screen.job_changed()
        await until(pilot, lambda: "Diverging since step" in text_of(app))
        assert "up from 0.5" in text_of(app)


async def test_a_job_without_numbers_leaves_no_gap_for_a_sentence() -> None:
    app = make_app()
    app.services.store.save_job(make_job())
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_job(pilot, app)
        assert not screen.query_one("#job-diagnosis").display


async def test_stop_rules_are_set_by_a_key_and_act_with_their_reason_shown(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        await open_job(pilot, app)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, StopRulesDialog))
        await pilot.press(*"soon", "enter")
        await until(pilot, lambda: "'soon' is no stop rule." in text_of(app))
        await pilot.press(*["backspace"] * 4, *"after 2h", "enter")
        await until(pilot, lambda: "Stops when" in text_of(app))
        assert app.services.store.stop_rules("local", "ftjob-one") == "after 2h"
        await until(pilot, lambda: "Cancelled by the stop rule `after`" in text_of(app))
        assert provider.calls == ["cancel ftjob-one"]
        await pilot.press("S")
        await pilot.pause()
        assert isinstance(app.screen, JobScreen)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_the_dialog_for_stop_rules_looks(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    app.services.store.set_stop_rules("local", "ftjob-one", "rising 3, after 9999d")

    async def before(pilot: Pilots) -> None:
        await open_job(pilot, app)
        await laid_out_to_the_last_event(pilot, app)
        await pilot.press("S")
        await until(pilot, lambda: isinstance(app.screen, StopRulesDialog))

    assert snap_compare(app, terminal_size=size, run_before=before)


async def test_new_events_appear_and_the_list_follows_them(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_job(pilot, app)
        new = make_events(steps=41)[-1:]
        assert app.services.store.add_events("local", "ftjob-one", new) == new
        screen._heard(JobChange("local", "ftjob-one", screen.chosen_job(), tuple(new)))
        await until(pilot, lambda: "step 41 of 66" in text_of(app))
        events = screen.query_one(EventList)
        assert events.item_count() == 44
        assert events.cursor == 43


async def test_events_read_after_the_first_layout_are_shown_from_their_end(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        events = (await open_job(pilot, app)).query_one(EventList)
        events.set_events(())
        await until(pilot, lambda: not events.show_vertical_scrollbar)
        events.set_events(make_events())
        await until(pilot, lambda: events.show_vertical_scrollbar)
        assert events.scroll_offset.y == events.max_scroll_y > 0
        assert "Step 40/66" in text_of(app)


async def test_events_read_before_the_first_layout_are_shown_from_their_end(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_job(pilot, app)
        await screen.query_one(EventList).remove()
        events = EventList(classes="pane")
        events.display = False
        await screen.query_one("#job-panes").mount(events, before=0)
        assert not events.size
        events.set_events(make_events())
        events.display = True
        await until(pilot, lambda: events.show_vertical_scrollbar)
        assert events.scroll_offset.y == events.max_scroll_y > 0


async def test_every_single_event_is_shown_as_it_comes(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        events = (await open_job(pilot, app)).query_one(EventList)
        everything = make_events(steps=12)
        events.set_events(())
        await until(pilot, lambda: not events.show_vertical_scrollbar)
        for count in range(1, len(everything) + 1):
            events.set_events(everything[:count])
            await pilot.pause()
            assert everything[count - 1].message in text_of(app)


async def test_a_trouble_stays_shown_until_the_account_answers_again(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_job(pilot, app)
        screen._heard(JobChange("local", "", None, (), TunedeckError("no answer", "")))
        await until(pilot, lambda: "Can't ask the service: no answer" in text_of(app))
        screen._heard(JobChange("local", "ftjob-one", screen.chosen_job()))
        await pilot.pause()
        assert "no answer" in text_of(app)
        screen._heard(JobChange("local", "", None))
        await until(pilot, lambda: "no answer" not in text_of(app))


async def test_a_reader_of_old_events_is_left_where_he_is(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_job(pilot, app)
        events = screen.query_one(EventList)
        events.focus()
        await pilot.press("g")
        app.services.store.add_events("local", "ftjob-one", make_events(steps=41)[-1:])
        screen.job_changed()
        await until(pilot, lambda: events.item_count() == 44)
        assert events.cursor == 0


async def test_opening_again_shows_the_same_with_no_gap(app: TunedeckApp) -> None:
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_job(pilot, app)
        first = [screen.query_one(EventList).event(index) for index in range(43)]
        await pilot.press("q")
        screen = await open_job(pilot, app)
        assert [screen.query_one(EventList).event(index) for index in range(43)] == first


async def test_on_a_narrow_terminal_one_tab_is_shown_at_a_time(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_job(pilot, app)
        shown = ["events"]
        for _ in range(3):
            await pilot.press("right_square_bracket")
            await pilot.pause()
            shown += [
                name for name in ("events", "checkpoints", "settings") if screen.query_one(f"#{name}").region
            ]
        assert shown == ["events", "checkpoints", "settings", "events"]


async def test_v_switches_to_accuracy_and_z_zooms(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_job(pilot, app)
        await pilot.press("v")
        await pilot.pause()
        assert "Token accuracy" in text_of(app)
        await pilot.press("z")
        await pilot.pause()
        chart = screen.query_one(LossChart)
        assert chart.size.height > 14
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(app.screen, JobScreen)
        assert chart.size.height < 14


async def test_enter_on_an_event_shows_it_whole(app: TunedeckApp) -> None:
    long = JobEvent("ftevent-long", "ftjob-one", NOW, "error", "x" * 200 + " [/end]\x1b[2J", "message")
    app.services.store.add_events("local", "ftjob-one", [long])
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_job(pilot, app)
        screen.query_one(EventList).focus()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, TextDialog))
        assert "[/end]␛[2J" in text_of(app)


async def test_a_failed_job_says_why_in_the_services_words(app: TunedeckApp) -> None:
    error = JobError("invalid_training_file", "Line 3 has no assistant message.")
    app.services.store.save_job(make_job(state=JobState.FAILED, finished_at=NOW, error=error))
    async with app.run_test(size=(80, 24)) as pilot:
        await open_job(pilot, app)
        assert "Line 3 has no assistant message. (invalid_training_file)" in text_of(app)


async def test_a_job_that_is_not_kept_is_said_to_be_unknown() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_job("local", "ftjob-gone")
        await until(pilot, lambda: "No job ftjob-gone" in text_of(app))


async def test_the_screen_stops_watching_when_it_is_left(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_job(pilot, app)
        watcher = app.services.watcher
        assert watcher._watched == {("local", "ftjob-one"): 1}
        await pilot.press("q")
        await until(pilot, lambda: watcher._watched == {})


def test_reading_again_takes_only_what_is_new(app: TunedeckApp) -> None:
    store = app.services.store
    first = read_job(store, "local", "ftjob-one")
    assert first is not None
    store.add_events("local", "ftjob-one", make_events(steps=42)[-2:])
    second = read_job(store, "local", "ftjob-one", first)
    assert second is not None
    assert second.events == tuple(store.events("local", "ftjob-one"))
    assert second.last_row > first.last_row


def test_a_succeeded_job_is_all_done_whatever_its_last_event_said() -> None:
    app = make_app()
    keep_job(app.services.store, replace(make_job(state=JobState.SUCCEEDED), id="ftjob-x"))
    view = read_job(app.services.store, "local", "ftjob-x")
    assert view is not None
    assert view.fraction == 1.0


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (200, "3 min 20 s"), (3_600, "1 h"), (7_500, "2 h 5 min"),
     (200_000, "2 d")],
)  # fmt: skip
def test_a_duration_is_told_in_two_units_at_most(seconds: int, words: str) -> None:
    assert duration(seconds) == words


def test_a_guess_is_rounded_and_ages_are_told_from_now() -> None:
    assert rough_duration(208) == "3 min"
    assert [ago(NOW - age) for age in (5, 300, 7_200, 300_000)] == [
        "just now",
        "5 min ago",
        "2 h ago",
        "3 d ago",
    ]
    assert ago(None) == "–"


async def laid_out_to_the_last_event(pilot: Pilots, app: TunedeckApp) -> None:
    """Wait for the last event, and for the layout after it, which places the list's scrollbar."""
    events = app.screen.query_one(EventList)
    bar = events.vertical_scrollbar

    def settled() -> bool:
        placed = bool(bar.region) and round(bar.position) == round(events.scroll_y) == events.max_scroll_y
        return "Step 40/66" in text_of(app) and placed and not app.screen._layout_required

    await until(pilot, settled)
    await pilot.pause()


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "140x40"])
def test_a_running_job_looks(
    app: TunedeckApp, snap_compare: Callable[..., bool], size: tuple[int, int]
) -> None:
    async def before(pilot: Pilots) -> None:
        await open_job(pilot, app)
        await laid_out_to_the_last_event(pilot, app)

    assert snap_compare(app, terminal_size=size, run_before=before)


def test_checkpoints_look_on_a_narrow_terminal(app: TunedeckApp, snap_compare: Callable[..., bool]) -> None:
    async def before(pilot: Pilots) -> None:
        await open_job(pilot, app)
        await pilot.press("right_square_bracket")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


def test_a_failed_job_looks(app: TunedeckApp, snap_compare: Callable[..., bool]) -> None:
    error = JobError("invalid_training_file", "The job failed: line 3 has no assistant message.")
    app.services.store.save_job(make_job(state=JobState.FAILED, finished_at=NOW - 30, error=error))

    async def before(pilot: Pilots) -> None:
        await open_job(pilot, app)
        await laid_out_to_the_last_event(pilot, app)

    assert snap_compare(app, terminal_size=(80, 24), run_before=before)


async def test_over_ssh_news_that_come_together_are_drawn_once(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "192.0.2.1 50000 192.0.2.2 22")
    monkeypatch.setattr("screens.job.REMOTE_SECONDS", 0.2)
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await open_job(pilot, app)
        reads: list[None] = []
        monkeypatch.setattr(screen, "_read_job", lambda: reads.append(None))
        for _ in range(5):
            screen._read_soon()
        assert not reads
        await until(pilot, lambda: bool(reads))
        assert len(reads) == 1
