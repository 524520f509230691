from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, accept_and_drop, refuse
from tests.unit.core.test_watch import wait_until
from tui import paths
from tui.datasets.formats import DatasetFormat
from tui.errors import TunedeckError
from tui.jobs.launch import launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.queue import LaunchQueued, plan_of, send_due
from tui.jobs.waiting import change_waiting, drop_waiting, find_waiting, waiting
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job
from tui.records.requests import QueueChange
from tui.services import Services

Cli = Callable[..., CliResult]
JOBS = "/v1/fine_tuning/jobs"
DAILY = refuse(429, "the maximum of 4 fine-tuning requests per day", "daily_rate_limit_exceeded")
FULL = refuse(429, "too many active jobs", "exceeded_active_job_limit")
TOMORROW = 2 * 86400


def a_plan(dataset: Path, **changes: object) -> LaunchPlan:
    return LaunchPlan("openai", "gpt-4.1-mini", dataset, **{"seed": 1, **changes})  # type: ignore[arg-type]


def launch_now(plan: LaunchPlan, services: Services) -> Job:
    return launch(plan, services, confirmed_price=estimate_plan(plan, services), search_delays=(0.0,))


def put_off(
    plan: LaunchPlan, services: Services, service: FakeService, fault: object = DAILY
) -> LaunchQueued:
    service.faults["POST", JOBS].append(fault)  # type: ignore[arg-type]
    with pytest.raises(LaunchQueued) as caught:
        launch_now(plan, services)
    return caught.value


def test_a_launch_over_the_days_limit_waits_until_tomorrow_and_is_sent_once(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset, hyperparameters={"n_epochs": 2}, suffix="tone", split_share=0.2)
    queued = put_off(plan, services, service)
    due = datetime.fromtimestamp(queued.due_at, UTC)
    assert (due.hour, due.minute) == (0, 5)
    assert due > datetime.now(UTC)
    assert "is queued" in queued.remedy
    (waiting,) = services.store.queued_launches()
    assert plan_of(waiting.record).chosen_hyperparameters == {"n_epochs": 2}
    assert send_due(services) == []
    assert service.count("POST", JOBS) == 1
    (job,) = send_due(services, time.time() + TOMORROW)
    assert isinstance(job, Job)
    assert service.bodies[-1]["suffix"] == "tone"
    assert service.jobs[job.id]["metadata"]["tunedeck_run"] == plan.run_id
    assert services.store.queued_launches() == []
    assert send_due(services, time.time() + 2 * TOMORROW) == []
    assert launch_now(plan, services).id == job.id
    assert service.count("POST", JOBS) == 2


def test_a_full_house_is_asked_again_until_there_is_room(
    services: Services, service: FakeService, dataset: Path
) -> None:
    queued = put_off(a_plan(dataset), services, service, FULL)
    assert 0 < queued.due_at - time.time() <= 300
    service.faults["POST", JOBS].append(FULL)
    (again,) = send_due(services, queued.due_at + 1)
    assert isinstance(again, LaunchQueued)
    (job,) = send_due(services, again.due_at + 1)
    assert isinstance(job, Job)


def test_other_refusals_wait_for_nobody(services: Services, service: FakeService, dataset: Path) -> None:
    service.faults["POST", JOBS].append(refuse(429, "no credit", "insufficient_quota"))
    with pytest.raises(ProviderError):
        launch_now(a_plan(dataset), services)
    assert services.store.queued_launches() == []


def test_what_changed_since_the_confirmation_is_not_sent(
    services: Services, service: FakeService, dataset: Path
) -> None:
    put_off(a_plan(dataset), services, service)
    dataset.write_bytes(dataset.read_bytes() * 2)
    (error,) = send_due(services, time.time() + TOMORROW)
    assert isinstance(error, TunedeckError)
    assert "its file has changed" in error.message
    assert services.store.queued_launches() == []
    put_off(a_plan(dataset, seed=2), services, service)
    (paths.make_private(paths.config_dir()) / "catalog.toml").write_text(
        '[[models]]\nprovider = "openai"\nid = "gpt-4.1-mini-2025-04-14"\ntraining_price_per_million = "9"\n'
    )
    with Services.open() as later:
        (error,) = send_due(later, time.time() + TOMORROW)
    assert isinstance(error, TunedeckError)
    assert "its price has changed" in error.message
    assert service.count("POST", JOBS) == 2


def test_the_same_launch_waits_only_once(services: Services, service: FakeService, dataset: Path) -> None:
    first = put_off(a_plan(dataset), services, service)
    lines = preflight(a_plan(dataset), services)
    assert "waits for the service's limit already" in next(
        line.text for line in lines if line.level == "stop"
    )
    second = put_off(a_plan(dataset), services, service)
    assert second.due_at == first.due_at
    assert len(services.store.queued_launches()) == 1


def test_two_programs_send_a_queued_launch_once(
    services: Services, service: FakeService, dataset: Path
) -> None:
    put_off(a_plan(dataset), services, service)
    (seen,) = services.store.queued_launches()
    with Services.open() as other:
        assert other.store.lease_queued(seen, int(time.time()) + 3600)
        assert not services.store.lease_queued(seen, int(time.time()) + 3600)
        assert send_due(services) == []


def test_a_lost_answer_of_a_queued_launch_is_searched_and_not_sent_again(
    services: Services, service: FakeService, dataset: Path
) -> None:
    put_off(a_plan(dataset), services, service)
    service.faults["POST", JOBS].append(accept_and_drop)
    (job,) = send_due(services, time.time() + TOMORROW)
    assert isinstance(job, Job)
    assert len(service.jobs) == 1
    assert services.store.queued_launches() == []


def test_trouble_on_the_way_lets_it_wait_on(services: Services, service: FakeService, dataset: Path) -> None:
    put_off(a_plan(dataset), services, service)
    service.contents.clear()
    service.files.clear()
    service.faults["GET", "/v1/files"] += [refuse(500, "oops")] * 3
    (error,) = send_due(services, time.time() + TOMORROW)
    assert isinstance(error, ProviderError)
    assert len(services.store.queued_launches()) == 1


def test_the_open_app_sends_what_is_due_and_tells(
    services: Services, service: FakeService, dataset: Path
) -> None:
    put_off(a_plan(dataset), services, service)
    (waiting,) = services.store.queued_launches()
    heard: list[str] = []
    services.watcher.subscribe(lambda change: heard.append(change.job_id))
    services.watcher.poll_once()
    assert service.count("POST", JOBS) == 1
    services.store.queue_launch(waiting.record.run_id, int(time.time()) - 1)
    services.watcher.start()
    wait_until(lambda: len(service.jobs) == 1)
    wait_until(lambda: "ftjob-1" in heard)


def test_the_queue_is_listed_sent_and_emptied_from_the_command_line(
    cli: Cli, services: Services, service: FakeService, dataset: Path
) -> None:
    assert cli("queue").stdout == "Nothing waits.\n"
    service.faults["POST", JOBS].append(DAILY)
    refused = cli("launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--yes")
    assert refused.code == 1
    assert "The launch is queued" in refused.stderr
    (listed,) = cli("queue", "--json").json()
    assert listed["account"] == "openai"
    assert "UTC" in cli("queue").stdout
    assert cli("queue", "run").stdout == "No launch is due.\n"
    services.store.queue_launch(listed["run_id"], 1)
    assert "Job ftjob-1 on openai" in cli("queue", "run").stdout
    put_off(a_plan(dataset, seed=9), services, service)
    (left,) = services.store.queued_launches()
    assert cli("queue", "remove", "zzz").code == 2
    assert cli("queue", "remove", left.record.run_id[:8]).code == 0
    with pytest.raises(TunedeckError, match="Nothing waits as"):
        find_waiting(services, left.record.run_id)


def test_a_studio_that_trains_one_job_at_a_time_lets_the_next_one_wait(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("studio", "unsloth", service.url, "A_KEY"))
    services.reload_accounts()
    service.faults["POST", JOBS].append(refuse(409, "a job is running"))
    plan = LaunchPlan("studio", "unsloth/Qwen3-4B", dataset)
    with pytest.raises(LaunchQueued, match="a job is running"):
        launch(plan, services, confirmed_price=estimate_plan(plan, services))


def test_a_queued_launch_is_judged_again_as_the_format_that_was_chosen(
    services: Services, service: FakeService, dataset: Path
) -> None:
    put_off(a_plan(dataset, read_as=DatasetFormat.CHAT), services, service)
    (waiting,) = services.store.queued_launches()
    assert plan_of(waiting.record).read_as is DatasetFormat.CHAT
    job = next(iter(send_due(services, time.time() + TOMORROW)))
    assert isinstance(job, Job)


def wish(plan: LaunchPlan, services: Services) -> LaunchQueued:
    with pytest.raises(LaunchQueued) as caught:
        launch_now(plan, services)
    return caught.value


def order(services: Services) -> list[int]:
    """Return the seeds of the launches that wait, in their order."""
    return [one.record.request["seed"] for one in services.store.queued_launches()]


def test_a_launch_for_later_is_sent_when_its_time_has_come_and_not_before(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset, start="+2h high")
    queued = wish(plan, services)
    assert (queued.is_wished, queued.exit_code) == (True, 0)
    assert queued.due_at == pytest.approx(time.time() + 7200, abs=30)
    assert (service.count("POST", "/v1/files"), service.count("POST", JOBS)) == (0, 0)
    (one,) = waiting(services)
    assert (one.priority, one.start_at) == (1, queued.due_at)
    assert send_due(services) == []
    (job,) = send_due(services, queued.due_at + 1)
    assert isinstance(job, Job)
    assert service.jobs[job.id]["metadata"]["tunedeck_run"] == plan.run_id
    assert waiting(services) == []


def test_an_account_that_is_full_lets_the_next_launch_wait_for_a_place(
    cli: Cli, services: Services, service: FakeService, dataset: Path
) -> None:
    assert cli("queue", "limit", "openai", "1", "--json").json() == {
        "account": "openai", "limit": 1, "under_way": 0,
    }  # fmt: skip
    first = launch_now(a_plan(dataset), services)
    queued = wish(a_plan(dataset, seed=2), services)
    assert "1 job under way, as many" in queued.message
    assert send_due(services) == []
    assert waiting(services)[0].why == "1 of 1 jobs under way"
    service.jobs[first.id]["status"] = "succeeded"
    services.store.save_job(services.provider("openai").retrieve_job(first.id))
    (second,) = send_due(services)
    assert isinstance(second, Job)
    assert service.count("POST", JOBS) == 2
    assert cli("queue", "limit", "openai", "0").stdout == "openai: 1 under way of any number.\n"


def test_a_job_that_ended_unseen_holds_no_place(
    cli: Cli, services: Services, service: FakeService, dataset: Path
) -> None:
    cli("queue", "limit", "openai", "1")
    first = launch_now(a_plan(dataset), services)
    wish(a_plan(dataset, seed=2), services)
    assert cli("queue", "run").stdout == "No launch is due.\n"
    service.jobs[first.id]["status"] = "succeeded"  # and nobody watches it
    assert cli("queue", "run").stdout.startswith("Job ")
    (second,) = [job for job in service.jobs if job != first.id]
    service.jobs[second]["status"] = "cancelled"
    assert launch_now(a_plan(dataset, seed=3), services).id not in (first.id, second)
    assert service.count("POST", JOBS) == 3


def test_what_waits_goes_by_priority_and_is_moved_among_its_equals(
    services: Services, service: FakeService, dataset: Path
) -> None:
    for seed, start in ((1, "+1h"), (2, "+1h low"), (3, "+1h"), (4, "+1h high"), (5, "+1h")):
        wish(a_plan(dataset, seed=seed, start=start), services)
    assert order(services) == [4, 1, 3, 5, 2]
    runs = {one.launch.record.request["seed"]: one.id for one in waiting(services) if one.launch}
    for seed, place, expected in (
        (5, "up", [4, 1, 5, 3, 2]), (3, "first", [4, 3, 1, 5, 2]), (3, "last", [4, 1, 5, 3, 2]),
        (2, "up", [4, 1, 5, 3, 2]), (1, "down", [4, 5, 1, 3, 2]),
    ):  # fmt: skip
        change_waiting(services, find_waiting(services, runs[seed]), QueueChange(place=place))
        assert order(services) == expected
    change_waiting(services, find_waiting(services, runs[2]), QueueChange(priority=1))
    assert order(services) == [4, 2, 5, 1, 3]


def test_the_queue_is_ordered_from_the_command_line(
    cli: Cli, services: Services, service: FakeService, dataset: Path
) -> None:
    arguments = ("launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--yes")
    told = cli(*arguments, "--seed", "1", "--start", "tonight", "--json")
    if told.code == 0 and "queued" not in told.json():
        pytest.skip("it is night here")
    assert cli(*arguments, "--seed", "2", "--start", "+3h").code == 0
    assert cli(*arguments, "--seed", "3", "--start", "noon").code == 2
    first, second = cli("queue", "--json").json()
    assert cli("queue", "move", second["id"][:9], "first").code == 0
    assert [one["id"] for one in cli("queue", "--json").json()] == [second["id"], first["id"]]
    assert cli("queue", "set", first["id"], "high", "--json").json()["priority"] == "high"
    changed = cli("queue", "set", first["id"], "now", "--json").json()
    assert (changed["priority"], changed["why"]) == ("high", "sent next")
    assert "Job ftjob-1 on openai" in cli("queue", "run").stdout
    assert [one["id"] for one in cli("queue", "--json").json()] == [second["id"]]
    assert cli("queue", "limit", "local", "2").code == 2


def test_what_is_let_go_and_gone_at_once_is_told_and_is_no_fault(
    cli: Cli, services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("queue", "limit", "openai", "1")
    launch_now(a_plan(dataset), services)
    queued = wish(a_plan(dataset, seed=2), services)
    assert queued.is_wished
    (held,) = waiting(services)
    monkeypatch.setattr("tui.cli.queue.change_waiting", lambda of, found, _change: drop_waiting(of, found))
    told = cli("queue", "set", held.id, "now")
    assert (told.code, told.stdout) == (0, f"{held.file} on openai: normal priority, waits no more.\n")


@pytest.mark.parametrize("wrong", ["openai = 0", 'openai = "two"', "openai = true"])
def test_a_wrong_limit_in_the_settings_is_named(cli: Cli, wrong: str) -> None:
    paths.make_private(paths.config_dir())
    paths.settings_file().write_text(f"[at_once]\n{wrong}\n")
    result = cli("queue", "limit", "openai")
    assert result.code == 2
    assert "[at_once]" in result.stderr
