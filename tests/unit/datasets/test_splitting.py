from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import clean_chats, write
from tui.datasets.splitting import split_file
from tui.errors import TunedeckError

MARK = b"\xef\xbb\xbf"  # a byte order mark is no part of the first row, and each new file begins with one
LINES = st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=40)


@settings(max_examples=100, deadline=None)
@example([MARK + b"a", b"a"], 0.5, 0, False)
@example([MARK + b"a", b"b"], 0.5, 0, True)
@example([MARK, b"a"], 0.5, 0, False)
@example([b"\x00", MARK], 0.5, 0, False)
@given(LINES, st.floats(0.01, 0.99), st.integers(0, 2**32), st.booleans())
def test_a_split_is_a_partition_that_keeps_bytes_and_order(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], share: float, seed: int, ends: bool
) -> None:
    folder = tmp_path_factory.mktemp("split")
    path = folder / "rows.jsonl"
    path.write_bytes(b"\n".join(lines) + (b"\n" if ends else b""))
    # In a file without a mark, one at the beginning of a later row belongs to that row, wherever it goes.
    mark = MARK if path.read_bytes().startswith(MARK) else b""
    rows = [line for line in path.read_bytes().removeprefix(mark).split(b"\n") if line.strip()]
    different = {line.strip() for line in rows}
    if len(different) < 2 or path.read_bytes()[:2] in (b"\xff\xfe", b"\xfe\xff"):
        with pytest.raises(TunedeckError, match=r"needs 2|need 2|no rows|UTF-16"):
            split_file(path, share, seed, folder / "out")
        return
    training, validation = split_file(path, share, seed, folder / "out")
    parts = [
        [line for line in part.read_bytes().removeprefix(mark).split(b"\n") if line.strip()]
        for part in (training, validation)
    ]
    assert sorted(line.rstrip(b"\r") for line in parts[0] + parts[1]) == sorted(
        line.rstrip(b"\r") for line in rows
    )
    assert all(parts)
    for part in parts:
        remaining = iter(line.rstrip(b"\r") for line in rows)
        assert all(line.rstrip(b"\r") in remaining for line in part)
    if len(different) == len(rows):
        assert abs(len(parts[1]) - len(rows) * share) <= 1
    assert not {line.strip() for line in parts[0]} & {line.strip() for line in parts[1]}
    assert sorted(os.listdir(folder / "out")) == ["rows.training.jsonl", "rows.validation.jsonl"]


def test_the_same_seed_gives_the_same_split_and_another_one_another(tmp_path: Path) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())

    def split(seed: int, name: str) -> bytes:
        return split_file(path, 0.2, seed, tmp_path / name)[1].read_bytes()

    assert split(1, "a") == split(1, "b")
    assert split(1, "c") != split(2, "d")
    assert split(1, "e").count(b"\n") == 10


@pytest.mark.parametrize("share", [0.0, 1.0, -0.5, float("nan")])
def test_a_share_without_sense_is_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(TunedeckError, match="share"):
        split_file(write(tmp_path / "rows.jsonl", clean_chats()), share, 0, tmp_path)


def test_nothing_is_left_behind_when_writing_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "rows.jsonl", clean_chats())

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(TunedeckError, match="No space left"):
        split_file(path, 0.2, 0, tmp_path / "out")
    assert os.listdir(tmp_path / "out") == []
