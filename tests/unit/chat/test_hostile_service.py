"""Answers of a service that means harm, or is broken, over real HTTP: terminal and store stay whole."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli, tunedeck_command, wait_until
from tests.unit.core.fake_service import FakeService, running
from tui.chat.lanes import Lane, LaneAnswer
from tui.chat.session import ChatSession
from tui.chat.streams import LaneUpdate
from tui.services import Services

MODEL = "gpt-hostile"
LANE = Lane("openai", MODEL)
ROUTE = ("POST", "/v1/chat/completions")
HOSTILE = "[/red] [b]x[/b] \x1b]52;c;aGk=\x07\x1b[2J \x9b31m \u202e \x00 \r end"


@pytest.fixture
def service(isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeService]:
    with running(FakeService()) as fake:
        monkeypatch.setenv("OPENAI_BASE_URL", fake.url)
        monkeypatch.setenv("OPENAI_API_KEY", "sk-test-0123456789")
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield fake


def ignore(update: LaneUpdate) -> None:
    """Look at nothing."""


def chunk(text: str | None = None, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {
        "id": "c", "object": "chat.completion.chunk", "created": 1, "model": MODEL,
        "choices": [{"index": 0, "delta": {"content": text, **delta}, "finish_reason": finish}],
    }  # fmt: skip


def event(value: object) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def stream(*pieces: bytes) -> Callable[[Any], bool]:
    """Answer with these bytes as a stream, and close without a word of its end."""

    def fault(handler: Any) -> bool:
        begin(handler)
        for piece in pieces:
            handler.wfile.write(piece)
        return True

    return fault


def begin(handler: Any) -> None:
    handler.send_response(200)
    handler.send_header("content-type", "text/event-stream")
    handler.send_header("connection", "close")
    handler.end_headers()
    handler.close_connection = True


def asked_and_opened_again() -> tuple[LaneAnswer, LaneAnswer]:
    """Ask a question; return its answer, and the same as the store gives it back."""
    with Services.open() as services:
        session = ChatSession([LANE], services.provider, services.store)
        answer = session.ask("Go", ignore).answers[LANE]
        assert session.chat_id is not None
    with Services.open() as services:
        stored = services.store.chat(session.chat_id)
        assert stored is not None
        again = ChatSession.resume(stored, services.provider, services.store)
        assert services.store.query("PRAGMA integrity_check")[0][0] == "ok"
        return answer, again.turns[0].answers[LANE]


def test_control_codes_are_kept_as_they_came_and_never_reach_the_terminal(service: FakeService) -> None:
    service.chat_chunks = [chunk(HOSTILE), chunk(finish="stop")]
    answer, kept = asked_and_opened_again()
    assert answer.text == kept.text == HOSTILE
    for arguments in (
        ("chat", MODEL, "--account", "openai", "-m", "Go"),
        ("chat", "show", "last"),
        ("chat", "history"),
        ("chat", "search", "end"),
    ):
        result = run_cli(*arguments)
        assert result.code == 0
        shown = result.stdout + result.stderr
        assert not {"\x1b", "\x07", "\x9b", "\u202e", "\x00", "\r"} & set(shown), arguments


def test_five_megabytes_on_one_line_are_kept_whole(service: FakeService) -> None:
    text = "word " * 1_000_000
    service.chat_chunks = [chunk(text), chunk(finish="stop")]
    answer, kept = asked_and_opened_again()
    assert len(answer.text) == 5_000_000
    assert kept.text == answer.text


def test_bytes_that_are_no_text_cut_the_answer_and_keep_what_came_before(service: FakeService) -> None:
    broken = b'data: {"id": "c", "choices": [{"index": 0, "delta": {"content": "\xff\xfe\xc3"}}]}\n\n'
    service.faults[ROUTE].append(stream(event(chunk("before ")), broken, event(chunk(finish="stop"))))
    answer, kept = asked_and_opened_again()
    assert kept.text == answer.text
    assert answer.text.startswith("before ")
    answer.text.encode("utf-8")


@pytest.mark.parametrize(
    "junk", [b'data: {"choices": [\n\n', b"data: []\n\n", b"data: 3\n\n", b"data: {}\n\n"]
)
def test_a_chunk_that_is_no_chunk_does_no_harm(service: FakeService, junk: bytes) -> None:
    service.faults[ROUTE].append(stream(event(chunk("before ")), junk))
    answer, kept = asked_and_opened_again()
    assert (answer.text, answer.is_cut, kept.is_cut) == ("before ", True, True)


def test_a_stream_that_just_ends_counts_as_cut(service: FakeService) -> None:
    service.faults[ROUTE].append(stream(event(chunk("half"))))
    answer, kept = asked_and_opened_again()
    assert (kept.text, kept.is_cut) == ("half", True)
    assert "without saying" in answer.error


def test_a_connection_that_is_dropped_keeps_what_came(service: FakeService) -> None:
    def fault(handler: Any) -> bool:
        handler.send_response(200)
        handler.send_header("content-type", "text/event-stream")
        handler.send_header("transfer-encoding", "chunked")
        handler.end_headers()
        piece = event(chunk("half"))
        handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.drop()
        return True

    service.faults[ROUTE].append(fault)
    answer, kept = asked_and_opened_again()
    assert (kept.text, kept.is_cut, bool(answer.error)) == ("half", True, True)


def test_a_stream_without_end_is_left_when_there_is_enough(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.chat.streams.MOST_CHARACTERS", 200_000)

    service.faults[ROUTE].append(endless(service, chunk("and so on " * 1000)))
    answer, kept = asked_and_opened_again()
    assert (len(answer.text), answer.is_cut, kept.is_cut) == (200_000, True, True)
    wait_until(service.stream_broken_off.is_set, what="the stream to be left")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_what_came_before_a_kill_is_kept_marked_and_found(service: FakeService) -> None:
    def fault(handler: Any) -> bool:
        begin(handler)
        handler.wfile.write(event(chunk("remember this")))
        service.stream_broken_off.wait(30)
        return True

    service.faults[ROUTE].append(fault)
    process = subprocess.Popen(
        tunedeck_command("chat", MODEL, "--account", "openai", "-m", "Go"),
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    with Services.open() as services:
        wait_until(lambda: services.store.query("SELECT 1 FROM answers"), what="the first words to be kept")
        process.kill()
        process.wait(30)
        service.stream_broken_off.set()
        hit = services.store.search_chats("remember")[0]
        stored = services.store.chat(hit.chat_id)
        assert stored is not None
        answer = ChatSession.resume(stored, services.provider, services.store).turns[0].answers[LANE]
    assert (answer.text, answer.is_cut) == ("remember this", True)


def test_tool_calls_with_broken_arguments_are_shown_kept_and_answered(service: FakeService) -> None:
    call = {"index": 0, "id": "x", "type": "function"}
    service.chat_chunks = [
        chunk(tool_calls=[{**call, "function": {"name": "wea\x1b[31mther", "arguments": '{"city": "O'}}]),
        chunk(tool_calls=[{"index": 0, "function": {"arguments": "slo\x07"}}]),
        chunk(tool_calls=[{"index": None, "function": None}, {}]),
        chunk(finish="tool_calls"),
    ]
    result = run_cli("chat", MODEL, "--account", "openai", "-m", "Oslo?")
    assert '→ wea␛[31mther({"city": "Oslo␇)' in result.stdout
    service.chat_chunks = [chunk("Rain."), chunk(finish="stop")]
    results = ["--tool-result", "12"] * result.stdout.count("→")
    assert run_cli("chat", "--chat", "last", *results).stdout == "Rain.\n"
    sent = service.bodies[-1]["messages"]
    assert sent[1]["tool_calls"][0]["function"]["arguments"] == '{"city": "Oslo\x07'
    assert sent[2]["tool_call_id"] == sent[1]["tool_calls"][0]["id"]


def test_logprobs_that_are_nonsense_are_left_out(service: FakeService) -> None:
    bad = chunk("a")
    bad["choices"][0]["logprobs"] = {"content": [{"token": 3}, {"token": "a", "logprob": -0.5}, "x"]}
    service.chat_chunks = [bad, chunk(finish="stop")]
    answer, kept = asked_and_opened_again()
    assert [one.token for one in answer.logprobs] == ["a"]
    assert kept.logprobs == answer.logprobs


def call_piece(arguments: str, **more: Any) -> dict[str, Any]:
    return chunk(tool_calls=[{"index": 0, "function": {"arguments": arguments, **more}}])


def test_fields_of_another_type_are_taken_for_missing(service: FakeService) -> None:
    service.chat_chunks = [
        chunk("before "),
        chunk(tool_calls="nonsense"),
        chunk(tool_calls=[{"index": {}, "function": {"name": 3, "arguments": ["x"]}}, 5, None]),
        {"id": "c", "choices": 3},
        {"id": "c", "choices": [{"index": 0, "delta": {"content": 7}, "finish_reason": 1}]},
        {"id": "c", "choices": [], "usage": {"prompt_tokens": "many", "completion_tokens": 1 << 70}},
        chunk("after", "stop"),
    ]
    answer, kept = asked_and_opened_again()
    assert (kept.text, kept.finish_reason, kept.usage) == ("before after", "stop", answer.usage)
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (0, 0)


def test_a_tool_call_whose_connection_breaks_is_kept_as_far_as_it_came(service: FakeService) -> None:
    pieces = (event(call_piece('{"city": "O', name="weather")), event(call_piece("sl")))
    service.faults[ROUTE].append(stream(*pieces, b"data: {\n\n"))
    answer, kept = asked_and_opened_again()
    assert [(one.name, one.arguments) for one in kept.tool_calls] == [("weather", '{"city": "Osl')]
    assert (answer.is_cut, kept.is_cut) == (True, True)


def test_tool_calls_without_end_are_left_and_marked(
    service: FakeService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.providers.chat_stream.MOST_CALL_CHARACTERS", 20_000)
    service.faults[ROUTE].append(endless(service, call_piece("x" * 1000)))
    answer, kept = asked_and_opened_again()
    assert "over 20,000 characters" in answer.error
    assert (kept.is_cut, len(kept.tool_calls[0].arguments)) == (True, 20_000)
    wait_until(service.stream_broken_off.is_set, what="the stream to be left")


def endless(service: FakeService, piece: dict[str, Any]) -> Callable[[Any], bool]:
    def fault(handler: Any) -> bool:
        begin(handler)
        with suppress(OSError):
            while True:
                handler.wfile.write(event(piece))
        service.stream_broken_off.set()
        return True

    return fault


@pytest.mark.parametrize(
    "piece", [{}, chunk(), chunk(reasoning_content="hm")], ids=["empty", "no", "thought"]
)
def test_a_stream_of_pieces_without_text_ends_when_it_is_stopped(
    service: FakeService, piece: dict[str, Any]
) -> None:
    service.faults[ROUTE].append(endless(service, piece))
    with Services.open() as services:
        session = ChatSession([LANE], services.provider, services.store)
        asking = threading.Thread(target=session.ask, args=("Go", ignore), daemon=True)
        asking.start()
        wait_until(lambda: ROUTE in service.requests, what="the question to arrive")
        session.stop()
        asking.join(30)
        assert not asking.is_alive()
        wait_until(service.stream_broken_off.is_set, what="the stream to be left")
