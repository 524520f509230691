from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import run_cli
from tests.unit.datasets.fixes.examples import GOOD, HI, OK, chat

BAD = chat(HI.replace("user", "human"), OK, more=', "id": 7')
CLEAN = GOOD.replace("Hi", "Good  morning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(f"{CLEAN}\r\n{BAD}\r\n\r\n{GOOD}{GOOD}\n{GOOD}".encode())
    return file


def test_a_new_file_is_written_and_rows_that_are_right_keep_their_bytes(path: Path) -> None:
    before = path.read_bytes()
    result = run_cli("fix", str(path))
    assert result.code == 0, result.stderr
    fixed = path.with_name("rows.fixed.jsonl")
    assert fixed.read_bytes() == f"{CLEAN}\r\n{GOOD}\r\n{GOOD}\n{GOOD}\n{GOOD}".encode()
    assert path.read_bytes() == before
    assert "-" + BAD in result.stdout
    assert "+" + GOOD in result.stdout
    again = run_cli("fix", str(fixed), "--dry-run", "--json")
    assert again.code == 0
    assert again.json()["changed"] == 0


def test_a_dry_run_shows_and_writes_nothing(path: Path) -> None:
    result = run_cli("fix", str(path), "--diff", "--rule", "unknown-role")
    assert result.code == 1
    assert "@@ -2 +2,1 @@ unknown-role" in result.stdout
    assert [file.name for file in path.parent.iterdir()] == ["rows.jsonl"]


def test_where_nothing_is_to_be_fixed_nothing_is_written_unless_a_file_is_named(tmp_path: Path) -> None:
    right = tmp_path / "right.jsonl"
    right.write_text(GOOD + "\n")
    written = right.stat().st_mtime_ns
    for options in ([], ["--in-place"], ["--dry-run"]):
        result = run_cli("fix", str(right), *options)
        assert result.code == 0
        assert "Nothing to fix in 1 rows." in result.stdout
    assert run_cli("fix", str(right), "--json").json()["output"] is None
    assert [file.name for file in tmp_path.iterdir()] == ["right.jsonl"]
    assert right.stat().st_mtime_ns == written
    assert run_cli("fix", str(right), "-o", str(tmp_path / "copy.jsonl")).code == 0
    assert (tmp_path / "copy.jsonl").read_bytes() == right.read_bytes()


def test_nothing_is_overwritten_unless_asked(path: Path) -> None:
    target = path.with_name("rows.fixed.jsonl")
    target.write_bytes(b"mine")
    assert run_cli("fix", str(path)).code == 2
    assert target.read_bytes() == b"mine"
    assert run_cli("fix", str(path), "--force").code == 0
    assert run_cli("fix", str(path), "-o", str(path), "--force").code == 2
    assert run_cli("fix", str(path), "--in-place").code == 0
    assert path.read_bytes() == target.read_bytes()


def test_repeated_rows_go_when_that_is_asked(path: Path) -> None:
    result = run_cli("fix", str(path), "--rule", "duplicate-row", "--rule", "invalid-json", "--json")
    assert result.code == 0
    assert result.json()["fixes"] == {"duplicate-row": 2, "invalid-json": 1}
    rows = path.with_name("rows.fixed.jsonl").read_bytes().splitlines()
    assert rows.count(GOOD.encode()) == 1


@pytest.mark.parametrize("verb", [("fix",), ("fix", "--dry-run"), ("edit", "--delete", "1")])
def test_what_is_no_file_is_told_before_a_new_name_is_made_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    missing, folder = run_cli(*verb, "nothing.jsonl"), run_cli(*verb, ".")
    assert (missing.code, folder.code) == (2, 2)
    assert "nothing.jsonl does not exist" in missing.stderr
    assert ". is a folder" in folder.stderr
    assert not any(tmp_path.iterdir())


def test_rules_without_a_safe_fix_and_unknown_ones_are_refused(path: Path) -> None:
    assert run_cli("fix", str(path), "--rule", "not-utf8").code == 2
    assert run_cli("fix", str(path), "--rule", "no-such-rule").code == 2
    assert run_cli("fix", str(path.with_name("missing.jsonl"))).code == 2


def test_control_bytes_of_the_data_reach_no_terminal(path: Path) -> None:
    path.write_bytes(BAD.replace("Hello.", "\x1b[31m\x9b").encode() + b"\n")
    result = run_cli("fix", str(path), "--diff")
    assert "\x1b" not in result.stdout
    assert "\x9b" not in result.stdout
