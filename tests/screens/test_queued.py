from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from screens.ask_text import AskTextScreen
from screens.confirm import ConfirmScreen
from screens.job import JobScreen
from screens.queued import QueueScreen
from tests.screens.fakes import NOW, Pilots, make_app, make_job, text_of, until
from tui.app import TunedeckApp
from tui.data.examples import SENTIMENT
from tui.records.jobs import JobState
from tui.store.launch_rows import LaunchRecord, LaunchState

pytestmark = pytest.mark.usefixtures("frozen")
FAR = NOW + 86_400 * 365 * 30


def wait_for(app: TunedeckApp, run_id: str, due_at: int = FAR, **wish: Any) -> None:
    store = app.services.store
    record = LaunchRecord(
        run_id, "openai", LaunchState.PREPARING, {"model": "gpt-4.1"}, run_id, SENTIMENT.training, "0" * 64,
        {"total": 12.5, "currency": "USD"}, None, None, NOW,
    )  # fmt: skip
    store.claim_launch(record)
    store.update_launch(run_id, LaunchState.REFUSED, problem="the day's limit")
    store.queue_launch(run_id, due_at, **wish)


def order(app: TunedeckApp) -> list[str]:
    return [one.record.run_id for one in app.services.store.queued_launches()]


async def test_a_launch_that_waits_is_shown_and_can_be_dropped() -> None:
    app = make_app()
    wait_for(app, "run-1")
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "1 launch waits here: w shows" in text_of(app))
        await pilot.press("w")
        await until(pilot, lambda: "tried again" in text_of(app))
        await pilot.press("x")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "12.5 USD" in text_of(app))
        app.screen._opened_at = 0.0  # type: ignore[attr-defined]
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, QueueScreen))
        await until(pilot, lambda: "Nothing waits." in text_of(app))
        assert order(app) == []


async def test_what_waits_is_moved_and_given_another_priority_and_time() -> None:
    app = make_app()
    for name in ("run-1", "run-2", "run-3"):
        wait_for(app, name, is_wished=True)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        app.open_queue()
        await until(pilot, lambda: "3 waiting" in text_of(app))
        await pilot.press("J")
        await until(pilot, lambda: order(app) == ["run-2", "run-1", "run-3"])
        await pilot.press("B")
        await until(pilot, lambda: order(app) == ["run-2", "run-3", "run-1"])
        await pilot.press("p")
        await until(pilot, lambda: order(app) == ["run-1", "run-2", "run-3"])
        await until(pilot, lambda: "high" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press(*"noon", "enter")
        await until(pilot, lambda: "is no time to start" in text_of(app))
        await pilot.press("t")
        await until(pilot, lambda: isinstance(app.screen, AskTextScreen))
        await pilot.press("plus", "2", "h", "space", *"low", "enter")
        await until(pilot, lambda: order(app) == ["run-2", "run-3", "run-1"])
        assert app.services.store.queued_launches()[-1].due_at < FAR


async def test_a_job_in_the_engines_queue_is_listed_and_opened() -> None:
    app = make_app()
    waits = {"tunedeck": {"priority": 1, "start_after": FAR, "queue_order": 7}}
    job = make_job("ftjob-waits", JobState.QUEUED, raw=waits)
    app.services.store.save_job(job)
    async with app.run_test(size=(120, 30)) as pilot:
        app.open_queue()
        await until(pilot, lambda: "starts 20" in text_of(app))
        assert "high" in text_of(app)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, JobScreen))


async def test_keys_are_greyed_with_their_reason_while_nothing_waits() -> None:
    app = make_app()
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        app.open_queue()
        await until(pilot, lambda: "Nothing waits." in text_of(app))
        await pilot.press("p")
        await until(pilot, lambda: text_of(app).count("Nothing waits.") > 1)


@pytest.mark.parametrize("size", [(80, 24), (140, 40)], ids=["80x24", "140x40"])
def test_looks_of_the_queue(snap_compare: Callable[..., bool], size: tuple[int, int]) -> None:
    app = make_app()
    wait_for(app, "run-1")
    wait_for(app, "run-2", priority=1, is_wished=True)
    beyond = {"start_after": FAR, "queue_order": 7}
    app.services.store.save_job(make_job("ftjob-waits", JobState.QUEUED, raw={"tunedeck": beyond}))

    async def show(pilot: Pilots) -> None:
        app.open_queue()
        await until(pilot, lambda: "3 waiting" in text_of(app))

    assert snap_compare(app, terminal_size=size, run_before=show)


async def test_jobs_say_until_when_a_queued_job_waits_or_its_place() -> None:
    app = make_app()
    soon = int(time.time()) + 3600
    for number, beyond in enumerate(({}, {}, {"start_after": soon}, {"start_after": FAR})):
        raw = {"tunedeck": {"queue_order": number, **beyond}}
        app.services.store.save_job(make_job(f"ftjob-{number}", JobState.QUEUED, raw=raw))
    at, far = datetime.fromtimestamp(soon, UTC), datetime.fromtimestamp(FAR, UTC)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("5")
        for words in ("next", "place 2", f"{at:%H:%M} UTC", f"{far:%m-%d %H:%M}"):
            await until(pilot, lambda words=words: words in text_of(app))  # type: ignore[misc]
