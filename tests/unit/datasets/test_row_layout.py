"""A row laid out for an editor and back: the same value, the same spelling, the same bytes when untouched."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.datasets.check_row import check_row
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_layout import edited_line, indented, on_one_line, text_to_edit
from tui.errors import TunedeckError
from tui.text_editor import edit_text, editor_command

values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 2**63) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text("ab:,[]{}\" \\", max_size=4), inner),
    max_leaves=20,
)  # fmt: skip
rows = st.dictionaries(st.text("abc", max_size=3), values, max_size=4)


@given(rows, st.sampled_from([(", ", ": "), (",", ":")]), st.booleans())
def test_a_row_is_laid_out_as_the_json_module_does_and_comes_back_byte_by_byte(
    row: dict[str, Any], separators: tuple[str, str], escapes: bool
) -> None:
    line = json.dumps(row, separators=separators, ensure_ascii=escapes)
    assert indented(line) == json.dumps(row, indent=2, ensure_ascii=escapes)
    assert json.loads(on_one_line(indented(line), line)) == row
    assert edited_line(text_to_edit(line.encode()) + "\n", line.encode()) == line.encode()


@given(rows, rows)
def test_what_was_edited_is_one_line_of_what_was_typed(before: dict[str, Any], after: dict[str, Any]) -> None:
    typed = json.dumps(after, indent=4)
    line = edited_line(typed, json.dumps(before).encode())
    assert json.loads(line) == after
    assert b"\n" not in line


def test_numbers_escapes_and_repeated_keys_keep_their_spelling() -> None:
    line = rb'{"a":1.50,"a":1E3,"b":"\u00e9\/","c":123456789012345678901234567890}'
    changed = text_to_edit(line).replace("1E3", "2E3")
    assert edited_line(changed, line) == line.replace(b"1E3", b"2E3")


@given(st.binary(max_size=40).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"")))
def test_any_bytes_that_are_left_alone_stay_as_they_are(line: bytes) -> None:
    assert edited_line(text_to_edit(line) + "\n", line) == line


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("", "nothing left"),
        ("[1]", "no JSON object"),
        ('{\n "a": }', "line 2, column 7"),
        ('{"a": NaN}', "No JSON number"),
        ('{"a": "\ud800"}', "not UTF-8"),
        ('{"a":' * 3000 + "1" + "}" * 3000, "deep"),
        ('{} {}', "line 1, column 4"),
    ],
)  # fmt: skip
def test_what_is_no_row_is_refused_with_its_place(typed: str, words: str) -> None:
    with pytest.raises(TunedeckError, match=words):
        edited_line(typed, b"{}")


def test_a_row_is_checked_alone_with_the_sentences_of_the_whole_check() -> None:
    row = {"messages": [{"role": "user", "content": "hi"}, {"role": "robot", "content": ""}]}
    found = check_row(json.dumps(row).encode(), DatasetFormat.CHAT)
    assert found
    assert found[0].severity == "error"
    assert found[0].path == "$.messages[1].role"
    assert not [one for one in found if one.rule in ("not-enough-examples", "few-examples")]
    assert [one.rule for one in check_row(b" ")] == ["blank-line"]


# The editor


def test_the_editor_gets_a_private_file_and_what_it_leaves_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "editor.py"
    script.write_text(
        "import os, sys; path = sys.argv[-1]; text = open(path, 'rb').read()\n"
        "assert os.path.basename(path) == 'row-3.json' and sys.argv[1] == '--wait'\n"
        "assert os.name != 'posix' or not os.stat(os.path.dirname(path)).st_mode & 0o077\n"
        "open(path, 'wb').write(text.replace(b'one', b'two'))\n"
    )
    monkeypatch.setenv("VISUAL", f'"{sys.executable}" "{script}" --wait')
    monkeypatch.setenv("EDITOR", "not-this-one")
    assert edit_text("one\udcff", "row-3.json") == "two\udcff\n"


def test_an_editor_that_fails_or_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDITOR", f'"{sys.executable}" -c "raise SystemExit(3)"')
    with pytest.raises(TunedeckError, match="ended with code 3"):
        edit_text("one", "row.json")
    with pytest.raises(TunedeckError, match="The editor nope is not there"):
        editor_command({"EDITOR": "nope -x"})
    with pytest.raises(TunedeckError, match="unclosed"):
        editor_command({"EDITOR": '"unclosed'})
