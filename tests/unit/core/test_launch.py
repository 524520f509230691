from __future__ import annotations

import json
import os
import threading
import time
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.unit.core.fake_service import FakeService, accept_and_drop, drop, refuse
from tui.datasets.formats import DatasetFormat
from tui.datasets.splitting import split_file
from tui.errors import TunedeckError
from tui.jobs.files import job_files
from tui.jobs.launch import LaunchUncertain, launch
from tui.jobs.plan import RUN_ID_KEY, LaunchPlan, PreflightLine, may_launch
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.reports import file_sha256, report_for
from tui.jobs.unsettled import NOT_CREATED, LaunchHeldUp, settled_after
from tui.providers.failures import TRAINING_REFUSED
from tui.providers.protocol import ProviderError
from tui.records.jobs import Job, JobState, Method
from tui.services import Services
from tui.store.launch_rows import LaunchState

JOBS = "/v1/fine_tuning/jobs"
NO_WAIT = (0.0, 0.0)


def a_plan(dataset: Path, **fields: Any) -> LaunchPlan:
    return LaunchPlan(account="openai", model="gpt-4.1-mini", training=dataset, **fields)


def launch_now(plan: LaunchPlan, services: Services) -> Job:
    return launch(plan, services, confirmed_price=estimate_plan(plan, services), search_delays=NO_WAIT)


def texts(lines: list[PreflightLine], level: str) -> str:
    return "\n".join(f"{line.text} {line.remedy}" for line in lines if line.level == level)


def test_a_confirmed_plan_becomes_one_job(services: Services, service: FakeService, dataset: Path) -> None:
    plan = a_plan(dataset, seed=7, suffix="sums", hyperparameters={"n_epochs": 2, "batch_size": "auto"})
    stages: list[str] = []
    job = launch(plan, services, confirmed_price=estimate_plan(plan, services),
                 on_progress=lambda stage, done, total: stages.append(stage))  # fmt: skip
    assert job.state is JobState.PREPARING
    body = service.bodies[0]
    assert body["model"] == "gpt-4.1-mini-2025-04-14"
    assert body["metadata"] == {RUN_ID_KEY: plan.run_id}
    assert body["method"]["supervised"]["hyperparameters"] == {"n_epochs": 2}
    assert service.contents[body["training_file"]] == dataset.read_bytes()
    assert services.store.job("openai", job.id) == job
    record = services.store.launch_of_job("openai", job.id)
    assert record is not None
    assert (record.state, record.dataset_path) == (LaunchState.CREATED, dataset)
    assert stages[0] == "Uploading training file"
    assert stages[-1] == "Creating the job"


def test_launching_a_plan_again_returns_the_job_it_made(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset)
    assert launch_now(plan, services).id == launch_now(plan, services).id
    assert service.count("POST", JOBS) == 1


def test_one_confirmation_pressed_by_many_threads_makes_one_job(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset)
    price = estimate_plan(plan, services)
    outcomes: list[object] = []

    def press() -> None:
        try:
            outcomes.append(launch(plan, services, confirmed_price=price, search_delays=(0.05,) * 40).id)
        except TunedeckError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=press) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == ["ftjob-1"] * 5
    assert service.count("POST", JOBS) == 1


def test_a_job_whose_answer_was_lost_is_found_by_its_run_id(
    services: Services, service: FakeService, dataset: Path
) -> None:
    service.faults["POST", JOBS].append(accept_and_drop)
    service.ignores_metadata = True
    plan = a_plan(dataset)
    job = launch_now(plan, services)
    assert job.metadata[RUN_ID_KEY] == plan.run_id
    assert service.count("POST", JOBS) == 1
    assert len(service.jobs) == 1


@pytest.mark.parametrize("fault", [drop, refuse(500, "oops"), refuse(503, "busy")])
def test_an_answer_that_stays_lost_is_never_sent_again(
    services: Services, service: FakeService, dataset: Path, fault: Any
) -> None:
    service.faults["POST", JOBS].append(fault)
    plan = a_plan(dataset)
    for _ in range(2):
        with pytest.raises(LaunchUncertain):
            launch_now(plan, services)
    assert service.count("POST", JOBS) == 1
    lines = preflight(a_plan(dataset), services)
    assert "got no answer" in texts(lines, "stop")
    assert "`tunedeck jobs` looks for it" in texts(lines, "stop")
    assert may_launch(preflight(a_plan(dataset, seed=1), services))
    # The service was only slow: the job appears later, and the watcher ties it to its launch.
    service.add_job(id="late", metadata={RUN_ID_KEY: plan.run_id})
    services.watcher.poll_once()
    assert launch_now(plan, services).id == "late"
    assert service.count("POST", JOBS) == 1


def move_clock(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    now = time.time
    monkeypatch.setattr("tui.jobs.unsettled.time.time", lambda: now() + seconds)


def test_a_second_confirmation_after_a_lost_answer_makes_no_second_job_until_the_first_is_settled(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.faults["POST", JOBS].append(drop)
    first, second = a_plan(dataset), a_plan(dataset)
    with pytest.raises(LaunchUncertain):
        launch_now(first, services)
    with pytest.raises(LaunchHeldUp):
        launch_now(second, services)
    services.watcher.poll_once()  # listed by the service, but too early to be believed
    with pytest.raises(LaunchHeldUp):
        launch_now(second, services)
    assert service.count("POST", JOBS) == 1
    with monkeypatch.context() as patch:
        move_clock(patch, settled_after("openai") + 5)
        services.watcher.wake("openai")
        services.watcher.poll_once()
    record = services.store.launch(first.run_id)
    assert record is not None
    assert (record.state, record.problem) == (LaunchState.REFUSED, NOT_CREATED)
    assert may_launch(preflight(second, services))
    launch_now(second, services)
    assert len(service.jobs) == 1


def test_a_lost_job_that_exists_is_never_settled_as_not_created(
    services: Services, service: FakeService, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.faults["POST", JOBS].append(drop)
    plan = a_plan(dataset)
    with pytest.raises(LaunchUncertain):
        launch_now(plan, services)
    service.ignores_metadata = True
    move_clock(monkeypatch, settled_after("openai") + 5)
    for _ in range(100):  # more jobs since than are searched
        service.add_job(created_at=int(time.time()) + 10)
    services.watcher.poll_once()
    assert [one.run_id for one in services.store.open_launches()] == [plan.run_id]
    service.faults["GET", JOBS] = [refuse(500, "oops")] * 9
    services.watcher.wake("openai")
    services.watcher.poll_once()
    assert [one.run_id for one in services.store.open_launches()] == [plan.run_id]
    service.faults["GET", JOBS].clear()
    service.add_job(id="late", metadata={RUN_ID_KEY: plan.run_id})
    services.watcher.wake("openai")
    services.watcher.poll_once()
    record = services.store.launch(plan.run_id)
    assert record is not None
    assert (record.state, record.job_id) == (LaunchState.CREATED, "late")


def test_two_confirmations_of_the_same_launch_at_once_do_not_both_pass(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plans = [a_plan(dataset) for _ in range(4)]
    price = estimate_plan(plans[0], services)
    service.faults["POST", JOBS].append(drop)
    problems: list[TunedeckError] = []

    def press(plan: LaunchPlan) -> None:
        try:
            launch(plan, services, confirmed_price=price, search_delays=NO_WAIT)
        except TunedeckError as error:
            problems.append(error)

    threads = [threading.Thread(target=press, args=(plan,)) for plan in plans]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in problems) == [*["LaunchHeldUp"] * 3, "LaunchUncertain"]
    assert service.count("POST", JOBS) == 1


def test_a_refused_plan_makes_no_job_and_may_be_launched_again(
    services: Services, service: FakeService, dataset: Path
) -> None:
    service.faults["POST", JOBS].append(refuse(400, "n_epochs is odd"))
    plan = a_plan(dataset)
    with pytest.raises(ProviderError, match="n_epochs is odd"):
        launch_now(plan, services)
    assert launch_now(plan, services).id == "ftjob-1"
    assert service.count("POST", "/v1/files") == 1


def test_the_same_content_is_uploaded_once_unless_the_service_lost_it(
    services: Services, service: FakeService, dataset: Path
) -> None:
    launch_now(a_plan(dataset), services)
    launch_now(a_plan(dataset, seed=1), services)
    assert service.count("POST", "/v1/files") == 1
    service.files.clear()
    launch_now(a_plan(dataset, seed=2), services)
    assert service.count("POST", "/v1/files") == 2


def test_a_file_or_price_that_changed_since_it_was_confirmed_stops_the_launch(
    services: Services, service: FakeService, dataset: Path
) -> None:
    plan = a_plan(dataset, training_sha256=file_sha256(dataset))
    price = estimate_plan(plan, services)
    with pytest.raises(TunedeckError, match="price"):
        launch(plan, services, confirmed_price=replace(price, price_per_million=Decimal(99)))
    with pytest.raises(TunedeckError, match="price"):
        launch(replace(plan, model="gpt-4.1"), services, confirmed_price=price)
    dataset.write_bytes(dataset.read_bytes() * 2)
    with pytest.raises(TunedeckError, match="has changed"):
        launch(plan, services, confirmed_price=price)
    assert service.requests == []


def test_a_refusal_of_training_is_remembered_until_a_job_is_taken(
    services: Services, service: FakeService, dataset: Path
) -> None:
    service.faults["POST", JOBS].append(refuse(403, "winding down", TRAINING_REFUSED))
    with pytest.raises(ProviderError):
        launch_now(a_plan(dataset), services)
    assert services.store.account_note("openai", TRAINING_REFUSED) is not None
    with Services.open() as later:
        assert "winding down" in texts(preflight(a_plan(dataset), later), "warn")
        launch_now(a_plan(dataset), later)
        assert later.store.account_note("openai", TRAINING_REFUSED) is None


def test_preflight_of_a_sound_plan_stops_nothing_and_names_price_and_end(
    services: Services, dataset: Path
) -> None:
    lines = preflight(a_plan(dataset, hyperparameters={"n_epochs": 3}), services)
    assert may_launch(lines)
    everything = "\n".join(line.text for line in lines)
    assert "× 3 epochs × $5.00 per million" in everything
    assert "2027-01-14" in everything
    assert "12 examples" in everything
    assert "Without validation" in texts(lines, "warn")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"suffix": "a:b"}, "suffix"),
        ({"suffix": "x" * 65}, "suffix"),
        ({"seed": -1}, "seed"),
        ({"hyperparameters": {"n_epochs": 51}}, "n_epochs = 51"),
        ({"hyperparameters": {"n_epochs": 1.5}}, "n_epochs = 1.5"),
        ({"hyperparameters": {"beta": 0.1}}, "no hyperparameter 'beta'"),
        ({"hyperparameters": {"lora_rank": 8}}, "no hyperparameter 'lora_rank'"),
        ({"method": Method.DPO, "hyperparameters": {"beta": 3}}, "beta = 3"),
        ({"method": Method.REINFORCEMENT}, "reinforcement"),
        ({"account": "nobody"}, "no account"),
        ({"model": "gpt-3.5-turbo"}, "shut down"),
        ({"model": "gpt-9"}, "no model"),
        ({"training": Path("no such file.jsonl")}, "no such file.jsonl"),
        ({"validation": Path("x.jsonl"), "split_share": 0.1}, "both"),
        ({"split_share": 1.0}, "out of range"),
    ],
)
def test_preflight_stops_what_can_not_work(
    services: Services, dataset: Path, fields: dict[str, Any], words: str
) -> None:
    plan = replace(a_plan(dataset), **fields)
    lines = preflight(plan, services)
    assert not may_launch(lines)
    assert words in texts(lines, "stop")


def test_preflight_warns_of_validation_rows_that_are_trained_on(
    services: Services, dataset: Path, tmp_path: Path
) -> None:
    shared = tmp_path / "shared.jsonl"
    shared.write_bytes(b"".join(dataset.read_bytes().splitlines(keepends=True)[:2]))
    lines = preflight(a_plan(dataset, validation=shared), services)
    assert "2 validation rows of 2" in texts(lines, "warn")


def test_preflight_stops_a_file_with_errors_and_names_the_line(services: Services, dataset: Path) -> None:
    dataset.write_text(dataset.read_text("utf-8") + "{broken\n", "utf-8")
    assert "line 13" in texts(preflight(a_plan(dataset), services), "stop")


def test_preflight_warns_of_the_same_job_made_before(services: Services, dataset: Path) -> None:
    job = launch_now(a_plan(dataset, hyperparameters={"n_epochs": 2}), services)
    same = a_plan(dataset, hyperparameters={"n_epochs": 2, "batch_size": "auto"})
    assert job.id in texts(preflight(same, services), "warn")
    assert job.id not in texts(preflight(replace(same, seed=3), services), "warn")


def test_a_split_trains_on_the_larger_part_and_prices_only_that(
    services: Services, service: FakeService, dataset: Path
) -> None:
    dataset.write_bytes(dataset.read_bytes() * 3)
    plan = a_plan(dataset, split_share=0.25, seed=5)
    whole = estimate_plan(a_plan(dataset), services)
    part = estimate_plan(plan, services)
    assert part.tokens_per_epoch < whole.tokens_per_epoch
    launch_now(plan, services)
    training, validation = (content.splitlines() for content in service.contents.values())
    assert len(training) == 27
    assert sorted(training + validation) == sorted(dataset.read_bytes().splitlines())


@pytest.mark.parametrize("account", ["openai", "local"])
def test_a_tenth_of_the_shipped_example_is_no_reason_for_a_warning(
    services: Services, example_file: Path, account: str
) -> None:
    model = "gpt-4.1-mini" if account == "openai" else "smollm2-135m-instruct"
    lines = preflight(LaunchPlan(account, model, example_file, split_share=0.1), services)
    about_validation = [line for line in lines if "put aside for validation" in line.text]
    assert [line.level for line in about_validation] == ["ok"]


def test_a_warning_about_a_split_says_what_it_is_and_of_which_part(services: Services, dataset: Path) -> None:
    answer = {"role": "assistant", "content": "yes"}
    rows = [
        json.dumps({"messages": [{"role": "user", "content": str(number)}, answer]}) + "\n"
        for number in range(50)
    ]
    dataset.write_text("".join(rows))
    plan = a_plan(dataset, split_share=0.1)
    about_part = "The 45 rows left to train on: fewer than 50 examples."
    assert about_part in [line.text for line in preflight(plan, services) if line.level == "warn"]
    dataset.write_text("".join(rows) + '{"messages": []}\n' * 12)
    stops = [line for line in preflight(plan, services) if line.level == "stop"]
    assert sum("rows left to train on: " in line.text for line in stops) == 1
    # The parts are files of ours, with lines of their own: neither is told as if it were the person's.
    assert all(f"in {dataset.name}" in line.remedy for line in stops)
    assert not any("line " in line.text + line.remedy for line in stops)
    dataset.write_text("".join(rows) + rows[0] * 3)
    warned = texts(preflight(a_plan(dataset), services), "warn")
    assert f"The training file {dataset.name} (53 examples): the same line again (3 times)." in warned


def test_a_file_is_judged_for_what_it_is_used_as(services: Services, dataset: Path) -> None:
    few = dataset.with_name("few.jsonl")
    few.write_bytes(b"".join(dataset.read_bytes().splitlines(keepends=True)[:3]))
    model = services.catalog.model("gpt-4.1-mini")
    for _ in range(2):  # made, then kept
        assert not report_for(services, few, model).valid
        as_validation = report_for(services, few, model, validation=True)
        assert (as_validation.valid, as_validation.counts["warning"]) == (True, 0)


def test_a_report_is_made_once_per_content(
    services: Services, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = services.catalog.model("gpt-4.1-mini")
    first = report_for(services, dataset, model)
    monkeypatch.setattr("tui.datasets.cached_check.check_file", _never)
    assert report_for(services, dataset, model) == first
    dataset.write_bytes(dataset.read_bytes() + b"\n")
    with pytest.raises(AssertionError):
        report_for(services, dataset, model)


@pytest.mark.parametrize(("lints", "found"), [("fast", True), ("none", False)])
def test_a_report_holds_the_quality_lints_that_the_settings_ask_for(
    services: Services, dataset: Path, lints: str, found: bool
) -> None:
    services.settings = replace(services.settings, lints=lints)
    secret = b"sk-" + b"abcdefghijklmnop0123456789" * 2
    dataset.write_bytes(dataset.read_bytes().replace(b'"content": "', b'"content": "' + secret, 1))
    report = report_for(services, dataset, services.catalog.model("gpt-4.1-mini"))
    assert report.valid
    assert ("secret" in {finding.rule for finding in report.findings}) is found


def test_a_change_that_leaves_size_and_time_as_they_were_is_noticed(
    services: Services, dataset: Path
) -> None:
    model = services.catalog.model("gpt-4.1-mini")
    assert report_for(services, dataset, model).valid
    written = dataset.stat()
    dataset.write_bytes(dataset.read_bytes().replace(b"user", b"uses", 1))
    os.utime(dataset, ns=(written.st_atime_ns, written.st_mtime_ns))  # as a copying tool may leave it
    assert not report_for(services, dataset, model).valid
    assert not report_for(services, dataset, model, fresh=True).valid


def count_splits(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    made: list[Path] = []

    def counted(path: Path, share: float, seed: int, out_dir: Path) -> tuple[Path, Path]:
        made.append(path)
        return split_file(path, share, seed, out_dir)

    monkeypatch.setattr("tui.datasets.splitting.split_file", counted)
    return made


def test_a_split_is_made_once_per_content_share_and_seed(
    services: Services, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = count_splits(monkeypatch)
    plan = a_plan(dataset, split_share=0.25, seed=5)
    preflight(plan, services)
    estimate_plan(plan, services)
    launch_now(plan, services)
    assert len(made) == 1
    job_files(replace(plan, seed=6))
    job_files(replace(plan, split_share=0.5))
    assert len(made) == 3
    dataset.write_bytes(dataset.read_bytes() * 2)
    job_files(plan)
    assert len(made) == 4


@pytest.mark.parametrize("harm", ["edited", "gone", "torn note"])
def test_a_split_that_is_not_as_it_was_written_is_made_again(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, harm: str
) -> None:
    plan = a_plan(dataset, split_share=0.25, seed=5)
    files = job_files(plan)
    assert files.validation is not None
    rows = files.validation.read_bytes()
    made = count_splits(monkeypatch)
    if harm == "edited":
        files.validation.write_bytes(b"{}\n")
    elif harm == "gone":
        files.validation.unlink()
    else:
        (note,) = files.training.parent.glob("*.split.json")
        note.write_bytes(note.read_bytes()[:9])
    assert job_files(plan) == files
    assert len(made) == 1
    assert files.validation.read_bytes() == rows


def test_a_file_that_changes_while_it_is_split_leaves_nothing_to_be_used_again(
    dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = dataset.read_bytes()
    plan = a_plan(dataset, split_share=0.25)

    def changed_first(path: Path, share: float, seed: int, out_dir: Path) -> tuple[Path, Path]:
        path.write_bytes(before * 2)
        return split_file(path, share, seed, out_dir)

    with monkeypatch.context() as patch:
        patch.setattr("tui.datasets.splitting.split_file", changed_first)
        with pytest.raises(TunedeckError, match="written to"):
            job_files(plan)
    dataset.write_bytes(before)
    files = job_files(plan)
    assert files.validation is not None
    parts = files.training.read_bytes() + files.validation.read_bytes()
    assert sorted(parts.splitlines()) == sorted(before.splitlines())


def _never(*_arguments: object, **_more: object) -> None:
    raise AssertionError("checked twice")


def test_a_chosen_format_decides_before_a_launch_whether_the_file_is_sound(
    services: Services, dataset: Path
) -> None:
    assert may_launch(preflight(a_plan(dataset), services))
    lines = preflight(a_plan(dataset, read_as=DatasetFormat.PREFERENCE), services)
    assert "read as preference" in texts(lines, "stop")
    services.formats.choose(dataset, DatasetFormat.PREFERENCE)
    assert report_for(services, dataset, services.catalog.model("gpt-4.1-mini")).format == "preference"
    services.formats.choose(dataset, None)
    assert report_for(services, dataset, services.catalog.model("gpt-4.1-mini")).valid


@pytest.mark.parametrize(("model", "warned"), [("gpt-4.1-mini", True), ("gpt-4o-2024-08-06", False)])
def test_images_for_a_model_that_is_not_trained_on_them_are_warned_of(
    services: Services, dataset: Path, model: str, warned: bool
) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}
    row = {"messages": [{"role": "user", "content": [picture]}, {"role": "assistant", "content": "A cat."}]}
    dataset.write_bytes(dataset.read_bytes() + json.dumps(row).encode() + b"\n")
    said = texts(preflight(LaunchPlan("openai", model, dataset), services), "warn")
    assert (f"{dataset.name} holds images, and" in said) == warned
    assert ("Named: gpt-4o-2024-08-06." in said) == warned
