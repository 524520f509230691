from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.evals.builders import write_rows
from tui.data.examples import SENTIMENT
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.checks.spec import CheckSpec, parse_check, read_check_file
from tui.evals.test_set import read_test_set
from tui.records.chats import ToolCall

USER = {"role": "user", "content": "2 + 2?"}
ANSWER = {"role": "assistant", "content": "4", "weight": 1}
TOOL = {"type": "function", "function": {"name": "add", "parameters": {}}}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2}'}}


def only_case(folder: Path, row: Any) -> Case:
    test_set = read_test_set(write_rows(folder / "set.jsonl", row))
    assert len(test_set.cases) == 1
    return test_set.cases[0]


SHAPES: dict[str, dict[str, Any]] = {
    "a row of a dataset": {"messages": [USER, ANSWER]},
    "golden answers": {"messages": [USER], "expected": "4"},
    "OpenAI Evals": {"input": [USER], "ideal": "4"},
    "OpenAI Evals, a text": {"input": "2 + 2?", "ideal": ["4"]},
    "the Evals service": {"item": {"question": "2 + 2?", "reference_answer": "4"}},
    "prompt and completion": {"prompt": "2 + 2?", "completion": "4"},
    "a preference": {
        "input": {"messages": [USER]},
        "preferred_output": [{"role": "assistant", "content": "4"}],
        "non_preferred_output": [{"role": "assistant", "content": "5"}],
    },
    "a reinforcement row": {"messages": [USER], "answer": 4},
}


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_gives_the_same_question_and_answer(tmp_path: Path, shape: str) -> None:
    case = only_case(tmp_path, SHAPES[shape])
    assert [(one.role, one.content) for one in case.messages] == [("user", "2 + 2?")]
    assert case.expected == ("4",)


def test_the_shipped_held_out_rows_are_a_test_set() -> None:
    assert SENTIMENT.held_out is not None
    test_set = read_test_set(SENTIMENT.held_out)
    assert len(test_set.cases) == test_set.expected_rows == 60
    assert {case.expected[0] for case in test_set.cases} == {"positive", "negative", "neutral"}
    assert [one.role for one in test_set.cases[0].messages] == ["system", "user"]
    assert not test_set.skipped


def test_several_right_answers_objects_and_tags_are_kept(tmp_path: Path) -> None:
    row = {
        "id": "q7",
        "prompt": "x",
        "expected": ["a", "b"],
        "tags": ["math"],
        "pair": 3,
        "checks": ["exact"],
    }
    case = only_case(tmp_path, row)
    assert (case.id, case.expected, case.tags, case.pair) == ("q7", ("a", "b"), ("math",), "3")
    assert case.checks == (CheckSpec("exact", {}, tmp_path),)
    assert only_case(tmp_path, {"prompt": "x", "expected": {"a": 1}}).expected == ('{"a": 1}',)


def test_tool_calls_and_earlier_turns_go_with_the_question_and_weights_do_not(tmp_path: Path) -> None:
    call = {"role": "assistant", "tool_calls": [CALL], "weight": 0}
    result = {"role": "tool", "tool_call_id": "c1", "content": "4"}
    case = only_case(tmp_path, {"messages": [USER, call, result, ANSWER], "tools": [TOOL]})
    assert [one.role for one in case.messages] == ["user", "assistant", "tool"]
    assert case.messages[0].whole is None
    assert case.messages[1].whole == {"role": "assistant", "tool_calls": [CALL]}
    assert case.expected_calls == ()
    assert case.tools == (TOOL,)


def test_an_answer_that_calls_a_tool_is_expected_as_a_call(tmp_path: Path) -> None:
    row = {"messages": [USER, {"role": "assistant", "content": None, "tool_calls": [CALL]}], "tools": [TOOL]}
    case = only_case(tmp_path, row)
    assert case.expected == ()
    assert case.expected_calls == (ToolCall("add", '{"a": 2}'),)


def test_images_are_sent_as_they_are_and_their_text_is_what_is_shown(tmp_path: Path) -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {"url": "data:x"}}]
    case = only_case(tmp_path, {"messages": [{"role": "user", "content": parts}], "expected": "a cat"})
    assert case.question == "What is it?"
    assert case.messages[0].whole == {"role": "user", "content": parts}


def test_what_cannot_be_asked_is_told_by_line_and_the_rest_is_read(tmp_path: Path) -> None:
    path = write_rows(
        tmp_path / "set.jsonl",
        "\ufeff" + '{"prompt": "first"}', "", "{broken", "[1]", {"text": "bare"}, {"messages": [ANSWER]},
        {"messages": [{"content": "no role"}]}, {"instruction": "i", "input": "x", "output": "o"},
        {"prompt": "last"}, {"prompt": "y", "checks": [{"no": "name"}]},
    )  # fmt: skip
    test_set = read_test_set(path)
    assert [case.line for case in test_set.cases] == [1, 9]
    reasons = dict(test_set.skipped)
    assert set(reasons) == {3, 4, 5, 6, 7, 8, 10}
    assert reasons[3].startswith("Not valid JSON")
    assert "tunedeck convert" in reasons[8]


def test_rows_beyond_the_most_of_a_test_set_are_never_left_out_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tui.evals.test_set.MOST_CASES", 3)
    path = write_rows(tmp_path / "set.jsonl", *[{"prompt": str(number)} for number in range(5)])
    with pytest.raises(TunedeckError, match="has 2 rows more than the 3 of a test set"):
        read_test_set(path)
    assert len(read_test_set(path, limit=3).cases) == 3


def test_a_limit_takes_the_first_rows(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "set.jsonl", *({"prompt": str(number)} for number in range(9)))
    assert [case.question for case in read_test_set(path, limit=3).cases] == ["0", "1", "2"]


@pytest.mark.parametrize("rows", [[], ["{}"], [{"prompt": 3}]])
def test_a_file_without_a_question_is_no_test_set(tmp_path: Path, rows: list[Any]) -> None:
    with pytest.raises(TunedeckError, match="holds no row that can be asked"):
        read_test_set(write_rows(tmp_path / "set.jsonl", *rows))


def test_two_rows_of_one_id_are_refused(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "set.jsonl", {"id": "a", "prompt": "1"}, {"id": "a", "prompt": "2"})
    with pytest.raises(TunedeckError, match="Lines 1 and 2 have the same id 'a'"):
        read_test_set(path)


def test_checks_are_read_from_a_file_a_flag_and_a_row_alike(tmp_path: Path) -> None:
    path = tmp_path / "checks.toml"
    path.write_text('[[check]]\nname = "number"\ntolerance = 0.5\n\n[[check]]\nname = "exact"\n')
    number, exact = read_check_file(path)
    assert number.key == parse_check("number:{tolerance = 0.5}").key
    assert exact.key == parse_check("exact").key
    assert number.folder == tmp_path
    assert number.title == "number:{tolerance = 0.5}"


@pytest.mark.parametrize("content", ["x = 1", "check = 3", "[[check]]\nnot = 'named'", "[[check]", "\udcff"])
def test_a_file_that_holds_no_checks_is_told(tmp_path: Path, content: str) -> None:
    path = tmp_path / "checks.toml"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(TunedeckError, match=r"checks\.toml"):
        read_check_file(path)


def test_a_value_that_only_looks_like_options_is_taken_as_it_is() -> None:
    assert parse_check(r"regex:\d{2}").options == {"value": r"\d{2}"}
    assert parse_check('json-schema:{"type": "array"}').options == {"value": '{"type": "array"}'}
