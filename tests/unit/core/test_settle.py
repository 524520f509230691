from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, accept_and_drop, drop, refuse
from tests.unit.core.test_launch import JOBS, a_plan, launch_now, move_clock
from tui.errors import TunedeckError
from tui.jobs.launch import LaunchUncertain
from tui.jobs.plan import RUN_ID_KEY
from tui.jobs.settle import (
    BY_HAND,
    adopt_job,
    find_lost_launch,
    likely_jobs,
    lost_launches,
    mark_not_created,
)
from tui.jobs.unsettled import LaunchHeldUp, settled_after
from tui.providers.protocol import ProviderError
from tui.services import Services
from tui.store.launch_rows import LaunchRecord, LaunchState

Cli = Callable[..., CliResult]


@pytest.fixture
def lost(services: Services, service: FakeService, dataset: Path) -> LaunchRecord:
    """A launch that got no answer at a service that drops metadata, so that nothing finds its job."""
    service.faults["POST", JOBS].append(drop)
    plan = a_plan(dataset)
    with pytest.raises(LaunchUncertain):
        launch_now(plan, services)
    (record,) = lost_launches(services)
    assert record.run_id == plan.run_id
    return record


def settled(services: Services, record: LaunchRecord) -> LaunchRecord:
    found = services.store.launch(record.run_id)
    assert found is not None
    return found


def late(monkeypatch: pytest.MonkeyPatch) -> None:
    move_clock(monkeypatch, settled_after("openai") + 5)


def test_a_job_named_by_hand_becomes_the_launchs_job(
    services: Services, service: FakeService, lost: LaunchRecord, dataset: Path
) -> None:
    service.add_job(id="ftjob-lost", created_at=int(time.time()))
    job = adopt_job(services, lost, "ftjob-lost")
    assert (settled(services, lost).state, settled(services, lost).job_id) == (LaunchState.CREATED, job.id)
    assert services.store.job("openai", "ftjob-lost") == job
    assert lost_launches(services) == []
    assert launch_now(a_plan(dataset, run_id=lost.run_id), services).id == "ftjob-lost"
    assert service.count("POST", JOBS) == 1


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"metadata": {RUN_ID_KEY: "another"}, "created_at": 4_000_000_000}, "run id of another launch"),
        ({"created_at": 1000}, "before the launch was sent"),
    ],
)
def test_a_job_that_can_not_be_the_launchs_is_refused(
    services: Services, service: FakeService, lost: LaunchRecord, fields: dict[str, Any], reason: str
) -> None:
    service.add_job(id="ftjob-other", **fields)
    with pytest.raises(TunedeckError, match=reason):
        adopt_job(services, lost, "ftjob-other")
    assert settled(services, lost).state is LaunchState.UNKNOWN


def test_a_job_of_another_launch_or_of_nobody_is_refused(
    services: Services, lost: LaunchRecord, dataset: Path
) -> None:
    other = launch_now(a_plan(dataset, seed=2), services)
    assert likely_jobs(services, lost) == []
    with pytest.raises(TunedeckError, match="run id of another launch"):
        adopt_job(services, lost, other.id)
    with pytest.raises(ProviderError):
        adopt_job(services, lost, "ftjob-nobody")


def test_jobs_that_fit_are_offered(services: Services, service: FakeService, lost: LaunchRecord) -> None:
    service.add_job(id="ftjob-old", created_at=1000)
    service.add_job(id="ftjob-new", created_at=int(time.time()))
    services.watcher.poll_once()
    assert [job.id for job in likely_jobs(services, lost)] == ["ftjob-new"]


def test_no_launch_is_called_off_while_its_request_may_be_under_way(
    services: Services, lost: LaunchRecord, dataset: Path
) -> None:
    with pytest.raises(TunedeckError, match="still be under way"):
        mark_not_created(services, lost)
    with pytest.raises(LaunchHeldUp):
        launch_now(a_plan(dataset), services)


def test_a_launch_called_off_frees_the_same_launch_and_creates_nothing_itself(
    services: Services,
    service: FakeService,
    lost: LaunchRecord,
    dataset: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with monkeypatch.context() as patch:
        late(patch)
        assert mark_not_created(services, lost) is None
    assert (settled(services, lost).state, settled(services, lost).problem) == (LaunchState.REFUSED, BY_HAND)
    assert service.jobs == {}
    launch_now(a_plan(dataset), services)
    assert len(service.jobs) == 1


def test_a_job_that_turned_up_wins_over_a_persons_word(
    services: Services, service: FakeService, lost: LaunchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_job(id="ftjob-late", metadata={RUN_ID_KEY: lost.run_id}, created_at=int(time.time()))
    late(monkeypatch)
    job = mark_not_created(services, lost)
    assert job is not None
    assert (settled(services, lost).state, settled(services, lost).job_id) == (LaunchState.CREATED, job.id)


def test_a_service_that_lists_no_jobs_leaves_it_to_the_person_and_one_that_is_down_does_not(
    services: Services, service: FakeService, lost: LaunchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    late(monkeypatch)
    service.faults["GET", JOBS] = [refuse(503, "down")] * 9
    with pytest.raises(ProviderError):
        mark_not_created(services, lost)
    assert settled(services, lost).state is LaunchState.UNKNOWN
    service.faults["GET", JOBS] = [refuse(403, "no listing here")] * 9
    assert mark_not_created(services, lost) is None


def test_a_launch_that_the_watcher_settled_meanwhile_stays_as_it_was_settled(
    services: Services, service: FakeService, lost: LaunchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.add_job(id="ftjob-mine", created_at=int(time.time()))
    adopt_job(services, lost, "ftjob-mine")
    service.add_job(id="ftjob-other", created_at=int(time.time()))
    late(monkeypatch)
    with pytest.raises(TunedeckError, match="settled meanwhile"):
        adopt_job(services, lost, "ftjob-other")
    with pytest.raises(TunedeckError, match="settled meanwhile"):
        mark_not_created(services, lost)
    assert settled(services, lost).job_id == "ftjob-mine"


def test_a_lost_launch_is_found_by_the_beginning_of_its_run_id(
    services: Services, lost: LaunchRecord
) -> None:
    assert find_lost_launch(services, lost.run_id[:6]) == lost
    for unknown in ("", "zzzz"):
        with pytest.raises(TunedeckError, match="no lost launch"):
            find_lost_launch(services, unknown)


def test_the_verb_lists_shows_and_settles(
    cli: Cli, services: Services, service: FakeService, lost: LaunchRecord, dataset: Path
) -> None:
    assert lost.run_id in cli("settle").stdout
    (listed,) = cli("settle", "--json").json()
    assert (listed["run_id"], listed["state"], listed["file"]) == (lost.run_id, "unknown", str(dataset))
    service.add_job(id="ftjob-lost", created_at=int(time.time()))
    services.watcher.poll_once()
    assert "May be: ftjob-lost" in cli("settle", lost.run_id[:8]).stdout
    early = cli("settle", lost.run_id, "--not-created", "--yes")
    assert early.code == 1
    assert "still be under way" in early.stderr
    assert "--yes" in cli("settle", lost.run_id, "--not-created").stderr
    assert cli("settle", lost.run_id, "--adopt", "ftjob-lost", "--json").json()["id"] == "ftjob-lost"
    assert "Every launch has got its answer." in cli("settle").stdout
    assert cli("settle", "--json").json() == []
    assert cli("settle", lost.run_id).code == 2
    assert service.count("POST", JOBS) == 1


def test_wrong_use_of_settle_is_told(cli: Cli, lost: LaunchRecord) -> None:
    assert cli("settle", "--not-created").code == 2
    assert cli("settle", lost.run_id, "--not-created", "--adopt", "ftjob-1").code == 2


def test_a_launch_whose_job_was_made_is_found_without_a_hand(
    services: Services, service: FakeService, dataset: Path
) -> None:
    service.faults["POST", JOBS].append(accept_and_drop)
    launch_now(a_plan(dataset), services)
    assert lost_launches(services) == []
