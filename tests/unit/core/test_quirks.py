from __future__ import annotations

import base64
import json
import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import (
    FakeService,
    drop,
    half_an_answer,
    html,
    refuse,
    refuse_with,
    stall,
)
from tui.jobs.account_check import check_account
from tui.jobs.fetch import fetch_job
from tui.jobs.inventory import chats_only
from tui.providers import openai_shape, paging
from tui.providers.failures import LOST_ANSWER, NO_FINE_TUNING, TRAINING_REFUSED
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.providers.profiles import profile
from tui.providers.protocol import Limit, ProviderError
from tui.providers.remedies import BY_CODE, remedy_for
from tui.providers.web_page import web_page_title
from tui.records.chats import ChatMessage, ChatRequest
from tui.records.jobs import JobState
from tui.records.models import Capability
from tui.records.requests import JobRequest
from tui.services import Services

JOBS = "/v1/fine_tuning/jobs"
MODEL = "gpt-4.1-mini-2025-04-14"


def refused(provider: OpenAIShapeProvider, service: FakeService, fault: Any) -> ProviderError:
    service.faults["POST", JOBS].append(fault)
    with pytest.raises(ProviderError) as caught:
        provider.create_job(JobRequest(MODEL, "f"))
    assert service.count("POST", JOBS) == 1
    return caught.value


def test_a_refusal_to_train_names_the_dates_and_who_else_can(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    words = (
        "OpenAI is winding down the fine-tuning platform and your organization is no longer able to create"
    )
    error = refused(provider, service, refuse(403, words, TRAINING_REFUSED))
    for part in ("2026-05-07", "2026-07-02", "2027-01-06", "2027-01-14", "local engine", "Azure", "Nebius"):
        assert part in error.remedy
    assert "Bedrock" not in error.remedy
    assert "tunedeck launch FILE" in error.remedy
    assert not error.retryable
    assert "local engine" in provider.can(Capability.TRAIN_SUPERVISED).reason


@pytest.mark.parametrize(
    ("code", "words", "limit", "retryable"),
    [
        ("rate_limit_exceeded", "slow", Limit.REQUESTS, True),
        ("slow_down", "slow", Limit.REQUESTS, True),
        ("daily_rate_limit_exceeded", "no", Limit.JOBS_PER_DAY, False),
        (None, "This fine-tune request has been rate-limited. Your organization has reached the maximum of 4 "
         "fine-tuning requests per day for the model 'gpt-4.1-2025-04-14'.", Limit.JOBS_PER_DAY, False),
        ("exceeded_active_job_limit", "no", Limit.JOBS_AT_ONCE, False),
        (None, "You have 3 active jobs for this model", Limit.JOBS_AT_ONCE, False),
        ("insufficient_quota", "no", Limit.MONEY, False),
        ("exceeded_quota", "This job would exceed your hard limit", Limit.MONEY, False),
        ("project_spend_limit_exceeded", "no", Limit.MONEY, False),
        (None, "You exceeded your current quota, please check your plan and billing", Limit.MONEY, False),
        (None, "Too many requests", Limit.REQUESTS, True),
    ],
)  # fmt: skip
def test_each_kind_of_429_is_told_apart(
    provider: OpenAIShapeProvider, service: FakeService, code: str | None, words: str, limit: Limit,
    retryable: bool,
) -> None:  # fmt: skip
    error = refused(provider, service, refuse(429, words, code))
    assert (error.limit, error.retryable) == (limit, retryable)
    assert error.remedy
    assert code is None or f"[{code}]" in error.message


def test_a_model_that_is_gone_is_told_with_the_day_it_was_shut_down(
    services: Services, service: FakeService
) -> None:
    account = services.account("openai")
    opened = services.provider("openai")
    assert isinstance(opened, OpenAIShapeProvider)
    later = OpenAIShapeProvider(
        account, profile("openai"), opened._client_factory, services.catalog, today=lambda: date(2027, 1, 15)
    )
    gone = refuse(404, "The model does not exist", "model_not_found")
    tuned = f"ft:{MODEL}:me::x"
    service.faults["POST", "/v1/chat/completions"] += [gone, gone]
    with pytest.raises(ProviderError, match=f"{tuned} was shut down on 2027-01-14") as caught:
        list(later.stream_chat(ChatRequest(tuned, (ChatMessage("user", "Hi"),))))
    assert "the training file is not" in caught.value.remedy
    with pytest.raises(ProviderError) as caught:
        list(opened.stream_chat(ChatRequest("unheard-of", (ChatMessage("user", "Hi"),))))
    assert "shut down on" not in caught.value.message
    later.close()


@pytest.mark.parametrize("status", [200, 400, 403, 502, 503])
def test_a_proxys_page_is_told_as_one_and_never_shown(
    provider: OpenAIShapeProvider, service: FakeService, status: int
) -> None:
    error = refused(provider, service, html(status, "Sign in \x1b[31m to <b>Corp</b>"))
    assert "a web page" in error.message
    assert 'titled "Sign in' in error.message
    assert "<" not in error.message
    assert "\x1b" not in error.message
    assert error.status == status
    assert error.retryable == (status >= 500)
    assert "proxy" in error.remedy
    assert "scopes" not in error.remedy


@pytest.mark.parametrize(
    "envelope",
    [None, [], "plain words", {"error": None}, {"error": "words"}, {"detail": [{"loc": ["body"]}]},
     {"error": {"message": None, "code": None}}, {"error": {"code": 1, "message": {"a": 1}}}, {"message": 5}],
)  # fmt: skip
def test_an_error_of_any_shape_becomes_a_sentence(
    provider: OpenAIShapeProvider, service: FakeService, envelope: Any
) -> None:
    error = refused(provider, service, refuse_with(400, envelope))
    assert error.message.startswith("OpenAI refused with 400")
    assert error.remedy
    assert error.status == 400


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"detail": [{"loc": ["body", "model"], "msg": "field required"}]}, "model: field required"),
        ({"detail": "no such base model"}, "no such base model"),
        ({"detail": {"message": "no rights"}}, "no rights"),
        ({"errors": [{"message": "one"}, {"message": "two"}]}, "one; two"),
        ({"detail": [[], None, {"loc": 3}]}, "HTTP status 422"),
    ],
)
def test_what_a_server_of_another_making_says_is_shown(
    provider: OpenAIShapeProvider, service: FakeService, body: object, words: str
) -> None:
    error = refused(provider, service, refuse_with(422, body))
    assert f"refused with 422: {words}" in error.message
    assert error.remedy


def test_a_demand_for_payment_is_one_about_money(provider: OpenAIShapeProvider, service: FakeService) -> None:
    error = refused(provider, service, refuse_with(402, {"message": "top up"}))
    assert (error.limit, error.retryable) == (Limit.MONEY, False)


def test_a_server_that_only_chats_is_known_as_one(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.missing_routes = {"/fine_tuning"}
    with pytest.raises(ProviderError, match="offers no fine-tuning jobs") as caught:
        provider.list_jobs()
    assert caught.value.code == NO_FINE_TUNING
    assert "offers no fine-tuning jobs" in provider.can(Capability.TRAIN_SUPERVISED).reason
    assert provider.can(Capability.CHAT)
    assert provider.list_models()


def test_lists_that_never_end_are_left_after_a_number_of_pages(
    provider: OpenAIShapeProvider, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "_MOST_PAGES", 25)
    service.add_job(id="j")
    service.add_event("j")
    service.never_ends = True
    assert len(provider.list_events("j")) == 25
    assert len(provider.list_files()) <= 25


def test_a_stalled_answer_is_given_up_and_a_half_one_is_a_lost_one(
    provider: OpenAIShapeProvider, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openai_shape, "_QUESTION_SECONDS", 0.2)
    release = threading.Event()
    service.faults["GET", f"{JOBS}/x"] += [stall(release)] * 3
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_job("x")
    release.set()
    assert (caught.value.code, caught.value.retryable) == (LOST_ANSWER, True)
    for fault in (half_an_answer, drop):
        service.faults["GET", f"{JOBS}/x"] += [fault] * 3
        with pytest.raises(ProviderError) as caught:
            provider.retrieve_job("x")
        assert caught.value.code == LOST_ANSWER


def test_a_job_full_of_nulls_and_strange_words_is_followed_to_its_end(
    services: Services, service: FakeService
) -> None:
    service.omits_has_more = True
    job = service.add_job(
        id="j", error={"code": None, "message": None, "param": None}, trained_tokens=None, metadata=None,
        hyperparameters=None, method=None, result_files=None, estimated_finish=None, model=None,
    )  # fmt: skip
    strange: list[Any] = [
        {"id": "e1", "message": None, "data": None, "created_at": None, "level": None, "type": None},
        {"message": "no id", "created_at": 5}, "not an event", None,
        {"id": "e2", "type": "metrics", "data": {"step": 3, "train_loss": "NaN", "valid_loss": 0.5}},
    ]  # fmt: skip
    service.events["j"] = strange
    provider = services.provider("openai")
    for word, state in (("paused", JobState.PAUSED), ("pondering", JobState.OTHER)):
        job["status"] = word
        first = provider.retrieve_job("j")
        assert (first.state, first.raw_status, first.error) == (state, word, None)
    fetch_job(services.store, provider, first)
    csv = b"step,train_loss,valid_loss\n1,0.9,\n2,0.8,0.7\n"
    service.contents["file-r"] = base64.b64encode(csv)
    job |= {"status": "succeeded", "result_files": ["file-r", None]}
    fetch_job(services.store, provider, provider.retrieve_job("j"))
    kept = services.store.metrics("openai", "j")
    assert kept[2] == {"train_loss": 0.8, "valid_loss": 0.7}
    assert kept[3] == {"valid_loss": 0.5}
    assert len(services.store.events("openai", "j")) == 3


def test_a_service_that_asks_for_rest_is_left_alone(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    fault = refuse_with(429, {"error": {"message": "busy"}}, retry_after="500")
    service.faults["GET", f"{JOBS}/x"].append(fault)
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_job("x")
    assert caught.value.retry_after == 500
    assert service.count("GET", f"{JOBS}/x") == 1


@given(st.integers(400, 599), st.none() | st.sampled_from(sorted(BY_CODE)) | st.text(max_size=9), st.text())
def test_every_refusal_has_a_remedy_or_is_left_to_its_own_words(
    status: int, code: str | None, words: str
) -> None:
    remedy = remedy_for(status, code, None, words)
    assert remedy.text or status not in (400, 401, 403, 404, 429, 500)
    if code is not None and code in BY_CODE:
        assert remedy is BY_CODE[code]


@given(st.text(max_size=60))
def test_only_a_web_page_is_taken_for_one(text: str) -> None:
    assert web_page_title(json.dumps({"error": text})) is None
    assert web_page_title(f"<html><title>{text}</title>") is not None


def test_no_key_survives_in_an_error_of_any_shape(
    provider: OpenAIShapeProvider, service: FakeService, tmp_path: Path
) -> None:
    for fault in (html(502, KEY), refuse_with(400, {"error": KEY}), refuse_with(400, {"detail": [KEY]}),
                  refuse_with(429, {"error": {"message": KEY, "code": KEY}})):  # fmt: skip
        service.requests.clear()
        error = refused(provider, service, fault)
        assert KEY not in f"{error} {error!r} {error.__dict__}"


@pytest.mark.parametrize("other", [{"object": "model"}, {"object": "file", "status": "processed"}, {}])
def test_other_objects_where_jobs_are_asked_for_are_no_jobs(
    provider: OpenAIShapeProvider, service: FakeService, services: Services, other: dict[str, Any]
) -> None:
    for number in range(2):
        service.jobs[f"x{number}"] = {"id": f"x{number}", "created_at": 1, **other}
    for ask in (provider.list_jobs, lambda: provider.retrieve_job("x1")):
        with pytest.raises(ProviderError, match="answered with something else") as caught:
            ask()
        assert "/v1" in caught.value.remedy
    services.watcher.poll_once()
    assert services.store.jobs("openai") == []
    levels = {line.what: line.level for line in check_account(services, "openai")}
    assert (levels["jobs"], levels["training"]) == ("fail", "warn")
    assert "no fine-tuning jobs" in chats_only(services, "openai")
    service.add_job(id="j")
    assert [job.id for job in provider.list_jobs()] == ["j"]
    levels = {line.what: line.level for line in check_account(services, "openai")}
    assert levels["jobs"] == "ok"
    assert not chats_only(services, "openai")


@pytest.mark.parametrize("kind", ["fine-tune", "fine_tune", "FineTuningJob", "job", None, 7])
def test_a_job_under_another_word_for_it_is_one(
    provider: OpenAIShapeProvider, service: FakeService, kind: object
) -> None:
    service.add_job(id="j", object=kind)
    assert provider.retrieve_job("j").state is JobState.RUNNING
    assert [job.id for job in provider.list_jobs()] == ["j"]
