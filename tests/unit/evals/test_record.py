"""Recording over real HTTP: kept as it comes, asked once, also after a killed process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli, tunedeck_command, wait_until
from tests.unit.core.fake_service import Json
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.chat.session import ChatSession
from tui.datasets.check import check_file
from tui.datasets.options import CheckOptions
from tui.errors import TunedeckError
from tui.evals import asking
from tui.evals.plan import EvalOptions, plan_answers
from tui.evals.record import NEW_RECORDING, RecordPlan, cases_of, plan_recording, record
from tui.evals.record_source import CHATS, questions_of_chats, questions_of_file, recordable_models
from tui.evals.recorded import ExportKind, export_recording, find_recording, recorded_rows
from tui.evals.requests import Contender
from tui.evals.test_set import read_test_set
from tui.money.lifetime import Lifetimes
from tui.records.chats import TokenLogprob
from tui.records.models import ModelInfo
from tui.services import Services

OLD = Lane("openai", TUNED)
ROWS = 12


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    system = {"role": "system", "content": "Be brief."}
    rows = [
        {"messages": [system, {"role": "user", "content": f"Question {n}"},
                      {"role": "assistant", "content": f"right {n}"}]}
        for n in range(ROWS)
    ]  # fmt: skip
    return write_rows(tmp_path / "valid.jsonl", *rows)


def with_logprobs(_model: str, question: str, body: Json) -> Any:
    """Answer in two tokens, with logprobs where they are asked for."""
    tokens = ["old ", question.split()[-1]]
    chunks: list[Json] = []
    for token in tokens:
        entry = {"token": token, "logprob": -0.5, "top_logprobs": [{"token": "new", "logprob": -1.5}]}
        logprobs = {"content": [entry]} if body.get("logprobs") else None
        chunks.append({"choices": [{"index": 0, "delta": {"content": token}, "logprobs": logprobs}]})
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
    chunks.append({"choices": [], "usage": {"prompt_tokens": 20, "completion_tokens": 2, "total_tokens": 22}})
    return chunks


def planned(services: Services, path: Path, *lanes: Lane, **options: Any) -> RecordPlan:
    found = questions_of_file(path)
    return plan_recording(services, found.source, found.cases, lanes or (OLD,), **options)


def test_answers_are_kept_with_logprobs_usage_and_latency(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = with_logprobs
    plan = planned(services, questions)
    assert plan.plan.unknown == ROWS
    assert plan.plan.price is not None
    assert plan.plan.price.high > 0
    result = record(services, plan)
    assert (result.complete, result.asked) == (True, ROWS)
    [recording] = result.recordings
    assert (recording.rows, recording.answered, recording.missing) == (ROWS, ROWS, 0)
    row = recorded_rows(services, recording)[3]
    assert row.answer is not None
    assert row.answer.text == "old 3"
    assert row.answer.usage.completion_tokens == 2
    assert row.answer.seconds is not None
    assert row.logprobs[0] == TokenLogprob("old ", -0.5, (("new", -1.5),))
    assert row.request.expected == ("right 3",)
    assert [one.content for one in row.request.messages] == ["Be brief.", "Question 3"]
    assert service.bodies[-1]["top_logprobs"] == 5


def test_what_is_recorded_is_never_asked_again_by_nobody(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = with_logprobs
    record(services, planned(services, questions))
    again = planned(services, questions)
    assert again.words == f"All {ROWS} answers are kept from before; nothing is asked."
    assert record(services, again).recordings == services_recordings(services)
    evaluation = plan_answers(
        services, read_test_set(questions), [Contender(OLD)],
        EvalOptions(replace(NEW_RECORDING, logprobs=None)),
    )  # fmt: skip
    assert evaluation.unknown == 0
    assert set(service.asked.values()) == {1}


def services_recordings(services: Services) -> tuple[Any, ...]:
    return tuple(services.store.recordings())


def test_a_killed_recording_goes_on_and_asks_nothing_that_was_answered(
    service: AnsweringService, questions: Path, isolated_home: Path
) -> None:
    reached = threading.Event()
    blocked = threading.Event()

    def reply(model: str, question: str, body: Json) -> Any:
        if question == "Question 7" and not blocked.is_set():
            reached.set()
            blocked.wait(60)
        return with_logprobs(model, question, body)

    service.reply = reply
    arguments = ("record", str(questions), "--model", TUNED, "--account", "openai", "--yes", "--at-once", "1")
    process = subprocess.Popen(
        tunedeck_command(*arguments), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        assert reached.wait(60)
        with Services.open() as services:  # another process reads what is kept meanwhile
            wait_until(lambda: services.store.recordings()[0].answered == 7, what="seven answers kept")
    finally:
        process.send_signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
        process.wait(30)
    blocked.set()
    again = run_cli(*arguments, "--json")
    assert again.code == 0, again.stderr
    assert again.json()["asked"] == ROWS - 7
    counts = {question: count for (_, question), count in service.asked.items()}
    # The one that was under way had no answer that could be kept; all others were asked once.
    assert counts.pop("Question 7") == 2
    assert set(counts.values()) == {1}
    [recording] = again.json()["recordings"]
    assert (recording["answered"], recording["missing"]) == (ROWS, 0)


def test_a_money_cap_stops_it_and_the_rest_is_recorded_later(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = with_logprobs
    whole = planned(services, questions).plan.price
    assert whole is not None
    cap = whole.high / ROWS + Decimal("0.00006")  # the dearest end of one answer, and what two or three cost
    capped = record(services, planned(services, questions, max_cost=cap, at_once=1))
    assert not capped.complete
    assert capped.why_incomplete == "the money cap was reached"
    assert 0 < capped.asked < ROWS
    assert capped.spent is not None
    assert capped.spent.high <= cap
    rest = record(services, planned(services, questions))
    assert rest.asked == ROWS - capped.asked
    assert set(service.asked.values()) == {1}
    assert len(services.store.recordings()) == 1


def test_a_recording_goes_on_without_its_file(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = with_logprobs
    whole = planned(services, questions).plan.price
    assert whole is not None
    cap = whole.high / ROWS + Decimal("0.00006")
    recording = record(services, planned(services, questions, max_cost=cap, at_once=1)).recordings[0]
    assert recording.missing
    questions.unlink()
    again = run_cli("record", "resume", recording.id, "--yes", "--json")
    assert again.code == 0, again.stderr
    assert again.json()["asked"] == recording.missing
    assert [one["id"] for one in again.json()["recordings"]] == [recording.id]
    assert set(service.asked.values()) == {1}
    assert run_cli("record", "resume", "nothing").code == 2


def test_a_service_without_logprobs_is_recorded_without_them(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    refused = threading.Event()

    def reply(model: str, question: str, body: Json) -> Any:
        if "logprobs" in body:
            refused.set()
            return 400
        return with_logprobs(model, question, body)

    service.reply = reply
    service.refusal_message = "logprobs are not supported with this model"
    result = record(services, planned(services, questions), first_wait=0.01)
    assert refused.is_set()
    assert (result.complete, result.without_logprobs) == (True, True)
    assert result.recordings[0].answered == ROWS
    assert recorded_rows(services, result.recordings[0])[0].logprobs == ()


def test_a_stream_of_nothing_but_logprobs_is_ended(
    service: AnsweringService, services: Services, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"token": "", "logprob": -0.1, "top_logprobs": []}
    empty = {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [entry]}}]}
    service.reply = lambda model, question, body: [empty] * 500
    monkeypatch.setattr(asking, "LONGEST_ANSWER", 20)
    recording = record(services, planned(services, questions)).recordings[0]
    row = recorded_rows(services, recording)[0]
    assert row.answer is not None
    assert row.answer.finish_reason == asking.TOO_LONG
    assert len(row.logprobs) == 11  # a piece counts, and so does each of its tokens


def test_a_refused_question_is_noted_and_the_others_are_recorded(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    def reply(model: str, question: str, body: Json) -> Any:
        return 400 if question == "Question 5" else with_logprobs(model, question, body)

    service.reply = reply
    result = record(services, planned(services, questions))
    [recording] = result.recordings
    assert (recording.answered, recording.refused, recording.missing) == (ROWS - 1, 1, 0)
    assert result.complete
    assert recorded_rows(services, recording)[5].request.refusal
    service.reply = with_logprobs
    later = record(services, planned(services, questions)).recordings[0]
    assert (later.answered, later.refused) == (ROWS, 0)


def test_several_models_are_recorded_at_once_each_for_itself(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = with_logprobs
    result = record(services, planned(services, questions, OLD, Lane("openai", BASE)))
    assert {one.model for one in result.recordings} == {TUNED, BASE}
    assert service.requests_answered == 2 * ROWS


def test_chats_are_a_source_of_questions_with_what_was_said_before(
    service: AnsweringService, services: Services
) -> None:
    with pytest.raises(TunedeckError, match="There is no chat"):
        questions_of_chats(services.store)
    session = ChatSession((OLD,), services.provider, services.store, system="Be brief.")
    for question in ("First 1", "Second 2"):
        session.ask(question, lambda update: None)
    found = questions_of_chats(services.store)
    assert found.source == CHATS
    assert [[one.role for one in case.messages] for case in found.cases] == [
        ["system", "user"], ["system", "user", "assistant", "user"]
    ]  # fmt: skip
    assert found.cases[1].expected == ("ok",)


def test_golden_answers_are_a_test_set_and_training_rows_pass_our_own_check(
    service: AnsweringService, services: Services, questions: Path, tmp_path: Path
) -> None:
    service.reply = with_logprobs
    recording = record(services, planned(services, questions)).recordings[0]
    golden = export_recording(services, recording, tmp_path / "golden.jsonl")
    assert golden.rows == ROWS
    cases = read_test_set(golden.path).cases
    assert cases[2].expected == ("old 2",)
    assert cases[2].item["recorded"]["usage"]["completion_tokens"] == 2
    assert cases[2].item["recorded"]["logprobs"][0]["token"] == "old "
    rows = export_recording(services, recording, tmp_path / "rows.jsonl", ExportKind.TRAINING)
    assert check_file(rows.path, CheckOptions()).valid
    first = json.loads(rows.path.read_text("utf-8").splitlines()[0])
    assert first["messages"][-1] == {"role": "assistant", "content": "old 0"}
    with pytest.raises(TunedeckError, match="exists"):
        export_recording(services, recording, tmp_path / "rows.jsonl")


def test_half_sentences_and_empty_answers_are_not_trained_on(
    service: AnsweringService, services: Services, questions: Path, tmp_path: Path
) -> None:
    def reply(model: str, question: str, body: Json) -> Any:
        number = int(question.split()[-1])
        if number == 0:
            return [{"choices": [{"index": 0, "delta": {"content": "half"}, "finish_reason": "length"}]}]
        if number == 1:
            return [{"choices": [{"index": 0, "delta": {"content": " "}, "finish_reason": "stop"}]}]
        call = {"index": 0, "function": {"name": "look", "arguments": "{}"}}
        return {"tool_calls": [call]} if number == 2 else f"answer \ud800 {number}"

    service.reply = reply
    recording = record(services, planned(services, questions)).recordings[0]
    written = export_recording(services, recording, tmp_path / "rows.jsonl", ExportKind.TRAINING)
    assert written.rows == ROWS - 2
    assert sum(written.left_out.values()) == 2
    rows = [json.loads(line) for line in written.path.read_text("utf-8").splitlines()]
    assert rows[0]["messages"][-1]["tool_calls"][0]["function"]["name"] == "look"


def test_a_recording_is_found_by_id_beginning_and_model(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    recording = record(services, planned(services, questions)).recordings[0]
    for name in (recording.id, recording.id[:5], TUNED):
        assert find_recording(services, name).id == recording.id
    with pytest.raises(TunedeckError, match="There is no recording"):
        find_recording(services, "nothing")
    requests = services.store.recorded_requests(recording.id)
    assert [case.id for case in cases_of(requests)] == [f"line {n}" for n in range(1, ROWS + 1)]


def test_the_first_to_end_comes_first_and_what_is_shut_down_not_at_all(services: Services) -> None:
    store = services.store
    store.save_models(
        "openai",
        [ModelInfo("openai", BASE, 1), ModelInfo("openai", TUNED, 2, base_model=BASE),
         ModelInfo("openai", "ft:gpt-4.1-2025-04-14:o::late", 3, base_model="gpt-4.1-2025-04-14"),
         ModelInfo("openai", "ft:gone:o::x", 4, base_model="gone", shutdown_date="2020-01-01")],
    )  # fmt: skip
    store.save_model_dates("openai", {BASE: "2100-01-10", "gpt-4.1-2025-04-14": "2100-01-20"})
    found = recordable_models(services, Lifetimes(services.catalog, store.model_dates()))
    assert [one.lane.model for one in found] == [TUNED, "ft:gpt-4.1-2025-04-14:o::late", BASE]


def test_the_command_records_lists_and_exports(
    service: AnsweringService, questions: Path, tmp_path: Path
) -> None:
    service.reply = with_logprobs
    no_terminal = run_cli("record", str(questions), "--model", TUNED)
    assert no_terminal.code == 2
    assert "There is no terminal to ask on" in no_terminal.stderr
    dry = run_cli("record", str(questions), "--model", TUNED, "--dry-run", "--json")
    assert (dry.code, dry.json()["to_ask"], service.requests_answered) == (0, ROWS, 0)
    done = run_cli("record", str(questions), "--model", TUNED, "--yes", "--limit", "3")
    assert done.code == 0, done.stderr
    assert "3 of 3" in done.stdout
    listed = run_cli("record", "list", "--json").json()
    assert (listed[0]["answered"], listed[0]["model"]) == (3, TUNED)
    out = tmp_path / "rows.jsonl"
    few = run_cli("record", "export", TUNED, "-o", str(out), "--as", "training", "--json")
    assert few.code == 1  # three rows are too few for a job, as our own check says
    assert few.json()["errors"]
    assert run_cli("record", "export", TUNED, "-o", str(out)).code == 2
    assert run_cli("record", "export", TUNED, "-o", str(out), "--force").code == 0
    assert run_cli("record", str(questions)).code == 2
    assert run_cli("record", str(questions), "--chats", "--model", TUNED).code == 2
    assert "Nothing is recorded" not in run_cli("record", "list").stdout
    assert run_cli("record", str(tmp_path / "none.jsonl"), "--model", TUNED).code == 2
