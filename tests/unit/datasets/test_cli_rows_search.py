from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import run_cli, run_cli_process
from tests.unit.datasets.builders import assistant, chat, clean_chats, tool_chat, user, write
from tui.datasets import cached_check

HOSTILE = "A\x1b]52;c;ZXZpbA==\x07B\x1b[31m\x9b2J\u202e\u2066[red]C[/red]\ud800\x00"
CONTROLS = set(range(0x20)) - {0x0A, 0x09} | {0x7F} | set(range(0x80, 0xA0))


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    long = chat(user("word " * 200), assistant())
    return write(tmp_path / "rows.jsonl", [*clean_chats(3), tool_chat(), long, *clean_chats(1)])


def lines(output: str) -> list[int]:
    return [int(line.split()[0]) for line in output.splitlines()]


def test_the_first_rows_are_previews_with_their_numbers(mixed: Path) -> None:
    result = run_cli("rows", str(mixed), "--limit", "2")
    assert result.code == 0
    assert lines(result.stdout) == [1, 2]
    assert "Question 0 → Answer 0" in result.stdout
    assert "4 more rows of 6" in result.stderr


def test_a_line_is_drawn_as_its_conversation(mixed: Path) -> None:
    result = run_cli("rows", str(mixed), "--line", "4")
    assert result.code == 0
    assert "weather({})" in result.stdout
    assert "tools · 1 defined" in result.stdout
    assert run_cli("rows", str(mixed), "--line", "7").code == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--range", "2-3"], [2, 3]),
        (["--range", "5-"], [5, 6]),
        (["--range", "-2"], [1, 2]),
        (["--facet", "tools"], [4]),
        (["--facet", "duplicate"], [6]),
        (["--where", "length(messages) > `2`"], [4]),
        (["--facet", "user", "--where", "tools == null", "--range", "2-"], [2, 3, 5, 6]),
        (["--sort", "bytes", "--limit", "2"], [5, 4]),
        (["--sort", "tokens", "--limit", "2"], [5, 4]),
        (["--sort", "bytes", "--ascending", "--limit", "1"], [1]),
        (["--facet", "user", "--sort", "tokens", "--range", "-3"], [1, 2, 3]),
    ],
)
def test_rows_are_chosen_and_put_in_order(mixed: Path, arguments: list[str], expected: list[int]) -> None:
    result = run_cli("rows", str(mixed), *arguments)
    assert lines(result.stdout) == expected
    assert result.code == 0
    as_json = run_cli("rows", str(mixed), *arguments, "--json").json()
    assert [record["line"] for record in as_json] == expected


def test_no_row_is_exit_code_one_and_wrong_use_two(mixed: Path) -> None:
    assert run_cli("rows", str(mixed), "--facet", "images").code == 1
    assert run_cli("rows", str(mixed), "--facet", "images", "--json").json() == []
    wrong = ["--range 9-", "--range 3-2", "--range x", "--facet nope", "--where a.", "--raw --json"]
    for arguments in [*wrong, "--line 1 --range 2-3"]:
        result = run_cli("rows", str(mixed), *arguments.split())
        assert (result.code, result.stdout) == (2, ""), arguments
        assert result.stderr.startswith("tunedeck: ")


def test_raw_lines_go_into_a_pipe_byte_for_byte(mixed: Path) -> None:
    result = run_cli("rows", str(mixed), "--raw")
    assert result.stdout.encode() == mixed.read_bytes()


def test_sizes_are_in_the_json(mixed: Path) -> None:
    [record] = run_cli("rows", str(mixed), "--sort", "bytes", "--limit", "1", "--json").json()
    assert record["bytes"] == len(mixed.read_bytes().splitlines()[4]) + 1
    assert record["row"]["messages"][0]["role"] == "user"


def test_facets_are_counted(mixed: Path) -> None:
    counted = run_cli("rows", str(mixed), "--facets", "--json").json()
    assert counted["lines"] == 6
    assert (counted["facets"]["tools"], counted["facets"]["duplicate"], counted["facets"]["user"]) == (
        1,
        1,
        6,
    )
    assert "repeated" in run_cli("rows", str(mixed), "--facets").stdout


# Search


def test_a_search_names_file_line_and_column_once_for_each_line(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [chat(user("one")), chat(user("two two")), chat(user("Two"))])
    result = run_cli("search", str(path), "two")
    assert result.code == 0
    [line] = result.stdout.splitlines()
    assert line.startswith(f"{path}:2:")
    assert "two two" in line
    assert run_cli("search", str(path), "t[w]o", "--regex", "-i", "--count").stdout == "2\n"


def test_a_search_ends_as_grep_does(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats(3))
    assert run_cli("search", str(path), "nowhere").code == 1
    assert run_cli("search", str(path), "nowhere", "--json").json()["hits"] == []
    assert run_cli("search", str(path), "a(", "--regex").code == 2
    assert run_cli("search", str(path), "").code == 2
    assert run_cli("search", str(tmp_path / "no"), "x").code == 2


def test_hits_left_out_are_told(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats(5))
    result = run_cli("search", str(path), "Question", "--limit", "2")
    assert len(result.stdout.splitlines()) == 2
    assert "3 more lines of 5" in result.stderr
    found = run_cli("search", str(path), "Question", "--limit", "2", "--json").json()
    assert (found["found"], len(found["hits"])) == (5, 2)
    assert found["hits"][0]["match"] == "Question"


# What rows may hold


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    path = tmp_path / "hostile.jsonl"
    rows = [json.dumps(chat(user(HOSTILE + "needle"), assistant(f"{HOSTILE}")), ensure_ascii=True).encode()]
    rows.append(HOSTILE.encode("utf-8", "surrogatepass") + b"needle \xff\xfe")
    rows.append(json.dumps({HOSTILE: HOSTILE, "x": "needle"}).encode())
    rows.append(json.dumps(chat(user("x" * 5_000_000 + "needle"), assistant())).encode())
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


@pytest.mark.parametrize(
    "arguments",
    [
        ["rows", "{}"],
        ["rows", "{}", "--json"],
        ["rows", "{}", "--line", "1"],
        ["rows", "{}", "--line", "2"],
        ["rows", "{}", "--line", "3"],
        ["rows", "{}", "--where", "\x1b[31m"],
        ["rows", "{}", "--facet", "\x1b[31m"],
        ["rows", "{}", "--facets"],
        ["search", "{}", "needle"],
        ["search", "{}", "needle", "--json"],
        ["search", "{}", "n[e]edle", "--regex"],
        ["search", "{}", "\x1b[31m"],
    ],
)
def test_no_control_byte_of_a_row_or_of_a_wish_comes_out(hostile: Path, arguments: list[str]) -> None:
    result = run_cli(*[hostile.as_posix() if one == "{}" else one for one in arguments])
    assert result.code in (0, 1, 2)
    for text in (result.stdout, result.stderr):
        assert not {ord(char) for char in text} & CONTROLS
        assert "\u202e" not in text or "--json" in arguments
        assert "Traceback" not in text


def test_a_reader_that_leaves_and_a_real_process_end_well(mixed: Path) -> None:
    result = run_cli_process("search", str(mixed), "Question", "--regex")
    assert (result.code, len(result.stdout.splitlines())) == (0, 4)
    result = run_cli_process("rows", str(mixed), "--where", "tools", "--json")
    assert result.json()[0]["line"] == 4


def never(*_args: object, **_more: object) -> Any:
    raise AssertionError("the file was read again")


def test_what_check_found_is_not_looked_for_again_by_facets_and_counts(
    mixed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run_cli("check", str(mixed)).code == 1
    monkeypatch.setattr(cached_check, "check_file", never)
    assert lines(run_cli("rows", str(mixed), "--facet", "warnings").stdout) == [6]
    assert run_cli("rows", str(mixed), "--facets").code == 0
    counted = run_cli("count", str(mixed), "--json")
    assert json.loads(counted.stdout)["examples"] == 6
    fresh = run_cli("count", str(mixed), "--fresh")
    assert fresh.code == 2
    assert "read again" in fresh.stderr


def test_a_format_that_is_named_decides_what_is_an_error_and_how_a_row_is_drawn(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats(3))
    assert run_cli("rows", str(path), "--facet", "errors").code == 1
    read_as = ("--format", "preference")
    assert lines(run_cli("rows", str(path), "--facet", "errors", *read_as).stdout) == [1, 2, 3]
    assert "Question 0 → Answer 0" in run_cli("rows", str(path)).stdout
    assert "Question 0 → Answer 0" not in run_cli("rows", str(path), *read_as).stdout
    kept = run_cli("delete", str(path), "--facet", "errors", *read_as)
    assert (kept.code, "no row" in kept.stderr) == (2, True)
