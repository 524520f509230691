from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, tool_chat, user, write
from tui.datasets import estimate
from tui.datasets.counting import count_file
from tui.datasets.estimate import FileEstimate, estimate_file
from tui.datasets.files import open_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.intervals import Interval, student_quantile, total_from
from tui.datasets.sampling import REACH, WINDOW_BYTES, WindowReader, draw_windows
from tui.errors import TunedeckError

FIGURES = ("rows", "examples", "total_tokens", "trained_tokens", "tokens_per_epoch")
LIMIT = 5_000
SEEDS = 60


class Quarters:
    """Four characters a token, a character beyond ASCII one: quick, and as uneven as languages are."""

    name = "quarters"

    def count(self, text: str) -> int:
        return len(text) // 4 if text.isascii() else len(text)


def line(length: int, *, foreign: bool = False) -> bytes:
    words = "字" * length if foreign else "x y z ww " * (length // 9 + 1)
    row = chat(user(words[: length // 3]), assistant(words[length // 3 :]))
    return json.dumps(row, ensure_ascii=False).encode()


def few_huge(random: Random) -> list[bytes]:
    rows = [line(random.randint(50, 800)) for _ in range(5_000)]
    return rows + [line(random.randint(500_000, 1_500_000)) for _ in range(3)]


def mixed(random: Random) -> list[bytes]:
    return [line(int(random.lognormvariate(6, 1.5)), foreign=random.random() < 0.1) for _ in range(4_000)]


def sorted_by_length(random: Random) -> list[bytes]:
    return sorted(mixed(random), key=len)


def rare_and_dense(random: Random) -> list[bytes]:
    return [line(random.randint(50, 2_000), foreign=random.random() < 0.02) for _ in range(5_000)]


def written(path: Path, make: Callable[[Random], list[bytes]]) -> Path:
    random = Random(5)
    rows = make(random)
    if make is not sorted_by_length:
        random.shuffle(rows)
    path.write_bytes(b"\n".join(rows) + b"\n")
    return path


def sampled(path: Path, seed: int = 0, windows: int = 60) -> FileEstimate:
    return estimate_file(path, "o200k_base", limit=LIMIT, tokenizer=Quarters(), seed=seed, windows=windows)


@pytest.fixture
def always_sampled(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "WHOLE_BYTES", 0)


def counted_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> FileEstimate:
    with monkeypatch.context() as patch:
        patch.setattr(estimate, "WHOLE_BYTES", 1 << 40)
        return sampled(path)


@pytest.mark.usefixtures("always_sampled")
@pytest.mark.parametrize("make", [few_huge, mixed, sorted_by_length, rare_and_dense])
def test_the_range_holds_the_truth_as_often_as_it_says(
    make: Callable[[Random], list[bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(tmp_path / "rows.jsonl", make)
    truth = counted_whole(path, monkeypatch)
    held = dict.fromkeys(FIGURES, 0)
    for seed in range(SEEDS):
        found = sampled(path, seed)
        assert not found.is_exact
        for name in FIGURES:
            ends, true = getattr(found, name), getattr(truth, name).value
            held[name] += ends.low <= true <= ends.high
    # 95 % is promised; 60 draws of a coin that falls right 95 times in 100 give less than 52 once in 200.
    assert min(held.values()) >= 52, held


@pytest.mark.usefixtures("always_sampled")
def test_the_range_is_narrow_enough_to_be_of_use(tmp_path: Path) -> None:
    found = sampled(written(tmp_path / "rows.jsonl", rare_and_dense), windows=200)
    assert found.total_tokens.error < 0.03
    assert found.rows.error < 0.08


def test_a_small_file_is_counted_exactly(tmp_path: Path) -> None:
    rows = [chat(user("word " * number), assistant("yes")) for number in range(50)]
    path = write(tmp_path / "rows.jsonl", [*rows, tool_chat()])
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes() + b"\n  \n{broken\n[1]")
    found = estimate_file(path, "o200k_base", limit=65_536)
    exact = count_file(path, "gpt-4.1")
    assert found.is_exact
    assert [getattr(found, name) for name in FIGURES] == [
        Interval.exactly(value)
        for value in (
            exact.report.rows, exact.examples, exact.total_tokens, exact.trained_tokens,
            exact.report.tokens.per_epoch,
        )
    ]  # fmt: skip
    assert found.per_example == exact.per_example


@pytest.mark.parametrize("content", [b"", b"\n", b"\n \n\r\n", b"\xff\xfe{\0}\0", b"[1, 2]", b"x" * 100_000])
def test_what_is_no_dataset_has_no_tokens(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    found = sampled(path)
    assert found.examples == found.total_tokens == Interval.exactly(0)


@pytest.mark.usefixtures("always_sampled")
@given(st.lists(st.binary(max_size=400), max_size=60), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_any_bytes_give_figures_within_their_ranges(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], seed: int
) -> None:
    path = tmp_path_factory.mktemp("bytes") / "rows.jsonl"
    path.write_bytes(b"\n".join([*lines, line(40)]) * 200)
    found = sampled(path, seed, windows=4)
    for name in FIGURES:
        ends = getattr(found, name)
        assert 0 <= ends.low <= ends.value <= ends.high


def test_a_row_of_any_length_is_shared_out_once_over_all_windows(tmp_path: Path) -> None:
    random = Random(1)
    lengths = [random.choice((0, 1, 30, 3_000, 17_000, 90_000)) for _ in range(60)]
    path = tmp_path / "rows.jsonl"
    rows = [bytes(f"{number:04}" + "x" * length, "ascii") for number, length in enumerate(lengths)]
    path.write_bytes(b"\n".join(rows))
    size = path.stat().st_size
    drawn, count = draw_windows(size, 1 << 30, 0)
    assert len(drawn) == count == size // WINDOW_BYTES
    shares = dict.fromkeys(rows, 0.0)
    with open_file(path) as stream:
        reader = WindowReader(stream.fileno(), size)
        for start, end in drawn:
            for row in reader.rows(start, end):
                assert not row.is_open
                shares[row.raw] += row.share
    assert shares == {row: pytest.approx(1) for row in rows}


@pytest.mark.parametrize("windows", [5, 50, 1_000])
def test_windows_are_equal_drawn_once_and_the_same_for_a_seed(windows: int) -> None:
    size = 100 * WINDOW_BYTES + 77
    drawn, count = draw_windows(size, windows, 3)
    assert (len(drawn), count) == (min(windows, 100), 100)
    assert len(set(drawn)) == len(drawn)
    assert {end - start for start, end in drawn} <= {WINDOW_BYTES, WINDOW_BYTES + 1}
    assert drawn == draw_windows(size, windows, 3)[0] != draw_windows(size, windows, 4)[0]


@pytest.mark.usefixtures("always_sampled")
def test_a_row_that_is_never_read_whole_widens_the_ranges_it_is_unknown_in(tmp_path: Path) -> None:
    length = 6 * REACH
    path = tmp_path / "rows.jsonl"
    path.write_bytes(line(length))
    found = sampled(path, windows=400)
    truth = length // 4
    assert found.total_tokens.low < truth < found.total_tokens.high
    assert found.total_tokens.error < 0.05
    assert found.trained_tokens.low == 0
    assert found.tokens_per_epoch.low <= LIMIT <= found.tokens_per_epoch.high
    assert found.rows.low <= 1 <= found.rows.high


@pytest.mark.usefixtures("always_sampled")
def test_a_picture_in_a_huge_row_is_not_taken_for_text(tmp_path: Path) -> None:
    picture: dict[str, Any] = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "QUJD" * (1 << 20)},
    }
    words = [{"type": "text", "text": "one two " * 2_000}, picture]
    path = write(tmp_path / "rows.jsonl", [chat({"role": "user", "content": words}, assistant("fine"))] * 2)
    found = sampled(path, windows=400)
    text_alone = 2 * len("one two " * 2_000) // 4
    assert found.format is DatasetFormat.CHAT
    assert found.total_tokens.low <= text_alone + 2 * 765
    assert found.total_tokens.value < 2 * len(picture["image_url"]["url"]) // 4 // 10


def test_the_same_seed_gives_the_same_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(estimate, "WHOLE_BYTES", 0)
    path = written(tmp_path / "rows.jsonl", mixed)
    assert sampled(path, 1) == sampled(path, 1) != sampled(path, 2)


@pytest.mark.usefixtures("always_sampled")
def test_a_cancelled_estimate_rests_on_the_windows_counted_so_far(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.jsonl", mixed)
    answers = iter([False, False, False, True])
    found = estimate_file(path, "o200k_base", tokenizer=Quarters(), cancelled=lambda: next(answers))
    assert found.windows < 10
    assert found.total_tokens.error > sampled(path).total_tokens.error


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="does not exist"):
        sampled(tmp_path / "missing.jsonl")


@pytest.mark.skipif(not Path("/dev/fd").is_dir(), reason="no pipe has a name here")
def test_a_pipe_is_refused_with_a_remedy() -> None:
    read_end, write_end = os.pipe()
    try:
        with pytest.raises(TunedeckError, match="not a regular file"):
            sampled(Path(f"/dev/fd/{read_end}"))
    finally:
        os.close(read_end)
        os.close(write_end)


def test_all_windows_leave_no_doubt_but_that_of_cutting() -> None:
    found = total_from([4.0, 8.0], [(0.0, 0.0)] * 2, 2)
    assert found.value == 12
    assert found.error < 0.003


def test_few_windows_that_hold_nearly_all_make_a_lopsided_range() -> None:
    found = total_from([0.0] * 97 + [1.0] * 3, [(0.0, 0.0)] * 100, 10_000)
    assert found.value == pytest.approx(300)
    assert found.low < 80
    assert 800 < found.high < 1_300


@pytest.mark.parametrize(
    ("freedom", "quantile"), [(5, 2.571), (10, 2.228), (24, 2.064), (100, 1.984), (100_000, 1.960)]
)
def test_students_quantile_is_the_tables(freedom: int, quantile: float) -> None:
    assert student_quantile(freedom) == pytest.approx(quantile, abs=0.004)
