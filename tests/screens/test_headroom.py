"""What is left of an account's rate limits stands where the account does: on Home, on a job, in a chat."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from screens.chat import ChatScreen
from screens.home_facts import fitting_pairs
from screens.job import JobScreen
from tests.screens.fakes import make_app, text_of, until
from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import FakeService, running
from tui.widgets.key_value import Pair
from tui.widgets.prompt_input import PromptInput

pytestmark = pytest.mark.usefixtures("frozen")
LIMITS = {
    "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "45",
    "x-ratelimit-reset-requests": "120s", "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "149984",
}  # fmt: skip


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    with running(FakeService()) as fake:
        fake.answer_headers = LIMITS
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        yield fake


async def test_home_and_the_job_say_what_the_last_answers_told(service: FakeService) -> None:
    service.add_job(id="j", suffix="tone")
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "· 45/60 requests left" in text_of(app), 30)
        app.open_job("openai", "j")
        await until(
            pilot,
            lambda: isinstance(app.screen, JobScreen)
            and "openai · 45/60 requests, 149k/150k tokens left" in text_of(app),
            30,
        )  # fmt: skip


async def test_what_is_said_of_limits_follows_while_nothing_else_happens(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("screens.home.HEADROOM_SECONDS", 0.05)
    service.add_job(id="j", suffix="tone")
    app = make_app()
    async with app.run_test(size=(140, 40)) as pilot:
        await until(pilot, lambda: "45/60 requests left" in text_of(app), 30)
        service.answer_headers = {**LIMITS, "x-ratelimit-remaining-requests": "3"}
        app.services.provider("openai").list_models()
        await until(pilot, lambda: "3/60 requests left" in text_of(app), 30)
        limits = app.services._limits["openai"]
        limits._clock = lambda: 10e9  # long after: it says nothing about now
        await until(pilot, lambda: "requests left" not in text_of(app), 30)


async def test_a_chat_says_what_is_left_after_each_answer(service: FakeService) -> None:
    service.chat_chunks = [{"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}]
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        app.open_chat(("openai", "gpt-4.1-mini-2025-04-14"))
        await until(
            pilot, lambda: isinstance(app.screen, ChatScreen) and isinstance(app.focused, PromptInput), 30
        )
        await pilot.press(*"hi", "enter")
        await until(pilot, lambda: "openai · 45/60 requests, 149k/150k tokens left" in text_of(app), 30)


async def test_home_leaves_it_out_where_the_line_would_not_fit(service: FakeService) -> None:
    service.add_job(id="j", suffix="tone")
    app = make_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "new jobs until" in text_of(app) and app.services.headroom("openai"), 30)
        await pilot.pause()
        assert "requests left" not in text_of(app)


def test_of_many_accounts_the_last_are_counted_and_what_the_radar_says_stays() -> None:
    accounts: list[Pair] = [(f"account{number}", "✓ ready") for number in range(9)]
    others: list[Pair] = [("2 ending", "2027-01-14"), ("this month", "$3.00")]
    shown = fitting_pairs(accounts, others, 6)
    assert [name for name, _ in shown] == [
        "account0",
        "account1",
        "account2",
        "more",
        "2 ending",
        "this month",
    ]
    assert shown[3][1] == ("6 accounts; a shows all", "muted")
    assert fitting_pairs(accounts[:4], others, 6) == [*accounts[:4], *others]
    assert [name for name, _ in fitting_pairs(accounts, [*others] * 4, 6)][:2] == ["account0", "more"]
