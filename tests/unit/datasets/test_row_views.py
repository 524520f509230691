"""Filter, facets, order, far rows and growth: what the Rows screen asks of a file."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, clean_chats, tool_chat, user, write
from tui.datasets import far_rows, row_pass, source
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.facet_flags import Has, row_flags
from tui.datasets.facets import FACETS, facet, find_facets
from tui.datasets.far_rows import last_rows, rows_at
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_filter import FilterJob, compile_expression, filter_lines, is_true
from tui.datasets.row_order import line_bytes, line_tokens, sorted_lines
from tui.datasets.row_pass_child import lines_beginning_in
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.source import Dataset
from tui.datasets.tokens import TiktokenCounter
from tui.datasets.watch_file import FileChange, change_words
from tui.errors import TunedeckError


@settings(max_examples=120, deadline=None)
@given(
    st.lists(st.binary(max_size=12).map(lambda line: line.replace(b"\n", b"")), max_size=30),
    st.booleans(),
    st.integers(1, 40),
)
def test_ranges_of_bytes_share_the_lines_of_a_file_among_them(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bool, width: int
) -> None:
    path = tmp_path_factory.mktemp("ranges") / "rows"
    content = b"\n".join(lines) + (b"\n" if ends else b"")
    path.write_bytes(content)
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    descriptor = os.open(path, os.O_RDONLY)
    found = [
        line
        for start in range(0, len(content), width)
        for line in lines_beginning_in(descriptor, start, min(len(content), start + width))
    ]
    os.close(descriptor)
    assert found == [line.removesuffix(b"\r") for line in expected]


# Filter


@pytest.mark.parametrize(
    ("expression", "lines"),
    [
        ("tools", [2]),
        ("length(messages) > `2`", [2, 3]),
        ("messages[?role=='tool']", [2]),
        ("contains(to_string(@), 'weather')", [2]),
        ("messages[0].content == 'What is it?'", [1, 2, 3]),
    ],
)
def test_an_expression_keeps_the_rows_it_holds_for(tmp_path: Path, expression: str, lines: list[int]) -> None:
    path = write(tmp_path / "rows.jsonl", [chat(), tool_chat(), chat(user(), assistant(), user())])
    assert list(filter_lines(path, expression).lines) == lines


def test_rows_that_are_none_and_rows_that_refuse_are_no_match_and_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": "x"}\nbroken\n\n{"a": 3}\n[1]\n{"a": "yz"}\n')
    filtered = filter_lines(path, "length(a) > `0`")
    assert list(filtered.lines) == [1, 6]
    assert filtered.asked == 4
    assert filtered.refused == 2
    assert filtered.first_refusal.startswith("line 4: ")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("a b", "at character 3"),
        ("messages[?role==", "something is missing"),
        ("foo(", "something is missing"),
        ("nosuch(a)", "nosuch"),
        ("  ", "no expression"),
        ("a == \x1b[31m", "No JMESPath"),
        ("[" * 3_000, "nested too deep"),
        ("a" * 5_000, "too long"),
    ],
    ids=range(8),
)
def test_what_is_no_expression_is_said_in_a_sentence_with_the_place(expression: str, words: str) -> None:
    with pytest.raises(TunedeckError, match=words) as caught:
        compile_expression(expression)
    assert "\x1b" not in str(caught.value)
    assert "\n" not in caught.value.message


@given(st.text(max_size=30))
def test_no_text_makes_the_expression_fail_otherwise(expression: str) -> None:
    with contextlib.suppress(TunedeckError):
        compile_expression(expression)


def test_truth_is_that_of_the_language() -> None:
    assert not any(map(is_true, (None, False, "", [], {})))
    assert all(map(is_true, (0, True, "x", [0], {"a": None})))
    assert FilterJob({"expression": "length(a)"}).holds({"a": ""})


# Facets


def test_rows_are_counted_by_what_they_have(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_pass, "PART_BYTES", 200)
    image = {"type": "image_url", "image_url": {"url": "https://example.org/x.png"}}
    rows: list[Any] = [
        chat({"role": "system", "content": "Be kind."}, user(), assistant()),
        tool_chat(),
        chat(user([image]), assistant(reasoning_content="Hm.")),
        chat(user(), assistant(weight=0), user(), assistant()),
        chat(),
        chat(),
    ]
    path = write(tmp_path / "rows.jsonl", rows)
    with path.open("ab") as file:
        file.write(b'\nnot json\n[1]\n  {"messages": []} \n{"messages": []}\n')
    facets = find_facets(path)
    found = {name: facets.lines(name).tolist() for name in FACETS if facets.count(name)}
    assert found == {
        "duplicate": [6, 11],
        "unreadable": [8, 9],
        "system": [1],
        "user": [1, 2, 3, 4, 5, 6],
        "assistant": [1, 2, 3, 4, 5, 6],
        "tool": [2],
        "tools": [2],
        "images": [3],
        "thinking": [3],
        "untrained": [4],
        "multi-turn": [2, 4],
        "blank": [7],
    }
    assert facets.line_count == 11


def test_repeated_rows_are_those_of_the_rule(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(20), *clean_chats(7)])
    report = check_file(path, CheckOptions(count_tokens=False))
    ruled = [finding.line for finding in report.findings if finding.rule == "duplicate-row"]
    assert find_facets(path).lines("duplicate").tolist() == ruled == list(range(21, 28))


def test_errors_come_from_the_report_and_say_when_there_are_more(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", [*clean_chats(12), chat(user()), *[{"x": 1}] * 1_200])
    report = check_file(path, CheckOptions(count_tokens=False))
    facets = find_facets(path)
    assert not facets.knows("errors")
    facets.add_report(report)
    assert facets.knows("errors")
    assert 13 in facets.lines("errors")
    assert facets.is_partial("errors")


KEYS = ["messages", "input", "role", "content", "tools", "preferred_output", "type", "weight"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
)


@given(VALUES)
def test_a_row_of_any_shape_has_flags(row: object) -> None:
    flags = row_flags(row)
    assert 0 <= int(flags) < 1 << 16
    assert (flags == Has.UNREADABLE) == (not isinstance(row, dict))


def test_a_facet_that_does_not_exist_names_those_that_do() -> None:
    with pytest.raises(TunedeckError, match="no facet") as caught:
        facet("nope")
    assert "duplicate" in caught.value.remedy


# Order


def test_rows_are_sorted_by_bytes_and_by_tokens_without_the_rows(tmp_path: Path) -> None:
    texts = ["a" * 40, "word " * 30, "x", "word " * 30]
    path = write(tmp_path / "rows.jsonl", [chat(user(text), assistant()) for text in texts])
    dataset = Dataset.open(path)
    dataset.build_index()
    lengths = [len(line) + 1 for line in path.read_bytes().splitlines()]
    assert line_bytes(dataset).tolist() == lengths
    assert sorted_lines(line_bytes(dataset)).tolist() == [2, 4, 1, 3]
    assert sorted_lines(line_bytes(dataset), largest_first=False).tolist() == [3, 1, 2, 4]
    tokens = line_tokens(path, "o200k_base")
    counter = RowTokenCounter(TiktokenCounter("o200k_base"))
    expected = [
        counter.row(json.loads(line), DatasetFormat.CHAT).total for line in path.read_bytes().splitlines()
    ]
    assert tokens.tolist() == expected
    among = sorted_lines(tokens)[1:]
    assert sorted_lines(line_bytes(dataset), among=among).tolist() == [4, 1, 3]
    dataset.close()


def test_a_last_line_without_its_end_has_its_own_bytes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"{}\n{ }")
    dataset = Dataset.open(path)
    dataset.build_index()
    assert line_bytes(dataset).tolist() == [3, 3]
    dataset.close()


# Far rows


@settings(max_examples=80, deadline=None)
@given(
    st.lists(
        st.binary(min_size=0, max_size=9).map(lambda line: line.replace(b"\n", b"-")), min_size=1, max_size=40
    ),
    st.booleans(),
    st.floats(0, 1),
)
def test_far_rows_are_rows_of_the_file_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], ends: bool, share: float
) -> None:
    path = tmp_path_factory.mktemp("far") / "rows"
    content = b"\n".join(lines) + (b"\n" if ends else b"")
    if not content:
        return
    path.write_bytes(content)
    expected = content.split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(far_rows, "_FIRST_LOOK", 8)
        dataset = Dataset.open(path)
        tail, middle = last_rows(dataset, 10), rows_at(dataset, share, 10)
        dataset.build_index()
        assert tail.reaches_end
        assert tail.number_from_end(len(tail) - 1) == -1
        assert tail.cursor == len(tail) - 1
        for far in (tail, middle):
            assert 1 <= len(far) <= 10
            assert 0 <= far.cursor < len(far)
            first = dataset.number_at(far.spans[0][0])
            assert first is not None
            for index in range(len(far)):
                assert far.row(dataset, index).raw == dataset.row(first + index).raw
        assert dataset.number_at(tail.spans[-1][0]) == len(expected)
        dataset.close()


def test_the_end_of_a_large_file_is_there_before_its_index(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"".join(b'{"n": %d}\n' % number for number in range(1, 300_001)))
    dataset = Dataset.open(path)
    tail = last_rows(dataset)
    assert dataset.row_count == 0
    assert tail.row(dataset, len(tail) - 1).value == {"n": 300_000}
    assert dataset.number_at(tail.spans[-1][0]) is None
    half = rows_at(dataset, 0.5)
    value = half.row(dataset, half.cursor).value
    assert isinstance(value, dict)
    assert 145_000 < value["n"] < 160_000
    dataset.close()


def test_a_huge_line_at_the_end_is_found(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n": 1}\n{"t": "' + b"x" * 5_000_000 + b'"}\n')
    dataset = Dataset.open(path)
    tail = last_rows(dataset)
    assert [end - start for start, end in tail.spans] == [8, 5_000_009]
    dataset.close()


# A file that changes


def test_growth_is_followed_and_a_line_without_its_end_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"n": 1}\n{"n": 2')
    dataset = Dataset.open(path)
    dataset.build_index()
    assert dataset.look_for_change() is FileChange.NONE
    with path.open("ab") as file:
        file.write(b'}\n{"n": 3}\n')
    assert dataset.look_for_change() is FileChange.GREW
    assert dataset.row(1).value == {"n": 1}
    assert dataset.follow_growth()
    assert not dataset.index_complete
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "_BLOCK", 3)
        dataset.build_index()
    assert dataset.row_count == 3
    assert [dataset.row(number).value for number in (1, 2, 3)] == [{"n": 1}, {"n": 2}, {"n": 3}]
    assert not dataset.follow_growth()
    dataset.close()


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("shrink", FileChange.SHRANK),
        ("rewrite", FileChange.REWRITTEN),
        ("rewrite longer", FileChange.REWRITTEN),
        ("replace", FileChange.REPLACED),
        ("delete", FileChange.GONE),
    ],
)
def test_every_other_change_has_a_name_and_a_remedy(
    tmp_path: Path, change: str, expected: FileChange
) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())
    dataset = Dataset.open(path)
    if change == "shrink":
        os.truncate(path, 10)
    elif change.startswith("rewrite"):
        path.write_bytes(path.read_bytes().replace(b"Q", b"R") + (b"{}\n" if "longer" in change else b""))
        os.utime(path, ns=(1, 1))
    elif change == "replace":
        os.replace(write(tmp_path / "other.jsonl", clean_chats(3)), path)
    else:
        path.unlink()
    assert dataset.look_for_change() is expected
    assert not dataset.follow_growth()
    what, remedy = change_words(expected, path)
    assert "rows.jsonl" in what
    assert remedy
    dataset.close()
