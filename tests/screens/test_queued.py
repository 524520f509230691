from __future__ import annotations

import pytest

from screens.choose import ChooseScreen
from screens.confirm import ConfirmScreen
from screens.jobs import JobsScreen
from tests.screens.fakes import NOW, make_app, text_of, until
from tui.data.examples import SENTIMENT
from tui.store.launch_rows import LaunchRecord, LaunchState

pytestmark = pytest.mark.usefixtures("frozen")


async def test_a_launch_that_waits_is_shown_and_can_be_dropped() -> None:
    app = make_app()
    store = app.services.store
    record = LaunchRecord(
        "run-1", "openai", LaunchState.PREPARING, {"model": "gpt-4.1"}, "f", SENTIMENT.training, "0" * 64,
        {"total": 12.5, "currency": "USD"}, None, None, NOW,
    )  # fmt: skip
    store.claim_launch(record)
    store.update_launch("run-1", LaunchState.REFUSED, problem="the day's limit")
    store.queue_launch("run-1", NOW + 86_400 * 365 * 30)
    async with app.run_test(size=(120, 30), notifications=True) as pilot:
        await pilot.press("5")
        await until(pilot, lambda: "1 launch waits for a limit: w shows" in text_of(app))
        await pilot.press("w")
        await until(pilot, lambda: isinstance(app.screen, ChooseScreen))
        await until(pilot, lambda: "UTC" in text_of(app))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, ConfirmScreen))
        await until(pilot, lambda: "12.5 USD" in text_of(app))
        app.screen._opened_at = 0.0  # type: ignore[attr-defined]
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, JobsScreen))
        await until(pilot, lambda: "for a limit" not in text_of(app))
        await pilot.press("w")
        await until(pilot, lambda: "No launch waits for a service's limit" in text_of(app))
        assert store.queued_launches() == []
