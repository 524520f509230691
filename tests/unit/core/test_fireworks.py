from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult
from tests.unit.core.fake_fireworks import ACCOUNT, FakeFireworks
from tests.unit.core.fake_service import accept_and_drop, drop, html, refuse_with, running
from tui.errors import TunedeckError
from tui.jobs.account_check import check_account
from tui.jobs.control import Control, control_job
from tui.jobs.fetch import fetch_job
from tui.jobs.launch import LaunchUncertain, launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import estimate_plan
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.fireworks import answers
from tui.providers.fireworks import upload as upload_module
from tui.providers.fireworks.adapter import FireworksProvider
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatMessage, ChatParameters, ChatRequest
from tui.records.jobs import Job, JobState, Method
from tui.records.models import Capability
from tui.records.requests import RUN_ID_KEY, JobRequest
from tui.services import Services

KEY = "fw_very-secret-0123456789"
MODEL = "accounts/fireworks/models/qwen3-8b"
SFT = f"/v1/{ACCOUNT}/supervisedFineTuningJobs"
DPO = f"/v1/{ACCOUNT}/dpoJobs"
RUN = "0123456789abcdef0123456789abcdef"
REQUEST = JobRequest(MODEL, "td-1", metadata={RUN_ID_KEY: RUN})


@pytest.fixture
def fireworks(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeFireworks]:
    with running(FakeFireworks()) as fake:
        assert isinstance(fake, FakeFireworks)
        monkeypatch.setenv("FIREWORKS_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_KEY", "")
        monkeypatch.setattr(FireworksProvider, "sleep", staticmethod(lambda seconds: None))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        declare_account(DeclaredAccount("fireworks", "fireworks", fake.url, "FIREWORKS_API_KEY"))
        yield fake


@pytest.fixture
def services(fireworks: FakeFireworks) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


@pytest.fixture
def provider(services: Services) -> FireworksProvider:
    found = services.provider("fireworks")
    assert isinstance(found, FireworksProvider)
    return found


def launch_now(plan: LaunchPlan, services: Services) -> Job:
    return launch(plan, services, confirmed_price=estimate_plan(plan, services), search_delays=(0.0,))


def a_plan(dataset: Path, **fields: Any) -> LaunchPlan:
    return LaunchPlan("fireworks", MODEL, dataset, **fields)


def test_a_file_becomes_a_dataset_named_by_its_content_and_goes_up_once(
    provider: FireworksProvider, fireworks: FakeFireworks, dataset: Path
) -> None:
    seen: list[tuple[int, int]] = []
    remote = provider.upload_file(dataset, on_progress=lambda *one: seen.append(one))
    size = dataset.stat().st_size
    assert fireworks.contents[remote.id] == dataset.read_bytes()
    assert seen[-1] == (size, size)
    assert (remote.filename, remote.status) == ("train.jsonl", "READY")
    assert fireworks.bodies[0]["dataset"]["exampleCount"] == "12"
    assert provider.upload_file(dataset) == remote
    assert fireworks.count("POST", f"/v1/{ACCOUNT}/datasets/{remote.id}:upload") == 1
    assert provider.list_files("fine-tune") == [remote]
    assert provider.file_content(remote.id) == dataset.read_bytes()


def test_a_large_file_goes_to_the_signed_address_without_the_key(
    provider: FireworksProvider, fireworks: FakeFireworks, dataset: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upload_module, "_LARGEST_DIRECT_BYTES", 10)
    remote = provider.upload_file(dataset)
    assert fireworks.contents[remote.id] == dataset.read_bytes()
    assert "authorization" not in fireworks.signed_headers
    size = dataset.stat().st_size
    assert fireworks.signed_headers["x-goog-content-length-range"] == f"{size},{size}"
    assert fireworks.count("POST", f"/v1/{ACCOUNT}/datasets/{remote.id}:validateUpload") == 1


def test_a_dataset_that_is_found_wrong_is_told_in_their_words(
    provider: FireworksProvider, fireworks: FakeFireworks, dataset: Path
) -> None:
    fireworks.dataset_trouble = {"code": "INVALID_ARGUMENT", "message": "line 2 has no messages."}
    with pytest.raises(ProviderError, match="refused the file: line 2 has no messages"):
        provider.upload_file(dataset)
    assert provider.list_files()[0].status == "error"
    fireworks.dataset_trouble = None
    assert provider.upload_file(dataset).status == "READY"


def test_a_plan_becomes_one_job_under_an_id_of_ours(
    services: Services, fireworks: FakeFireworks, dataset: Path
) -> None:
    plan = a_plan(dataset, suffix="sums", split_share=0.25,
                  hyperparameters={"n_epochs": 2, "lora_rank": 16, "early_stop": True})  # fmt: skip
    job = launch_now(plan, services)
    assert job.id == f"td-{plan.run_id}"
    assert job.metadata == {RUN_ID_KEY: plan.run_id}
    assert (job.state, job.raw_status) == (JobState.PREPARING, "JOB_STATE_CREATING")
    assert job.hyperparameters == {"n_epochs": 2, "lora_rank": 16, "early_stop": True}
    body = fireworks.bodies[-1]
    assert body.pop("dataset").startswith(f"{ACCOUNT}/datasets/td-")
    assert body.pop("evaluationDataset").startswith(f"{ACCOUNT}/datasets/td-")
    assert body == {
        "baseModel": MODEL, "epochs": 2, "loraRank": 16, "earlyStop": True, "displayName": "sums",
        "outputModel": f"{ACCOUNT}/models/sums-{plan.run_id[:8]}",
    }  # fmt: skip
    assert launch_now(plan, services).id == job.id
    assert fireworks.count("POST", SFT) == 1


def test_a_preference_job_has_its_own_route_and_takes_no_validation_file(
    provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    request = replace(REQUEST, model="qwen3-8b", method=Method.DPO, hyperparameters={"learning_rate": 1e-5})
    job = provider.create_job(request)
    assert (job.id, job.method, job.model) == (f"dpoJobs/td-{RUN}", Method.DPO, MODEL)
    assert fireworks.bodies[-1]["trainingConfig"] == {
        "learningRate": 1e-5,
        "baseModel": MODEL,
        "epochs": 1,
    }
    assert provider.retrieve_job(job.id) == job
    assert provider.cancel_job(job.id).state is JobState.STOPPING
    with pytest.raises(ProviderError, match="no validation file for DPO"):
        provider.create_job(replace(request, validation_file="td-2"))
    assert fireworks.count("POST", DPO) == 1
    fireworks.metrics[f"td-{RUN}"] = [json.dumps({"step": 1, "train/loss": 0.5})]
    assert [one.data for one in provider.list_events(job.id) if one.type == "metrics"] == [
        {"step": 1, "train_loss": 0.5}
    ]


def test_a_model_of_the_account_is_gone_on_from(
    provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    job = provider.create_job(replace(REQUEST, model=f"{ACCOUNT}/models/m"))
    assert fireworks.bodies[-1]["warmStartFrom"] == job.model == f"{ACCOUNT}/models/m"
    assert "baseModel" not in fireworks.bodies[-1]


def test_a_job_whose_creation_got_no_answer_is_found_by_its_id(
    services: Services, fireworks: FakeFireworks, dataset: Path
) -> None:
    fireworks.faults["POST", SFT].append(accept_and_drop)
    plan = a_plan(dataset)
    assert launch_now(plan, services).id == f"td-{plan.run_id}"
    assert fireworks.count("POST", SFT) == 1


@pytest.mark.parametrize("fault", [drop, html(502)], ids=["dropped", "web page"])
def test_a_creation_that_was_lost_on_the_way_is_never_sent_again(
    services: Services, fireworks: FakeFireworks, dataset: Path, fault: Any
) -> None:
    fireworks.faults["POST", SFT].append(fault)
    with pytest.raises(LaunchUncertain):
        launch_now(a_plan(dataset), services)
    assert fireworks.count("POST", SFT) == 1


def test_a_creation_that_something_repeated_on_the_way_is_the_job_that_was_made(
    provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    first = provider.create_job(REQUEST)
    assert provider.create_job(REQUEST) == first
    assert len(fireworks.jobs) == 1


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("CREATING", JobState.PREPARING), ("VALIDATING", JobState.PREPARING), ("PENDING", JobState.QUEUED),
        ("RE_QUEUEING", JobState.QUEUED), ("RUNNING", JobState.RUNNING),
        ("WRITING_RESULTS", JobState.FINISHING), ("COMPLETED", JobState.SUCCEEDED),
        ("EARLY_STOPPED", JobState.SUCCEEDED), ("PAUSED", JobState.PAUSED), ("FAILED", JobState.FAILED),
        ("CANCELLING", JobState.STOPPING), ("CANCELLED", JobState.CANCELLED), ("EXPIRED", JobState.FAILED),
        ("DELETING", JobState.OTHER), ("UNSPECIFIED", JobState.OTHER),
    ],
)  # fmt: skip
def test_every_word_for_a_state_is_ours_and_stays_beside_it(word: str, state: JobState) -> None:
    job = answers.job_from({"name": f"{ACCOUNT}/dpoJobs/x", "state": f"JOB_STATE_{word}"}, "fireworks")
    assert (job.state, job.raw_status) == (state, f"JOB_STATE_{word}")
    assert job.fine_tuned_model == (f"{ACCOUNT}/models/x" if state is JobState.SUCCEEDED else None)


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from((
    "name", "state", "status", "createTime", "updateTime", "completedTime", "jobProgress", "estimatedCost",
    "trainingConfig", "dataset", "displayName", "outputModel", "units", "nanos", "percent", "step", "data",
))  # fmt: skip


@given(st.dictionaries(FIELDS, JSON_VALUES | st.dictionaries(FIELDS, JSON_VALUES, max_size=4), max_size=9))
def test_no_answer_however_broken_raises(raw: dict[str, Any]) -> None:
    answers.job_from(raw, "fireworks")
    answers.events_from(raw, "x")
    answers.file_from(raw)
    answers.metric_events(json.dumps(raw).encode() + b"\n\xff{", "x", 0)


def test_money_is_read_to_the_cent() -> None:
    told = {"estimatedCost": {"currencyCode": "USD", "units": "3", "nanos": 250000000}}
    assert answers.estimated_cost(told) == (Decimal("3.25"), "USD")
    assert answers.estimated_cost({"estimatedCost": {"units": "many"}}) is None


def finish(fireworks: FakeFireworks, short: str) -> None:
    """Let a job run to its end as a service would show it."""
    fireworks.jobs[f"{ACCOUNT}/supervisedFineTuningJobs/{short}"] |= {
        "state": "JOB_STATE_COMPLETED", "updateTime": "2026-11-29T20:09:00Z",
        "completedTime": "2026-11-29T20:08:00Z", "jobProgress": {"percent": 100, "epoch": 1},
    }  # fmt: skip
    fireworks.metrics[short] = [
        *(
            json.dumps({"timestamp": 1795982400.5 + n, "step": n, "data": {"train/loss": 2.0 - n / 10}})
            for n in range(1, 6)
        ),
        "not json", json.dumps({"timestamp": 1795982406, "step": 5, "eval/loss": 1.75}),
    ]  # fmt: skip


def test_a_watched_job_is_kept_whole_and_each_event_once(
    services: Services, provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    job = provider.create_job(REQUEST)
    store = services.store
    store.save_job(job)
    assert [one.message for one in fetch_job(store, provider, job).new_events] == [
        "Fireworks estimates 3.25 USD", "Creating",
    ]  # fmt: skip
    running_job = fireworks.jobs[f"{ACCOUNT}/supervisedFineTuningJobs/{job.id}"]
    running_job |= {"state": "JOB_STATE_RUNNING", "jobProgress": {"percent": 40, "epoch": None}}
    assert [one.message for one in fetch_job(store, provider, job).new_events] == ["Running", "40 %, epoch 0"]
    assert fetch_job(store, provider, job).new_events == []
    finish(fireworks, job.id)
    ended = fetch_job(store, provider, job).job
    assert (ended.state, ended.fine_tuned_model) == (JobState.SUCCEEDED, f"{ACCOUNT}/models/{job.id}")
    metrics = store.metrics("fireworks", job.id)
    assert sorted(metrics) == [1, 2, 3, 4, 5]
    assert metrics[5] == {"train_loss": 1.5, "valid_loss": 1.75}
    assert "signed=1" not in json.dumps(dict(ended.raw))


def test_a_metrics_file_that_can_not_be_had_now_is_asked_for_again(
    services: Services, provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    job = provider.create_job(REQUEST)
    services.store.save_job(job)
    finish(fireworks, job.id)
    fireworks.faults["GET", f"/metrics/{job.id}"].append(refuse_with(503, {}))
    with pytest.raises(ProviderError, match="storage answered 503") as caught:
        fetch_job(services.store, provider, job)
    assert caught.value.retryable
    fireworks.faults["GET", f"/metrics/{job.id}"].append(refuse_with(403, {}))
    assert fetch_job(services.store, provider, job).job.state is JobState.SUCCEEDED


def test_lists_go_through_all_pages_of_both_routes(
    provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    fireworks.page_size = 2
    for number in range(5):
        fireworks.add_job(name=f"{ACCOUNT}/supervisedFineTuningJobs/j{number}")
    fireworks.add_job(name=f"{ACCOUNT}/dpoJobs/d", createTime="2026-11-29T21:00:00Z")
    assert [job.id for job in provider.list_jobs()] == ["dpoJobs/d", "j4", "j3", "j2", "j1", "j0"]
    assert len(provider.list_jobs(limit=3)) == 3
    fireworks.faults["GET", DPO].append(refuse_with(404, {}))
    assert len(provider.list_jobs()) == 5
    assert provider.list_jobs(metadata={RUN_ID_KEY: RUN}) == []


def test_a_paused_job_can_be_resumed_though_none_can_be_paused(
    services: Services, provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    job = provider.create_job(REQUEST)
    with pytest.raises(TunedeckError, match="can't be paused") as caught:
        control_job(services, job, Control.PAUSE)
    assert "pauses jobs by itself only" in caught.value.remedy
    fireworks.jobs[f"{ACCOUNT}/supervisedFineTuningJobs/{job.id}"]["state"] = "JOB_STATE_PAUSED"
    paused = provider.retrieve_job(job.id)
    assert control_job(services, paused, Control.RESUME).state is JobState.QUEUED
    assert not provider.can(Capability.CHECKPOINTS)


def test_a_question_waits_as_long_as_the_service_asks_and_no_error_shows_the_key(
    provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    job = provider.create_job(REQUEST)
    path = f"{SFT}/{job.id}"
    fireworks.faults["GET", path] = [refuse_with(429, {"message": "slow"}, retry_after="0.01")]
    assert provider.retrieve_job(job.id).id == job.id
    fireworks.faults["GET", path] = [refuse_with(401, {"code": 16, "message": f"bad key {KEY}"})]
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_job(job.id)
    assert KEY not in f"{caught.value} {caught.value.remedy}"
    assert "bad key" in str(caught.value)


def test_models_are_the_public_ones_and_the_accounts_own(
    provider: FireworksProvider, fireworks: FakeFireworks
) -> None:
    fireworks.models = [
        {"name": MODEL, "createTime": "2026-01-01T00:00:00Z", "tunable": True},
        {"name": f"{ACCOUNT}/models/m", "createTime": "2026-02-01T00:00:00Z",
         "peftDetails": {"baseModel": MODEL}},
    ]  # fmt: skip
    tuned, base = provider.list_models()
    assert (tuned.id, tuned.base_model, tuned.can_train) == (f"{ACCOUNT}/models/m", MODEL, False)
    assert (base.id, base.owned_by, base.can_train) == (MODEL, "fireworks", True)
    provider.delete_model(tuned.id)
    assert [one.id for one in provider.list_models()] == [MODEL]


def test_the_doctor_tells_what_works(services: Services, fireworks: FakeFireworks) -> None:
    lines = {line.what: line for line in check_account(services, "fireworks")}
    assert {line.level for line in lines.values()} == {"ok"}
    assert "takes supervised, dpo jobs" in lines["training"].text


def test_chats_go_to_the_inference_route(provider: FireworksProvider, fireworks: FakeFireworks) -> None:
    fireworks.chat_chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": "Hello"}}]}]
    question = ChatRequest("accounts/me/models/m", (ChatMessage("user", "Hi"),), ChatParameters(max_tokens=9))
    assert "".join(delta.text for delta in provider.stream_chat(question)) == "Hello"
    assert fireworks.requests[-1] == ("POST", "/inference/v1/chat/completions")


def test_launch_watch_and_finish_on_the_command_line(
    cli: Callable[..., CliResult], fireworks: FakeFireworks, dataset: Path
) -> None:
    launched = cli("launch", str(dataset), "--model", MODEL, "--account", "fireworks", "--split", "25%",
                   "--set", "learning_rate=2e-5", "--yes", "--any-price", "--json")  # fmt: skip
    assert launched.code == 0, launched.stderr
    job_id = launched.json()["id"]
    assert "tokens × 1 epoch;" in launched.stderr
    assert (fireworks.bodies[-1]["learningRate"], fireworks.bodies[-1]["epochs"]) == (2e-5, 1)
    finish(fireworks, job_id)
    watched = cli("watch", job_id, "--account", "fireworks")
    assert watched.code == 0, watched.stderr
    assert "valid_loss 1.75" in watched.stdout
    told = json.loads(cli("jobs", job_id, "--account", "fireworks", "--json").stdout)
    assert (told["state"], told["raw_status"]) == ("succeeded", "JOB_STATE_COMPLETED")
    events = cli("events", job_id, "--account", "fireworks", "--json")
    assert events.stdout.count("metrics-") == 6
    assert KEY not in launched.stderr + watched.stdout + events.stdout
