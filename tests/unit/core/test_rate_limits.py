from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, refuse_with
from tui.jobs.watch import JobWatcher
from tui.providers.account_limits import RateLimits, background_work
from tui.providers.rate_limits import duration, retry_after
from tui.records.chats import ChatMessage, ChatRequest
from tui.services import Services

Cli = Callable[..., CliResult]
HEADERS = {
    "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-reset-requests": "1s", "x-ratelimit-limit-tokens": "150000",
    "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s",
}  # fmt: skip


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, _stopping: threading.Event, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def limits(clock: Clock) -> RateLimits:
    return RateLimits(clock, clock.sleep)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1s", 1), ("6m0s", 360), ("20ms", 0.02), ("1h2m3s", 3723), ("1.5s", 1.5), ("7", 7), ("", 0),
     ("soon", 0), ("1x", 0), ("-3", 0), ("inf", 0), ("1s of rest", 0)],
)  # fmt: skip
def test_durations_are_read_as_the_service_writes_them(text: str, seconds: float) -> None:
    assert duration(text) == pytest.approx(seconds)


@given(st.dictionaries(st.sampled_from([*HEADERS, "retry-after", "retry-after-ms"]), st.text(max_size=8)))
def test_headers_of_any_kind_never_raise(headers: dict[str, str]) -> None:
    limits = RateLimits()
    limits.note(headers)
    assert all(0 <= gauge.left <= 1 for gauge in limits.gauges())
    wait = retry_after(headers)
    assert wait is None or wait >= 0


def test_gauges_say_what_is_left_and_when_it_is_full_again(limits: RateLimits, clock: Clock) -> None:
    assert limits.gauges() == []
    limits.note(HEADERS)
    requests, tokens = limits.gauges()
    assert requests.text(clock.now) == "59 of 60 requests left, full again in 1 s"
    assert tokens.text(clock.now + 60) == "149,984 of 150,000 tokens left, full again in 300 s"
    assert tokens.text(clock.now + 900) == "149,984 of 150,000 tokens left"
    limits.note({})
    assert len(limits.gauges()) == 2


def test_the_person_in_front_never_waits(limits: RateLimits, clock: Clock) -> None:
    limits.note({"retry-after": "30"})
    for _ in range(200):
        limits.take_turn()
    assert clock.slept == []


def test_background_work_is_paced_and_waits_when_asked_to(limits: RateLimits, clock: Clock) -> None:
    with background_work(threading.Event()):
        for _ in range(40):
            limits.take_turn()
        assert clock.slept == []
        for _ in range(20):
            limits.take_turn()
        assert sum(clock.slept) == pytest.approx(2.0)
        limits.note({"retry-after-ms": "2500"})
        clock.slept.clear()
        limits.take_turn()
        assert clock.slept == [pytest.approx(2.5)]


@pytest.mark.parametrize(("what", "remaining"), [("requests", "3"), ("tokens", "14000")])
def test_background_work_leaves_the_last_requests_to_the_person(
    limits: RateLimits, clock: Clock, what: str, remaining: str
) -> None:
    limits.note({**HEADERS, f"x-ratelimit-remaining-{what}": remaining, f"x-ratelimit-reset-{what}": "12s"})
    with background_work(threading.Event()):
        limits.take_turn()
    assert clock.slept == [pytest.approx(12)]


def test_stopping_ends_the_wait_at_once() -> None:
    limits = RateLimits()
    limits.note({"retry-after": "50"})
    stopping = threading.Event()
    stopping.set()
    begun = time.monotonic()
    with background_work(stopping):
        limits.take_turn()
    assert time.monotonic() - begun < 5


def test_every_answer_is_heard_streams_and_refusals_too(services: Services, service: FakeService) -> None:
    provider = services.provider("openai")
    assert services.rate_gauges("openai") == []
    service.answer_headers = HEADERS
    provider.list_models()
    assert [gauge.remaining for gauge in services.rate_gauges("openai")] == [59, 149984]
    service.faults["GET", "/v1/files"].append(
        refuse_with(400, {"error": "no"}, x_ratelimit_remaining_requests="7")
    )
    with pytest.raises(Exception, match="no"):
        provider.list_files()
    assert services.rate_gauges("openai")[0].remaining == 7
    service.chat_chunks = [{"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}]
    list(provider.stream_chat(ChatRequest("m", (ChatMessage("user", "Hi"),))))
    assert services.rate_gauges("local") == []


def test_the_watcher_obeys_a_service_that_asks_for_rest(services: Services, service: FakeService) -> None:
    service.add_job(id="j")
    watcher = JobWatcher(services, poll_seconds=5.0, may_discover=lambda name: name == "openai")
    watcher.poll_once()
    fault = refuse_with(429, {"error": {"message": "busy"}}, retry_after="700")
    service.faults["GET", "/v1/fine_tuning/jobs/j"].append(fault)
    watcher.poll_once()
    assert watcher.next_look("openai") > 600


def test_work_that_goes_on_says_when_to_look_again_not_to_rest(limits: RateLimits, clock: Clock) -> None:
    limits.note({"retry-after": "30"}, was_refused=False)
    with background_work(threading.Event()):
        limits.take_turn()
    assert clock.slept == []


def test_what_is_left_at_a_clouds_management_is_a_gauge_of_its_own(limits: RateLimits, clock: Clock) -> None:
    limits.note(HEADERS)
    limits.note({"x-ms-ratelimit-remaining-subscription-reads": "225"})
    limits.note({"x-ms-ratelimit-remaining-subscription-writes": "1199"})  # the older scheme, by the hour
    assert [one.text(clock.now) for one in limits.gauges()[2:]] == [
        "225 of 250 management reads left, full again in 1 s"
    ]
    limits.note({"x-ms-ratelimit-remaining-subscription-deletes": "0"})
    with background_work(threading.Event()):
        limits.take_turn()
    assert clock.slept == [pytest.approx(20)]


def test_account_test_shows_the_gauges(cli: Cli, service: FakeService) -> None:
    service.answer_headers = HEADERS
    assert "59 of 60 requests left" in cli("account", "test", "openai").stdout


def test_headroom_names_the_scarcest_first_and_nothing_that_is_over() -> None:
    now = [1_000.0]
    limits = RateLimits(clock=lambda: now[0])
    assert limits.headroom() == ""
    limits.note(
        {
            "x-ratelimit-limit-requests": "60", "x-ratelimit-remaining-requests": "59",
            "x-ratelimit-reset-requests": "1s", "x-ratelimit-limit-tokens": "2000000",
            "x-ratelimit-remaining-tokens": "149984", "x-ratelimit-reset-tokens": "6m0s",
        }
    )  # fmt: skip
    assert limits.headroom() == "149k/2000k tokens, 59/60 requests left"
    assert limits.headroom(1) == "149k/2000k tokens left"
    now[0] += 61
    assert limits.headroom() == "149k/2000k tokens left"
    now[0] += 300
    assert limits.headroom() == ""


def test_a_chat_from_the_command_line_says_what_is_left(cli: Cli, service: FakeService) -> None:
    service.answer_headers = HEADERS
    service.chat_chunks = [{"choices": [{"delta": {"content": "ok"}, "finish_reason": "stop"}]}]
    asked = ("chat", "gpt-4.1-mini-2025-04-14", "--account", "openai", "-m", "Hi")
    assert "59/60 requests, 149k/150k tokens left" in cli(*asked).stderr
    (answer,) = cli(*asked, "--json").json()["answers"]
    assert [(one["name"], one["remaining"]) for one in answer["rate_limits"]] == [
        ("requests", 59), ("tokens", 149984),
    ]  # fmt: skip
