from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, drop, html, refuse, refuse_with, running
from tui.jobs.headless import watch_all
from tui.jobs.notices.words import message_of
from tui.jobs.watch import JobChange, JobWatcher
from tui.providers.account_settings import DeclaredAccount, declare_account, remove_account
from tui.providers.protocol import ProviderError
from tui.records.jobs import JobState
from tui.services import Services

JOBS = "/v1/fine_tuning/jobs"


def wait_until(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "did not happen in time"
        time.sleep(0.01)


def is_fake(account: str) -> bool:
    return account == "openai"


def event_ids(services: Services, job_id: str = "j", account: str = "openai") -> list[str]:
    return [event.id for event in services.store.events(account, job_id)]


def test_jobs_made_elsewhere_are_found_with_all_their_events(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="j")
    for step in range(1, 151):
        service.add_event("j", step=step, total_steps=150, train_loss=1 / step)
    changes = services.watcher.poll_once()
    changes += services.watcher.poll_once()
    assert {change.job_id for change in changes} == {"j"}
    assert len(event_ids(services)) == 150
    assert services.store.metrics("openai", "j")[150] == {"train_loss": 1 / 150}


def test_a_look_without_news_tells_nothing(services: Services, service: FakeService) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    services.watcher.poll_once()
    assert services.watcher.poll_once() == []
    service.add_event("j", "one more")
    (change,) = services.watcher.poll_once()
    assert [event.message for event in change.new_events] == ["one more"]


def test_what_subscribers_hear_is_in_the_store_already(services: Services, service: FakeService) -> None:
    service.add_job(id="j")
    service.add_event("j")
    heard: list[tuple[JobChange, list[str]]] = []
    stop = services.watcher.subscribe(lambda change: heard.append((change, event_ids(services))))
    services.watcher.poll_once()
    services.watcher.poll_once()
    assert any(change.new_events for change, _ in heard)
    for change, stored in heard:
        assert {event.id for event in change.new_events} <= set(stored)
        assert services.store.job("openai", "j") is not None
    stop()
    count = len(heard)
    service.add_event("j")
    services.watcher.poll_once()
    assert len(heard) == count


def test_a_finished_job_is_kept_whole_and_asked_no_more(services: Services, service: FakeService) -> None:
    service.add_job(id="j", status="succeeded", result_files=["file-9", "file-gone"], fine_tuned_model="ft:x")
    service.add_event("j")
    service.contents["file-9"] = b"step,train_loss,valid_loss\n1,2.5,\n2,2.0,2.25\n"
    service.checkpoints["j"] = [
        {"id": f"c{step}", "step_number": step, "fine_tuned_model_checkpoint": f"ft:x:{step}", "metrics": {}}
        for step in (1, 2)
    ]
    services.watcher.poll_once()
    services.watcher.poll_once()
    assert services.store.metrics("openai", "j") == {
        1: {"train_loss": 2.5},
        2: {"train_loss": 2.0, "valid_loss": 2.25},
    }
    assert [one.model for one in services.store.checkpoints("openai", "j")] == ["ft:x:2", "ft:x:1"]
    asked = service.count("GET", "/v1/fine_tuning/jobs/j")
    services.watcher.poll_once()
    assert service.count("GET", "/v1/fine_tuning/jobs/j") == asked


def test_a_job_that_its_service_forgot_is_let_go(services: Services, service: FakeService) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    service.jobs.clear()
    services.watcher.poll_once()
    job = services.store.job("openai", "j")
    assert job is not None
    assert (job.state, job.raw_status) == (JobState.OTHER, "not found")
    assert services.store.jobs_to_watch() == []
    (notice,) = services.store.new_notices()
    message = message_of(services, notice)
    assert message.title == "j is no longer known to openai"
    assert "followed again" in message.body


@pytest.mark.parametrize("answer", [refuse(404, "what?"), html(404, "404 Not Found")])
def test_a_job_is_not_given_up_where_nothing_at_all_is_found(
    services: Services, service: FakeService, answer: Callable[[Any], bool]
) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    service.faults["GET", f"{JOBS}/j"] = [answer]
    service.faults["GET", JOBS] = [answer] * 2
    services.watcher.poll_once()
    job = services.store.job("openai", "j")
    assert job is not None
    assert job.state is JobState.RUNNING
    assert [one.id for one in services.store.jobs_to_watch()] == ["j"]
    assert services.store.new_notices() == []


def test_a_job_that_is_listed_though_it_is_not_found_goes_on(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    service.faults["GET", f"{JOBS}/j"] = [refuse(404, "not on this replica yet")]
    services.watcher.poll_once()
    assert [job.state for job in services.store.jobs_to_watch()] == [JobState.RUNNING]


def test_a_job_whose_look_fails_holds_up_no_other_of_its_account(
    services: Services, service: FakeService
) -> None:
    for name in ("bad", "good"):
        service.add_job(id=name)
        service.add_event(name)
    services.watcher.poll_once()
    service.add_event("good")
    service.faults["GET", f"{JOBS}/bad/events"] = [refuse(400, "oops") for _ in range(9)]
    for _ in range(2):
        (*_, change) = services.watcher.poll_once()
        assert change.problem is not None
    assert event_ids(services, "good") == ["ftevent-0001", "ftevent-0002"]
    assert services.watcher.next_look("openai") < 20  # the pace of a service that answers


def test_jobs_are_followed_at_a_service_that_lists_none(services: Services, service: FakeService) -> None:
    service.add_job(id="j")
    services.store.save_job(services.provider("openai").retrieve_job("j"))
    service.add_event("j")
    service.faults["GET", JOBS] = [refuse(405, "no list here")]
    assert [change.problem for change in services.watcher.poll_once()] == [None]
    assert event_ids(services) == ["ftevent-0001"]


def test_a_service_that_was_away_leaves_no_gap_and_no_double(
    services: Services, service: FakeService
) -> None:
    port = service.server_address[1]
    service.add_job(id="j")
    service.add_event("j")
    services.watcher.poll_once()
    services.watcher.poll_once()
    for _ in range(3):
        service.faults["GET", "/v1/fine_tuning/jobs/j"].append(drop)
    (change,) = services.watcher.poll_once()
    assert isinstance(change.problem, ProviderError)
    assert change.problem.retryable
    service.shutdown()
    service.server_close()
    with running(FakeService(port)) as again:
        again.jobs, again.events = service.jobs, service.events
        for _ in range(120):
            again.add_event("j")
        services.watcher.poll_once()
        assert event_ids(services) == [f"ftevent-{number:04d}" for number in range(1, 122)]


def test_a_page_that_fails_half_way_leaves_no_hole(services: Services, service: FakeService) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    for _ in range(250):
        service.add_event("j")
    path = "/v1/fine_tuning/jobs/j/events"
    service.faults[("GET", path)] = [lambda handler: False, *[drop] * 3]
    services.watcher.poll_once()
    assert event_ids(services) == []
    services.watcher.poll_once()
    assert len(event_ids(services)) == 250


def test_the_thread_follows_a_job_that_a_screen_shows_and_stops_when_told(
    services: Services, service: FakeService
) -> None:
    watcher = JobWatcher(services, poll_seconds=600, may_discover=is_fake)
    heard = threading.Event()
    watcher.subscribe(lambda change: heard.set() if change.new_events else None)
    watcher.start()
    watcher.start()
    try:
        service.add_job(id="j")
        wait_until(lambda: service.count("GET", "/v1/fine_tuning/jobs") > 0)
        services.store.save_job(replace(services.provider("openai").retrieve_job("j")))
        service.add_event("j")
        watcher.watch_now("openai", "j")
        assert heard.wait(20)
        watcher.unwatch("openai", "j")
    finally:
        watcher.stop()
    assert not [one for one in threading.enumerate() if one.name == "job-watcher" and one.is_alive()]


def test_one_unreachable_account_does_not_hold_up_the_program(
    services: Services, service: FakeService
) -> None:
    for _ in range(3):
        service.faults["GET", "/v1/fine_tuning/jobs"].append(drop)
    problems = [change.problem for change in services.watcher.poll_once()]
    assert len(problems) == 1
    service.add_job(id="j")
    assert [change.job_id for change in services.watcher.poll_once()] == ["j"]


def test_a_trouble_is_told_once_to_each_subscriber_until_it_is_over(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    early: list[JobChange] = []
    late: list[JobChange] = []
    path = "/v1/fine_tuning/jobs/j"

    def fail_rounds(count: int) -> None:
        service.faults["GET", path] = [refuse(400, "oops") for _ in range(count)]
        for _ in range(count):
            (change,) = services.watcher.poll_once()
            assert change.problem is not None  # who asks for a round hears how it went

    services.watcher.subscribe(early.append)
    fail_rounds(3)
    services.watcher.subscribe(late.append)
    fail_rounds(2)
    assert [(change.account, change.job_id) for change in early] == [("openai", "")]
    assert [change.problem is None for change in early + late] == [False, False]
    assert services.watcher.poll_once() == []
    assert services.watcher.poll_once() == []
    for heard in (early, late):
        assert heard[-1] == JobChange("openai", "", None)
        assert len(heard) == 2
    fail_rounds(2)
    assert [change.problem is None for change in early] == [False, True, False]


def test_the_histories_of_many_finished_jobs_do_not_hold_up_a_running_one(
    services: Services, service: FakeService
) -> None:
    for number in range(12):
        service.add_job(id=f"old-{number}", status="succeeded")
    service.add_job(id="new")
    service.add_event("new")
    services.watcher.poll_once()
    assert event_ids(services, "new") == ["ftevent-0001"]
    looks = [path for _, path in service.requests if "/jobs/old-" in path and path.count("/") == 4]
    assert 0 < len(looks) <= 5
    for _ in range(2):
        services.watcher.poll_once()
    assert [job.id for job in services.store.jobs_to_watch()] == ["new"]


def test_a_service_without_events_or_checkpoints_is_followed_all_the_same(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="j", status="succeeded")
    service.faults["GET", "/v1/fine_tuning/jobs/j/events"].append(refuse(404, "what?"))
    service.faults["GET", "/v1/fine_tuning/jobs/j/checkpoints"].append(refuse(405, "what?"))
    assert [change.problem for change in services.watcher.poll_once()] == [None]
    assert services.store.jobs_to_watch() == []


def test_a_job_given_up_as_lost_is_followed_again_when_it_turns_up(
    services: Services, service: FakeService
) -> None:
    job = service.add_job(id="j")
    services.watcher.poll_once()
    service.jobs.clear()
    services.watcher.poll_once()
    service.jobs["j"] = job
    service.add_event("j")
    services.watcher.wake("openai")
    services.watcher.poll_once()
    found = services.store.job("openai", "j")
    assert found is not None
    assert found.state is JobState.RUNNING
    assert event_ids(services) == ["ftevent-0001"]


def test_a_subscriber_that_fails_does_not_end_the_watching_for_the_others(
    services: Services, service: FakeService
) -> None:
    heard: list[str] = []

    def fail(_change: JobChange) -> None:
        raise RuntimeError("the screen is gone")

    services.watcher.subscribe(fail)
    services.watcher.subscribe(lambda change: heard.append(change.job_id))
    service.add_job(id="j")
    services.watcher.poll_once()
    assert "j" in heard


def test_a_job_launched_by_another_process_is_looked_at_without_waiting_for_the_next_round(
    services: Services, service: FakeService
) -> None:
    watcher = JobWatcher(services, poll_seconds=600, may_discover=is_fake)
    watcher.start()
    try:
        wait_until(lambda: service.count("GET", "/v1/fine_tuning/jobs") == 1)
        service.add_job(id="j")
        service.add_event("j")
        services.store.save_job(services.provider("openai").retrieve_job("j"))
        wait_until(lambda: event_ids(services) == ["ftevent-0001"])
    finally:
        watcher.stop()


def watcher_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name == "job-watcher" and one.is_alive()]


def test_starting_soon_after_stopping_leaves_one_thread(services: Services, service: FakeService) -> None:
    asked, answer = threading.Event(), threading.Event()

    def slow(_handler: object) -> bool:
        asked.set()
        answer.wait(20)
        return False

    service.faults["GET", "/v1/fine_tuning/jobs"].append(slow)
    watcher = JobWatcher(services, poll_seconds=600, may_discover=is_fake)
    watcher.start()
    try:
        assert asked.wait(20)
        watcher.stop(timeout=0)
        watcher.start()
        answer.set()
        wait_until(lambda: len(watcher_threads()) == 1)
        service.add_job(id="j")
        watcher.wake("openai")
        wait_until(lambda: services.store.job("openai", "j") is not None)
    finally:
        watcher.stop()
    assert watcher_threads() == []


class Hang:
    """A fault that answers only when it is released."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()

    def __call__(self, _handler: object) -> bool:
        self.begun.set()
        self.released.wait(60)
        return False


@pytest.fixture
def other(services: Services) -> Iterator[FakeService]:
    """A second account, `work`, at a service of its own."""
    with running(FakeService()) as fake:
        declare_account(DeclaredAccount("work", "custom", fake.url, "OPENAI_API_KEY"))
        services.reload_accounts()
        yield fake


@pytest.fixture
def hang(service: FakeService) -> Iterator[Hang]:
    """The account `openai` hangs at its first question."""
    hang = Hang()
    service.faults["GET", JOBS].append(hang)
    yield hang
    hang.released.set()


def pollers() -> list[str]:
    return sorted(
        one.name for one in threading.enumerate() if one.name.startswith("job-poller-") and one.is_alive()
    )


def test_while_one_account_hangs_the_events_of_another_keep_arriving(
    services: Services, service: FakeService, other: FakeService, hang: Hang
) -> None:
    other.add_job(id="b")
    watcher = JobWatcher(services, poll_seconds=0.2, may_discover=lambda name: name != "local")
    watcher.watch_now("openai", "any")
    watcher.start()
    try:
        assert hang.begun.wait(20)
        wait_until(lambda: services.store.job("work", "b") is not None)
        for number in range(1, 4):
            other.add_event("b")
            wait_until(lambda number=number: len(event_ids(services, "b", "work")) == number)  # type: ignore[misc]
        other.jobs["b"]["status"] = "succeeded"
        wait_until(lambda: services.store.jobs_to_watch() == [])
        assert service.count("GET", JOBS) == 1  # still the one that hangs
        assert not hang.released.is_set()
        assert pollers() == ["job-poller-openai", "job-poller-work"]
        service.add_job(id="a")
        hang.released.set()
        wait_until(lambda: services.store.job("openai", "a") is not None)
    finally:
        hang.released.set()
        watcher.stop()
    assert pollers() == []


def test_leaving_waits_no_longer_for_an_account_that_hangs_and_a_new_start_asks_it_once_at_a_time(
    services: Services, service: FakeService, other: FakeService, hang: Hang
) -> None:
    watcher = JobWatcher(services, poll_seconds=600, may_discover=lambda name: name != "local")
    watcher.start()
    try:
        assert hang.begun.wait(20)
        wait_until(lambda: other.count("GET", JOBS) == 1)
        watcher.stop(timeout=0)
        wait_until(lambda: pollers() == ["job-poller-openai"])
        watcher.start()
        other.add_job(id="b")
        watcher.wake("work")
        wait_until(lambda: services.store.job("work", "b") is not None)
        assert service.count("GET", JOBS) == 1
        hang.released.set()
        wait_until(lambda: pollers() == ["job-poller-openai", "job-poller-work"])
    finally:
        hang.released.set()
        watcher.stop()
    assert pollers() == []


def test_a_headless_watch_ends_with_its_job_while_another_account_hangs(
    services: Services, service: FakeService, other: FakeService, hang: Hang, cli: Callable[..., CliResult]
) -> None:
    other.add_job(id="b")
    services.store.save_job(services.provider("work").retrieve_job("b"))
    started = cli("watch", "b", "--headless", "--json").json()
    assert hang.begun.wait(60)
    other.add_event("b")
    wait_until(lambda: event_ids(services, "b", "work") == ["ftevent-0001"], 60)
    other.jobs["b"]["status"] = "succeeded"
    _, status = os.waitpid(started["pid"], 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert not hang.released.is_set()
    kept = services.store.job("work", "b")
    assert kept is not None
    assert kept.state is JobState.SUCCEEDED


def test_a_watch_of_several_jobs_hears_each_account_by_itself(
    services: Services, service: FakeService, other: FakeService
) -> None:
    service.add_job(id="a")
    other.add_job(id="b")
    jobs = []
    for account, job_id in (("openai", "a"), ("work", "b")):
        job = services.provider(account).retrieve_job(job_id)
        services.store.save_job(job)
        jobs.append(job)
    hang = Hang()
    service.faults["GET", f"{JOBS}/a"].append(hang)
    services.settings = replace(services.settings, archive_jobs=False)  # and no copy is waited for
    said: list[str] = []
    watcher = JobWatcher(services, poll_seconds=0.2, may_discover=lambda name: False)
    ended = threading.Thread(target=watch_all, args=(services, watcher, jobs, said.append))
    ended.start()
    try:
        assert hang.begun.wait(20)
        other.jobs["b"]["status"] = "failed"
        wait_until(lambda: any("b ended: failed" in line for line in said))
        service.jobs["a"]["status"] = "succeeded"
        assert not any("a ended" in line for line in said)
    finally:
        hang.released.set()
        ended.join(60)
    assert not ended.is_alive()
    assert any("a ended: succeeded" in line for line in said)
    assert pollers() == []


def test_an_account_without_anything_to_follow_has_no_thread_and_one_that_goes_loses_it(
    services: Services, service: FakeService, other: FakeService
) -> None:
    watcher = JobWatcher(services, poll_seconds=0.2, may_discover=lambda name: False)
    other.add_job(id="b")
    services.store.save_job(services.provider("work").retrieve_job("b"))
    watcher.start()
    try:
        wait_until(lambda: pollers() == ["job-poller-work"])
        remove_account("work")
        services.reload_accounts()
        watcher.wake("openai")
        wait_until(lambda: pollers() == [])
    finally:
        watcher.stop()
    assert service.requests == []


def test_a_wish_for_a_look_that_comes_during_one_is_not_lost(
    services: Services, service: FakeService, hang: Hang
) -> None:
    watcher = JobWatcher(services, poll_seconds=600, may_discover=is_fake)
    watcher.start()
    try:
        assert hang.begun.wait(20)
        watcher.wake("openai")  # the look under way may have missed what this is about
        hang.released.set()
        wait_until(lambda: service.count("GET", JOBS) == 2)
    finally:
        watcher.stop()


def test_nobodys_wish_shortens_the_rest_that_a_service_asks_for(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="j")
    rest = refuse_with(429, {"error": {"message": "busy"}}, retry_after="700")
    service.faults["GET", f"{JOBS}/j"].append(rest)
    watcher = JobWatcher(services, poll_seconds=5.0, may_discover=is_fake)
    watcher.start()
    try:
        wait_until(lambda: service.count("GET", f"{JOBS}/j") == 1)
        wait_until(lambda: watcher.next_look("openai") > 600)
        watcher.watch_now("openai", "j")
        watcher.wake("openai")
        assert watcher.next_look("openai") > 600
    finally:
        watcher.stop()
    assert service.count("GET", f"{JOBS}/j") == 1


def test_looks_are_spread_so_that_accounts_do_not_ask_in_step(
    services: Services, service: FakeService
) -> None:
    service.add_job(id="j")
    seconds = set()
    for _ in range(12):
        watcher = JobWatcher(services, poll_seconds=100.0, may_discover=is_fake)
        watcher.poll_once()
        seconds.add(round(watcher.next_look("openai"), 3))
    assert len(seconds) > 6
    assert min(seconds) > 75
    assert max(seconds) <= 120
    watcher.watch_now("openai", "j")
    watcher.poll_once()
    assert watcher.next_look("openai") <= 6


def test_a_list_of_jobs_waits_only_so_long_for_an_account_that_hangs(
    services: Services, service: FakeService, other: FakeService, hang: Hang,
    cli: Callable[..., CliResult], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("tui.cli.jobs._ANSWER_SECONDS", 4.0)
    other.add_job(id="b")
    listed = cli("jobs", "--json")
    assert [job["id"] for job in listed.json()] == ["b"]
    assert "openai has not answered within 4 s" in listed.stderr
    hang.released.set()
    wait_until(lambda: not [one for one in threading.enumerate() if one.name.startswith("job-look")])
