from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, accept_and_drop, refuse
from tests.unit.core.test_launch import JOBS, a_plan, launch_now, texts
from tui.errors import TunedeckError
from tui.jobs.job_export import ExportForm, export_job, terms_of_job
from tui.jobs.job_file import JobTerms, job_file_text, read_job_file
from tui.jobs.mend import MendKind
from tui.jobs.metadata import metadata_line, parse_metadata
from tui.jobs.plan import RUN_ID_KEY, LaunchPlan, may_launch
from tui.jobs.preflight import preflight
from tui.jobs.preflight_grader import ask_about_grader
from tui.jobs.queue import plan_of
from tui.jobs.wandb import parse_wandb
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.job_request import wandb_of
from tui.records.jobs import Job, JobState, Method
from tui.records.requests import WandbProject
from tui.services import Services

Cli = Callable[..., CliResult]
VALIDATE = "/v1/fine_tuning/alpha/graders/validate"
GRADER = {
    "type": "string_check", "name": "same", "operation": "eq",
    "input": "{{sample.output_text}}", "reference": "{{item.answer}}",
}  # fmt: skip


@pytest.fixture(autouse=True)
def _account(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    declare_account(DeclaredAccount("mine", "custom", service.url, "A_KEY"))
    declare_account(DeclaredAccount("my-azure", "azure", service.url, "A_KEY"))
    declare_account(DeclaredAccount("aws", "bedrock", service.url, "A_KEY"))


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    rows = [
        {
            "messages": [{"role": "user", "content": f"How much is {number} and one?"}],
            "answer": str(number + 1),
        }
        for number in range(30)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def grader_file(tmp_path: Path) -> Path:
    path = tmp_path / "grader.json"
    path.write_text(json.dumps({"grader": GRADER}), "utf-8")
    return path


def reinforcement(questions: Path, **fields: Any) -> LaunchPlan:
    plan = LaunchPlan("mine", "some-model", questions, Method.REINFORCEMENT, split_share=0.2, grader=GRADER)
    return replace(plan, **fields)


def test_a_reinforcement_job_is_created_with_its_grader_and_choices_and_wandb(
    services: Services, service: FakeService, questions: Path
) -> None:
    chosen: dict[str, int | float | str] = {
        "reasoning_effort": "low",
        "compute_multiplier": 0.5,
        "n_epochs": 2,
    }
    plan = reinforcement(questions, hyperparameters=chosen, wandb=WandbProject("tone", "me"))
    assert may_launch(preflight(plan, services)), texts(preflight(plan, services), "stop")
    job = launch_now(plan, services)
    body = service.bodies[-1]
    assert body["method"] == {
        "type": "reinforcement", "reinforcement": {"hyperparameters": chosen, "grader": GRADER}
    }  # fmt: skip
    assert body["integrations"] == [{"type": "wandb", "wandb": {"project": "tone", "entity": "me"}}]
    record = services.store.launch_of_job("mine", job.id)
    assert record is not None
    kept = plan_of(record)
    assert (kept.grader, kept.wandb) == (GRADER, plan.wandb)


def test_another_grader_makes_another_job_and_the_same_one_the_same(
    services: Services, questions: Path
) -> None:
    plan = reinforcement(questions)
    other = replace(plan, grader={**GRADER, "operation": "like"})
    again = replace(plan, grader=dict(reversed(GRADER.items())), wandb=WandbProject("x"))
    assert plan.fingerprint("a", None) == again.fingerprint("a", None)
    assert plan.fingerprint("a", None) != other.fingerprint("a", None)
    assert replace(plan, grader=None).fingerprint("a", None) != plan.fingerprint("a", None)


@pytest.mark.parametrize(
    ("changes", "words", "kind"),
    [
        ({"grader": None}, "needs a grader", MendKind.GRADER),
        ({"grader": {**GRADER, "operation": "same"}}, "must be one of eq", MendKind.GRADER),
        ({"grader": {**GRADER, "reference": "{{item.solution}}"}}, "error", MendKind.CHECK),
        ({"split_share": None}, "needs validation rows", MendKind.SPLIT),
        ({"hyperparameters": {"compute_multiplier": 11}}, "compute_multiplier = 11", MendKind.LEAVE_OUT),
        ({"hyperparameters": {"reasoning_effort": "auto high"}}, "reasoning_effort", MendKind.LEAVE_OUT),
        ({"hyperparameters": {"beta": 0.1}}, "no hyperparameter 'beta'", MendKind.LEAVE_OUT),
        ({"method": Method.SUPERVISED, "grader": None}, "holds reinforcement rows", MendKind.METHOD),
        ({"method": Method.SUPERVISED}, "takes no grader", MendKind.LEAVE_OUT),
        ({"account": "openai", "model": "gpt-4.1-mini"}, "No model is left", MendKind.ACCOUNT),
        ({"account": "aws", "model": "gpt-oss-20b"}, "takes no grader file", MendKind.FIELD),
        ({"account": "aws", "model": "gpt-oss-20b", "grader": None}, "needs grader_lambda", MendKind.FIELD),
    ],
)
def test_what_is_wrong_with_a_reinforcement_launch_is_told_with_a_way_to_mend_it(
    services: Services, questions: Path, changes: dict[str, Any], words: str, kind: MendKind
) -> None:
    lines = preflight(reinforcement(questions, **changes), services)
    assert not may_launch(lines)
    (line,) = [one for one in lines if one.level == "stop" and words in f"{one.text} {one.remedy}"][:1]
    assert kind in [mend.kind for mend in line.mends]


def test_a_job_charged_by_the_hour_can_be_launched_at_its_hourly_price(
    services: Services, questions: Path
) -> None:
    plan = reinforcement(questions, account="my-azure", model="o4-mini-2025-04-16")
    lines = preflight(plan, services)
    assert may_launch(lines), texts(lines, "stop")
    assert "$100.00 for each hour of training" in texts(lines, "warn")
    assert launch_now(plan, services).id == "ftjob-1"


def test_the_service_is_asked_about_a_grader_where_it_can(
    services: Services, service: FakeService, questions: Path
) -> None:
    plan = reinforcement(questions)

    def asked(*levels: str) -> list[str]:
        lines = ask_about_grader(plan, services)
        assert [line.level for line in lines] == list(levels)
        return [f"{line.text} {line.remedy}" for line in lines]

    (words,) = asked("ok")  # this server has no such route
    assert "no check of graders" in words
    service.faults["POST", VALIDATE].append(refuse(400, "reference is odd"))
    (words,) = asked("stop")
    assert "reference is odd" in words
    service.answers_graders = True
    (words,) = asked("ok")
    assert words.startswith("The service takes the grader.")
    assert service.bodies[-1] == {"grader": GRADER}
    service.faults["POST", VALIDATE] = [refuse(500, "oops")] * 3
    (words,) = asked("warn")
    assert "could not be asked" in words
    before = len(service.requests)
    assert ask_about_grader(replace(plan, grader={"type": "nonsense"}), services) == []
    assert "not asked" in ask_about_grader(replace(plan, account="my-azure"), services)[0].text
    assert len(service.requests) == before


def test_a_grader_and_wandb_travel_by_flags_job_file_and_exports(
    cli: Cli, service: FakeService, services: Services, questions: Path, grader_file: Path, tmp_path: Path
) -> None:
    done = cli(
        "launch", str(questions), "--account", "mine", "--model", "m", "--method", "reinforcement",
        "--grader", str(grader_file), "--split", "20%", "--wandb", "tone", "--stop", "after 2h",
        "--set", "eval_samples=3", "--yes", "--any-price", "--json",
    )  # fmt: skip
    assert done.code == 0, done.stderr
    assert "The string_check grader is sound and reads item.answer." in done.stderr
    first = service.bodies[-1]
    assert first["method"]["reinforcement"]["grader"] == GRADER
    assert first["integrations"] == [{"type": "wandb", "wandb": {"project": "tone"}}]
    job = services.store.job("mine", done.json()["id"])
    assert job is not None
    assert services.store.stop_rules("mine", job.id) == "after 2h"
    file = tmp_path / "job.toml"
    file.write_text(export_job(services, job, ExportForm.TOML), "utf-8")
    again = cli("launch", "--from", str(file), "--yes", "--any-price", "--json")
    assert again.code == 0, again.stderr
    second = service.bodies[-1]
    for name in ("method", "integrations", "model", "training_file"):
        assert second[name] == first[name]
    assert services.store.stop_rules("mine", again.json()["id"]) == "after 2h"
    for form in (ExportForm.CURL, ExportForm.PYTHON):
        text = export_job(services, job, form)
        assert "string_check" in text
        assert "wandb" in text
        assert "tone" in text


def test_a_job_file_may_name_a_grader_file_or_hold_the_grader(tmp_path: Path, grader_file: Path) -> None:
    file = tmp_path / "job.toml"
    file.write_text('model = "m"\ngrader = "grader.json"\nwandb = "tone/me"\n')
    terms = read_job_file(file)
    assert (terms.grader, terms.wandb) == (GRADER, WandbProject("tone", "me"))
    nested = {"type": "multi", "name": "m", "calculate_output": "a", "graders": {"a": GRADER}, "pass": None}
    file.write_text(job_file_text(JobTerms(grader=nested, stop_rules="diverging", seed=1)))
    kept = read_job_file(file)
    assert kept.grader == {name: value for name, value in nested.items() if value is not None}
    assert (kept.stop_rules, kept.seed) == ("diverging", 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('grader = "nowhere.json"\n', "nowhere.json can't be read"),
        ("grader = 3\n", "line 1: grader is no table"),
        ('grader = " "\n', "line 1: grader names no file"),
        ('seed = 1\nwandb = "a/b/c"\n', "line 2: 'a/b/c' names no project"),
        ('stop_rules = "soon"\n', "line 1: 'soon' is no stop rule"),
    ],
)
def test_a_job_file_that_is_wrong_about_them_is_told_so(tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "job.toml"
    file.write_text(text)
    with pytest.raises(TunedeckError, match=words):
        read_job_file(file)


def test_a_job_made_elsewhere_tells_its_grader_and_where_it_is_logged(services: Services) -> None:
    raw = {
        "method": {"type": "reinforcement", "reinforcement": {"grader": GRADER}},
        "integrations": [None, {"type": "wandb", "wandb": {"project": "tone", "entity": None, "tags": []}}],
    }
    job = Job("mine", "ftjob-x", JobState.SUCCEEDED, "succeeded", "m", Method.REINFORCEMENT, raw=raw)
    services.reload_accounts()
    terms = terms_of_job(services, job)
    assert (terms.grader, terms.wandb) == (GRADER, WandbProject("tone"))
    for odd in ({}, {"integrations": "x"}, {"integrations": [{"wandb": {"project": ""}}]}):
        assert wandb_of(odd) is None


@pytest.mark.parametrize("text", ["", "/", "a/", "/b", "a/b/c", "a#b", "a:b", "x" * 129, "a\nb"])
def test_what_names_no_project_is_refused(text: str) -> None:
    with pytest.raises(TunedeckError, match="no project"):
        parse_wandb(text)
    assert parse_wandb(" a b / c ") == WandbProject("a b", "c")


def test_wandb_is_refused_before_an_upload_where_the_service_has_none(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    done = cli("launch", str(dataset), "--account", "my-azure", "--model", "gpt-4.1-mini", "--wandb", "tone",
               "--yes", "--any-price")  # fmt: skip
    assert done.code == 1
    assert "Weights & Biases" in done.stderr
    assert service.requests == []


@pytest.mark.parametrize("loses_answer", [False, True])
def test_stop_rules_confirmed_with_a_launch_reach_its_job_also_when_the_answer_was_lost(
    services: Services, service: FakeService, dataset: Path, loses_answer: bool
) -> None:
    if loses_answer:
        service.faults["POST", JOBS].append(accept_and_drop)
    job = launch_now(a_plan(dataset, stop_rules="rising 3"), services)
    assert services.store.stop_rules("openai", job.id) == "rising 3"


def test_a_launch_that_waited_for_a_limit_keeps_its_stop_rules(
    services: Services, service: FakeService, dataset: Path
) -> None:
    from tui.jobs.queue import LaunchQueued, send_due

    service.faults["POST", JOBS].append(refuse(429, "daily", "daily_rate_limit_exceeded"))
    with pytest.raises(LaunchQueued):
        launch_now(a_plan(dataset, stop_rules="after 2h"), services)
    (job,) = send_due(services, now=4e9)
    assert isinstance(job, Job)
    assert services.store.stop_rules("openai", job.id) == "after 2h"


def test_rules_that_were_set_by_hand_are_not_overwritten(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset, stop_rules="after 2h")
    job = launch_now(plan, services)
    services.store.set_stop_rules("openai", job.id, "diverging")
    services.store.update_launch(plan.run_id, services.store.launch(plan.run_id).state, job_id=job.id)  # type: ignore[union-attr]
    assert services.store.stop_rules("openai", job.id) == "diverging"


@pytest.mark.parametrize(
    "line", ["team=tone", "team=tone note='two words' x=1", "a='it is \"so\"'", "a=b=c", ""]
)
def test_metadata_is_read_back_as_it_was(line: str) -> None:
    found = parse_metadata(line)
    assert parse_metadata(metadata_line(found)) == found


@pytest.mark.parametrize(
    ("line", "words"),
    [("team", "no name and value"), ("=x", "no name"), ("a=", "no name"), ("a='x", "quote"),
     (f"{'n' * 65}=x", "too long"), (f"a={'v' * 513}", "too long"), ("tunedeck_run=x", "tunedeck's own"),
     (" ".join(f"n{number}=x" for number in range(16)), "16 pairs")],
)  # fmt: skip
def test_metadata_that_no_service_takes_is_told(line: str, words: str) -> None:
    with pytest.raises(TunedeckError, match=words):
        parse_metadata(line)


def test_metadata_reaches_the_job_beside_its_run_id(cli: Cli, service: FakeService, dataset: Path) -> None:
    done = cli("launch", str(dataset), "--account", "openai", "--model", "gpt-4.1-mini", "--metadata",
               "team=tone", "--metadata", "n=2", "--yes", "--json")  # fmt: skip
    assert done.code == 0, done.stderr
    carried = dict(service.bodies[-1]["metadata"])
    assert len(carried.pop(RUN_ID_KEY)) == 32
    assert carried == {"team": "tone", "n": "2"}
