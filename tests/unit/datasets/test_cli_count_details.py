from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.datasets.builders import assistant, chat, tool_chat, user, write
from tui.cli.main import run

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [chat(user("word " * (10 * number)), assistant("yes")) for number in range(1, 21)]
    rows += [chat(user("long " * 17_000), assistant("\x1b[31mlost \u202e end"))]
    return write(tmp_path / "rows.jsonl", rows)


def test_details_hold_the_stable_shape_and_more(path: Path, capsys: Capture) -> None:
    run(["count", str(path), "--model", "gpt-3.5-turbo", "--json"])
    plain = json.loads(capsys.readouterr().out)
    run(["count", str(path), "--model", "gpt-3.5-turbo", "--json", "--details"])
    details = json.loads(capsys.readouterr().out)
    assert {key: details[key] for key in plain} == plain
    assert list(plain) == [
        "model", "encoding", "examples", "total_tokens", "trained_tokens", "per_example",
    ]  # fmt: skip
    assert details["percentiles"]["rows"] == 21
    assert details["percentiles"]["tokens"] == plain["total_tokens"]
    assert set(details["percentiles_by_role"]) == {"framing", "user", "assistant"}
    assert details["over_limit"]["rows"] == 1
    assert details["over_limit"]["lines"] == [[21, details["percentiles"]["max"]]]
    assert sum(rows for _, rows, _ in details["histogram"]["bins"]) == 21
    assert details["stated_errors"][0] | {"why": ""} == {
        "part": "priming", "counted": 63, "least": 0, "most": 63, "why": "",
    }  # fmt: skip


def test_tool_definitions_are_counted_with_their_stated_error(tmp_path: Path, capsys: Capture) -> None:
    run(["count", str(write(tmp_path / "t.jsonl", [tool_chat()])), "--json", "--details"])
    errors = json.loads(capsys.readouterr().out)["stated_errors"]
    tools = next(error for error in errors if error["part"] == "tools")
    assert tools["counted"] == tools["least"] < tools["most"]


def test_people_see_the_histogram_and_where_the_limit_cuts(path: Path, capsys: Capture) -> None:
    assert run(["count", str(path), "--model", "gpt-3.5-turbo", "--details"]) == 0
    shown = capsys.readouterr().out
    assert "Limit per example: 16,385; 1 longer ones lose" in shown
    assert "█" in shown
    assert "line 21: 17," in shown
    assert "TOKENS OF" in shown


def test_a_row_is_printed_by_role_and_token_by_token(path: Path, capsys: Capture) -> None:
    run(["count", str(path), "--line", "1", "--json"])
    row = json.loads(capsys.readouterr().out)
    assert "tokens" not in row
    assert sum(row["by_role"].values()) == row["total_tokens"]
    run(["count", str(path), "--line", "1", "--tokens", "--json"])
    value = json.loads(capsys.readouterr().out)
    assert sum(token["tokens"] for token in value["tokens"]) == value["total_tokens"]
    assert [token["text"] for token in value["tokens"] if token["trained"]] == ["yes"]
    run(["count", str(path), "--line", "1", "--tokens"])
    assert "<|im_start|>" in capsys.readouterr().out


def test_what_the_limit_cuts_is_marked_and_nothing_of_the_data_acts(path: Path, capsys: Capture) -> None:
    run(["count", str(path), "--model", "gpt-3.5-turbo", "--line", "21", "--tokens"])
    shown = capsys.readouterr().out
    assert "the limit of 16,385 cuts the last" in shown
    assert "trained, cut" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_lines_that_are_none_and_wrong_use_are_told(path: Path, capsys: Capture) -> None:
    assert run(["count", str(path), "--line", "22"]) == 2
    assert "has no line 22" in capsys.readouterr().err
    assert run(["count", str(path), "--tokens"]) == 2
    assert "--line" in capsys.readouterr().err
    path.write_text('{"a": \n')
    assert run(["count", str(path), "--line", "1"]) == 2
    assert "Line 1 has no tokens to show" in capsys.readouterr().err
