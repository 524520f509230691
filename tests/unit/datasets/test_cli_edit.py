"""`tunedeck edit`: one row through an editor or a pipe; everything else byte by byte as it was."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support import CliResult
from tests.unit.datasets.builders import clean_chats, write
from tui.cli import edit as verb
from tui.datasets.edits import EditedDataset, pending_edits

Cli = Callable[..., CliResult]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write(tmp_path / "rows.jsonl", clean_chats(5))


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


def test_a_row_from_a_pipe_goes_into_a_new_file_and_is_judged(
    cli: Cli, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    pipe(monkeypatch, b'{\n "messages": []\n}\n')
    result = cli("edit", str(path), "--line", "2", "--from", "-", "--json")
    assert result.code == 1
    value = result.json()
    assert value["changed"] == 1
    assert value["findings"][0]["severity"] == "error"
    target = path.with_name("rows.edited.jsonl")
    assert target.read_bytes() == b"".join([lines[0], b'{"messages": []}\n', *lines[2:]])
    assert path.read_bytes() == b"".join(lines)
    assert pending_edits(path) is None


def test_rows_are_deleted_by_the_numbers_of_the_file(cli: Cli, path: Path) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    result = cli("edit", str(path), "--delete", "1", "--delete", "3", "--in-place")
    assert result.code == 0
    assert path.read_bytes() == b"".join([lines[1], lines[3], lines[4]])


def test_the_editor_is_opened_again_until_it_leaves_a_row(
    cli: Cli, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = iter(["{", path.read_text().splitlines()[0]])
    monkeypatch.setattr(verb, "edit_text", lambda text, name: next(left))
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    result = cli("edit", str(path), "--line", "2")
    assert result.code == 0, result.stderr
    assert "line 1, column 2" in result.stderr
    lines = path.with_name("rows.edited.jsonl").read_text().splitlines()
    assert lines[1] == lines[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Nothing was said"),
        (["--from", "-"], "--from needs"),
        (["--line", "2", "--delete", "2"], "edited and deleted"),
        (["--line", "2", "-o", "x", "--in-place"], "the opposite"),
        (["--line", "9", "--from", "-"], "has no"),
        (["--line", "1", "--from", "missing"], "can't be read"),
        (["--line", "1", "--from", "-"], "no JSON object"),
        (["--line", "1"], "no terminal"),
    ],
)
def test_wrong_use_is_told_and_nothing_is_written(
    cli: Cli, path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], words: str
) -> None:
    monkeypatch.chdir(path.parent)
    pipe(monkeypatch, b"[1]")
    result = cli("edit", str(path), *arguments)
    assert result.code == 2
    assert words in result.stderr
    assert [one.name for one in path.parent.iterdir()] == ["rows.jsonl"]
    assert pending_edits(path) is None


def test_changes_that_wait_in_the_app_are_not_passed_over(cli: Cli, path: Path) -> None:
    dataset = EditedDataset.open(path)
    dataset.delete(1)
    dataset.close()
    result = cli("edit", str(path), "--delete", "2")
    assert result.code == 2
    assert "not saved in the app" in result.stderr
    assert pending_edits(path) is not None
