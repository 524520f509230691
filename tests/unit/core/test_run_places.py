"""Where an engine has a job trained, as the launch sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tui import local_engine
from tui.jobs.plan import LaunchPlan, PreflightLine
from tui.jobs.run_places import about_place, is_billed, priced_model, run_places
from tui.money.catalog import Catalog
from tui.providers.job_request import job_arguments
from tui.providers.profiles import profile
from tui.records.jobs import Method
from tui.records.requests import JobRequest

LOCAL = profile("local")
RAY_AWAY = "The Ray cluster can't be used: Connection refused"


def plan(**chosen: Any) -> LaunchPlan:
    return LaunchPlan("local", "smollm2-135m-instruct", Path("rows.jsonl"), hyperparameters=chosen)


def lines(monkeypatch: pytest.MonkeyPatch, *states: dict[str, Any], **chosen: Any) -> list[PreflightLine]:
    address = local_engine.EngineAddress("http://127.0.0.1:1/v1", "http://127.0.0.1:1", "t", 1)
    monkeypatch.setattr(local_engine, "find_engine", lambda: address if states else None)
    monkeypatch.setattr(local_engine, "engine_executors", lambda _address, _ask="": list(states))
    return list(about_place(plan(**chosen), LOCAL, "local"))


def test_the_engines_own_machine_needs_no_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert lines(monkeypatch) == []
    assert lines(monkeypatch, run_on="local") == []


def test_a_place_that_can_not_be_used_stops_the_launch_with_its_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (line,) = lines(monkeypatch, {"name": "ray", "why_not": RAY_AWAY}, run_on="ray")
    assert (line.level, line.text) == ("stop", f"Jobs can't run on ray: {RAY_AWAY}")
    assert line.mends[0].value == "run_on"


def test_a_place_that_can_be_used_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = lines(monkeypatch, {"name": "ray", "why_not": None}, run_on="ray")
    assert (line.level, line.text) == ("ok", "The job runs on ray.")


def test_an_engine_at_rest_leaves_it_open(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = lines(monkeypatch, run_on="slurm")
    assert line.level == "warn"
    assert "could not be asked now" in line.text


def test_what_others_bill_is_told_with_what_is_known_of_the_price(monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"name": "hf-jobs", "why_not": None, "bills": True, "costs": "t4-small costs $0.40 an hour."}
    (line,) = lines(monkeypatch, state, run_on="hf-jobs")
    assert (line.level, line.text) == ("warn", "t4-small costs $0.40 an hour.")
    assert line.remedy == "Starting it confirms that you pay for it."
    told = lines(monkeypatch, run_on="sky")
    assert "bills at your own account there; its price is not known here" in told[-1].text


def test_what_an_engine_says_of_itself_is_made_safe(monkeypatch: pytest.MonkeyPatch) -> None:
    lines(monkeypatch, {"name": "ray\x1b[2J", "why_not": "no\x1b]0;x\x07"}, run_on="ray")
    (place,) = run_places("local")
    assert "\x1b" not in place.name + place.why_not
    assert run_places("openai") == []


@pytest.mark.parametrize(
    ("place", "billed"), [("local", False), ("ray", False), ("sky", True), ("hf-jobs", True)]
)
def test_a_billed_place_leaves_the_price_open_and_its_request_says_that_it_is_accepted(
    place: str, billed: bool
) -> None:
    asked = plan(run_on=place, num_workers=2)
    assert is_billed(asked, LOCAL) is billed
    model = Catalog.load().model("smollm2-135m-instruct", "local")
    assert (priced_model(asked, model, LOCAL).training_price_per_million is None) is billed
    request = JobRequest("m", "file-1", Method.SUPERVISED, hyperparameters=asked.hyperparameters)
    body = job_arguments(request, LOCAL)["extra_body"]
    assert body == {"run_on": place, "num_workers": 2} | ({"accept_costs": True} if billed else {})
