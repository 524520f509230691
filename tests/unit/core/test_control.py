from __future__ import annotations

import pytest

from tests.screens.fakes import FakeProvider, make_app, make_job
from tui.errors import TunedeckError
from tui.jobs.control import Control, NotKept, control_job, reason_against
from tui.records.jobs import JobState
from tui.records.models import Capability, Permission
from tui.services import Services
from tui.store.database import DiskFull

YES, NO = Permission(True), Permission(False, "This service can't.")


@pytest.mark.parametrize("control", Control)
@pytest.mark.parametrize("state", [JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED])
def test_nothing_can_be_done_to_a_job_that_is_over(control: Control, state: JobState) -> None:
    assert reason_against(make_job(state=state), control, YES) == f"The job is {state} already."


@pytest.mark.parametrize("control", Control)
def test_the_services_own_reason_is_told(control: Control) -> None:
    assert reason_against(make_job(), control, YES) == ""
    assert reason_against(make_job(), control, NO) == NO.reason


def test_only_what_gets_on_by_itself_is_paused_but_whatever_is_open_is_cancelled() -> None:
    stopping = make_job(state=JobState.STOPPING)
    assert "can't be paused" in reason_against(stopping, Control.PAUSE, YES)
    assert reason_against(stopping, Control.CANCEL, YES) == ""


@pytest.fixture
def provider() -> FakeProvider:
    return FakeProvider()


@pytest.fixture
def services(provider: FakeProvider) -> Services:
    opened = make_app(provider).services
    provider.jobs["ftjob-one"] = make_job()
    return opened


DONE = {Control.CANCEL: JobState.CANCELLED, Control.PAUSE: JobState.PAUSED, Control.RESUME: JobState.RUNNING}


@pytest.mark.parametrize(("control", "state"), DONE.items())
def test_what_was_done_is_kept(
    services: Services, provider: FakeProvider, control: Control, state: JobState
) -> None:
    assert control_job(services, make_job(), control).state is state
    assert provider.calls == [f"{control} ftjob-one"]
    kept = services.store.job("local", "ftjob-one")
    assert kept is not None
    assert kept.state is state


def test_what_can_not_be_done_is_not_asked_of_the_service(services: Services, provider: FakeProvider) -> None:
    provider.forbidden[Capability.PAUSE] = "This service pauses nothing."
    with pytest.raises(TunedeckError) as caught:
        control_job(services, make_job(), Control.PAUSE)
    assert caught.value.remedy == "This service pauses nothing."
    assert provider.calls == []


def test_what_was_done_and_not_kept_is_told_with_the_job(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_job: object) -> bool:
        raise DiskFull("The disk is full.", "Free some space.")

    monkeypatch.setattr(services.store, "save_job", fail)
    with pytest.raises(NotKept, match="is cancelled at local") as caught:
        control_job(services, make_job(), Control.CANCEL)
    assert caught.value.job.state is JobState.CANCELLED
