"""What rows are taken for, what becomes of them, and that our own check takes what is exported."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import run_cli
from tests.unit.datasets.builders import assistant, call, chat, preference, tool_chat, user
from tests.unit.datasets.convert.support import Row, chats, convert, preferences, rows_of, write_lines
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.convert.detect import detect_mapping
from tui.datasets.convert.hint import other_shape
from tui.datasets.convert.mapping import Role, RowKind, SourceShape, parse_overrides
from tui.datasets.convert.targets import PROVIDERS, TargetShape
from tui.datasets.formats import DatasetFormat
from tui.datasets.services import SERVICES
from tui.errors import TunedeckError

TURNS = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
SHARED = [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}]


@pytest.mark.parametrize(
    ("row", "shape", "kind"),
    [
        ({"messages": TURNS}, SourceShape.OPENAI, RowKind.CHAT),
        ({"messages": TURNS[:1], "answer": 4}, SourceShape.OPENAI, RowKind.REINFORCEMENT),
        (preference(), SourceShape.OPENAI, RowKind.PREFERENCE),
        ({"conversations": SHARED, "system": "s"}, SourceShape.SHAREGPT, RowKind.CHAT),
        ({"messages": SHARED}, SourceShape.SHAREGPT, RowKind.CHAT),
        ({"conversations": json.dumps(SHARED)}, SourceShape.SHAREGPT, RowKind.CHAT),
        ({"conversations": TURNS}, SourceShape.SHAREGPT, RowKind.CHAT),
        ({"instruction": "i", "input": "", "output": "o"}, SourceShape.ALPACA, RowKind.CHAT),
        ({"chosen": TURNS, "rejected": TURNS}, SourceShape.TRL, RowKind.PREFERENCE),
        ({"prompt": "p", "chosen": "c", "rejected": "r"}, SourceShape.TRL, RowKind.PREFERENCE),
        ({"prompt": TURNS[:1], "completion": TURNS[1:]}, SourceShape.TRL, RowKind.CHAT),
        ({"prompt": "p", "completion": "c"}, SourceShape.COMPLETION, RowKind.CHAT),
        ({"contents": [], "systemInstruction": {}}, SourceShape.VERTEX, RowKind.CHAT),
        ({"Question": "q", "Model answer": "", "answer": "a", "id": 1}, SourceShape.COLUMNS, RowKind.CHAT),
        ({"spam": "q", "eggs": "a"}, SourceShape.COLUMNS, RowKind.CHAT),
    ],
)
def test_rows_are_recognised_with_a_reason(row: Row, shape: SourceShape, kind: RowKind) -> None:
    mapping = detect_mapping([row] * 3)
    assert (mapping.shape, mapping.kind) == (shape, kind)
    assert mapping.reason
    assert mapping.problem() == ""
    assert [column for column, _ in mapping.roles] == list(row)


def test_what_is_said_by_hand_beats_what_was_found() -> None:
    mapping = detect_mapping([{"a": "q", "b": "a", "c": "x"}])
    assert mapping.problem()
    for column, role in parse_overrides(["a=user", "b=assistant", "c=system"]).items():
        mapping = mapping.with_role(column, role)
    assert mapping.problem() == ""
    assert mapping.columns(Role.SYSTEM) == ("c",)


@pytest.mark.parametrize("word", ["answer", "=user", "answer=teacher"])
def test_a_mapping_that_says_nothing_is_refused(word: str) -> None:
    with pytest.raises(TunedeckError):
        parse_overrides([word])


def made_of(tmp_path: Path, rows: list[Row], **options: Any) -> list[Row]:
    result = convert(write_lines(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl", **options)
    assert result.written, result.bad_rows
    return rows_of(tmp_path / "out.jsonl")


def test_alpaca_joins_its_input_and_tells_its_history(tmp_path: Path) -> None:
    row = {"instruction": "Sum up", "input": "text", "output": "t", "system": "s", "history": [["a", "b"]]}
    spoken = [(said["role"], said["content"]) for said in made_of(tmp_path, [row])[0]["messages"]]
    assert spoken == [
        ("system", "s"), ("user", "a"), ("assistant", "b"), ("user", "Sum up\ntext"), ("assistant", "t"),
    ]  # fmt: skip


def test_sharegpt_calls_get_the_ids_that_their_answers_name(tmp_path: Path) -> None:
    calls = [{"name": "f", "arguments": {"a": 1}}, {"name": "g", "arguments": {}}]
    turns = [
        {"from": "human", "value": "q"},
        {"from": "function_call", "value": json.dumps(calls)},
        {"from": "observation", "value": "1"},
        {"from": "observation", "value": "2"},
        {"from": "gpt", "value": "a"},
    ]
    tools = json.dumps([{"name": "f", "parameters": {}}, {"name": "g", "parameters": {}}])
    row = made_of(tmp_path, [{"conversations": turns, "tools": tools}])[0]
    made = row["messages"][1]["tool_calls"]
    assert [one["function"] for one in made] == [
        {"name": "f", "arguments": '{"a":1}'},
        {"name": "g", "arguments": "{}"},
    ]
    assert [said["tool_call_id"] for said in row["messages"][2:4]] == [one["id"] for one in made]
    assert row["tools"][0] == {"type": "function", "function": {"name": "f", "parameters": {}}}


def test_answers_that_are_json_stay_text(tmp_path: Path) -> None:
    answer = '{"sentiment": "good", "role": "none"}'
    row = made_of(tmp_path, [{"prompt": "p", "completion": answer}])[0]
    assert row["messages"][1]["content"] == answer


@pytest.mark.parametrize(
    "row",
    [
        {"chosen": [*TURNS[:1], assistant("g")], "rejected": [*TURNS[:1], assistant("b")]},
        {"prompt": "q", "chosen": [*TURNS[:1], assistant("g")], "rejected": [*TURNS[:1], assistant("b")]},
        {"prompt": TURNS[:1], "chosen": [assistant("g")], "rejected": [assistant("b")]},
        {"prompt": "q", "chosen": "g", "rejected": "b"},
        {"chosen": "\n\nHuman: q\n\nAssistant: g", "rejected": "\n\nHuman: q\n\nAssistant: b"},
        {"instruction": "q", "input": "", "chosen": "g", "rejected": "b"},
        {"conversations": SHARED[:1], "chosen": {"from": "gpt", "value": "g"},
         "rejected": {"from": "gpt", "value": "b"}},
    ],
)  # fmt: skip
def test_every_way_to_write_two_answers_gives_the_same_row(tmp_path: Path, row: Row) -> None:
    assert made_of(tmp_path, [row]) == [preference(user("q"), good=[assistant("g")], bad=[assistant("b")])]


def test_bad_answers_of_labelled_rows_are_never_learned(tmp_path: Path) -> None:
    rows = [{"prompt": "p", "completion": text, "label": text == "good"} for text in ("good", "bad")]
    source = write_lines(tmp_path / "in.jsonl", rows)
    result = convert(source, tmp_path / "out.jsonl", skip_bad=True)
    assert [row.line for row in result.bad_rows] == [2]
    assert result.rows_written == 1


def test_a_weight_column_keeps_its_answer_out_of_training(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    with source.open("w", newline="") as stream:
        csv.writer(stream).writerows(
            [
                ["messages", "answer", "weight"],
                [json.dumps(TURNS + TURNS[:1]), "x", "1"],
                [json.dumps(TURNS + TURNS[:1]), "y", "0.5"],
            ]
        )
    result = convert(
        source, tmp_path / "out.jsonl", skip_bad=True, shape=SourceShape.COLUMNS,
        overrides={"messages": Role.MESSAGES, "answer": Role.ASSISTANT, "weight": Role.WEIGHT},
    )  # fmt: skip
    assert rows_of(tmp_path / "out.jsonl")[0]["messages"][3] == assistant("x", weight=1)
    assert "0.5" in result.bad_rows[0].reason


def test_what_is_left_out_is_counted_with_its_first_lines(tmp_path: Path) -> None:
    image = {"type": "image", "image": None}
    rows: list[Row] = [
        {"messages": [user(), assistant(mood="x")], "source": "web"},
        {
            "messages": [
                user([{"type": "text", "text": "a"}, image]),
                assistant(),
                {"role": "critic", "content": "c"},
            ],
            "source": "",
        },
        {"messages": [user(), assistant(), user("left over")], "source": "web"},
    ]
    result = convert(write_lines(tmp_path / "in.jsonl", rows), tmp_path / "out.jsonl")
    found = {(loss.kind, loss.name): (loss.count, loss.lines) for loss in result.losses}
    assert found == {
        ("column", "source"): (2, (1, 3)),
        ("message key", "mood"): (1, (1,)),
        ("image", "image"): (1, (2,)),
        ("role", "critic"): (1, (2,)),
        ("turn after the last answer", "user"): (1, (3,)),
    }


def test_nothing_may_be_lost_when_that_is_asked(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"messages": TURNS, "source": "web"}])
    result = convert(source, tmp_path / "out.jsonl", lossless=True)
    assert not result.written
    assert not (tmp_path / "out.jsonl").exists()


def test_what_bad_rows_would_have_lost_is_not_counted(tmp_path: Path) -> None:
    rows: list[Row] = [{"messages": TURNS}, {"messages": TURNS[:1], "source": "x"}]
    source = write_lines(tmp_path / "in.jsonl", [*rows[:1] * 3, rows[1]])
    result = convert(source, tmp_path / "out.jsonl", skip_bad=True)
    assert (result.bad_count, result.losses) == (1, ())


def test_a_chat_becomes_a_grader_row_with_its_answer_beside(tmp_path: Path) -> None:
    row = made_of(tmp_path, [{"messages": TURNS}], target_shape="reinforcement")[0]
    assert row == {"messages": TURNS[:1], "reference_answer": "a"}


def test_preferences_become_chats_and_the_rejected_answers_are_named(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [preference()])
    result = convert(source, tmp_path / "out.jsonl", target_shape="chat")
    assert rows_of(tmp_path / "out.jsonl")[0] == chat(user(), assistant("Good."))
    assert [loss.kind for loss in result.losses] == ["rejected answer"]


def test_chats_do_not_become_preferences(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [chat()])
    with pytest.raises(TunedeckError, match="preferred and a rejected"):
        convert(source, tmp_path / "out.jsonl", target_shape="preference")


# What providers want


def test_azure_gets_its_byte_order_mark_and_nobody_else(tmp_path: Path) -> None:
    for provider in PROVIDERS:
        made_of(tmp_path, [chat()], provider=provider, force=True)
        assert (tmp_path / "out.jsonl").read_bytes().startswith(b"\xef\xbb\xbf") == (provider == "azure")


def test_old_functions_become_tools_where_nobody_knows_them(tmp_path: Path) -> None:
    old = chat(
        user(),
        {"role": "assistant", "function_call": {"name": "weather", "arguments": "{}"}},
        {"role": "function", "name": "weather", "content": "sunny"},
        assistant(),
        functions=[{"name": "weather", "parameters": {}}],
    )
    assert made_of(tmp_path, [old], provider="openai")[0] == old
    new = made_of(tmp_path, [old], provider="together", force=True)[0]
    assert new["messages"][1] == {"role": "assistant", "tool_calls": [call()]}
    assert new["messages"][2] == {"role": "tool", "content": "sunny", "tool_call_id": "call_1"}
    assert new["tools"] == [{"type": "function", "function": {"name": "weather", "parameters": {}}}]


def test_ids_of_calls_are_shortened_alike_where_a_service_wants_it(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [tool_chat()])
    result = convert(source, tmp_path / "out.jsonl", provider="mistral")
    asked, answered = rows_of(tmp_path / "out.jsonl")[0]["messages"][1:3]
    assert asked["tool_calls"][0]["id"] == answered["tool_call_id"]
    assert len(answered["tool_call_id"]) == 9
    assert [(loss.kind, loss.count) for loss in result.losses] == [("id of a call", 2)]


def test_every_service_whose_rules_are_known_can_be_written_for() -> None:
    assert SERVICES.keys() <= PROVIDERS.keys()


def test_turns_are_joined_where_a_service_takes_no_role_twice(tmp_path: Path) -> None:
    system = {"role": "system", "content": "s"}
    row = chat(system, system, user("a"), user("b"), assistant("c"), system, user("d"), assistant("e"))
    source = write_lines(tmp_path / "in.jsonl", [row])
    result = convert(source, tmp_path / "out.jsonl", provider="together")
    spoken = [said["content"] for said in rows_of(tmp_path / "out.jsonl")[0]["messages"]]
    assert spoken == ["s\n\ns", "a\n\nb", "c", "d", "e"]
    assert sum(loss.count for loss in result.losses) == 3
    twice = chat(user(), assistant(weight=0), assistant())
    refused = convert(write_lines(tmp_path / "x.jsonl", [twice]), tmp_path / "y.jsonl", provider="together")
    assert "in a row" in refused.bad_rows[0].reason


def test_vertex_gets_contents_as_google_describes_them(tmp_path: Path) -> None:
    row = tool_chat()
    row["messages"].insert(0, {"role": "system", "content": "Be kind."})
    assert made_of(tmp_path, [row], provider="vertex")[0] == {
        "systemInstruction": {"role": "system", "parts": [{"text": "Be kind."}]},
        "contents": [
            {"role": "user", "parts": [{"text": "What is it?"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "weather", "args": {}}}]},
            {
                "role": "user",
                "parts": [{"functionResponse": {"name": "weather", "response": {"output": "sunny"}}}],
            },
            {"role": "model", "parts": [{"text": "It is this."}]},
        ],
        "tools": [{"functionDeclarations": [{"name": "weather", "parameters": {"type": "object"}}]}],
    }


def test_reasoning_stays_for_together_and_is_named_elsewhere(tmp_path: Path) -> None:
    row = chat(user(), assistant(reasoning_content="hm"))
    assert made_of(tmp_path, [row], provider="together")[0]["messages"][1]["reasoning"] == "hm"
    result = convert(tmp_path / "in.jsonl", tmp_path / "o.jsonl", provider="openai")
    assert [loss.name for loss in result.losses] == ["reasoning"]


@pytest.mark.parametrize(
    ("provider", "dataset_format"),
    [
        (name, DatasetFormat(shape.value))
        for name, rules in PROVIDERS.items()
        for shape in rules.shapes
        if shape in (TargetShape.CHAT, TargetShape.PREFERENCE)
    ],
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_what_is_exported_passes_our_own_check(
    tmp_path: Path, provider: str, dataset_format: DatasetFormat, data: st.DataObject
) -> None:
    kind = chats() if dataset_format is DatasetFormat.CHAT else preferences()
    rows = data.draw(st.lists(kind, min_size=1, max_size=3))
    source = write_lines(tmp_path / "in.jsonl", rows)
    target = tmp_path / "out.jsonl"
    result = convert(source, target, provider=provider, force=True)
    assert result.written, result.bad_rows
    options = CheckOptions(provider=provider, minimum_examples=1, count_tokens=False)
    report = check_file(target, options)
    assert report.format is dataset_format
    errors = [finding for finding in report.findings if finding.severity == "error"]
    # The answers of parallel calls follow each other by nature; no conversion can change that.
    errors = [one for one in errors if (one.rule, one.text) != ("roles-alternate", "tool")]
    # Nor does one change what a text says.
    errors = [one for one in errors if one.rule != "special-token"]
    assert errors == []


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"frage;antwort\nWo?;Hier.\n", "semicolons, UTF-8 (columns)"),
        ("a.json", b'[{"instruction": "i", "input": "", "output": "o"}]', "JSON list, UTF-8 (alpaca)"),
        ("a.jsonl", b'{"instruction": "i", "input": "", "output": "o"}\n', "JSON lines, UTF-8 (alpaca)"),
        ("a.jsonl", b"nothing of the kind\n", ""),
        ("a.jsonl", b'{"messages": []}\n', ""),
        ("a.jsonl", b"", ""),
        ("a.jsonl", json.dumps(chat()).encode() + b"\r" + json.dumps(tool_chat()).encode() + b"\r", ""),
    ],
)
def test_a_file_that_is_no_dataset_is_taken_for_what_can_be_converted(
    tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    shape = other_shape(path, check_file(path, CheckOptions(count_tokens=False)))
    assert shape.endswith(expected)
    assert bool(shape) == bool(expected)
    assert ("tunedeck convert" in run_cli("check", str(path)).stdout) == bool(expected)
