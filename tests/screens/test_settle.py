from __future__ import annotations

import time
from pathlib import Path

import pytest

from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from tests.screens.fakes import BASE, FakeProvider, make_app, make_job, text_of, until
from tests.screens.test_jobs import open_jobs
from tui.app import TunedeckApp
from tui.records.jobs import JobState
from tui.store.launch_rows import LaunchRecord, LaunchState
from tui.widgets.table import Table

pytestmark = pytest.mark.usefixtures("frozen")


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app whose launch got no answer an hour ago, with one job made since and one made before."""
    app = make_app(provider)
    sent = int(time.time()) - 3600
    app.services.store.claim_launch(lost_launch("run-one", sent))
    jobs = (make_job("ftjob-since", created_at=sent + 5), make_job("ftjob-before", created_at=sent - 90_000))
    for job in jobs:
        app.services.store.save_job(job)
        provider.jobs[job.id] = job
    return app


def lost_launch(run_id: str, sent: int) -> LaunchRecord:
    return LaunchRecord(
        run_id, "local", LaunchState.UNKNOWN, {"model": BASE}, run_id, Path("/data/tone.jsonl"), "0" * 64,
        {"total": "0", "currency": "USD"}, None, "no answer to the creation", sent,
    )  # fmt: skip


async def test_the_job_of_a_lost_launch_is_chosen_and_shown(app: TunedeckApp) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app, rows=2)
        await until(pilot, lambda: "1 launch without an answer" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        assert "What became of the launch of tone.jsonl" in text_of(app)
        assert app.screen.query_one(Table).keys[:1] == ["ftjob-since"]
        assert "ftjob-before" not in app.screen.query_one(Table).keys
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        record = app.services.store.launch("run-one")
        assert record is not None
        assert (record.state, record.job_id) == (LaunchState.CREATED, "ftjob-since")


async def test_that_it_made_no_job_needs_a_yes_and_creates_nothing(
    app: TunedeckApp, provider: FakeProvider
) -> None:
    async with app.run_test(size=(80, 24)) as pilot:
        await open_jobs(pilot, app, rows=2)
        await until(pilot, lambda: "without an answer" in text_of(app))
        for answer, state in (("n", LaunchState.UNKNOWN), ("y", LaunchState.REFUSED)):
            await pilot.press("s")
            await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
            await pilot.press(*"none", "enter")
            await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
            await pilot.pause(0.35)
            await pilot.press(answer)
            await app.workers.wait_for_complete([one for one in app.workers if one.group == "settle"])
            record = app.services.store.launch("run-one")
            assert record is not None
            assert record.state is state
        await until(pilot, lambda: "without an answer" not in text_of(app))
        assert provider.requests == []


async def test_one_of_several_lost_launches_is_chosen_first(app: TunedeckApp, provider: FakeProvider) -> None:
    app.services.store.claim_launch(lost_launch("run-two", int(time.time()) - 3000))
    elsewhere = make_job("ftjob-else", JobState.RUNNING, created_at=int(time.time()) - 2000)
    provider.jobs[elsewhere.id] = elsewhere
    async with app.run_test(size=(140, 40)) as pilot:
        await open_jobs(pilot, app, rows=2)
        await until(pilot, lambda: "2 launches without an answer" in text_of(app))
        await pilot.press("s")
        await until(pilot, lambda: "Launches that got no answer" in text_of(app))
        assert app.screen.query_one(Table).keys == ["run-one", "run-two"]
        await pilot.press("down", "enter")
        await until(pilot, lambda: "What became of the launch" in text_of(app))
        await pilot.press(*elsewhere.id, "enter")  # not listed here: typed
        await until(pilot, lambda: isinstance(app.screen, JobScreen))
        record = app.services.store.launch("run-two")
        assert record is not None
        assert record.job_id == "ftjob-else"


async def test_the_key_is_greyed_while_every_launch_has_its_answer(app: TunedeckApp) -> None:
    app.services.store.update_launch("run-one", LaunchState.REFUSED)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await open_jobs(pilot, app, rows=2)
        await pilot.press("s")
        await until(pilot, lambda: any("got its answer" in one.message for one in app._notifications))
