from __future__ import annotations

from pathlib import Path

import pytest
from rouge_score import rouge_scorer
from sacrebleu import sentence_bleu

from tests.unit.evals.builders import grade, said
from tui.errors import TunedeckError
from tui.evals.checks.registry import opened_checks
from tui.evals.checks.spec import CheckSpec
from tui.records.chats import ToolCall

SCHEMA = '{"type": "object", "required": ["city"], "properties": {"city": {"type": "string"}}}'


@pytest.mark.parametrize(
    ("check", "answer", "score"),
    [
        ("json", '{"a": [1, 2.5, null]}', 1),
        ("json", "7", 1),
        ("json", '{"a": 1,}', 0),
        ("json", "NaN", 0),
        ("json", 'Here: {"a": 1}', 0),
        ("json", '```json\n{"a": 1}\n```', 0),
        ("json:{fence = true}", '```json\n{"a": 1}\n```', 1),
        ("json:object", "[1]", 0),
        ("json:array", "[1]", 1),
    ],
)
def test_json_is_valid_or_not(check: str, answer: str, score: float) -> None:
    assert grade(check, answer).score == score


def test_a_schema_is_kept_to_and_the_place_is_named() -> None:
    assert grade(f"json-schema:{SCHEMA}", '{"city": "Bonn"}').score == 1
    wrong = grade(f"json-schema:{SCHEMA}", '{"city": 3}')
    assert wrong.score == 0
    assert wrong.note.startswith("at ['city']: 3 is not of type")
    assert grade(f"json-schema:{SCHEMA}", "no").note.startswith("no JSON")


def test_a_schema_may_stand_in_a_file_beside_the_checks(tmp_path: Path) -> None:
    (tmp_path / "s.json").write_text(SCHEMA)
    spec = CheckSpec("json-schema", {"schema": "s.json"}, tmp_path)
    with opened_checks([spec], []) as checks:
        assert len(checks) == 1


def test_a_schema_may_be_the_rows_own() -> None:
    assert grade("json-schema", "[]", item={"schema": {"type": "array"}}).score == 1
    assert grade("json-schema", "[]").score is None


@pytest.mark.parametrize("schema", ['{"type": "nonsense"}', '{"$ref": "http://127.0.0.1:9/x"}', "{"])
def test_a_schema_that_is_none_is_told_and_nothing_is_fetched(schema: str) -> None:
    with pytest.raises(TunedeckError, match=r"json-schema|JSON Schema"):
        grade(f"json-schema:{schema}", "{}")


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        ('{"name": "Ada", "tags": ["x", "y"], "age": 36}', 1),
        ('{"age": 36.0, "tags": ["X", "y "], "name": "ada"}', 1),
        ('{"name": "Ada", "tags": ["x", "y"]}', 2 * 3 / 7),
        ('{"name": "Ada", "tags": ["y", "x"], "age": 36}', 2 * 2 / 8),
        ('{"name": "Bob", "tags": ["x", "y"], "age": 36, "more": 1}', 2 * 3 / 9),
        ("{}", 0),
        ("no JSON", 0),
    ],
)
def test_fields_are_scored_by_f1_over_the_leaves(answer: str, score: float) -> None:
    expected = '{"name": "Ada", "tags": ["x", "y"], "age": 36}'
    assert grade("fields", answer, expected).score == pytest.approx(score)


def test_fields_name_what_is_wrong_and_leave_out_what_is_to_be_ignored() -> None:
    found = grade("fields", '{"a": 1, "b": 3}', '{"a": 1, "b": 2, "c": 4}')
    assert found.note == "wrong or missing: b, c"
    assert grade("fields:{ignore = ['b']}", '{"a": 1, "b": 3}', '{"a": 1, "b": 2}').score == 1


@pytest.mark.parametrize(
    ("answer", "given", "score"),
    [
        ("Positive.", "positive", 1),
        ("I think it is positive", "positive", 1),
        ("positive or negative", "(other)", 0),
        ("negative", "negative", 0),
        ("nonpositive", "(other)", 0),
    ],
)
def test_a_label_is_found_in_what_was_said(answer: str, given: str, score: float) -> None:
    found = grade("label:positive,negative", answer, "positive")
    assert found.labels == ("positive", given)
    assert found.score == score


def test_a_strict_label_is_the_whole_answer() -> None:
    check = "label:{labels = ['positive', 'negative'], strict = true}"
    assert grade(check, "it is positive", "positive").labels == ("positive", "(other)")


@pytest.mark.parametrize(
    ("labels", "answer", "expected", "given"),
    [
        ('["C", "C#"]', "C", "C#", "C"),
        ('["C", "C#"]', "I would say c#.", "C#", "C#"),
        ("[-1, 0, 1]", "1", "-1", "1"),
        ("[-1, 0, 1]", "It is -1.", "-1", "-1"),
        ('["+", "-"]', " - ", "-", "-"),
        ('["good", "very good"]', "It is very good!", "very good", "very good"),
        ('["good", "very good"]', "good, or very good", "good", "(other)"),
    ],
)
def test_labels_that_differ_in_punctuation_or_in_a_word_more_are_told_apart(
    labels: str, answer: str, expected: str, given: str
) -> None:
    found = grade(f"label:{{labels = {labels}}}", answer, expected)
    assert found.labels == (expected, given)
    assert found.score == float(expected == given)


WEATHER = ToolCall("weather", '{"city": "Bonn", "days": 2}')


@pytest.mark.parametrize(
    ("how", "calls", "score"),
    [
        ("equal", [("weather", '{"days": 2, "city": "Bonn"}')], 1),
        ("equal", [("weather", '{"city": "Bonn"}')], 0),
        ("equal", [("weather", '{"city": "Bonn", ')], 0),
        ("equal", [("weather", "{}"), ("weather", "{}")], 0),
        ("equal", [("time", "{}")], 0),
        ("equal", [], 0),
        ("subset", [("weather", '{"city": "Bonn", "days": 2, "unit": "C"}')], 1),
        ("subset", [("weather", '{"city": "Bonn"}')], 0),
        ("any", [("weather", "broken")], 1),
        ("schema", [("weather", '{"city": "Ulm"}')], 1),
        ("schema", [("weather", '{"city": 7}')], 0),
    ],
)
def test_a_tool_call_is_compared_by_name_and_arguments(
    how: str, calls: list[tuple[str, str]], score: float
) -> None:
    tools = ({"function": {"name": "weather", "parameters": {"properties": {"city": {"type": "string"}}}}},)
    found = grade(f"tool-call:{how}", said("", *calls), expected_calls=(WEATHER,), tools=tools)
    assert found.score == score


def test_each_expected_call_finds_its_own_where_one_fits_several() -> None:
    expected = (ToolCall("weather", '{"city": "Bonn"}'), WEATHER)
    calls = [("weather", WEATHER.arguments), ("weather", '{"city": "Bonn"}')]
    assert grade("tool-call:subset", said("", *calls), expected_calls=expected).score == 1
    twice = grade("tool-call:subset", said("", *calls[1:], *calls[1:]), expected_calls=expected)
    assert twice.score == 0
    assert twice.note.startswith('weather: arguments {"city": "Bonn"}, not ')


@pytest.mark.parametrize(
    ("wanted", "called", "score"),
    [
        ('{"a": 1}', '{"a": true}', 0),
        ('{"a": [1]}', '{"a": [1.0]}', 1),
        ('{"a": 1, "b": {}}', '{"b": {}, "a": 1}', 1),
        ('{"a": 1}', f'{{"a": {"[" * 1_000}{"]" * 1_000}}}', 0),
    ],
)
def test_arguments_are_equal_as_json_is(wanted: str, called: str, score: float) -> None:
    expected = (ToolCall("weather", wanted),)
    assert grade("tool-call", said("", ("weather", called)), expected_calls=expected).score == score


def test_no_call_is_right_where_none_is_expected_and_nothing_is_said_where_rows_are_silent() -> None:
    assert grade("tool-call", said("It rains."), expected_calls=()).score == 1
    assert grade("tool-call", said("", ("weather", "{}")), expected_calls=()).score == 0
    assert grade("tool-call", said("")).score is None


@pytest.mark.parametrize(
    ("check", "answer", "score"),
    [
        ("refusal", "I'm sorry, but I can't help with that.", 1),
        ("refusal", "Sure! First, ...", 0),
        ("refusal:no", "Sure! First, ...", 1),
        ("refusal:no", "Es tut mir leid, ich kann das nicht tun.", 0),
    ],
)
def test_a_refusal_is_known_by_how_it_begins(check: str, answer: str, score: float) -> None:
    assert grade(check, answer).score == score


def test_rouge_and_bleu_are_those_of_their_libraries() -> None:
    answer, expected = "the cat sat on the mat today", "a cat sat on a mat"
    rouge = rouge_scorer.RougeScorer(["rougeL"]).score(expected, answer)["rougeL"].fmeasure
    assert grade("rouge", answer, [expected, "nothing alike"]).score == pytest.approx(rouge)
    bleu = sentence_bleu(answer, [expected]).score / 100
    assert grade("bleu", answer, expected).score == pytest.approx(bleu)
