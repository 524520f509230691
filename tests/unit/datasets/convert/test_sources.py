"""Files as people have them: every encoding and separator, damaged ones, hostile ones."""

from __future__ import annotations

import csv
import datetime
import json
import os
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.convert.support import Row, convert, rows_of, write_lines
from tui.datasets.convert.losses import ConversionCancelled
from tui.datasets.convert.records import SourceOptions
from tui.errors import TunedeckError

TABLE = 'question;answer\nWie geht\'s?;Schön – gut\n"zwei\nZeilen; ""so""";ja\n'


def spoken(path: Path) -> list[list[str]]:
    return [[message["content"] for message in row["messages"]] for row in rows_of(path)]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252", "utf-32"]
)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_a_table_is_read_in_every_usual_encoding(tmp_path: Path, encoding: str, line_end: str) -> None:
    source = tmp_path / "table.csv"
    source.write_bytes(TABLE.replace("\n", line_end).encode(encoding))
    result = convert(source, tmp_path / "out.jsonl")
    assert result.written, result.bad_rows
    inside = f'zwei{line_end}Zeilen; "so"'
    assert spoken(tmp_path / "out.jsonl") == [["Wie geht's?", "Schön – gut"], [inside, "ja"]]
    guessed = encoding in ("cp1252", "utf-16-le", "utf-16-be")
    assert any("guess" in note for note in result.notes) == guessed


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found_even_where_cells_hold_others(tmp_path: Path, separator: str) -> None:
    source = tmp_path / "table.csv"
    with source.open("w", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows([["user", "assistant"], ["a, b; c | d", "e,f"], ["g;h", "i\tj"]])
    convert(source, tmp_path / "out.jsonl")
    assert spoken(tmp_path / "out.jsonl") == [["a, b; c | d", "e,f"], ["g;h", "i\tj"]]


def test_excels_separator_line_is_no_row(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    source.write_bytes(b"sep=;\r\nuser;assistant\r\na;b\r\n")
    convert(source, tmp_path / "out.jsonl")
    assert spoken(tmp_path / "out.jsonl") == [["a", "b"]]


def test_rows_of_another_width_are_named_by_their_line(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    source.write_text('user,assistant\n"a\nb",c\nd\n\ne,f,g\nh,i\n')
    result = convert(source, tmp_path / "out.jsonl")
    assert not result.written
    assert not (tmp_path / "out.jsonl").exists()
    assert [(row.line, row.reason) for row in result.bad_rows] == [
        (4, "1 cell, but the header has 2"),
        (6, "3 cells, but the header has 2"),
    ]
    assert convert(source, tmp_path / "out.jsonl", skip_bad=True).rows_written == 2
    assert spoken(tmp_path / "out.jsonl") == [["a\nb", "c"], ["h", "i"]]


def test_formulas_and_control_bytes_of_a_table_are_text(tmp_path: Path) -> None:
    cells = ["=cmd|'/c calc'!A1", "\x1b]52;c;aGk=\x07\x00\x9b31m"]
    source = tmp_path / "table.csv"
    source.write_text(f'user,assistant\n"{cells[0]}","{cells[1]}"\n', newline="")
    result = convert(source, tmp_path / "out.jsonl")
    assert result.written
    assert spoken(tmp_path / "out.jsonl") == [cells]
    assert not any(byte < 0x20 and byte != 0x0A for byte in (tmp_path / "out.jsonl").read_bytes())
    back = convert(tmp_path / "out.jsonl", tmp_path / "back.csv", target_shape="columns")
    assert any("spreadsheet" in note for note in back.notes)


def test_half_a_character_is_one_bad_row_and_no_other_encoding(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    source.write_bytes("user,assistant\né,ä\nü,ö".encode() + b" \xc3\n\xc3\xa9,x\n")
    result = convert(source, tmp_path / "out.jsonl", skip_bad=True)
    assert [(row.line, "C3" in row.reason) for row in result.bad_rows] == [(3, True)]
    assert spoken(tmp_path / "out.jsonl") == [["é", "ä"], ["é", "x"]]


def test_a_quote_that_is_never_closed_says_how_far_it_reaches(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    source.write_text("user,assistant\na,b\n" + '"c,d\n' + "e,f\n" * 100)
    result = convert(source, tmp_path / "out.jsonl", skip_bad=True)
    assert result.rows_written == 1
    assert [(row.line, "101 lines" in row.reason) for row in result.bad_rows] == [(3, True)]


def test_a_cell_of_fifty_megabytes_comes_through(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    with source.open("w") as stream:
        stream.write("user,assistant\n")
        stream.write("x" * 50_000_000 + ",b\n")
    result = convert(source, tmp_path / "out.jsonl")
    assert result.rows_written == 1
    assert (tmp_path / "out.jsonl").stat().st_size > 50_000_000


def test_names_of_columns_that_are_missing_or_repeated_are_made_up_and_said(tmp_path: Path) -> None:
    source = tmp_path / "table.csv"
    source.write_text("user,assistant,,user\na,b,c,d\n")
    result = convert(source, tmp_path / "out.jsonl")
    assert [loss.name for loss in result.losses] == ["column 3", "user (2)"]
    assert len(result.notes) == 2


def test_a_table_without_a_header_is_mapped_by_number(tmp_path: Path) -> None:
    source = tmp_path / "table.tsv"
    source.write_text("a\tb\nc\td\n")
    convert(source, tmp_path / "out.jsonl", reading=SourceOptions(has_header=False))
    assert spoken(tmp_path / "out.jsonl") == [["a", "b"], ["c", "d"]]


# JSON

ROW: Row = {"messages": [{"role": "user", "content": "é \n x"}, {"role": "assistant", "content": "ok 😀"}]}


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_json_list_is_read_however_it_is_written(
    tmp_path: Path, indent: int | None, encoding: str, ascii_only: bool
) -> None:
    source = tmp_path / "rows.json"
    source.write_bytes(json.dumps([ROW] * 3, indent=indent, ensure_ascii=ascii_only).encode(encoding))
    assert convert(source, tmp_path / "out.jsonl").rows_written == 3
    assert rows_of(tmp_path / "out.jsonl") == [ROW] * 3


def test_a_list_larger_than_a_block_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "rows.json"
    source.write_text(json.dumps([{**ROW, "n": number} for number in range(200)], indent=2))
    for block in (1, 7, 100):
        monkeypatch.setattr("tui.datasets.convert.json_source._CHUNK", block)
        result = convert(source, tmp_path / "out.jsonl", force=True)
        assert (result.rows_written, result.bad_count) == (200, 0)
        assert result.losses[0].lines == tuple(_line_of(source, number) for number in range(5))


def _line_of(path: Path, number: int) -> int:
    opening = [line for line, text in enumerate(path.read_text().splitlines(), 1) if text.rstrip() == "  {"]
    return opening[number]


def test_rows_under_a_key_are_found_and_what_is_beside_is_said(tmp_path: Path) -> None:
    source = tmp_path / "rows.json"
    source.write_text(json.dumps({"version": {"a": [1]}, "data": [ROW, ROW]}))
    result = convert(source, tmp_path / "out.jsonl")
    assert result.rows_written == 2
    assert any('"data"' in note and '"version"' in note for note in result.notes)


def test_rows_that_share_a_line_are_named_by_their_number(tmp_path: Path) -> None:
    rows = [{**ROW, "extra": 1}, {"instruction": "Say it."}, ROW]
    source = tmp_path / "rows.json"
    source.write_text(json.dumps(rows))
    result = convert(source, tmp_path / "out.jsonl", skip_bad=True)
    assert (result.place, [row.line for row in result.bad_rows], result.losses[0].lines) == ("row", [2], (1,))
    assert result.account(0) == ["column extra: left out (1x; row 1)", "and 1 more row"]
    source.write_text(json.dumps(rows, indent=1))
    spread = convert(source, tmp_path / "out.jsonl", skip_bad=True, force=True)
    at = 1 + next(n for n, text in enumerate(source.read_text().splitlines()) if "Say it." in text)
    assert (spread.place, [row.line for row in spread.bad_rows]) == ("line", [at - 1])


def test_utf16_lines_are_read_as_lines(tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_bytes((json.dumps(ROW, ensure_ascii=False) + "\n").encode("utf-16") * 1)
    convert(source, tmp_path / "out.jsonl")
    assert rows_of(tmp_path / "out.jsonl") == [ROW]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"prompt": "a", "completion": "b"}, {"prompt"', "line 1: the file ends in the middle"),
        ('[\n{"prompt": "a", "completion": "b"}\n{"x": 1}]', "line 3: a comma"),
        ('[{"prompt": "a", "completion": NaN}]', "NaN is no JSON"),
        ('[{"prompt": "a", "completion": 1e999}]', "beyond what a number can be"),
        ("[" * 100_000, "nested too deep"),
        ('[{"a": 1}]\n[{"a": 1}]', "line 2: something follows"),
        ('{"a": 1,\n"b": {}}', "without a list of rows"),
        ("[]", "holds no rows"),
        ("[1, 2]", "this is a number"),
    ],
)
def test_a_broken_list_is_told_with_its_line(tmp_path: Path, content: str, words: str) -> None:
    source = tmp_path / "rows.json"
    source.write_text(content)
    with pytest.raises(TunedeckError, match=r"rows\.json") as caught:
        convert(source, tmp_path / "out.jsonl")
    assert words in caught.value.message


def test_bad_lines_are_named_and_skipped_on_request(tmp_path: Path) -> None:
    good = json.dumps({"conversations": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]})
    lines = [good, "{broken", "[1]", "", good.replace('"a"', '"\\ud83d"'), good.replace("gpt", "human"), good]
    source = tmp_path / "rows.jsonl"
    source.write_text("\n".join(lines) + "\n")
    result = convert(source, tmp_path / "out.jsonl", skip_bad=True)
    assert [row.line for row in result.bad_rows] == [2, 3, 5, 6]
    assert result.rows_written == 2
    assert "1 blank row" in result.notes[-1]


# Parquet and XLSX


def test_parquet_rows_arrive_with_their_types(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    rows: list[Row] = [
        {
            "messages": [
                {"role": "user", "content": "a", "name": None},
                {"role": "assistant", "content": "b", "name": None},
            ],
            "when": datetime.date(2026, 1, 2),
            "price": Decimal("1.50"),
            "blob": b"\x89PNG",
            "score": float("nan"),
        },
    ] * 600
    source = tmp_path / "rows.parquet"
    parquet.write_table(pyarrow.Table.from_pylist(rows), source)
    result = convert(source, tmp_path / "out.jsonl")
    assert result.rows_written == 600
    assert rows_of(tmp_path / "out.jsonl")[599] == {
        "messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    }
    assert {loss.name for loss in result.losses} == {"when", "price", "blob"}


def test_a_workbook_gives_its_sheet_and_never_computes(tmp_path: Path) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ["question", "answer", None],
        ["=1+1", "text"],
        [7.0, True],
        [None, None],
        ['=HYPERLINK("x")', "b"],
    ):
        sheet.append(row)
    book.create_sheet("second").append(["x"])
    source = tmp_path / "book.xlsx"
    book.save(source)
    result = convert(source, tmp_path / "out.jsonl")
    assert spoken(tmp_path / "out.jsonl") == [["=1+1", "text"], ["7", "true"], ['=HYPERLINK("x")', "b"]]
    assert any("Formulas" in note for note in result.notes)
    assert any("second" in note for note in result.notes)
    with pytest.raises(TunedeckError, match="no sheet") as caught:
        convert(source, tmp_path / "again.jsonl", reading=SourceOptions(sheet="third"))
    assert "second" in caught.value.remedy


@pytest.mark.parametrize("name", ["x.parquet", "x.xlsx"])
@pytest.mark.parametrize(
    "content", [b"PAR1", b"PAR1" + bytes(200) + b"PAR1", b"PK\x03\x04" + bytes(50), b"plain"]
)
def test_damaged_binary_files_are_told_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(TunedeckError, match=r"x\.(parquet|xlsx)"):
        convert(source, tmp_path / "out.jsonl")


def test_a_missing_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    source = tmp_path / "x.parquet"
    source.write_bytes(b"PAR1")
    with pytest.raises(TunedeckError) as caught:
        convert(source, tmp_path / "out.jsonl")
    assert "tunedeck[parquet]" in caught.value.remedy


# Anything at all

KEYS = [
    *("messages", "role", "content", "from", "value", "parts", "tool_calls", "prompt", "chosen", "rejected"),
    *("contents", "history", "tools", "function", "name"),
]
TARGETS = [None, "sharegpt", "vertex", "alpaca", "trl", "trl-completion", "columns", "reinforcement"]


@settings(max_examples=150, deadline=None)
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.text(max_size=300).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.lists(st.lists(st.text(max_size=9), max_size=4), max_size=6).map(
            lambda rows: "\n".join(";".join(row) for row in rows).encode("utf-8", "replace")
        ),
        st.recursive(
            st.none() | st.booleans() | st.floats() | st.text(max_size=5),
            lambda inner: st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(KEYS),
                inner, max_size=4,
            ),
            max_leaves=25,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    ending=st.sampled_from([".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xlsx", ".txt"]),
    shape=st.sampled_from(TARGETS),
    skip_bad=st.booleans(),
)  # fmt: skip
def test_whatever_is_in_a_file_ends_in_rows_or_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, ending: str, shape: str | None, skip_bad: bool
) -> None:
    folder = tmp_path_factory.mktemp("any")
    source = folder / f"source{ending}"
    source.write_bytes(content)
    try:
        result = convert(source, folder / "out.jsonl", target_shape=shape, skip_bad=skip_bad)
    except TunedeckError:
        return
    assert result.written == (folder / "out.jsonl").exists()
    said = [
        *result.notes,
        *(row.reason for row in result.bad_rows),
        *(loss.sentence() for loss in result.losses),
    ]
    assert not any(ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0 for text in said for char in text)
    if result.written:
        assert all(isinstance(row, dict) for row in rows_of(folder / "out.jsonl"))


# Nothing but the target is touched


def test_a_target_is_never_overwritten_unasked_and_never_the_source(tmp_path: Path) -> None:
    source = write_lines(tmp_path / "rows.jsonl", [ROW])
    target = write_lines(tmp_path / "out.jsonl", [{"mine": 1}])
    with pytest.raises(TunedeckError, match="exists already"):
        convert(source, target)
    assert rows_of(target) == [{"mine": 1}]
    with pytest.raises(TunedeckError, match="the source itself"):
        convert(source, source, force=True)
    link = tmp_path / "link.jsonl"
    os.link(source, link)
    with pytest.raises(TunedeckError, match="the source itself"):
        convert(source, link, force=True)
    convert(source, target, force=True)
    assert rows_of(target) == [ROW]


def test_a_source_that_is_written_to_meanwhile_leaves_no_target(tmp_path: Path) -> None:
    from tui.datasets.convert.convert import convert_file

    source = write_lines(tmp_path / "rows.jsonl", [ROW] * 20_000)

    def grow(done: int, _total: int) -> None:
        with source.open("ab") as stream:
            stream.write(b"{}\n")

    with pytest.raises(TunedeckError, match="written to"):
        convert_file(source, tmp_path / "out.jsonl", on_progress=grow)
    assert os.listdir(tmp_path) == ["rows.jsonl"]


@pytest.mark.parametrize("name", ["rows.jsonl", "rows.json", "rows.csv"])
def test_a_cancelled_conversion_leaves_nothing_behind(tmp_path: Path, name: str) -> None:
    from tui.datasets.convert.convert import convert_file

    source = tmp_path / name
    line: Any = json.dumps(ROW)
    texts = {
        "rows.jsonl": f"{line}\n" * 40_000,
        "rows.json": "[" + ",\n".join([line] * 40_000) + "]",
        "rows.csv": "user,assistant\n" + "a,b\n" * 400_000,
    }
    source.write_text(texts[name])
    calls: list[int] = []

    def cancelled() -> bool:
        calls.append(1)
        return len(calls) > 3

    with pytest.raises(ConversionCancelled):
        convert_file(source, tmp_path / "out.jsonl", cancelled=cancelled)
    assert os.listdir(tmp_path) == [name]
