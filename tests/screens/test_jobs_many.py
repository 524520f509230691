"""A long list of jobs: what a key costs is what it changes."""

from __future__ import annotations

import pytest
from textual.content import Content

from screens import jobs
from screens.jobs import JobsScreen
from tests.screens.fakes import NOW, FakeProvider, Pilots, make_app, make_job, until
from tui.app import TunedeckApp
from tui.records.jobs import Job, JobState
from tui.widgets.key_footer import KeyFooter
from tui.widgets.table import Cell, Table

pytestmark = pytest.mark.usefixtures("frozen")
COUNT = 60


@pytest.fixture
def app(provider: FakeProvider) -> TunedeckApp:
    """An app with many jobs that are over and, as the newest, one that runs."""
    app = make_app(provider)
    for number in range(COUNT):
        state = JobState.SUCCEEDED if number else JobState.RUNNING
        job = make_job(f"ftjob-{number:02d}", state, created_at=NOW - 600 - number)
        app.services.store.save_job(job)
        app.services.store.mark_archived("local", job.id)
    return app


async def open_jobs(pilot: Pilots, app: TunedeckApp) -> JobsScreen:
    await pilot.press("5")
    await until(pilot, lambda: isinstance(app.screen, JobsScreen) and app.screen.query_one(Table).keys)
    assert isinstance(app.screen, JobsScreen)
    screen = app.screen
    await until(pilot, lambda: screen.permissions("local"))
    return screen


async def test_the_footer_is_painted_anew_only_when_a_key_greys(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    painted: list[Content] = []
    paint = KeyFooter.render

    def count(footer: KeyFooter) -> Content:
        painted.append(paint(footer))
        return painted[-1]

    monkeypatch.setattr(KeyFooter, "render", count)
    async with app.run_test(size=(140, 40)) as pilot:
        table = (await open_jobs(pilot, app)).query_one(Table)
        await pilot.press("down")
        await until(pilot, lambda: table.cursor == 1)
        painted.clear()
        await pilot.press(*["down"] * 20)
        await until(pilot, lambda: table.cursor == 21)
        assert painted == []
        await pilot.press("g")
        await until(pilot, lambda: painted)


async def test_a_job_that_is_over_is_made_into_a_line_once(
    app: TunedeckApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Job] = []
    make = jobs._cells

    def count(row: jobs.JobRow, *rest: bool) -> list[Cell]:
        made.append(row.job)
        return make(row, *rest)

    monkeypatch.setattr(jobs, "_cells", count)
    async with app.run_test(size=(140, 40)) as pilot:
        screen = await open_jobs(pilot, app)
        assert {job.id for job in made} == {f"ftjob-{number:02d}" for number in range(COUNT)}
        made.clear()
        screen.job_changed()
        await until(pilot, lambda: made)
        assert {job.id for job in made} == {"ftjob-00"}
        made.clear()
        await pilot.press("space")
        await until(pilot, lambda: made)
        assert len(made) == 1
