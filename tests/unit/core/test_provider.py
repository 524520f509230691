from __future__ import annotations

import hashlib
import itertools
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.core.conftest import KEY
from tests.unit.core.fake_service import FakeService, answer_with, drop, refuse
from tui.errors import TunedeckError
from tui.providers import profiles, upload_parts
from tui.providers.failures import LOST_ANSWER, NOT_REACHED, TRAINING_REFUSED
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.providers.paging import all_pages
from tui.providers.profiles import profile
from tui.providers.protocol import ProviderError
from tui.providers.redaction import redact
from tui.records.chats import ChatMessage, ChatParameters, ChatRequest, TokenLogprob, ToolCall
from tui.records.jobs import JobState, Method
from tui.records.models import Capability
from tui.records.requests import JobRequest
from tui.services import Services

JOBS = "/v1/fine_tuning/jobs"
QUESTION = ChatRequest("m", (ChatMessage("user", "Hi"),), ChatParameters(temperature=0.5, max_tokens=9))


def chunk(text: str | None = None, finish: str | None = None, usage: Mapping[str, int] | None = None) -> Any:
    choices = [] if text is None and finish is None else [
        {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}
    ]  # fmt: skip
    return {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices,
            "usage": usage}  # fmt: skip


def test_an_upload_arrives_byte_for_byte_and_tells_its_progress(
    provider: OpenAIShapeProvider, service: FakeService, tmp_path: Path
) -> None:
    path = tmp_path / "data"
    content = bytes(range(256)) * 3000
    path.write_bytes(content)
    seen: list[tuple[int, int]] = []
    remote = provider.upload_file(path, on_progress=lambda done, total: seen.append((done, total)))
    assert service.contents[remote.id] == content
    assert remote.filename == "data.jsonl"
    assert seen[-1] == (len(content), len(content))
    assert len({done for done, _ in seen}) > 3
    assert provider.file_content(remote.id) == content
    assert [one.id for one in provider.list_files("fine-tune")] == [remote.id]


def test_progress_starts_over_when_an_upload_is_retried(
    provider: OpenAIShapeProvider, service: FakeService, tmp_path: Path
) -> None:
    path = tmp_path / "data.jsonl"
    path.write_bytes(b"x" * 300_000)
    service.faults["POST", "/v1/files"].append(refuse(500, "try again"))
    seen: list[int] = []
    provider.upload_file(path, on_progress=lambda done, _: seen.append(done))
    assert seen.count(300_000) >= 2
    assert any(later < earlier for earlier, later in itertools.pairwise(seen))
    assert len(service.files) == 1


def test_a_job_is_created_with_what_was_chosen_and_nothing_else(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    request = JobRequest("gpt-4.1", "file-1", Method.DPO, None, {"beta": 0.2}, "tone", 7, {"k": "v"})
    job = provider.create_job(request)
    assert job.state is JobState.PREPARING
    assert service.bodies == [
        {"model": "gpt-4.1", "training_file": "file-1", "suffix": "tone", "seed": 7, "metadata": {"k": "v"},
         "method": {"type": "dpo", "dpo": {"hyperparameters": {"beta": 0.2}}}}
    ]  # fmt: skip


@pytest.mark.parametrize(
    "fault", [drop, refuse(500, "oops"), refuse(429, "slow down", "rate_limit_exceeded")]
)
def test_a_creation_is_sent_once_whatever_happens(
    provider: OpenAIShapeProvider, service: FakeService, fault: Any
) -> None:
    service.faults["POST", JOBS].append(fault)
    with pytest.raises(ProviderError):
        provider.create_job(JobRequest("m", "f"))
    assert service.count("POST", JOBS) == 1


def test_a_dropped_connection_is_a_lost_answer_and_a_closed_port_was_never_reached(
    provider: OpenAIShapeProvider, service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.faults["POST", JOBS].append(drop)
    with pytest.raises(ProviderError) as caught:
        provider.create_job(JobRequest("m", "f"))
    assert (caught.value.code, caught.value.retryable) == (LOST_ANSWER, True)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    with Services.open() as services, pytest.raises(ProviderError) as caught:
        services.provider("openai").create_job(JobRequest("m", "f"))
    assert caught.value.code == NOT_REACHED


def test_errors_are_sentences_with_code_request_id_and_remedy(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.faults["GET", f"{JOBS}/x"].append(refuse(403, "You may not. \x1b[31m", TRAINING_REFUSED))
    with pytest.raises(ProviderError) as caught:
        provider.retrieve_job("x")
    error = caught.value
    assert (error.status, error.code, error.request_id) == (403, TRAINING_REFUSED, "req_test")
    assert "You may not." in error.message
    assert "\x1b" not in error.message
    assert "local engine" in error.remedy
    refusal = provider.can(Capability.TRAIN_SUPERVISED)
    assert not refusal
    assert "You may not." in refusal.reason


def test_no_error_shows_the_key(provider: OpenAIShapeProvider, service: FakeService) -> None:
    words = f"Incorrect API key provided: {KEY}. Also Bearer {KEY} and sk-proj-abc***xyz."
    for status in (400, 401, 403, 404, 409, 422, 429, 500):
        service.faults["POST", JOBS].append(refuse(status, words))
        with pytest.raises(ProviderError) as caught:
            provider.create_job(JobRequest("m", "f"))
        shown = f"{caught.value} {caught.value!r} {caught.value.__cause__!r} {caught.value.__dict__}"
        assert KEY not in shown
        assert "sk-" not in shown
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__


@given(st.text(max_size=20), st.text(max_size=20))
def test_redaction_leaves_no_key_in_any_surroundings(before: str, after: str) -> None:
    assert KEY not in redact(f"{before}{KEY}{after}", [KEY])
    assert "hunter22" not in redact(f"https://user:hunter22@host/{after}")


@pytest.mark.parametrize(
    "key",
    [
        "fw_" + "a1" * 10,
        "tgp_v1_" + "b2" * 10,
        "eyJhbGciOiJ.eyJzdWIiOiIx.c2ln",
        "ABSK" + "Qk" * 20,
        "hf_" + "c" * 30,
    ],
)
def test_keys_of_other_services_are_hidden_wherever_they_stand(key: str) -> None:
    assert key not in redact(f"key={key}, again")
    assert redact("a plain sentence about hf_ and eyJ.") == "a plain sentence about hf_ and eyJ."


@pytest.mark.parametrize("content", [b"<html>hello</html>", b"", b"[1]", b"\xff\xfe", b"null"])
def test_an_answer_that_is_not_a_json_object_is_told_in_a_sentence(
    provider: OpenAIShapeProvider, service: FakeService, content: bytes
) -> None:
    service.faults["GET", f"{JOBS}/x"].append(answer_with(content))
    with pytest.raises(ProviderError, match="not a JSON object"):
        provider.retrieve_job("x")


def test_a_job_with_hardly_any_fields_is_understood(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.faults["GET", f"{JOBS}/x"].append(
        answer_with(b'{"id": "x", "status": "pondering", "novel": [1]}')
    )
    job = provider.retrieve_job("x")
    assert (job.state, job.raw_status, job.raw["novel"]) == (JobState.OTHER, "pondering", [1])


@pytest.mark.parametrize(("omits", "ignores"), [(False, False), (True, False), (True, True), (False, True)])
def test_events_come_oldest_first_and_paging_ends_on_any_server(
    provider: OpenAIShapeProvider, service: FakeService, omits: bool, ignores: bool
) -> None:
    service.omits_has_more, service.ignores_after = omits, ignores
    service.add_job(id="j")
    for _ in range(250):
        service.add_event("j")
    found = [int(event.id.removeprefix("ftevent-")) for event in provider.list_events("j")]
    assert found == list(range(151 if ignores else 1, 251))
    newer = provider.list_events("j", known_id="ftevent-0240")
    assert [event.id for event in newer] == [f"ftevent-0{number}" for number in range(241, 251)]


@given(st.data())
def test_paging_by_hand_always_ends(data: st.DataObject) -> None:
    entry = st.fixed_dictionaries({}, optional={"id": st.sampled_from("abcdefgh") | st.none()})
    page = st.fixed_dictionaries(
        {}, optional={"data": st.lists(entry, max_size=4) | st.none(), "has_more": st.booleans() | st.none()}
    )
    calls = 0

    def fetch(**_: Any) -> Mapping[str, Any]:
        nonlocal calls
        calls += 1
        return data.draw(page)

    found = all_pages(fetch, page_size=2)
    assert calls <= 10
    ids = [one["id"] for one in found if isinstance(one.get("id"), str)]
    assert len(ids) == len(set(ids))


def test_jobs_are_filtered_by_metadata_even_when_the_service_does_not(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.ignores_metadata = True
    service.add_job(metadata={"run": "1"})
    service.add_job(metadata=None)
    assert [job.id for job in provider.list_jobs(metadata={"run": "1"})] == ["ftjob-1"]
    assert [job.id for job in provider.list_jobs(limit=1)] == ["ftjob-2"]


def test_cancel_pause_and_resume_reach_the_service(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.add_job(id="j")
    assert provider.pause_job("j").state is JobState.PAUSED
    assert provider.resume_job("j").state is JobState.QUEUED
    assert provider.cancel_job("j").state is JobState.CANCELLED


def test_a_chat_streams_text_and_ends_with_reason_and_usage(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}
    service.chat_chunks = [chunk(""), chunk("Hel"), chunk("lo"), chunk(finish="stop"), chunk(usage=usage)]
    deltas = list(provider.stream_chat(QUESTION))
    assert [delta.text for delta in deltas] == [
        "",
        "Hel",
        "lo",
        "",
        "",
        "",
    ]  # one for each chunk, and the last
    last = deltas[-1]
    assert last.finish_reason == "stop"
    assert last.usage is not None
    assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (5, 2)
    body = service.bodies[-1]
    assert (body["max_completion_tokens"], body["temperature"]) == (9, 0.5)
    assert "top_p" not in body
    assert "seed" not in body


def test_tools_and_whole_messages_are_sent_and_calls_are_put_together(
    service: FakeService, provider: OpenAIShapeProvider
) -> None:
    def piece(index: int | None, **function: str) -> dict[str, Any]:
        call = {"function": function, **({} if index is None else {"index": index})}
        return {"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}

    service.chat_chunks = [
        piece(0, name="weather", arguments='{"ci'),
        piece(1, name="time", arguments=""),
        piece(0, arguments='ty": "Bonn"}'),
        chunk(finish="tool_calls"),
    ]
    whole = {"role": "tool", "tool_call_id": "c1", "content": "half of a pair: \ud83d"}
    tool = {"type": "function", "function": {"name": "weather", "parameters": {}}}
    request = ChatRequest("m", (ChatMessage("tool", "", whole),), tools=(tool,))
    *pieces, last = provider.stream_chat(request)
    assert [one.calling for one in pieces] == [True, True, True, False]
    assert last.tool_calls == (ToolCall("weather", '{"city": "Bonn"}'), ToolCall("time", ""))
    assert service.bodies[-1]["tools"] == [tool]
    assert service.bodies[-1]["messages"] == [{**whole, "content": "half of a pair: \ufffd"}]
    service.chat_chunks = [piece(None, name="a", arguments="{}"), piece(None, name="b", arguments="{}")]
    assert [call.name for call in list(provider.stream_chat(request))[-1].tool_calls] == ["a", "b"]


NAN = {"token": "x", "logprob": float("nan")}


def test_logprobs_are_asked_for_on_request_only_and_come_with_their_piece(
    service: FakeService, provider: OpenAIShapeProvider
) -> None:
    entry = {
        "token": "Hel",
        "logprob": -0.25,
        "bytes": [72],
        "top_logprobs": [{"token": "Jo", "logprob": -2}],
    }
    sure = {"choices": [{"index": 0, "delta": {"content": "Hel"}, "logprobs": {"content": [entry]}}]}
    broken = {"choices": [{"index": 0, "delta": {"content": "lo"}, "logprobs": {"content": [{}, 5, NAN]}}]}
    odd = {"choices": [{"index": 0, "delta": {"content": "!"}, "logprobs": {"content": 5}}]}
    service.chat_chunks = [sure, broken, odd, chunk(finish="stop")]
    list(provider.stream_chat(QUESTION))
    assert not {"logprobs", "top_logprobs"} & service.bodies[-1].keys()
    asked = replace(QUESTION, parameters=ChatParameters(logprobs=2))
    pieces = [(delta.text, delta.logprobs) for delta in provider.stream_chat(asked)]
    assert pieces[:3] == [("Hel", (TokenLogprob("Hel", -0.25, (("Jo", -2.0),)),)), ("lo", ()), ("!", ())]
    assert (service.bodies[-1]["logprobs"], service.bodies[-1]["top_logprobs"]) == (True, 2)


def test_closing_a_chat_ends_the_connection(provider: OpenAIShapeProvider, service: FakeService) -> None:
    service.chat_chunks = [chunk("word ") for _ in range(100_000)]
    answer = iter(provider.stream_chat(QUESTION))
    assert next(answer).text == "word "
    close = getattr(answer, "close")  # noqa: B009 - a generator, typed as an iterator
    close()
    assert service.stream_broken_off.wait(20)


def test_an_error_in_the_middle_of_a_chat_is_told(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.chat_chunks = [chunk("Hel"), {"error": {"message": f"died with {KEY}", "code": "server_error"}}]
    answer = provider.stream_chat(QUESTION)
    with pytest.raises(ProviderError) as caught:
        list(answer)
    assert "died with" in caught.value.message
    assert KEY not in caught.value.message


def test_models_come_newest_first_with_dates(provider: OpenAIShapeProvider, service: FakeService) -> None:
    service.models.append({"id": "ft:gpt-4.1-mini-2025-04-14:me::x", "created": 9})
    service.models.append({"id": "o3", "created": 5, "shutdown_date": "2026-12-11"})
    found = provider.list_models()
    assert [model.id for model in found] == [
        "ft:gpt-4.1-mini-2025-04-14:me::x",
        "o3",
        "gpt-4.1-mini-2025-04-14",
    ]
    assert found[0].shutdown_date == "2027-01-14"
    assert found[1].shutdown_date == "2026-12-11"


def test_training_ends_for_everybody_on_the_published_day(services: Services) -> None:
    account = services.account("openai")

    def can_on(day: date) -> bool:
        provider = OpenAIShapeProvider(
            account, profile("openai"), _never, services.catalog, today=lambda: day
        )
        return bool(provider.can(Capability.TRAIN_SUPERVISED))

    assert can_on(date(2027, 1, 6))
    assert not can_on(date(2027, 1, 7))
    provider = services.provider("openai")
    assert "o4-mini" in provider.can(Capability.TRAIN_REINFORCEMENT).reason
    assert provider.can(Capability.CHAT)


def _never() -> Any:
    raise AssertionError("no client is needed to know this")


def test_without_a_key_the_account_is_there_and_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with Services.open() as services:
        account = services.account("openai")
        assert not account.ready
        assert "OPENAI_API_KEY" in account.state
        assert services.account("local").ready
        assert KEY not in json.dumps([one.name + one.label + one.state for one in services.accounts()])


def test_opening_the_services_asks_nobody(services: Services, service: FakeService) -> None:
    services.provider("openai")
    time.sleep(0)
    assert service.requests == []


@pytest.fixture
def small_parts(services: Services, monkeypatch: pytest.MonkeyPatch) -> OpenAIShapeProvider:
    monkeypatch.setattr(upload_parts, "_PART_BYTES", 1000)
    small = replace(profile("openai"), largest_file_bytes=2500)
    monkeypatch.setattr(profiles, "profile", lambda name: small)
    provider = services.provider("openai")
    assert isinstance(provider, OpenAIShapeProvider)
    return provider


def test_a_large_file_goes_up_in_parts_with_its_checksum(
    small_parts: OpenAIShapeProvider, service: FakeService, tmp_path: Path
) -> None:
    path = tmp_path / "large.jsonl"
    content = b"0123456789" * 260
    path.write_bytes(content)
    seen: list[int] = []
    remote = small_parts.upload_file(path, on_progress=lambda done, _: seen.append(done))
    assert service.contents[remote.id] == content
    assert remote.bytes == 2600
    assert seen == [1000, 2000, 2600]
    assert service.bodies[-1] == {
        "part_ids": ["part-1", "part-2", "part-3"], "md5": hashlib.md5(content).hexdigest(),
    }  # fmt: skip


def test_no_part_is_larger_than_a_quarter_of_the_64_mebibytes_that_the_service_takes(
    services: Services, service: FakeService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 16 * 1024 * 1024
    small = replace(profile("openai"), largest_file_bytes=limit)
    monkeypatch.setattr(profiles, "profile", lambda name: small)
    path = tmp_path / "large.jsonl"
    with path.open("wb") as file:
        file.truncate(limit + 1)
    remote = services.provider("openai").upload_file(path)
    assert [len(part) for part in service.upload_parts] == [limit, 1]
    assert remote.bytes == limit + 1


def test_a_large_upload_that_fails_is_cancelled_at_the_service(
    small_parts: OpenAIShapeProvider, service: FakeService, tmp_path: Path
) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(b"x" * 2600)
    service.faults["POST", "/v1/uploads/up/complete"].append(refuse(400, "checksum differs"))
    with pytest.raises(ProviderError, match="checksum differs"):
        small_parts.upload_file(path)
    assert service.count("POST", "/v1/uploads/up/cancel") == 1


@pytest.mark.parametrize(
    ("key", "url", "words"),
    [
        ("sk-ünicode", "https://example.com/v1", "OPENAI_API_KEY"),
        ("sk-a b", "https://example.com/v1", "OPENAI_API_KEY"),
        ("sk-fine-and-well", "not a url", "OPENAI_BASE_URL"),
        ("sk-fine-and-well", "http://[::1", "OPENAI_BASE_URL"),
        ("sk-fine-and-well", "http://host:port/v1", "OPENAI_BASE_URL"),
        ("sk-fine-and-well", "ftp://host/v1", "OPENAI_BASE_URL"),
        ("sk-fine-and-well", "https://me:hunter22@host/v1", "OPENAI_BASE_URL"),
    ],
)
def test_a_key_or_url_that_can_not_work_is_told_before_any_request(
    monkeypatch: pytest.MonkeyPatch, key: str, url: str, words: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", key)
    monkeypatch.setenv("OPENAI_BASE_URL", url)
    with Services.open() as services:
        account = services.account("openai")
        assert not account.ready
        assert words in account.state
        assert key not in repr(account)
        assert "hunter22" not in repr(account)
        with pytest.raises(TunedeckError, match="not ready"):
            services.provider("openai")


def test_a_chat_with_broken_characters_is_sent_all_the_same(
    provider: OpenAIShapeProvider, service: FakeService
) -> None:
    service.chat_chunks = [chunk("ok", "stop")]
    list(provider.stream_chat(ChatRequest("m", (ChatMessage("user", "a \ud83d b"),))))
    assert service.bodies[-1]["messages"][0]["content"] == "a \ufffd b"
