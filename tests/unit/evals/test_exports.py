"""A test set for other tools, checked as these tools would."""

from __future__ import annotations

import ast
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.unit.evals.answering_service import BASE, TUNED
from tests.unit.evals.builders import said, write_rows
from tui.chat.lanes import Lane
from tui.errors import TunedeckError
from tui.evals.checks.registry import opened_checks
from tui.evals.checks.spec import parse_check
from tui.evals.reports.exports import export_test_set
from tui.evals.requests import Contender
from tui.evals.test_set import read_test_set
from tui.records.chats import ChatParameters

BOTH = (Contender(Lane("openai", BASE)), Contender(Lane("openai", TUNED)))
ROWS: list[dict[str, Any]] = [
    {"prompt": "the first", "expected": "positive"},
    *({"prompt": f"row {number}", "expected": ["positive", "negative"][number % 2]} for number in range(8)),
]


def test_promptfoo_gets_rows_models_and_the_checks_it_has_words_for(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"id": "one", "prompt": "Say hi", "expected": "hi"},
        {"prompt": "a {{ template }}", "expected": "x"},
        {"prompt": "list", "checks": ["json", "refusal"], "tools": [{"type": "function"}]},
        {"prompt": "no word for it", "checks": ["refusal"]},
    ]
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", *rows))
    checks = [parse_check(text) for text in ("exact", "contains:hi", r"regex:^h", "regex:(?P<a>h)")]
    path = tmp_path / "promptfooconfig.json"
    export = export_test_set(
        "promptfoo", path, test_set, (BOTH[0], replace(BOTH[1], system="Be kind.")), checks,
        parameters=ChatParameters(temperature=0.5, max_tokens=9),
        base_urls={"openai": "http://127.0.0.1:9/v1"}, key_names={"openai": "MY_KEY"},
    )  # fmt: skip
    config = json.loads(path.read_bytes())
    assert [one["id"] for one in config["providers"]] == [f"openai:chat:{BASE}", f"openai:chat:{TUNED}"]
    assert config["providers"][0]["config"] == {
        "apiBaseUrl": "http://127.0.0.1:9/v1", "apiKeyEnvar": "MY_KEY", "temperature": 0.5, "max_tokens": 9,
    }  # fmt: skip
    assert config["prompts"] == ["{{ messages | dump }}"]
    first, last = config["tests"]
    assert first["vars"]["messages"] == [{"role": "user", "content": "Say hi"}]
    assert first["assert"] == [
        {"type": "equals", "value": "hi"}, {"type": "icontains", "value": "hi"},
        {"type": "regex", "value": "^h"},
    ]  # fmt: skip
    assert last["assert"] == [{"type": "is-json"}]
    assert last["options"]["tools"] == [{"type": "function"}]
    assert export.rows == 2
    assert export.left_out == (
        "2 rows' check regex:(?P<a>h), for which promptfoo has no word",
        "1 rows whose text promptfoo would take for a template",
        "2 rows' check refusal, for which promptfoo has no word",
        "1 rows that no check is left for",
        f"1 system prompt of its own, of {TUNED}: prompts are shared there",
    )


SPOKEN = [
    # check, expected, answers
    ("exact", ["a", "b"], ["b ", "c"]),
    ("normalised", ["the answer is -5"], ["The answer: is\t-5!", "the answer is 5", "Covid-19"]),
    ("label", ["positive"], ["Positive.", "it is positive", "positive, not negative", "nonpositive", ""]),
    ("label:{strict = true}", ["positive"], ["Positive.", "it is positive"]),
    ("number", ["1,234.5"], ["It is 1,234.50.", "1234.5 or 7", "-1234.5", "none"]),
    ("number:0.01", ["3.149"], ["3.14", "3.13"]),
    ("number:{which = 'only', relative = 0.1}", ["100"], ["110", "100 and 100", "111"]),
    ("length:3", [], ["one two three", "a b c d", ""]),
    ("length:{min_characters = 2, max_lines = 1}", [], ["ab", "a", "ab\nc"]),
    ("regex:{pattern = '^H.$', ignore_case = true}", [], ["hi", "high"]),
]


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js runs what promptfoo would run")
def test_checks_in_javascript_say_what_ours_say(tmp_path: Path) -> None:
    rows = [{"prompt": "q", "expected": expected, "checks": [check]} for check, expected, _ in SPOKEN]
    rows.append({"prompt": "q", "expected": "negative", "checks": ["exact"]})
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", *rows))
    path = tmp_path / "config.json"
    assert export_test_set("promptfoo", path, test_set, BOTH, []).left_out == ()
    tests = json.loads(path.read_bytes())["tests"]
    asked, ours = [], []
    for case, test, (check, _, answers) in zip(test_set.cases, tests, SPOKEN, strict=False):
        spec = parse_check(check)
        with opened_checks([spec], test_set.cases) as checks:
            ours += [checks[spec.key].grade(case, said(answer)).score == 1 for answer in answers]
        asked += [[test["assert"][0]["value"], answer] for answer in answers]
    script = "console.log(JSON.stringify(%s.map(([code, output]) => new Function('output', code)(output))))"
    (tmp_path / "run.js").write_text(script % json.dumps(asked), "utf-8")
    run = subprocess.run(["node", str(tmp_path / "run.js")], capture_output=True, check=True, text=True)
    assert json.loads(run.stdout) == ours


def test_absent_texts_ways_of_case_and_schemas_are_promptfoos_own_words(tmp_path: Path) -> None:
    checks = ['contains:{text = ["a", "b"], absent = true}', 'contains:{text = "A", ignore_case = false}',
              "json:object", "json-schema"]  # fmt: skip
    row = {"prompt": "q", "checks": checks, "schema": {"type": "array"}}
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", row))
    export_test_set("promptfoo", tmp_path / "c.json", test_set, BOTH, [])
    assert json.loads((tmp_path / "c.json").read_bytes())["tests"][0]["assert"] == [
        {"type": "not-icontains", "value": "a"}, {"type": "not-icontains", "value": "b"},
        {"type": "contains", "value": "A"}, {"type": "is-json", "value": {"type": "object"}},
        {"type": "is-json", "value": {"type": "array"}},
    ]  # fmt: skip


def test_inspect_gets_a_task_for_each_set_of_scorers_and_its_rows(tmp_path: Path) -> None:
    own = {"prompt": "2 + 2", "expected": "4", "checks": ["number"]}
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", *ROWS, {"prompt": "no answer"}, own))
    checks = [parse_check(text) for text in ("exact", "json")]
    export = export_test_set("inspect", tmp_path / "my_task.py", test_set, BOTH[:1], checks)
    task = (tmp_path / "my_task.py").read_text()
    ast.parse(task)
    assert "def tunedeck_test_set():" in task
    assert 'scorer=[match(location="exact", ignore_case=False)]' in task
    assert "def tunedeck_test_set_2():" in task
    assert 'scorer=[match(location="end", numeric=True)]' in task
    rows = [json.loads(line) for line in (tmp_path / "my_task_rows.jsonl").read_text("utf-8").splitlines()]
    assert rows[1] == {
        "input": [{"role": "user", "content": "row 0"}], "target": "positive", "id": "line 2",
        "metadata": {"line": 2, "tags": []},
    }  # fmt: skip
    second = (tmp_path / "my_task_rows_2.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["target"] for line in second] == ["4"]
    assert len(export.files) == 3
    assert export.left_out == (
        f"{len(ROWS) + 1} rows' check json, for which inspect has no word",
        "1 rows without an expected answer",
    )


def test_inspect_gets_calls_and_images_in_its_own_shape_and_no_row_that_it_cannot_read(
    tmp_path: Path,
) -> None:
    def call(arguments: str) -> dict[str, Any]:
        function = {"name": "look", "arguments": arguments}
        return {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c", "type": "function", "function": function}],
        }

    user: dict[str, Any] = {"role": "user", "content": "Look."}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA==", "detail": "low"}}
    told = {"role": "tool", "tool_call_id": "c", "content": "A cat."}
    asked: list[list[dict[str, Any]]] = [
        [
            user,
            call('{"at": 1}'),
            told,
            {"role": "user", "content": [{"type": "text", "text": "And?"}, image]},
        ],
        [user, call("{broken"), told],
        [{"role": "developer", "content": "Be kind."}, user],
    ]
    rows: list[dict[str, Any]] = [{"messages": messages, "expected": "yes"} for messages in asked]
    rows.append({"messages": [user], "expected": "yes", "tools": [{"type": "function"}]})
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", *rows))
    export = export_test_set("inspect", tmp_path / "t.py", test_set, BOTH[:1], [parse_check("exact")])
    (line,) = (tmp_path / "t_rows.jsonl").read_text("utf-8").splitlines()
    _, assistant, tool, last = json.loads(line)["input"]
    assert assistant == {
        "role": "assistant", "content": "",
        "tool_calls": [{"id": "c", "function": "look", "arguments": {"at": 1}, "type": "function"}],
    }  # fmt: skip
    assert tool == {"role": "tool", "content": "A cat.", "tool_call_id": "c"}
    assert last["content"][1] == {"type": "image", "image": image["image_url"]["url"], "detail": "low"}  # type: ignore[index]
    assert export.left_out == (
        "2 rows with a role or a part of content that inspect does not read",
        "1 rows that offer tools, which a task has and not a row",
    )


def test_another_tool_or_another_ending_is_told(tmp_path: Path) -> None:
    test_set = read_test_set(write_rows(tmp_path / "set.jsonl", *ROWS))
    for tool, name in (("other", "x.json"), ("inspect", "x.json"), ("inspect", "not-a-name.py")):
        with pytest.raises(TunedeckError):
            export_test_set(tool, tmp_path / name, test_set, BOTH, [])
    for tool, name in (("promptfoo", "x.json"), ("inspect", "x.py")):
        with pytest.raises(TunedeckError, match="No row can be written"):
            export_test_set(tool, tmp_path / name, test_set, BOTH, [parse_check("refusal")])
        assert not (tmp_path / name).exists()
