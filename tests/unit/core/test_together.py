from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import CliResult
from tests.unit.core.fake_service import (
    accept_and_drop,
    drop,
    half_an_answer,
    html,
    refuse_with,
    running,
    stall,
)
from tests.unit.core.fake_together import FakeTogether
from tui.errors import TunedeckError
from tui.jobs.account_check import check_account
from tui.jobs.archive import archive_job
from tui.jobs.fetch import fetch_job
from tui.jobs.launch import LaunchUncertain, launch
from tui.jobs.plan import LaunchPlan
from tui.jobs.preflight import estimate_plan, preflight
from tui.jobs.token_preview import marked_text, shown_text
from tui.jobs.told_price import ask_price
from tui.money.estimate import Estimate
from tui.providers import openai_shape
from tui.providers.account_settings import DeclaredAccount, declare_account
from tui.providers.metric_rows import unix_seconds
from tui.providers.profiles import profile
from tui.providers.protocol import Limit, ProviderError
from tui.providers.together import answers
from tui.providers.together.adapter import TogetherProvider
from tui.providers.together.preview import preview_from
from tui.providers.together.request import job_body, run_mark
from tui.records.chats import ChatMessage, ChatParameters, ChatRequest
from tui.records.jobs import Job, JobState, Method
from tui.records.models import Capability
from tui.records.requests import RUN_ID_KEY, JobRequest
from tui.services import Services

KEY = "tgp_v1_very-secret-0123456789"
MODEL = "Qwen/Qwen3-8B"
CREATE = "/v1/fine-tunes"
REQUEST = JobRequest(MODEL, "file-1")


@pytest.fixture
def together(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTogether]:
    with running(FakeTogether()) as fake:
        assert isinstance(fake, FakeTogether)
        monkeypatch.setenv("TOGETHER_API_KEY", KEY)
        monkeypatch.setenv("OPENAI_API_KEY", "")
        monkeypatch.setattr(TogetherProvider, "sleep", staticmethod(lambda seconds: None))
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        declare_account(DeclaredAccount("together", "together", fake.url, "TOGETHER_API_KEY"))
        yield fake


@pytest.fixture
def services(together: FakeTogether) -> Iterator[Services]:
    with Services.open() as opened:
        yield opened


@pytest.fixture
def provider(services: Services) -> TogetherProvider:
    found = services.provider("together")
    assert isinstance(found, TogetherProvider)
    return found


def launch_now(plan: LaunchPlan, services: Services, price: Estimate | None = None) -> Job:
    confirmed = price or estimate_plan(plan, services)
    return launch(plan, services, confirmed_price=confirmed, search_delays=(0.0,))


def a_plan(dataset: Path, **fields: Any) -> LaunchPlan:
    return LaunchPlan("together", MODEL, dataset, **fields)


def test_a_file_goes_to_the_address_that_was_named_and_is_checked_there(
    provider: TogetherProvider, together: FakeTogether, tmp_path: Path
) -> None:
    path = tmp_path / "data"
    content = b'{"text": "x"}\n' * 200_000
    path.write_bytes(content)
    together.storage_redirects = 1
    seen: list[tuple[int, int]] = []
    remote = provider.upload_file(path, on_progress=lambda *one: seen.append(one))
    assert together.contents[remote.id] == content
    assert (remote.filename, remote.status, remote.bytes) == ("data.jsonl", "processed", len(content))
    assert seen[-1] == (len(content), len(content))
    stored = [headers for (method, _), headers in zip(together.requests, together.headers_seen, strict=True)
              if method == "PUT"]  # fmt: skip
    assert len(stored) == 2
    assert all("authorization" not in headers for headers in stored)
    assert provider.file_content(remote.id) == content
    assert [one.id for one in provider.list_files("fine-tune")] == [remote.id]
    assert provider.list_files("eval") == []
    assert provider.upload_file(path).id == remote.id
    assert together.count("PUT", f"/storage/{remote.id}") == 2


def test_a_file_that_together_refuses_is_told_in_its_words(
    provider: TogetherProvider, together: FakeTogether, dataset: Path
) -> None:
    together.check_stages, together.check_error = ["RUNNING", "INVALID_FORMAT"], "line 3: no messages."
    with pytest.raises(ProviderError, match="check refused the file: line 3: no messages") as caught:
        provider.upload_file(dataset)
    assert "no job was created" in caught.value.remedy
    assert provider.list_files()[0].status == "error"


@pytest.mark.parametrize("fault", [drop, refuse_with(503, {})], ids=["dropped", "503"])
def test_storage_that_fails_once_is_asked_again(
    provider: TogetherProvider, together: FakeTogether, dataset: Path, fault: Any
) -> None:
    together.faults["PUT", "/storage/file-1"].append(fault)
    assert together.contents[provider.upload_file(dataset).id] == dataset.read_bytes()


def test_storage_that_refuses_ends_the_upload(
    provider: TogetherProvider, together: FakeTogether, dataset: Path
) -> None:
    together.faults["PUT", "/storage/file-1"].append(refuse_with(403, {}))
    with pytest.raises(ProviderError, match="storage refused the file with 403"):
        provider.upload_file(dataset)
    assert together.count("PUT", "/storage/file-1") == 1


def test_a_plan_becomes_one_job_that_is_held_to_limits_and_price_first(
    services: Services, together: FakeTogether, dataset: Path
) -> None:
    plan = a_plan(
        dataset, seed=7, suffix="sums", hyperparameters={"n_epochs": 2, "lora_r": 32}, split_share=0.2
    )
    job = launch_now(plan, services)
    question, body = together.bodies
    assert question["n_epochs"] == 2
    assert (job.state, job.raw_status, job.suffix) == (JobState.PREPARING, "pending", "sums")
    assert job.metadata[RUN_ID_KEY] == plan.run_id
    assert body.pop("suffix") == f"sums-td{plan.run_id[:12]}"
    assert body == {
        "model": MODEL, "training_file": "file-1", "validation_file": "file-2", "n_epochs": 2, "n_evals": 2,
        "n_checkpoints": 1, "batch_size": "max", "learning_rate": 1e-5, "random_seed": 7,
        "training_method": {"method": "sft", "train_on_inputs": "auto"},
        "training_type": {"type": "Lora", "lora_r": 32, "lora_alpha": 64},
    }  # fmt: skip
    assert launch_now(plan, services).id == job.id
    assert together.count("POST", CREATE) == 1


def test_a_job_whose_creation_got_no_answer_is_found_by_the_mark_in_its_suffix(
    services: Services, together: FakeTogether, dataset: Path
) -> None:
    together.faults["POST", CREATE].append(accept_and_drop)
    together.add_job(suffix="other-td000000000000")
    plan = a_plan(dataset)
    job = launch_now(plan, services)
    assert job.id == "ft-0002"
    assert together.count("POST", CREATE) == 1
    launch_of = services.store.launch_of_job("together", job.id)
    assert launch_of is not None
    assert launch_of.run_id == plan.run_id
    assert len(f"{'x' * 25}-{run_mark(plan.run_id)}") <= 40
    assert profile("together").suffix_fits("x" * 25)
    assert not profile("together").suffix_fits("x" * 26)


def test_a_creation_that_was_lost_on_the_way_is_never_sent_again(
    services: Services, together: FakeTogether, dataset: Path
) -> None:
    together.faults["POST", CREATE].append(drop)
    with pytest.raises(LaunchUncertain):
        launch_now(a_plan(dataset), services)
    assert together.count("POST", CREATE) == 1


@pytest.mark.parametrize("fault", [drop, half_an_answer, html(502)], ids=["dropped", "half", "web page"])
def test_a_question_before_the_creation_that_fails_leaves_nothing_to_look_for(
    services: Services, together: FakeTogether, dataset: Path, fault: Any
) -> None:
    together.faults["POST", f"{CREATE}/estimate-price"].append(fault)
    with pytest.raises(ProviderError):
        launch_now(a_plan(dataset), services)
    assert together.count("POST", CREATE) == 0
    assert services.store.open_launches() == []
    launch_now(a_plan(dataset), services)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"learning_rate": 0.1},
            "learning_rate = 0.1 is outside what it takes for this model: 1e-07 to 0.001",
        ),
        ({"lora_r": 128}, "lora_r = 128 is outside what it takes for this model: 1 to 64"),
        ({"batch_size": 4}, "batch_size = 4 is outside what it takes for this model: 8 to 96"),
        ({"full_training": True}, "can't be trained in full, only with LoRA"),
    ],
)
def test_what_the_model_does_not_take_is_told_before_anything_is_created(
    provider: TogetherProvider, together: FakeTogether, settings: dict[str, Any], words: str
) -> None:
    with pytest.raises(ProviderError, match=words):
        provider.create_job(replace(REQUEST, hyperparameters=settings))
    assert together.count("POST", CREATE) == 0


def test_a_model_that_can_not_be_trained_is_told_before_anything_is_created(
    provider: TogetherProvider, together: FakeTogether
) -> None:
    with pytest.raises(ProviderError, match="not supported for fine-tuning"):
        provider.create_job(replace(REQUEST, model="somebody/else"))
    assert together.count("POST", CREATE) == 0


def test_a_price_above_the_confirmed_one_creates_nothing(
    provider: TogetherProvider, together: FakeTogether
) -> None:
    with pytest.raises(ProviderError, match=r"estimates \$4.00, more than the \$3.00") as caught:
        provider.create_job(replace(REQUEST, price_limit=Decimal(3)))
    assert caught.value.limit is Limit.MONEY
    assert together.count("POST", CREATE) == 0
    assert provider.create_job(replace(REQUEST, price_limit=Decimal("3.90"))).id


@pytest.mark.parametrize("answer", [True, False])
def test_a_price_that_only_the_service_knows_is_confirmed_before_the_creation(
    services: Services, together: FakeTogether, dataset: Path, answer: bool
) -> None:
    plan, asked = a_plan(dataset), []
    estimate = estimate_plan(plan, services)
    assert estimate.total is None

    def confirm(dollars: Decimal | None) -> bool:
        asked.append(dollars)
        together.price["estimated_total_price"] = 4.2
        return answer

    if answer:
        assert launch(plan, services, confirmed_price=estimate, on_told_price=confirm).id
    else:
        with pytest.raises(TunedeckError, match="nothing was created"):
            launch(plan, services, confirmed_price=estimate, on_told_price=confirm)
    assert asked == [Decimal("4.0")]
    assert together.count("POST", CREATE) == int(answer)


def test_a_price_that_rose_between_its_confirmation_and_the_creation_creates_nothing(
    services: Services, together: FakeTogether, dataset: Path
) -> None:
    def confirm(dollars: Decimal | None) -> bool:
        assert dollars is not None
        together.price["estimated_total_price"] = float(dollars) * 2
        return True

    plan = a_plan(dataset)
    with pytest.raises(ProviderError, match=r"estimates \$8.00, more than the \$4.00"):
        launch(plan, services, confirmed_price=estimate_plan(plan, services), on_told_price=confirm)
    assert together.count("POST", CREATE) == 0


def test_a_service_that_tells_no_price_any_more_is_asked_about_before_the_creation(
    services: Services, together: FakeTogether, dataset: Path
) -> None:
    together.price = {"estimation_available": False, "unavailable_reason": "multimodal_dataset"}
    plan, asked = a_plan(dataset), []

    def refuse(dollars: Decimal | None) -> bool:
        asked.append(dollars)
        return False

    with pytest.raises(TunedeckError, match="nothing was created"):
        launch(plan, services, confirmed_price=estimate_plan(plan, services), on_told_price=refuse)
    assert asked == [None]
    assert together.count("POST", CREATE) == 0


def test_an_account_without_credit_creates_nothing_and_an_unknown_price_does_not_hinder(
    provider: TogetherProvider, together: FakeTogether
) -> None:
    together.price |= {"allowed_to_proceed": False, "user_limit": 1}
    with pytest.raises(ProviderError, match=r"estimates \$4.0, and the account's limit is \$1") as caught:
        provider.create_job(REQUEST)
    assert caught.value.limit is Limit.MONEY
    together.price = {"estimation_available": False, "unavailable_reason": "multimodal_dataset"}
    assert provider.create_job(replace(REQUEST, price_limit=Decimal(0))).id


def test_a_model_that_a_job_made_is_gone_on_from(provider: TogetherProvider, together: FakeTogether) -> None:
    together.add_job(status="completed", model_output_name="me/m")
    provider.create_job(replace(REQUEST, model="me/m"))
    question, body = together.bodies
    assert question["from_checkpoint"] == body["from_checkpoint"] == "me/m"
    assert "model" not in body
    assert together.queries[-3] == {"model_name": MODEL}


def test_a_preference_job_carries_its_settings_under_their_names() -> None:
    chosen: dict[str, float | str] = {
        "beta": 0.2,
        "rpo_alpha": 1.0,
        "from_checkpoint": "ft-1:40",
        "lora_dropout": 0.1,
    }
    body = job_body(JobRequest(MODEL, "f", Method.DPO, hyperparameters=chosen), {})
    assert body["training_method"] == {"method": "dpo", "dpo_beta": 0.2, "rpo_alpha": 1.0}
    assert body["training_type"] == {"type": "Lora", "lora_r": 8, "lora_alpha": 16, "lora_dropout": 0.1}
    assert body["from_checkpoint"] == "ft-1:40"
    assert "model" not in body
    assert "beta" not in body


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("pending", JobState.PREPARING), ("queued", JobState.QUEUED), ("running", JobState.RUNNING),
        ("compressing", JobState.FINISHING), ("uploading", JobState.FINISHING),
        ("cancel_requested", JobState.STOPPING), ("cancelled", JobState.CANCELLED),
        ("error", JobState.FAILED), ("user_error", JobState.FAILED), ("completed", JobState.SUCCEEDED),
        ("dreaming", JobState.OTHER), (None, JobState.OTHER),
    ],
)  # fmt: skip
def test_every_word_for_a_state_is_ours_and_stays_beside_it(word: str | None, state: JobState) -> None:
    job = answers.job_from({"id": "ft-1", "status": word, "model_output_name": "me/m"}, "together")
    assert (job.state, job.raw_status) == (state, word or "unknown")
    assert job.fine_tuned_model == ("me/m" if state is JobState.SUCCEEDED else None)


def test_a_failed_job_says_why_in_the_words_of_its_events() -> None:
    events = [
        {"type": "job_error", "message": "loss is NaN"},
        {"type": "refund", "message": "refunded"},
        None,
    ]
    job = answers.job_from({"id": "ft-1", "status": "error", "events": events}, "together")
    assert job.error is not None
    assert job.error.message == "loss is NaN"


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from((
    "id", "status", "step", "created_at", "updated_at", "message", "type", "level", "total_steps", "progress",
    "events", "training_type", "training_method", "train/loss", "train/global_step", "processing_status",
))  # fmt: skip


@given(st.lists(st.dictionaries(FIELDS, JSON_VALUES, max_size=8), max_size=4))
def test_no_answer_however_broken_raises(rows: list[dict[str, Any]]) -> None:
    events = answers.events_from(rows, "ft-1")
    answers.metric_events(rows, events, "ft-1")
    answers.checkpoints_from(rows, "ft-1")
    for raw in rows:
        answers.job_from(raw, "together")
        answers.file_from(raw)


def train(together: FakeTogether, job_id: str, steps: int) -> None:
    """Let a job run so far as a service would show it."""

    def event(kind: str, minute: int, **more: Any) -> dict[str, Any]:
        return {"object": "fine-tune-event", "created_at": f"2026-11-29T20:{minute:02d}:00Z",
                "message": kind.replace("_", " "), "type": kind, "level": "legacy_info", "step": 0,
                "total_steps": None, "token_count": 0, **more}  # fmt: skip

    together.jobs[job_id] |= {
        "status": "running", "progress": {"estimate_available": True, "seconds_remaining": 60},
    }  # fmt: skip
    together.events[job_id] = [event("job_start", 1), event("training_start", 2, total_steps=20)]
    if steps >= 10:
        together.events[job_id].append(event("checkpoint_save", 3, step=10))
    together.metrics[job_id] = [
        {"train/loss": 2.0 - 0.05 * step, "train/learning_rate": 1e-5, "train/global_step": step}
        for step in range(1, steps + 1)
    ]
    if steps >= 10:
        together.metrics[job_id].append({"eval/loss": 1.7, "eval/global_step": 10})


def finish(together: FakeTogether, job_id: str) -> None:
    train(together, job_id, 20)
    together.jobs[job_id] |= {
        "status": "completed",
        "updated_at": "2026-11-29T20:09:00Z",
        "token_count": 4242,
    }
    together.checkpoints[job_id] = [
        {"step": 10, "created_at": "2026-11-29T20:03:00Z", "path": "s3://x"},
        {"step": 20, "checkpoint": "adapter", "object_name": "me/m-adapter"},
        {"step": 20, "checkpoint": "model", "object_name": "me/m"},
    ]  # fmt: skip


def test_a_watched_job_is_kept_whole_and_each_event_once(
    services: Services, provider: TogetherProvider, together: FakeTogether
) -> None:
    job = provider.create_job(REQUEST)
    store = services.store
    store.save_job(job)
    assert len(fetch_job(store, provider, job).new_events) == 0
    train(together, job.id, 9)
    looked = fetch_job(store, provider, job)
    assert looked.job.estimated_finish == unix_seconds("2026-11-29T20:06:00Z")
    assert len(looked.new_events) == 2 + 9
    assert fetch_job(store, provider, job).new_events == []
    finish(together, job.id)
    ended = fetch_job(store, provider, job)
    assert ended.job.state is JobState.SUCCEEDED
    assert (ended.job.trained_tokens, ended.job.fine_tuned_model) == (
        4242,
        together.jobs[job.id]["model_output_name"],
    )
    metrics = store.metrics("together", job.id)
    assert sorted(metrics) == list(range(1, 21))
    assert metrics[10] == {"train_loss": 1.5, "train_learning_rate": 1e-5, "valid_loss": 1.7}
    assert [(one.id, one.model) for one in store.checkpoints("together", job.id)] == [
        (f"{job.id}:20", "me/m"), (f"{job.id}:10", ""),
    ]  # fmt: skip
    kinds = [event.type for event in store.events("together", job.id)]
    assert kinds.count("metrics") == 21
    assert kinds[:2] == ["job_start", "training_start"]
    assert kinds.index("checkpoint_save") > kinds.index("metrics")


def test_only_newer_measurements_are_asked_for(provider: TogetherProvider, together: FakeTogether) -> None:
    job = provider.create_job(REQUEST)
    together.metrics[job.id] = [{"train/loss": 1.0, "train/global_step": step} for step in range(1, 201)]
    last = provider.list_events(job.id)[-1]
    assert len(provider.list_events(job.id, known_id=last.id)) == 51
    assert together.queries[-1] == {"global_step_from": "150"}


def test_cancelling_is_asked_for_once_and_what_can_not_be_done_is_said(
    provider: TogetherProvider, together: FakeTogether
) -> None:
    job = provider.create_job(REQUEST)
    path = f"{CREATE}/{job.id}/cancel"
    together.faults["POST", path].append(refuse_with(503, {"error": {"message": "busy"}}))
    with pytest.raises(ProviderError, match="busy"):
        provider.cancel_job(job.id)
    assert together.count("POST", path) == 1
    assert provider.cancel_job(job.id).state is JobState.STOPPING
    assert "no way to pause" in provider.can(Capability.PAUSE).reason
    for forbidden in (provider.pause_job, provider.resume_job, provider.delete_model):
        with pytest.raises(ProviderError):
            forbidden(job.id)


def test_a_question_waits_as_long_as_the_service_asks_and_no_error_shows_the_key(
    provider: TogetherProvider, together: FakeTogether
) -> None:
    job = provider.create_job(REQUEST)
    path = f"{CREATE}/{job.id}"
    together.faults["GET", path] = [refuse_with(429, {"error": {"message": "slow"}}, retry_after="0.01")]
    assert provider.retrieve_job(job.id).id == job.id
    together.faults["GET", path] = [refuse_with(401, {"error": {"message": f"bad key {KEY}"}})]
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_job(job.id)
    assert KEY not in f"{caught.value} {caught.value.remedy}"
    assert "[key hidden]" in str(caught.value)


def test_a_service_that_hangs_is_given_up(
    provider: TogetherProvider, together: FakeTogether, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = provider.create_job(REQUEST)
    monkeypatch.setattr(openai_shape, "_QUESTION_SECONDS", 0.2)
    release = threading.Event()
    together.faults["GET", f"{CREATE}/{job.id}"] = [stall(release)] * 3
    with pytest.raises(ProviderError, match="did not answer in time"):
        provider.retrieve_job(job.id)
    release.set()


def test_models_come_from_a_bare_list_and_from_the_jobs_that_made_them(
    provider: TogetherProvider, together: FakeTogether
) -> None:
    together.models = [
        {"id": MODEL, "type": "chat", "created": 5, "organization": "Qwen"},
        {"id": "black-forest/flux", "type": "image", "created": 6},
        {"id": None},
    ]
    together.add_job(status="completed", model_output_name="me/m")
    tuned, base = provider.list_models()
    assert (tuned.id, tuned.base_model, tuned.can_train) == ("me/m", MODEL, False)
    assert (base.id, base.owned_by, base.can_train) == (MODEL, "Qwen", True)


def test_the_doctor_tells_what_works(services: Services, together: FakeTogether) -> None:
    lines = {line.what: line for line in check_account(services, "together")}
    assert {line.level for line in lines.values()} == {"ok"}
    assert "takes supervised, dpo jobs" in lines["training"].text
    assert "dedicated endpoint" in lines["training"].remedy


def test_a_learning_rate_is_absolute_and_a_factor_is_not_carried_over(
    services: Services, together: FakeTogether, dataset: Path
) -> None:
    plan = a_plan(dataset, hyperparameters={"learning_rate_multiplier": 2.0})
    stops = [line for line in preflight(plan, services) if line.level == "stop"]
    assert "takes learning_rate, another kind of number" in stops[0].remedy
    assert together.requests == []


def test_chats_go_in_the_other_shape(provider: TogetherProvider, together: FakeTogether) -> None:
    together.chat_chunks = [{"id": "c", "choices": [{"index": 0, "delta": {"content": "Hello"}}]}]
    question = ChatRequest("me/m", (ChatMessage("user", "Hi"),), ChatParameters(max_tokens=9))
    assert "".join(delta.text for delta in provider.stream_chat(question)) == "Hello"
    assert together.bodies[-1]["max_tokens"] == 9


def an_ended_job(services: Services, together: FakeTogether) -> Job:
    provider = services.provider("together")
    job = provider.create_job(REQUEST)
    finish(together, job.id)
    services.store.save_job(job)
    return fetch_job(services.store, provider, job).job


@pytest.mark.parametrize("knows_ranges", [True, False])
def test_a_copy_of_a_job_holds_its_adapter_however_often_the_download_breaks_off(
    services: Services, together: FakeTogether, knows_ranges: bool
) -> None:
    job = an_ended_job(services, together)
    together.knows_ranges, together.download_breaks = knows_ranges, [1_500_000, 1_000_000, 0]
    result = archive_job(services, job)
    assert (result.folder / "adapter" / "weights.tar.zst").read_bytes() == together.adapter
    kept = next(file for file in result.files if file.name == "adapter/weights.tar.zst")
    assert kept.sha256 == hashlib.sha256(together.adapter).hexdigest()
    assert "`tar --zstd -xf` unpacks" in (result.folder / "README.txt").read_text("utf-8")
    asked = together.count("GET", "/v1/finetune/download")
    archive_job(services, job)
    assert together.count("GET", "/v1/finetune/download") == asked
    assert not list(result.folder.glob("**/*.part"))


def test_a_download_that_was_left_goes_on_and_a_wrong_part_is_thrown_away(
    provider: TogetherProvider, services: Services, together: FakeTogether, tmp_path: Path
) -> None:
    job = an_ended_job(services, together)
    together.download_breaks = [2_000_000, *[0] * 5]
    with pytest.raises(ProviderError, match="broke off") as caught:
        provider.fetch_weights(job, tmp_path)
    assert caught.value.retryable
    assert (tmp_path / "weights.part").stat().st_size > 1_900_000
    seen: list[tuple[int, int]] = []
    path = provider.fetch_weights(job, tmp_path, lambda *one: seen.append(one))
    assert path.read_bytes() == together.adapter
    assert seen[0][0] > 1_900_000
    assert seen[-1] == (len(together.adapter), len(together.adapter))
    (tmp_path / "weights.part").write_bytes(b"x" * 6_000_000)
    assert provider.fetch_weights(job, tmp_path).read_bytes() == together.adapter


def test_weights_that_are_not_given_out_are_told_as_missing(
    services: Services, together: FakeTogether
) -> None:
    job = an_ended_job(services, together)
    together.jobs[job.id]["status"] = "running"
    missing = dict(archive_job(services, job).missing)
    assert "not downloadable" in missing["weights"]
    full = replace(job, id="ft-full", hyperparameters={"type": "Full"})
    assert "as large as the model" in dict(archive_job(services, full).missing)["weights"]


def test_launch_watch_and_finish_on_the_command_line(
    cli: Callable[..., CliResult], together: FakeTogether, dataset: Path
) -> None:
    together.check_stages = ["COMPLETED"] * 2
    launched = cli("launch", str(dataset), "--model", MODEL, "--account", "together", "--split", "25%",
                   "--set", "learning_rate=2e-5", "--yes", "--any-price", "--json")  # fmt: skip
    assert launched.code == 0, launched.stderr
    assert "together itself estimates $4.00" in launched.stderr
    job_id = launched.json()["id"]
    assert "tokens × 1 epoch;" in launched.stderr
    assert (together.bodies[-1]["learning_rate"], together.bodies[-1]["n_epochs"]) == (2e-5, 1)
    finish(together, job_id)
    watched = cli("watch", job_id, "--account", "together")
    assert watched.code == 0, watched.stderr
    assert "valid_loss 1.7" in watched.stdout
    told = json.loads(cli("jobs", job_id, "--account", "together", "--json").stdout)
    assert (told["state"], told["raw_status"]) == ("succeeded", "completed")
    events = cli("events", job_id, "--account", "together", "--json")
    assert events.stdout.count("metrics-") == 21
    models = cli("models", "--account", "together", "--tuned", "--json").json()
    tuned = next(one for one in models if one["kind"] == "tuned")
    assert (tuned["parent"], tuned["job_id"], tuned["is_listed"]) == (MODEL, job_id, True)
    assert KEY not in launched.stderr + watched.stdout + events.stdout


def test_together_shows_how_it_reads_rows_once_the_file_is_there(
    cli: Callable[..., CliResult], services: Services, together: FakeTogether, dataset: Path
) -> None:
    asked = ("preview", str(dataset), "--account", "together", "--model", MODEL, "--rows", "2")
    told = cli(*asked)
    assert told.code == 2
    assert "no terminal to ask on" in told.stderr
    assert together.contents == {}
    shown = cli(*asked, "--yes")
    assert shown.code == 0, shown.stderr
    assert (
        f"{MODEL}, read as conversation, at most 32,768 tokens a row, trains on answers only" in shown.stdout
    )
    assert "Row 2: 9 tokens, 3 trained on" in shown.stdout
    assert "How much is 1 and one?⟦ It is 2.⟧" in shown.stdout
    value = cli(*asked, "--json").json()
    assert value["rows"][0]["trained_spans"] == [[6, 9]]
    assert together.count("PUT", "/storage/file-1") == 1
    launch_now(a_plan(dataset), services)
    assert together.count("PUT", "/storage/file-1") == 1


def test_a_preview_is_refused_in_words(
    cli: Callable[..., CliResult], services: Services, together: FakeTogether, dataset: Path
) -> None:
    refused = cli("preview", str(dataset), "--account", "together", "--model", "nobody/x", "--yes")
    assert refused.code == 2
    assert "can't be previewed" in refused.stderr
    none = cli("preview", str(dataset), "--account", "local", "--model", "smollm2-135m-instruct", "--yes")
    assert none.code == 2
    assert "shows nobody how it reads a file" in none.stderr


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-3, 9) | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["rows", "tokens", "trained_spans", "labels", "num_tokens", "model"]), inner
            )
        ),
    )
)
def test_a_preview_of_any_shape_is_read(answer: Any) -> None:
    found = preview_from(answer if isinstance(answer, dict) else {"rows": answer})
    for row in found.rows:
        assert sum(len(text) for text, _ in shown_text(row)) == sum(len(token) for token in row.tokens)
        assert all(start < end for start, end in row.trained)


def test_spans_are_read_from_the_labels_where_they_are_not_told() -> None:
    (row,) = preview_from({"rows": [{"tokens": list("abcd"), "labels": [-100, 5, 6, -100]}]}).rows
    assert (row.trained, row.trained_count, row.count) == (((1, 3),), 2, 4)
    assert marked_text(row) == "a⟦bc⟧d"


def test_together_is_asked_for_its_price_as_soon_as_the_files_are_there(
    cli: Callable[..., CliResult], services: Services, together: FakeTogether, dataset: Path
) -> None:
    plan = a_plan(dataset)
    before = ask_price(plan, services)
    assert before.dollars is None
    assert before.line is not None
    assert "once the files are there" in before.line.text
    launch_now(plan, services)
    again = a_plan(dataset, seed=3)
    told = ask_price(again, services)
    assert told.dollars == Decimal("4.0")
    assert told.line is not None
    assert "itself estimates $4.00" in told.line.text
    asked = ("launch", str(dataset), "--account", "together", "--model", MODEL, "--dry-run", "--seed", "4")
    assert "itself estimates $4.00" in cli(*asked).stdout
    unasked = (*asked[:-3], "--yes")
    assert cli(*unasked, "--seed", "5").code == 0  # the price that it told is one to confirm
    held: list[bool] = []

    def dearer(_handler: object) -> bool:
        # The first estimate is the one that is shown, the next the one before the creation.
        together.price["estimated_total_price"] = 4.0 if not held else 9.0
        held.append(True)
        return False

    together.faults["POST", f"{CREATE}/estimate-price"] += [dearer, dearer]
    jobs = len(together.jobs)
    assert cli(*unasked, "--seed", "6").code == 130
    assert len(together.jobs) == jobs
    shown = dict(together.price)

    def silent(_handler: object) -> bool:
        if len(held) > 2:
            together.price |= {"estimation_available": False}
        held.append(True)
        return False

    together.price = {**shown, "estimated_total_price": 4.0}
    together.faults["POST", f"{CREATE}/estimate-price"] += [silent, silent]
    refused_silence = cli(*unasked, "--seed", "7")
    assert refused_silence.code == 130
    assert "tells no price any more" in refused_silence.stderr
    assert len(together.jobs) == jobs
    together.price = shown
    together.price["allowed_to_proceed"] = False
    refused = ask_price(again, services).line
    assert refused is not None
    assert refused.level == "stop"
    assert cli(*asked).code == 1
    together.faults["GET", "/v1/fine-tunes/models/limits"] = [drop] * 9
    lost = ask_price(again, services).line
    assert lost is not None
    assert lost.level == "warn"
