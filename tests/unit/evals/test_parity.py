"""A recorded model against its successor, over real HTTP."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support import run_cli
from tests.unit.core.fake_service import Json
from tests.unit.evals.answering_service import BASE, TUNED, AnsweringService
from tests.unit.evals.builders import said, write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.checks.spec import parse_check
from tui.evals.parity import ParityReport, agreement, plan_parity, run_parity
from tui.evals.parity_old import old_answers
from tui.evals.parity_report import parity_json, sentences, write_parity
from tui.evals.record import plan_recording, record
from tui.evals.record_source import questions_of_file
from tui.evals.recorded import export_recording, find_recording
from tui.evals.requests import Contender
from tui.evals.statistics.verdict import Word
from tui.evals.test_set import read_test_set
from tui.services import Services

OLD, NEW = Lane("openai", TUNED), Lane("openai", BASE)
ROWS = 20


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    rows = [{"prompt": f"How much is {n} + 1?", "expected": f"It is {n + 1} now"} for n in range(ROWS)]
    return write_rows(tmp_path / "valid.jsonl", *rows)


def reply(model: str, question: str, _body: Json) -> Any:
    """The old model is right; the new one says the same in capitals, and from 12 on something else."""
    number = int(question.split()[3])
    right = f"It is {number + 1} now"
    return right if model == TUNED else right.upper() if number < 12 else f"It is {number} or so"


@pytest.fixture
def recorded(service: AnsweringService, services: Services, questions: Path) -> Services:
    service.reply = reply
    found = questions_of_file(questions)
    assert record(services, plan_recording(services, found.source, found.cases, [OLD])).complete
    service.asked.clear()
    return services


def compared(services: Services, path: Path | None, *checks: str, **options: Any) -> ParityReport:
    old = old_answers(services, TUNED, None if path is None else read_test_set(path))
    specs = [parse_check(one) for one in checks]
    return run_parity(services, plan_parity(services, old, Contender(NEW), specs, **options), first_wait=0.01)


def test_old_and_new_are_compared_row_by_row_with_intervals_worst_first(
    recorded: Services, service: AnsweringService, questions: Path
) -> None:
    report = compared(recorded, questions, "normalised")
    assert {model for model, _ in service.asked} == {BASE}
    assert (report.compared, report.same.estimate) == (ROWS, 12 / ROWS)
    assert report.same.method == "Wilson"
    assert 0.6 < report.agreement.estimate < 1
    assert report.agreement.low < report.agreement.estimate < report.agreement.high
    assert not report.rows[0].is_same
    assert report.rows[0].agreement == pytest.approx(2 * 2 / (4 + 5))
    assert report.rows[-1].agreement == 1
    assert report.verdict is not None
    assert report.verdict.word is Word.WORSE
    assert (report.verdict.first, report.verdict.second) == (1.0, 12 / ROWS)
    assert report.old_cost is not None
    assert report.new_cost is not None
    assert report.old_cost.high > report.new_cost.high > 0  # the tuned model's tokens cost twice as much


@pytest.mark.parametrize(
    ("check", "mean"),
    [("exact", 0), ("normalised", 12 / ROWS), ("regex:(?i)it is", 1), ("format:uppercase", 12 / ROWS)],
)
def test_a_check_may_tell_how_alike_answers_are_with_the_old_one_as_the_right_one(
    recorded: Services, questions: Path, check: str, mean: float
) -> None:
    report = compared(recorded, questions, agreement=parse_check(check))
    assert report.agreement.estimate == pytest.approx(mean)
    assert report.agreement.method == "Wilson"
    assert f"agreement by {check} {100 * mean:.1f} %" in sentences(report)[0]
    assert parity_json(report)["agreement_by"] == check
    assert report.rows[-1].agreement == float(mean > 0)


def test_a_function_that_tells_how_alike_answers_are_gets_the_old_one_with_the_row(
    recorded: Services, questions: Path, tmp_path: Path
) -> None:
    (tmp_path / "alike.py").write_text(
        "def grade(row, answer):\n    return row['expected'].lower() == answer['text'].lower()\n"
    )
    report = compared(recorded, questions, agreement=parse_check(f"python:{tmp_path / 'alike.py'}"))
    assert report.agreement.estimate == 12 / ROWS


def test_a_check_that_applies_to_no_row_leaves_agreement_unknown_and_answers_compared(
    recorded: Services, questions: Path
) -> None:
    report = compared(recorded, questions, agreement=parse_check("json-schema"))
    assert report.compared == ROWS
    assert report.same.estimate == 12 / ROWS
    assert "agreement by json-schema not known" in sentences(report)[0]
    assert parity_json(report)["agreement"]["estimate"] is None


@pytest.mark.parametrize("where", ["checks", "agreement"])
def test_a_judge_is_refused_and_not_left_out_in_silence(
    recorded: Services, questions: Path, where: str
) -> None:
    judge = parse_check(f"judge:{BASE}")
    old = old_answers(recorded, TUNED, read_test_set(questions))
    options: Any = {"agreement": judge} if where == "agreement" else {"checks": [judge]}
    with pytest.raises(TunedeckError, match="asks no judge"):
        plan_parity(recorded, old, Contender(NEW), **options)


def test_without_a_file_all_that_was_recorded_is_compared_and_nothing_is_asked_twice(
    recorded: Services, service: AnsweringService
) -> None:
    first = compared(recorded, None)
    assert (first.compared, first.asked, first.verdict) == (ROWS, ROWS, None)
    assert compared(recorded, None).asked == 0
    assert set(service.asked.values()) == {1}


def test_golden_rows_carry_the_old_answers_to_a_store_that_never_saw_them(
    recorded: Services, service: AnsweringService, questions: Path, tmp_path: Path
) -> None:
    golden = export_recording(recorded, find_recording(recorded, TUNED), tmp_path / "golden.jsonl").path
    with Services.open(tmp_path / "other.sqlite3") as elsewhere:
        assert elsewhere.store.recordings() == []
        report = compared(elsewhere, golden, "normalised")
    assert report.same.estimate == compared(recorded, questions).same.estimate
    assert report.verdict is not None
    assert report.verdict.first == 1.0
    assert report.rows[0].old.usage.completion_tokens == 4
    assert (report.old_tokens, report.new_tokens) == (4, 4.4)


def test_a_recording_is_found_by_the_end_of_a_models_name(recorded: Services) -> None:
    assert find_recording(recorded, TUNED.rpartition(":")[2]).model == TUNED
    with pytest.raises(TunedeckError, match="There is no recording"):
        find_recording(recorded, "bc")


def test_rows_that_were_not_recorded_are_left_out_and_counted(
    recorded: Services, questions: Path, tmp_path: Path
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_text(questions.read_text() + json.dumps({"prompt": "How much is 90 + 1?"}) + "\n")
    report = compared(recorded, more)
    assert (len(report.rows), report.missing_old) == (ROWS, 1)
    assert "1 rows have no recorded answer" in " ".join(sentences(report))


def test_what_was_never_recorded_is_told(services: Services, questions: Path, recorded: Services) -> None:
    with pytest.raises(TunedeckError, match="Nothing is recorded of ft:other"):
        old_answers(services, "ft:other", None)
    other = write_rows(questions.with_name("other.jsonl"), {"prompt": "Something else?"})
    with pytest.raises(TunedeckError, match="no recorded answer to these rows"):
        old_answers(services, TUNED, read_test_set(other))


def test_a_new_model_that_refuses_or_is_capped_is_reported_as_far_as_it_came(
    recorded: Services, service: AnsweringService, questions: Path
) -> None:
    service.reply = lambda model, question, body: 400 if " 3 " in question else reply(model, question, body)
    report = compared(recorded, questions)
    assert report.compared == ROWS - 1
    assert not report.why_incomplete
    assert [row.case.line for row in report.rows if row.refusal] == [4]


def test_hostile_answers_are_compared_and_reported_harmlessly(
    service: AnsweringService, services: Services, questions: Path, tmp_path: Path
) -> None:
    def hostile(model: str, question: str, _body: Json) -> Any:
        if model == TUNED:
            return "\x1b]0;owned\x07 | `````[b]x[/b] <script>\ud800 " + "long " * 4_000
        return {"tool_calls": [{"index": 0, "function": {"name": "a", "arguments": "{broken"}}]}

    service.reply = hostile
    found = questions_of_file(questions)
    record(services, plan_recording(services, found.source, found.cases, [OLD]))
    report = compared(services, questions)
    assert report.same.estimate == 0
    for ending in ("md", "html", "json"):
        write_parity(report, tmp_path / f"r.{ending}")
    text = (tmp_path / "r.md").read_text("utf-8")
    assert "\x1b" not in text + (tmp_path / "r.html").read_text("utf-8")
    assert "<script>" not in (tmp_path / "r.html").read_text("utf-8")
    assert json.loads((tmp_path / "r.json").read_text("utf-8")) == json.loads(json.dumps(parity_json(report)))


def test_calls_agree_however_their_json_is_spelled() -> None:
    one, other = said("", ("look", '{"a": 1, "b": 2}')), said("", ("look", '{"b":2,"a":1}'))
    assert agreement(one, other) == 1
    assert agreement(one, said("", ("look", '{"a": 2}'))) == 0
    assert agreement(said("same words", ("look", "{}")), said("same words")) == 0.5


@given(st.text(max_size=60), st.text(max_size=60))
def test_agreement_is_between_0_and_1_and_1_for_the_same(one: str, two: str) -> None:
    assert agreement(said(one), said(one)) == 1
    assert 0 <= agreement(said(one), said(two)) <= 1


def test_the_command_reports_in_one_file_and_gates(
    recorded: Services, questions: Path, tmp_path: Path
) -> None:
    arguments = ("parity", TUNED, BASE, str(questions), "--check", "normalised")
    assert run_cli(*arguments).code == 2  # it costs, and there is no terminal to ask on
    report = tmp_path / "parity.md"
    done = run_cli(*arguments, "--yes", "--report", str(report))
    assert done.code == 0, done.stderr
    assert "Tokens of an answer: old 4.0, new 4.4." in done.stdout
    assert done.stdout.startswith("20 of 20 recorded answers are compared: 60.0 % (38.7 to 78.1) the same")
    assert "the new model is: worse by -40.0 points" in done.stdout
    assert report.read_text("utf-8").startswith("# ft:gpt")
    gate = run_cli(*arguments, "--json", "--fail-under", "95")
    assert (gate.code, gate.json()["asked"], gate.json()["same"]["estimate"]) == (1, 0, 0.6)
    assert gate.json()["worst_first"][0]["agreement"] < 0.5
    chosen = run_cli(*arguments, "--json", "--agreement", "normalised", "--fail-under", "60")
    assert (chosen.code, chosen.json()["agreement"]["estimate"]) == (0, 0.6)
    assert run_cli("parity", "ft:other", BASE).code == 2
    assert run_cli(*arguments, "--report", str(tmp_path / "r.txt")).code == 2
    assert run_cli(*arguments, "--check", "nonsense").code == 2
