from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.datasets import literal_search, row_pass, search
from tui.datasets.literal_search import needle_finder
from tui.datasets.pattern_search import PatternJob
from tui.datasets.row_pass import PassCancelled
from tui.datasets.search import Hits, Query, excerpt, find_lines, found_text
from tui.errors import TunedeckError


def write_rows(path: Path, *texts: str, ascii_only: bool = True) -> Path:
    rows = [
        json.dumps({"messages": [{"role": "user", "content": text}]}, ensure_ascii=ascii_only)
        for text in texts
    ]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def lines_of(path: Path, query: Query) -> list[int]:
    return list(find_lines(path, query).lines)


@pytest.mark.parametrize("ascii_only", [True, False])
@pytest.mark.parametrize("pattern", [True, False])
@pytest.mark.parametrize("needle", ["café", "naïve 😀", "日本"])
def test_text_is_found_as_it_is_and_as_json_escapes_it(
    tmp_path: Path, ascii_only: bool, pattern: bool, needle: str
) -> None:
    path = write_rows(tmp_path / "rows.jsonl", "nothing", f"before {needle} after", ascii_only=ascii_only)
    hits = find_lines(path, Query(needle, is_pattern=pattern))
    assert list(hits.lines) == [2]
    raw = path.read_text(encoding="utf-8").splitlines()[1]
    assert found_text(raw, hits[0]) == needle
    assert raw[hits[0].column - 1 :].startswith(needle if not ascii_only else json.dumps(needle)[1:4])


@pytest.mark.parametrize(
    ("needle", "written"),
    [
        ('say "hi"', r"say \"hi\""),
        ('say "hi"', r"say \u0022hi\u0022"),
        ("a/b", r"a\/b"),
        ("a<b", r"a\u003cb"),
        ("a<b", r"a\u003Cb"),
        ("C:\\x", r"C:\\x"),
        ("é", r"\u00E9"),
    ],
)
def test_every_writer_of_json_is_understood(tmp_path: Path, needle: str, written: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":"b"}\n{"a":"' + written.encode() + b'"}\n')
    assert lines_of(path, Query(needle)) == [2]


def test_case_is_ignored_when_asked(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", "REFUND", "refund", "Éclair", "éclair", "none")
    assert lines_of(path, Query("Refund")) == []
    assert lines_of(path, Query("Refund", ignore_case=True)) == [1, 2]
    assert lines_of(path, Query("éCLAIR", ignore_case=True)) == [3, 4]
    assert lines_of(path, Query("rEf[u]nd", is_pattern=True, ignore_case=True)) == [1, 2]


@settings(max_examples=60, deadline=None)
@given(
    lines=st.lists(st.text(alphabet="ab\r éx😀", max_size=12), min_size=1, max_size=40),
    needle=st.text(alphabet="ab éx😀", min_size=1, max_size=3),
    ends=st.booleans(),
)
def test_blocks_of_any_size_give_what_reading_line_by_line_gives(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], needle: str, ends: bool
) -> None:
    path = tmp_path_factory.mktemp("search") / "rows"
    path.write_bytes(("\n".join(lines) + ("\n" if ends else "")).encode())
    expected = [(number, line.index(needle) + 1) for number, line in enumerate(lines, 1) if needle in line]
    for block in (1, 3, 16, 1 << 20):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(search, "_BLOCK", block)
            hits = find_lines(path, Query(needle))
        assert list(zip(hits.lines, hits.columns, strict=True)) == expected


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=40), st.text(min_size=1, max_size=4))
def test_a_pattern_sees_through_escapes_and_names_the_place_in_the_line(text: str, needle: str) -> None:
    line = json.dumps(text)[1:-1]
    job = PatternJob({"pattern": re.escape(needle), "ignore_case": False})
    _, payload = job.part([line.encode()], is_first=False)
    if needle in text and json.dumps(needle, ensure_ascii=False)[1:-1] == needle:
        assert payload
    if payload:
        import array

        found = array.array("I", payload)
        assert 1 <= found[1] <= len(line)
        assert found[1] + found[2] - 1 <= len(line)


@pytest.mark.parametrize("broken", [r"caf\u", r"caf\u0", r"caf\uzzzz", "caf\\", r"caf\ud83d\u"])
def test_a_line_cut_within_an_escape_does_not_end_a_search(tmp_path: Path, broken: str) -> None:
    path = tmp_path / "cut.jsonl"
    path.write_text(f'{{"a": "{broken}\n{{"a": "caf\\u00e9 b"}}\n', encoding="utf-8")
    assert list(find_lines(path, Query("caf. b", is_pattern=True)).lines) == [2]


def test_what_is_no_pattern_is_said_with_its_place(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", "x")
    with pytest.raises(TunedeckError, match="at character 2"):
        find_lines(path, Query("a(b", is_pattern=True))
    with pytest.raises(TunedeckError, match="matches everywhere"):
        find_lines(path, Query("a*", is_pattern=True))
    with pytest.raises(TunedeckError, match="nothing to search"):
        find_lines(path, Query(""))


def test_a_catastrophic_pattern_ends_with_a_sentence_and_no_process_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "SECONDS_FOR_PART", 0.3)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":"' + b"a" * 5_000 + b'"}\n')
    started = time.monotonic()
    # The look-ahead keeps it away from re2, which would simply answer.
    with pytest.raises(TunedeckError, match="takes more than"):
        find_lines(path, Query(r"(?=a)(a+)+$", is_pattern=True))
    assert time.monotonic() - started < 30


def test_a_search_is_cancelled_at_once_and_tells_how_far_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_BLOCK", 64)
    path = write_rows(tmp_path / "rows.jsonl", *["some text"] * 100)
    seen: list[tuple[int, int]] = []
    find_lines(path, Query("some"), on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (path.stat().st_size, path.stat().st_size)
    assert seen == sorted(seen)
    with pytest.raises(PassCancelled):
        find_lines(path, Query("some"), cancelled=lambda: True)
    with pytest.raises(PassCancelled):
        find_lines(path, Query("s.me", is_pattern=True), cancelled=lambda: True)


def test_parts_in_processes_keep_the_order_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(row_pass, "PART_BYTES", 100)
    path = write_rows(
        tmp_path / "rows.jsonl", *(f"row {n} {'odd' if n % 2 else 'even'}" for n in range(1, 60))
    )
    assert lines_of(path, Query("od+", is_pattern=True)) == list(range(1, 60, 2))
    assert list(find_lines(path, Query("od+", is_pattern=True), most=3).lines) == [1, 3, 5]
    assert list(find_lines(path, Query("odd"), most=3).lines) == [1, 3, 5]


def test_a_file_that_grows_meanwhile_is_searched_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "_BLOCK", 64)
    path = write_rows(tmp_path / "rows.jsonl", *["text"] * 20)

    def append(_done: int, _total: int) -> None:
        with path.open("ab") as file:
            file.write(b"text\n")

    assert lines_of(path, Query("text")) == list(range(1, 21))
    assert list(find_lines(path, Query("text"), on_progress=append).lines) == list(range(1, 21))


def test_a_file_that_is_rewritten_meanwhile_is_an_error(tmp_path: Path) -> None:
    path = write_rows(tmp_path / "rows.jsonl", *["text"] * 20)

    def cut(_done: int, _total: int) -> None:
        path.write_bytes(b"{}\n")

    with pytest.raises(TunedeckError, match="written to while"):
        find_lines(path, Query("text"), on_progress=cut)


def test_hits_above_the_most_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_HITS", 2)
    hits = Hits()
    for line in range(1, 6):
        hits.add(line, 1, 1)
    assert (len(hits), hits.found) == (2, 5)


def test_an_excerpt_is_short_and_safe(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"x" * 5_000_000 + b"\x1b]52;c;needle\x07" + b"y" * 1_000)
    hits = find_lines(path, Query("needle"))
    shown = excerpt(path.read_bytes().decode(), hits[0])
    assert len("".join(shown)) < 400
    assert shown[1] == "needle"
    assert not any(char < " " for char in "".join(shown))


def test_a_finder_of_any_kind_finds_nothing_in_nothing() -> None:
    for text in ("a", "é", '"'):
        for ignore_case in (False, True):
            assert needle_finder(text, ignore_case=ignore_case)(b"", 0) == (-1, -1)
    assert literal_search.needle_finder("a")(b"xax", 0) == (1, 2)
