"""A large run through the Batch API: handed in once, collected once, at half the price."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult
from tests.unit.core.fake_service import drop, refuse
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.batching import collect_batches, submit_batches, wait_for_batches
from tui.evals.checks.spec import parse_check
from tui.evals.plan import EvalOptions, EvalPlan, plan_evaluation
from tui.evals.requests import Contender
from tui.evals.test_set import read_test_set
from tui.providers.batches import answers_in
from tui.providers.protocol import ProviderError
from tui.records.evaluations import BATCH_KEY, EvalAnswer
from tui.services import Services

Cli = Callable[..., CliResult]
BOTH = (Contender(Lane("openai", BASE)), Contender(Lane("openai", TUNED)))
ROWS = 10


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"prompt": f"Double {number}", "expected": str(2 * number)} for number in range(ROWS)]
    return write_rows(tmp_path / "set.jsonl", *rows)


def right(model: str, question: str, _body: Any) -> str:
    return str(2 * int(question.split()[1])) if model == TUNED else "no"


def planned(services: Services, path: Path, **options: Any) -> EvalPlan:
    values = {"checks": (parse_check("exact"),), "batch": True, **options}
    return plan_evaluation(services, read_test_set(path), BOTH, EvalOptions(**values))


ASK = ("--model", TUNED, "--against", BASE, "--account", "openai", "--check", "exact", "--batch")


def test_a_batch_is_handed_in_collected_and_reported_by_the_same_command(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = right
    first = cli("eval", str(questions), *ASK, "--yes", "--json")
    assert first.code == 0, first.stderr
    batches = first.json()["batches"]
    told = {(one["model"], one["requests"], one["state"]) for one in batches}
    assert told == {(BASE, ROWS, "validating"), (TUNED, ROWS, "validating")}
    line = json.loads(service.contents[service.batches["batch_1"]["input_file_id"]].splitlines()[0])
    assert (line["method"], line["url"]) == ("POST", "/v1/chat/completions")
    assert line["body"]["messages"] == [{"role": "user", "content": "Double 0"}]
    assert "stream" not in line["body"]

    service.batches["batch_1"]["status"] = "in_progress"
    again = cli("eval", str(questions), *ASK)
    assert again.code == 0
    assert "in_progress" in again.stdout
    assert len(service.batches) == 2

    service.finish_batch("batch_1")
    service.finish_batch("batch_2")
    done = cli("eval", str(questions), *ASK, "--json")
    assert done.code == 0, done.stderr
    value = done.json()
    assert value["complete"] is True
    assert value["verdict"]["word"] == "better"
    assert service.count("POST", "/v1/chat/completions") == 0
    assert len(service.batches) == 2
    tokens = value["models"][1]["tokens"]
    paid = (Decimal("0.40") * tokens["prompt"] + Decimal("1.60") * tokens["completion"]) / 1_000_000
    assert Decimal(value["models"][1]["cost"]["amount"]) == paid
    assert value["models"][1]["seconds"]["median"] is None


def test_what_is_in_an_open_batch_is_never_handed_in_again(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    assert len(submit_batches(services, planned(services, questions)).submitted) == 2
    assert submit_batches(services, planned(services, questions)).submitted == []
    assert len(service.batches) == 2
    assert service.batches["batch_1"]["metadata"][BATCH_KEY]


def test_a_batch_whose_answer_was_lost_is_found_by_its_tag(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = right

    def accept_and_drop(handler: Any) -> bool:
        handler.accept_batch()
        handler.drop()
        return True

    service.faults["POST", "/v1/batches"].append(accept_and_drop)
    with pytest.raises(ProviderError):
        submit_batches(services, planned(services, questions))
    assert len(service.batches) == 1
    look = collect_batches(services, ["openai"])
    assert [batch.id for batch, _ in look.open] == ["batch_1"]
    sent = submit_batches(services, planned(services, questions)).submitted
    assert [batch.model for batch in sent] == [TUNED]
    for batch_id in ("batch_1", "batch_2"):
        service.finish_batch(batch_id)
    assert collect_batches(services, ["openai"]).collected == 2 * ROWS
    assert planned(services, questions).unknown == 0


def test_a_submission_that_never_arrived_is_given_up_after_a_while(
    service: AnsweringService, services: Services, questions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.faults["POST", "/v1/batches"].append(drop)
    with pytest.raises(ProviderError):
        submit_batches(services, planned(services, questions))
    assert len(collect_batches(services, ["openai"]).open) == 1
    monkeypatch.setattr("tui.evals.batching._GRACE_SECONDS", -1)
    assert collect_batches(services, ["openai"]).open == []
    assert len(submit_batches(services, planned(services, questions)).submitted) == 2


def test_a_refused_submission_may_be_sent_again_at_once(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.faults["POST", "/v1/batches"].append(refuse(400, "no such endpoint"))
    with pytest.raises(ProviderError, match="no such endpoint"):
        submit_batches(services, planned(services, questions))
    assert collect_batches(services, ["openai"]).open == []
    assert len(submit_batches(services, planned(services, questions)).submitted) == 2


def test_requests_that_expired_or_failed_are_told_and_the_others_kept(
    cli: Cli, service: AnsweringService, questions: Path
) -> None:
    service.reply = lambda model, question, body: (
        400 if question == "Double 0" else right(model, question, body)
    )
    cli("eval", str(questions), *ASK, "--yes")
    service.finish_batch("batch_1", "expired", lose=3)
    service.finish_batch("batch_2")
    result = cli("eval", str(questions), *ASK, "--json")
    assert result.code == 0, result.stderr
    base, tuned = result.json()["models"]
    assert (base["answered"], base["refused"]) == (ROWS - 4, 4)
    assert (tuned["answered"], tuned["refused"]) == (ROWS - 1, 1)
    reasons = {one["refusal"] for row in result.json()["worst"] for one in row["answers"]}
    assert {"this can't be answered", "This request expired."} <= reasons
    assert service.count("POST", "/v1/chat/completions") == 0


def test_waiting_looks_until_all_is_done(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    service.reply = right
    submit_batches(services, planned(services, questions))
    looks: list[int] = []

    def on_look(look: Any) -> None:
        looks.append(len(look.open))
        if len(looks) <= 2:
            service.finish_batch(f"batch_{len(looks)}")

    total = wait_for_batches(services, ["openai"], poll_seconds=0.01, on_look=on_look)
    assert looks == [2, 1, 0]
    assert (total.collected, total.open) == (2 * ROWS, [])


def test_the_price_of_a_batch_is_half_and_its_cap_holds(
    service: AnsweringService, services: Services, questions: Path
) -> None:
    batch, live = (planned(services, questions, batch=one).price for one in (True, False))
    assert batch is not None
    assert live is not None
    assert batch.high * 2 == live.high
    outcome = submit_batches(services, planned(services, questions, max_cost=batch.high / 2))
    assert outcome.capped
    sent = sum(len(one.digests) for one in outcome.submitted)
    assert 0 < sent <= ROWS


def test_services_without_batches_say_so_before_anything_is_sent(
    cli: Cli, service: AnsweringService, services: Services, questions: Path
) -> None:
    local = (Contender(Lane("local", "smollm2-135m-instruct")),)
    options = EvalOptions(checks=(parse_check("exact"),), batch=True)
    plan = plan_evaluation(services, read_test_set(questions), local, options)
    with pytest.raises(TunedeckError, match="batches are not offered"):
        submit_batches(services, plan)
    result = cli("eval", str(questions), *ASK, "--anew", "--yes")
    assert result.code == 2
    assert service.batches == {}


HOSTILE_LINES = [
    b"not json", b"[1]", b'{"custom_id": 3}', b'{"custom_id": "a"}',
    b'{"custom_id": "b", "response": {"status_code": 200, "body": {"choices": []}}}',
    b'{"custom_id": "c", "response": {"status_code": 200, "body": {"choices": [{"message": {"content": '
    b'"\\ud83d \\u001b[31m", "tool_calls": [{"function": {"name": 3}}, 7]}}],'
    b' "usage": {"prompt_tokens": "x"}}}}',
    b"\xff\xfe", b'{"custom_id": "d", "response": "no", "error": {"code": "x"}}',
]  # fmt: skip


def test_an_output_file_of_any_kind_never_raises() -> None:
    found = dict(answers_in(b"\n".join(HOSTILE_LINES)))
    assert set(found) == {"a", "b", "c", "d"}
    assert found["a"] == found["b"] == "the service gave no answer"
    assert found["d"] == "x"
    answer = found["c"]
    assert isinstance(answer, EvalAnswer)
    assert answer.usage.prompt_tokens == 0
    assert [call.name for call in answer.tool_calls] == ["3"]
