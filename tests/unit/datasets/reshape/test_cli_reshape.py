from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support import run_cli
from tests.unit.datasets.builders import assistant, chat, clean_chats, preference, user, write


@pytest.fixture
def path(tmp_path: Path) -> Path:
    rows = [
        chat(user(f"Q{number}\x1b[31m"), assistant("yes" if number % 2 else "no")) for number in range(40)
    ]
    return write(tmp_path / "rows.jsonl", [*rows, rows[0], "", rows[1]])


def test_split_writes_both_files_and_says_its_seed(path: Path) -> None:
    before = path.read_bytes()
    result = run_cli("split", str(path), "--validation", "25%", "--stratify-answer", "--seed", "7")
    assert result.code == 0, result.stderr
    assert "validation: 1" in result.stdout
    assert "Seed 7" in result.stdout
    assert "1 blank line is left out." in result.stderr
    parts = [path.with_name(f"rows.{name}.jsonl").read_bytes() for name in ("training", "validation")]
    assert sorted(b"".join(parts).splitlines()) == sorted(line for line in before.splitlines() if line)
    assert path.read_bytes() == before
    assert run_cli("split", str(path)).code == 2
    assert run_cli("split", str(path), "--force", "--json").json()["written"]["files"][1]["rows"] == 4
    check = run_cli(
        "check", str(path.with_name("rows.validation.jsonl")), "--json",
        "--training", str(path.with_name("rows.training.jsonl")),
    )  # fmt: skip
    assert "train-overlap" not in check.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("split", "--test", "5", "--together", "near"),
        ("split", "--group", "messages[0].content", "--stratify", "length(messages)"),
        ("sample", "-n", "5"),
        ("shuffle",),
        ("delete", "--where", "messages[1].content=='no'", "--keep"),
        ("delete", "--facet", "duplicate"),
        ("delete", "--range", "1-3"),
    ],
)
def test_a_dry_run_shows_counts_and_rows_and_writes_nothing(path: Path, arguments: tuple[str, ...]) -> None:
    result = run_cli(arguments[0], str(path), *arguments[1:], "--dry-run")
    assert result.code == 0, result.stderr
    assert "of 42 rows" in result.stdout
    assert "line " in result.stdout
    assert "\x1b" not in result.stdout
    assert [file.name for file in path.parent.iterdir()] == ["rows.jsonl"]
    record = run_cli(arguments[0], str(path), *arguments[1:], "--dry-run", "--json").json()
    assert record["operation"] == arguments[0]
    assert record["rows"] == 42
    assert record["written"] is None


def test_dedupe_is_a_gate_with_a_dry_run_and_mends_the_file_without(path: Path) -> None:
    dry = run_cli("dedupe", str(path), "--dry-run")
    assert dry.code == 1
    assert "line 41: the same bytes as line 1" in dry.stdout
    done = run_cli("dedupe", str(path), "--in-place")
    assert done.code == 0, done.stderr
    assert f"The original is {path}.bak" in done.stdout
    again = run_cli("dedupe", str(path), "--dry-run", "--json")
    assert again.code == 0
    assert again.json()["removed"] == 0
    assert run_cli("dedupe", str(path), "--in-place", "-o", "x.jsonl").code == 2


def test_cut_ends_with_1_while_rows_stay_too_long(tmp_path: Path) -> None:
    turns = [one for number in range(6) for one in (user(f"q{number} word word"), assistant(f"a{number}"))]
    path = write(tmp_path / "rows.jsonl", [chat(*turns), chat(user("word " * 80))])
    result = run_cli("cut", str(path), "--limit", "60", "--json")
    assert result.code == 1
    record = result.json()
    assert (record["too_long"], record["cut"], record["still_too_long"]) == (2, 1, 1)
    assert record["written"]["side_file"]["rows"] == record["messages_lost"] > 0
    assert run_cli("cut", str(path), "--limit", "90", "-o", str(tmp_path / "all.jsonl")).code == 0
    assert run_cli("cut", str(path), "--limit", "60", "--dry-run").code == 1
    assert run_cli("cut", str(path), "--model", "nobody/knows").code == 2
    split = run_cli("cut", str(path), "--limit", "60", "--how", "split", "-o", str(tmp_path / "s.jsonl"))
    assert "becomes 2 rows of" in split.stdout


def test_merge_refuses_other_formats_with_1(tmp_path: Path) -> None:
    chats = write(tmp_path / "chats.jsonl", clean_chats(3))
    pairs = write(tmp_path / "pairs.jsonl", [preference()])
    target = tmp_path / "all.jsonl"
    refused = run_cli("merge", str(chats), str(pairs), "-o", str(target))
    assert refused.code == 1
    assert "different formats" in refused.stderr
    assert not target.exists()
    assert run_cli("merge", str(chats), str(chats)).code == 2
    done = run_cli("merge", str(chats), str(chats), "-o", str(target), "--provenance", "--json")
    assert done.code == 0, done.stderr
    assert target.read_bytes() == chats.read_bytes() * 2
    sources = (tmp_path / "all.sources.jsonl").read_text().splitlines()
    assert json.loads(sources[3]) == {"line": 4, "file": str(chats), "source_line": 1}


@pytest.mark.parametrize(
    "arguments",
    [
        ("split", "--validation", "0"),
        ("split", "--validation", "42"),
        ("split", "--group", "][", "--dry-run"),
        ("split", "--stratify", "a", "--stratify-answer"),
        ("sample", "-n", "43"),
        ("delete",),
        ("delete", "--facet", "none"),
        ("delete", "--where", "messages"),
        ("dedupe", "--by", "hope"),
        ("shuffle", "--seed", "-1"),
    ],
)
def test_wrong_use_is_2_and_writes_nothing(path: Path, arguments: tuple[str, ...]) -> None:
    result = run_cli(arguments[0], str(path), *arguments[1:])
    assert result.code == 2
    assert result.stderr
    assert [file.name for file in path.parent.iterdir()] == ["rows.jsonl"]


def test_rows_are_read_as_the_format_that_was_chosen(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    # By what they look like these are preference rows, each with another input.
    rows = [{**chat(user("Why?"), assistant("So.")), "input": number} for number in range(4)]
    write(path, rows)
    asked = ("dedupe", str(path), "--by", "prompt", "--dry-run", "--json")
    assert run_cli(*asked).json()["lost_rows"] == 0
    assert run_cli(*asked, "--format", "chat").json()["lost_rows"] == 3
    cut = ("cut", str(path), "--limit", "5", "--dry-run", "--json")
    assert run_cli(*cut).json()["too_long"] == 0
    assert run_cli(*cut, "--format", "chat").json()["too_long"] == 4
