from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, refuse
from tests.unit.core.test_launch import a_plan, launch_now
from tests.unit.core.test_watch import wait_until
from tui.errors import TunedeckError
from tui.jobs.archive import MANIFEST, archive_folder
from tui.jobs.diagnosis import Curves
from tui.jobs.stop_rules import StopAction, StopRules, judge, parse_stop_rules
from tui.jobs.stopping import action_words, apply_stop_rules, set_stop_rules, spent_so_far
from tui.records.jobs import Job, JobState
from tui.services import Services

Cli = Callable[..., CliResult]
NO_CURVES = Curves(())
JOB = Job("openai", "j", JobState.RUNNING, "running", "m", created_at=1_000)


def fired(rules: str, curves: Curves = NO_CURVES, now: float = 2_000, spent: float | None = None) -> str:
    found = judge(parse_stop_rules(rules), JOB, curves, now=now, spent=spent)
    return found.rule if found is not None else ""


def test_rules_are_read_from_a_line_of_text() -> None:
    assert parse_stop_rules(" Rising 3,diverging, after  2h , money 10.50,pause") == StopRules(
        3, True, 7200.0, 10.5, StopAction.PAUSE
    )
    assert not parse_stop_rules("none")
    assert parse_stop_rules("").text == "none"


@pytest.mark.parametrize(
    "text", ["rising", "rising 0", "after 2", "after 0h", "money x", "soon", "pause", "after 1y"]
)
def test_what_is_no_rule_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(TunedeckError) as told:
        parse_stop_rules(text)
    assert "rising 3, diverging, after 2h, money 10" in told.value.remedy


@given(
    st.builds(
        StopRules,
        st.none() | st.integers(1, 9999),
        st.booleans(),
        st.none() | st.integers(1, 999_999).map(float),
        st.none() | st.integers(0, 10**6).map(lambda cents: cents / 100),
        st.sampled_from(StopAction),
    ).filter(bool)
)
def test_the_text_of_rules_reads_back_as_the_same(rules: StopRules) -> None:
    assert parse_stop_rules(rules.text) == rules


def test_validation_that_rises_so_many_times_in_a_row_stops_a_job() -> None:
    whole = ((10, 1.0), (20, 0.8), (30, 0.9), (40, 0.85))
    assert fired("rising 2", Curves((), whole=whole)) == "rising"
    assert fired("rising 3", Curves((), whole=whole)) == ""
    assert fired("rising 1", Curves((), whole=(*whole, (50, 0.7)))) == ""
    assert fired("rising 2", Curves((), sampled=((1, 1.0), (2, 1.1), (3, 1.2)))) == "rising"
    assert fired("rising 1") == ""


def test_divergence_time_and_money_stop_a_job() -> None:
    blown = tuple((step, 1.0 if step < 30 else 9.0) for step in range(1, 61))
    assert fired("diverging", Curves(blown)) == "diverging"
    assert fired("diverging", Curves(blown[:29])) == ""
    assert fired("after 1000s") == "after"
    assert fired("after 1001s") == ""
    assert fired("money 5", spent=5.0) == "money"
    assert fired("money 5", spent=4.99) == ""
    assert fired("money 5", spent=None) == ""


def a_rising_job(services: Services, service: FakeService, rules: str = "rising 2") -> Job:
    service.add_job(id="j", training_file="file-t")
    service.contents["file-t"] = b"{}\n"
    for step, loss in enumerate((1.0, 0.8, 0.9, 0.95), 1):
        service.add_event("j", step=step, total_steps=9, train_loss=loss, full_valid_loss=loss)
    services.watcher.poll_once()
    job = services.store.job("openai", "j")
    assert job is not None
    set_stop_rules(services.store, job, rules)
    return job


def test_the_watcher_cancels_by_a_rule_and_logs_the_reason(services: Services, service: FakeService) -> None:
    a_rising_job(services, service)
    changes = services.watcher.poll_once()
    (action,) = [change.action for change in changes if change.action is not None]
    assert service.jobs["j"]["status"] == "cancelled"
    assert services.store.job_actions("openai", "j") == [action]
    assert action.done
    assert action_words(action) == (
        "Cancelled by the stop rule `rising`: The last 2 values of full validation loss were all above 0.8 of"
        " step 2; the newest is 0.95 at step 4."
    )
    services.watcher.poll_once()
    services.watcher.poll_once()
    assert service.count("POST", "/v1/fine_tuning/jobs/j/cancel") == 1
    job = services.store.job("openai", "j")
    assert job is not None
    assert job.state is JobState.CANCELLED


def test_a_service_that_refuses_to_stop_is_asked_again_and_the_first_reason_stays(
    services: Services, service: FakeService
) -> None:
    a_rising_job(services, service)
    service.faults["POST", "/v1/fine_tuning/jobs/j/cancel"].append(refuse(400, "not just now"))
    services.watcher.poll_once()
    (action,) = services.store.job_actions("openai", "j")
    assert not action.done
    assert "not just now" in str(action.problem)
    assert "not just now" in action_words(action)
    service.add_event("j", step=5, total_steps=9, train_loss=0.9, full_valid_loss=0.99)
    services.watcher.poll_once()
    (again,) = services.store.job_actions("openai", "j")
    assert again.done
    assert (again.reason, again.at) == (action.reason, action.at)
    assert service.jobs["j"]["status"] == "cancelled"


def test_a_rule_may_pause_and_a_paused_job_is_left_alone(services: Services, service: FakeService) -> None:
    job = a_rising_job(services, service, "rising 2, pause")
    services.watcher.poll_once()
    assert service.jobs["j"]["status"] == "paused"
    paused = services.store.job(job.account, job.id)
    assert paused is not None
    assert apply_stop_rules(services, paused) is None


def test_money_is_the_confirmed_price_by_the_share_of_steps(services: Services, dataset: Path) -> None:
    job = launch_now(a_plan(dataset), services)
    launch = services.store.launch_of_job("openai", job.id)
    assert launch is not None
    assert launch.price["total"] > 0
    assert spent_so_far(services.store, job, 0.5) == pytest.approx(launch.price["total"] / 2)
    assert spent_so_far(services.store, JOB, 0.5) is None


def test_watch_acts_by_rules_that_are_set_with_a_flag(
    services: Services, service: FakeService, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.cli.watch._LOCAL_SECONDS", 0.01)
    a_rising_job(services, service, "none")
    told = cli("watch", "j", "--stop", "rising 2", "--json")
    assert told.code == 1
    assert "Cancelled by the stop rule `rising`" in told.stderr
    assert json.loads(told.stdout.splitlines()[-1])["state"] == "cancelled"
    assert services.store.stop_rules("openai", "j") == "rising 2"
    assert "Cancelled by the stop rule" in cli("jobs", "j", "--offline").stdout
    shown = cli("jobs", "j", "--offline", "--json").json()
    assert (shown["stop_rules"], [one["rule"] for one in shown["actions"]]) == ("rising 2", ["rising"])


def test_wrong_rules_are_told_before_anything_is_done(
    services: Services, service: FakeService, cli: Cli, dataset: Path
) -> None:
    a_rising_job(services, service)
    assert cli("watch", "j", "--stop", "soon").code == 2
    assert services.store.stop_rules("openai", "j") == "rising 2"
    jobs = len(service.jobs)
    launch = ("launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--yes")
    assert cli(*launch, "--stop", "x").code == 2
    assert len(service.jobs) == jobs


def test_a_launch_keeps_its_rules(service: FakeService, cli: Cli, dataset: Path, services: Services) -> None:
    told = cli(
        "launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--yes",
        "--stop", "after 3h", "--json",
    )  # fmt: skip
    assert told.code == 0, told.stderr
    assert services.store.stop_rules("openai", told.json()["id"]) == "after 3h"


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no hang-up signal")
def test_a_headless_watch_survives_the_terminal_and_stops_and_copies_the_job(
    services: Services, service: FakeService, cli: Cli
) -> None:
    a_rising_job(services, service, "none")
    told = cli("watch", "j", "--headless", "--json").json()
    log = Path(told["log"])
    try:
        assert os.getsid(told["pid"]) == told["pid"]
        assert os.getsid(told["pid"]) != os.getsid(0)
        asked = service.count("GET", "/v1/fine_tuning/jobs/j")
        wait_until(lambda: service.count("GET", "/v1/fine_tuning/jobs/j") > asked, 60)
        os.kill(told["pid"], signal.SIGHUP)
        job = services.store.job("openai", "j")
        assert job is not None
        set_stop_rules(services.store, job, "rising 2")
        wait_until(lambda: service.jobs["j"]["status"] == "cancelled", 60)
        _, status = os.waitpid(told["pid"], 0)
    finally:
        if not log.read_text("utf-8").count("ended: cancelled"):
            os.kill(told["pid"], signal.SIGKILL)
    assert os.waitstatus_to_exitcode(status) == 1
    assert "Cancelled by the stop rule `rising`" in log.read_text("utf-8")
    assert (archive_folder(job) / MANIFEST).exists()


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this system has no hang-up signal")
def test_a_watch_that_is_killed_at_any_moment_leaves_no_gap_and_no_double(
    services: Services, service: FakeService, cli: Cli
) -> None:
    service.add_job(id="j")
    services.watcher.poll_once()
    made = 0
    for more in range(4):
        pid = cli("watch", "j", "--headless", "--json").json()["pid"]
        for _ in range(70):
            made += 1
            service.add_event("j", step=made, total_steps=500, train_loss=1 / made)
        # Killed after another number of requests each time: before, between and after its looks.
        enough = len(service.requests) + more
        wait_until(lambda enough=enough: len(service.requests) > enough, 60)  # type: ignore[misc]
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    services.watcher.wake("openai")
    services.watcher.poll_once()
    kept = [event.id for event in services.store.events("openai", "j")]
    assert kept == [event["id"] for event in service.events["j"]]
    assert list(services.store.metrics("openai", "j")) == list(range(1, made + 1))
