from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import FakeService, refuse
from tests.unit.core.test_launch import JOBS, a_plan, launch_now
from tui.errors import TunedeckError
from tui.jobs.elsewhere import Change, accounts_for, by_another_method, launch_elsewhere, origin_of_job
from tui.jobs.plan import RUN_ID_KEY, LaunchPlan
from tui.jobs.preflight import preflight
from tui.jobs.trainable import methods_for
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.remedies import NO_FINE_TUNING
from tui.records.jobs import Job, JobState, Method
from tui.services import Services

Cli = Callable[..., CliResult]


@pytest.fixture(autouse=True)
def _accounts(service: FakeService, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "sk-test-123456")
    for name in ("azure", "nebius", "openai"):
        declare_account(DeclaredAccount(f"my-{name}", name, service.url, "A_KEY"))


@pytest.fixture
def job(services: Services, dataset: Path) -> Job:
    chosen = {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.8}
    services.reload_accounts()
    return launch_now(a_plan(dataset, hyperparameters=chosen, suffix="sums", seed=7), services)


def by_name(changes: tuple[Change, ...]) -> dict[str, Change]:
    return {one.what: one for one in changes}


def test_a_rate_is_never_carried_to_another_service_and_is_said_to_be_of_another_kind(
    services: Services, job: Job
) -> None:
    found = launch_elsewhere(services, origin_of_job(services, job), "my-nebius", "Qwen/Qwen3-4B")
    assert "learning_rate_multiplier" not in found.terms.hyperparameters
    assert found.terms.hyperparameters["n_epochs"] == 3
    changes = by_name(found.changes)
    assert changes["learning_rate_multiplier"].after == "left to the service"
    kinds = changes["Learning rate is"]
    assert (kinds.before, kinds.after) == ("a multiplier", "absolute")
    assert changes["Price per million"].before == "$5.00"
    assert changes["Price"].before == "under $0.01"
    assert "until 2027-01-14" in changes["Result answers"].before
    assert changes["Result answers"].after == "no end announced"


def test_two_accounts_of_one_service_keep_every_number(services: Services, job: Job) -> None:
    found = launch_elsewhere(services, origin_of_job(services, job), "my-openai")
    assert found.terms.hyperparameters == {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.8}
    assert (found.terms.suffix, found.terms.seed) == ("sums", 7)
    changes = by_name(found.changes)
    assert changes["Price per million"].words == "$5.00"


def test_a_model_that_is_not_there_has_to_be_chosen(services: Services, job: Job) -> None:
    with pytest.raises(TunedeckError, match="my-nebius can't start a supervised job on gpt") as raised:
        launch_elsewhere(services, origin_of_job(services, job), "my-nebius")
    assert "--model" in raised.value.remedy
    with pytest.raises(TunedeckError, match="no account"):
        launch_elsewhere(services, origin_of_job(services, job), "nobody")


def test_a_method_that_is_not_offered_there_is_told_as_that(services: Services, job: Job) -> None:
    preference = replace(origin_of_job(services, job), method=Method.DPO)
    found = launch_elsewhere(services, preference, "my-nebius", "Qwen/Qwen3-4B")
    change = by_name(found.changes)["Method"]
    assert (change.before, change.after) == ("dpo", "not offered there")
    assert "no preference training" in change.note
    with pytest.raises(TunedeckError, match="can't start a dpo job") as raised:
        launch_elsewhere(services, preference, "my-nebius")
    assert "no preference training" in raised.value.remedy


def test_another_method_is_shown_with_what_its_rows_are_and_takes_a_model_that_knows_it(
    services: Services, job: Job
) -> None:
    origin = origin_of_job(services, job)
    assert methods_for(services, "my-azure", Method.DPO) == [
        Method.DPO, Method.SUPERVISED, Method.REINFORCEMENT,
    ]  # fmt: skip
    assert methods_for(services, "my-nebius", Method.SUPERVISED) == []
    same = launch_elsewhere(services, origin, "my-azure")
    assert "Method" not in by_name(same.changes)
    pairs = by_another_method(services, origin, same, Method.DPO)
    assert (pairs.terms.method, pairs.terms.model) == (Method.DPO, same.terms.model)
    assert by_name(pairs.changes)["Method"].words == (
        "supervised → dpo (the file has to hold pairs of answers, the better and the worse)"
    )
    graded = by_another_method(services, origin, pairs, Method.REINFORCEMENT)
    assert graded.terms.model == "o4-mini-2025-04-16", "the first that can be trained so"
    assert by_name(graded.changes)["Model"].after == "o4-mini-2025-04-16"


def test_a_grader_stays_behind_where_no_answers_are_scored(services: Services, job: Job) -> None:
    origin = origin_of_job(services, job)
    graded = replace(
        origin, method=Method.REINFORCEMENT, terms=replace(origin.terms, grader={"type": "string_check"})
    )
    found = launch_elsewhere(services, graded, "my-azure", "gpt-4.1", Method.SUPERVISED)
    assert found.terms.grader is None
    assert by_name(found.changes)["Grader"].after == "none"


def test_accounts_that_can_not_take_it_stand_last_with_the_reason(services: Services, job: Job) -> None:
    services.store.note_account("my-azure", NO_FINE_TUNING, "404")
    preference = replace(origin_of_job(services, job), method=Method.DPO)
    reasons = {account.name: reason for account, reason in accounts_for(services, preference)}
    assert list(reasons)[:2] == ["local", "my-openai"]
    assert "no fine-tuning jobs at its address" in reasons["my-azure"]
    assert "no preference training" in reasons["my-nebius"]
    plan = LaunchPlan("my-azure", "gpt-4.1", Path("nowhere.jsonl"))
    assert any("It only chatted when" in line.text for line in preflight(plan, services))


def test_the_price_elsewhere_is_that_of_the_file_and_method_given_with_it(
    cli: Cli, services: Services, job: Job, dataset: Path
) -> None:
    shown = cli("launch", str(dataset), "--like", job.id, "--account", "my-azure", "--model", "gpt-4.1-mini",
                "--method", "dpo", "--dry-run")  # fmt: skip
    assert "once the file is named" not in shown.stderr
    assert "Price: under $0.01 → " in shown.stderr


def test_a_job_that_continued_a_tuned_model_begins_from_its_base_and_says_so(services: Services) -> None:
    tuned = Job(
        "openai", "ft-2", JobState.FAILED, "failed", "ft:gpt-4.1-2025-04-14:org:x:id", Method.SUPERVISED
    )
    services.reload_accounts()
    found = launch_elsewhere(services, origin_of_job(services, tuned), "my-azure")
    assert "gpt-4.1" in (found.terms.model or "")
    changes = by_name(found.changes)
    assert "stays behind" in changes["Model"].note
    assert changes["Price"].words == "not known here → once the file is named"
    odd = replace(tuned, method=Method.REINFORCEMENT, model="o4-mini-2025-04-16")
    with pytest.raises(TunedeckError, match="reinforcement"):
        launch_elsewhere(services, origin_of_job(services, odd), "my-nebius")


def test_a_launch_that_was_refused_is_taken_elsewhere_by_its_run_id(
    cli: Cli, service: FakeService, services: Services, dataset: Path
) -> None:
    service.faults["POST", JOBS].append(refuse(403, "winding down", "training_not_available"))
    refused = cli("launch", str(dataset), "--account", "my-openai", "--model", "gpt-4.1-mini", "--seed", "7",
                  "--epochs", "2", "--yes")  # fmt: skip
    assert refused.code == 2
    run = re.search(r"launch --like (\w+) --account NAME", refused.stderr)
    assert run is not None
    assert len(service.jobs) == 0
    done = cli("launch", "--like", run[1], "--account", "my-nebius", "--model", "Qwen/Qwen3-4B", "--yes",
               "--any-price", "--json")  # fmt: skip
    assert done.code == 0, done.stderr
    assert "Account: my-openai → my-nebius" in done.stderr
    body = service.bodies[-1]
    assert (body["model"], body["seed"]) == ("Qwen/Qwen3-4B", 7)
    assert body["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}
    assert cli("launch", "--like", "no such run", "--yes").code == 2


def test_a_dry_run_sends_nothing_and_tells_what_a_launch_would_be(
    cli: Cli, service: FakeService, dataset: Path
) -> None:
    asked = ("launch", str(dataset), "--account", "my-openai", "--model", "gpt-4.1-mini", "--dry-run")
    told = cli(*asked)
    assert told.code == 0, told.stderr
    assert "note Without validation rows" in told.stdout
    assert "Would launch on my-openai for" in told.stdout
    value = cli(*asked, "--seed", "-1", "--json")
    assert value.code == 1
    answer = value.json()
    assert answer["may_launch"] is False
    assert answer["price"]["model"] == "gpt-4.1-mini-2025-04-14"
    (stop,) = [line for line in answer["lines"] if line["level"] == "stop"]
    assert stop["mends"] == [{"kind": "seed", "value": "", "words": "leave it to the service"}]
    assert service.requests == []


def test_a_job_is_launched_elsewhere_on_the_command_line_after_showing_what_changes(
    cli: Cli, service: FakeService, job: Job, dataset: Path
) -> None:
    done = cli(
        "launch",
        "--like",
        job.id,
        "--account",
        "my-nebius",
        "--model",
        "Qwen/Qwen3-4B",
        "--yes",
        "--any-price",
    )
    assert done.code == 0, done.stderr
    assert "Model: gpt-4.1-mini-2025-04-14 → Qwen/Qwen3-4B" in done.stderr
    body = service.bodies[-1]
    assert body["model"] == "Qwen/Qwen3-4B"
    assert body["method"]["supervised"]["hyperparameters"] == {"n_epochs": 3, "batch_size": 4}
    assert body["seed"] == 7
    assert body["metadata"][RUN_ID_KEY] != service.bodies[0]["metadata"][RUN_ID_KEY]
    assert service.contents[body["training_file"]] == dataset.read_bytes()
    assert cli("launch", "--like", job.id, "--from", "x.toml").code == 2
    assert cli("launch", "--like", "nothing-like-it", "--account", "openai").code == 2


def test_what_changes_is_shown_and_nothing_is_sent_before_the_price_is_confirmed(
    cli: Cli, service: FakeService, job: Job
) -> None:
    service.faults["POST", JOBS].append(refuse(500, "must not be asked"))
    done = cli("launch", "--like", job.id, "--account", "my-openai")
    assert (done.code, "Add --yes" in done.stderr) == (2, True)
    assert service.count("POST", JOBS) == 1
