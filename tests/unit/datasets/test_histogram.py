from __future__ import annotations

import json
from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.datasets.check import CheckOptions, check_file
from tui.datasets.histogram import BIN_ERROR, TokenHistogram, bin_of, bin_start
from tui.datasets.report import Report
from tui.datasets.token_spread import SpreadBuilder, TokenSpread

NUMBERS = st.lists(st.integers(0, 2**31), min_size=1, max_size=200)


@given(st.integers(0, 2**32))
def test_a_number_lies_in_its_bin_and_a_bin_is_narrow(tokens: int) -> None:
    start, end = bin_start(bin_of(tokens)), bin_start(bin_of(tokens) + 1)
    assert start <= tokens < end
    assert bin_of(start) == bin_of(end - 1)
    assert end - start <= max(1, start * BIN_ERROR)


@given(NUMBERS)
def test_counting_many_at_once_is_counting_one_by_one(numbers: list[int]) -> None:
    at_once = TokenHistogram()
    at_once.add_many(array("I", numbers))
    assert at_once == TokenHistogram.of(numbers)


@given(NUMBERS, NUMBERS)
def test_merged_histograms_are_the_histogram_of_both(first: list[int], second: list[int]) -> None:
    merged = TokenHistogram.of(first)
    merged.merge(TokenHistogram.of(second))
    assert merged == TokenHistogram.of([*first, *second])
    assert merged.total == sum(first) + sum(second)
    assert TokenHistogram.from_json(json.loads(json.dumps(merged.as_json()))) == merged


@given(NUMBERS, st.sampled_from([0.0, 0.05, 0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_a_bin_of_the_true_one(numbers: list[int], share: float) -> None:
    ranked = sorted(numbers)
    true = ranked[max(0, -(-int(share * 1000) * len(ranked) // 1000) - 1)] if share else ranked[0]
    found = TokenHistogram.of(numbers).percentile(share)
    assert abs(found - true) <= max(1.0, true * BIN_ERROR)


@given(NUMBERS, st.integers(1, 120), st.booleans())
def test_drawn_columns_hold_every_number_once_and_join_up(
    numbers: list[int], most: int, logarithmic: bool
) -> None:
    histogram = TokenHistogram.of(numbers)
    columns = histogram.columns(most, logarithmic=logarithmic)
    assert 1 <= len(columns) <= most
    assert sum(column.count for column in columns) == len(numbers)
    assert sum(column.tokens for column in columns) == sum(numbers)
    assert columns[0].low == min(numbers)
    assert columns[-1].high == max(numbers)
    assert all(left.high + 1 == right.low for left, right in pairwise(columns))


def test_the_longest_rows_share_of_the_bill_follows_the_limit() -> None:
    histogram = TokenHistogram.of([10] * 99 + [99_010])
    assert histogram.longest_share(0.01) == pytest.approx(99_010 / 100_000, rel=0.001)
    assert histogram.longest_share(0.01, limit=10) == pytest.approx(0.01)
    assert histogram.longest_share(1.0) == pytest.approx(1.0)
    assert TokenHistogram().longest_share(0.5) == 0


@given(st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), max_size=60), st.integers(0, 60))
def test_parts_of_a_file_merge_to_the_whole(rows: list[tuple[int, int]], cut: int) -> None:
    def built(part: list[tuple[int, int]], first: int) -> SpreadBuilder:
        builder = SpreadBuilder(4_000)
        for line, (asked, answered) in enumerate(part, first):
            builder.add_role("user", asked)
            builder.add_role("assistant", answered)
            builder.add_row(line, asked + answered)
        return builder

    first = SpreadBuilder(4_000)
    first.restore(json.loads(json.dumps(built(rows[:cut], 1).state())))
    first.merge(built(rows[cut:], 1 + len(rows[:cut])))
    whole = built(rows, 1).spread()
    assert first.spread() == whole
    assert whole.beyond == tuple((n, a + b) for n, (a, b) in enumerate(rows, 1) if a + b > 4_000)
    assert sum(histogram.total for histogram in whole.roles.values()) == whole.rows.total
    assert TokenSpread.from_json(json.loads(json.dumps(whole.as_json()))) == whole


def test_a_report_carries_the_spread_and_brings_it_back(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {
            "messages": [
                {"role": "user", "content": "word " * size},
                {"role": "assistant", "content": "yes"},
            ]
        }
        for size in (5, 50, 500)
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    report = check_file(path, CheckOptions(token_limit=100))
    spread = report.tokens.spread
    assert spread.rows.count == 3
    assert spread.rows.total == report.tokens.total
    assert {role: found.total for role, found in spread.roles.items()} == report.tokens.by_role
    assert [line for line, _ in spread.beyond] == [3]
    assert Report.from_record(json.loads(json.dumps(report.as_record()))) == report
