from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.datasets.reshape import row_table
from tui.datasets.reshape.chance import _mix, allocate, ranks, shuffled
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.sample import plan_shuffle
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.reshape.write import write_plan
from tui.datasets.row_pass import PassCancelled
from tui.errors import TunedeckError

LINE = st.sampled_from(
    [b"", b" ", b"\t\x0b", b"\r", b'{"a": 1}', b' {"b": 2} ', b'{"c": "\xc3\xa4"}\r', b"no json", b"x" * 40]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(LINE, max_size=30), st.booleans(), st.booleans(), st.integers(1, 9), st.integers(0, 99))
def test_a_shuffle_has_every_row_once_and_no_blank_line_whatever_the_blocks(
    tmp_path_factory: pytest.TempPathFactory,
    lines: list[bytes],
    ends: bool,
    mark: bool,
    block: int,
    seed: int,
) -> None:
    path = tmp_path_factory.mktemp("table") / "rows.jsonl"
    path.write_bytes((b"\xef\xbb\xbf" if mark else b"") + b"\n".join(lines) + (b"\n" if ends else b""))
    rows = [line for line in lines if line.strip()]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(row_table, "_BLOCK", block)
        if not rows:
            with pytest.raises(TunedeckError, match="no rows"):
                RowTable.open(path)
            return
        with RowTable.open(path) as table:
            assert [table.content(position) for position in range(len(table))] == [
                row.removesuffix(b"\r") for row in rows
            ]
            assert table.lines.tolist() == [number for number, line in enumerate(lines, 1) if line.strip()]
            target = path.with_name("new.jsonl")
            written = write_plan(plan_shuffle(table, seed), [target])
    data = target.read_bytes()
    assert written.files[0].bytes == len(data)
    assert data.startswith(b"\xef\xbb\xbf") == mark
    new = data.removeprefix(b"\xef\xbb\xbf").removesuffix(b"\n").split(b"\n")
    assert sorted(row.removesuffix(b"\r") for row in new) == sorted(row.removesuffix(b"\r") for row in rows)
    assert data.endswith(b"\n")


def test_a_row_keeps_its_line_end_and_a_last_row_gets_the_usual_one(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"1\r\n2\n3")
    out = io.BytesIO()
    with RowTable.open(path) as table:
        table.copy(table.positions_of(table.lines)[::-1], out, Tracker())
    assert out.getvalue() == b"3\r\n2\n1\r\n"


def test_seeded_chance_is_the_same_everywhere() -> None:
    import numpy

    assert shuffled(8, 42).tolist() == [7, 4, 0, 2, 6, 5, 1, 3]
    # SplitMix64's first output for the state 0, as published with it.
    assert int(_mix(numpy.array([0], numpy.uint64))[0]) == 0xE220A8397B1DCDAF
    assert len(set(ranks(numpy.arange(10_000), 3).tolist())) == 10_000


@given(st.lists(st.integers(0, 1_000), min_size=1, max_size=20), st.integers(0, 5_000))
def test_shares_sum_up_and_stay_in_proportion(sizes: list[int], wanted: int) -> None:
    shares = allocate(sizes, wanted)
    assert sum(shares) == min(wanted, sum(sizes))
    for size, share in zip(sizes, shares, strict=True):
        assert 0 <= share <= size
        if sum(sizes):
            assert abs(share - size * min(wanted, sum(sizes)) / sum(sizes)) < 1


@pytest.mark.parametrize("change", ["append", "replace", "remove", "shrink"])
def test_a_file_that_changes_after_the_plan_leaves_nothing_written(tmp_path: Path, change: str) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n' * 3 + b'{"b":1}\n')
    target = tmp_path / "new" / "rows.jsonl"
    with RowTable.open(path) as table:
        plan = plan_shuffle(table)
        if change == "append":
            with path.open("ab") as file:
                file.write(b"{}\n")
        elif change == "replace":
            other = tmp_path / "other"
            other.write_bytes(path.read_bytes())
            os.replace(other, path)
        elif change == "shrink":
            os.truncate(path, 3)
        else:
            path.unlink()
        with pytest.raises(TunedeckError, match="written to while"):
            write_plan(plan, [target])
    assert not target.parent.exists()


def test_a_cancel_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":1}\n' * 9)
    with RowTable.open(path) as table, pytest.raises(PassCancelled):
        write_plan(plan_shuffle(table), [tmp_path / "new.jsonl"], tracker=Tracker(cancelled=lambda: True))
    assert os.listdir(tmp_path) == ["rows.jsonl"]


def test_utf16_pipes_and_folders_are_refused_with_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes("{}".encode("utf-16"))
    with pytest.raises(TunedeckError, match="UTF-16") as refused:
        RowTable.open(path)
    assert "tunedeck convert" in refused.value.remedy
    with pytest.raises(TunedeckError, match="folder"):
        RowTable.open(tmp_path)
    with pytest.raises(TunedeckError, match="does not exist"):
        RowTable.open(tmp_path / "none.jsonl")
