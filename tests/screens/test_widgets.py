from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from textual.app import App, ComposeResult

from tui.widgets.braille import DotCanvas
from tui.widgets.chart_drawing import ChartData, ChartLook, Curves, draw_chart, draw_curves
from tui.widgets.chart_scale import Scale, buckets, format_value, value_scale
from tui.widgets.key_value import KeyValue
from tui.widgets.line_list import LineList
from tui.widgets.loss_chart import LossChart
from tui.widgets.meter import Meter, bar
from tui.widgets.spark import spark
from tui.widgets.table import Column, Table, TableRow
from tui.widgets.tones import Line, fit

losses = st.lists(
    st.tuples(st.integers(0, 10_000), st.floats(-1e9, 1e9, allow_nan=False)), min_size=1, max_size=80
).map(lambda points: sorted(dict(points).items()))


class WidgetApp(App[None]):
    def __init__(self, *widgets: LineList | LossChart | Meter | KeyValue) -> None:
        super().__init__()
        self._widgets_under_test = widgets

    def compose(self) -> ComposeResult:
        yield from self._widgets_under_test


def lines_of(chart: LossChart | Table) -> list[str]:
    return [chart.render_line(y).text for y in range(chart.size.height)]


# Text


@given(st.text(st.characters(exclude_categories=["Cc", "Cs", "Cf", "Mn", "Me"])), st.integers(1, 60))
def test_a_fitted_text_is_exactly_as_wide_as_asked(text: str, width: int) -> None:
    assert cell_len(fit(text, width)) == width


# Spark and meter


def test_a_spark_keeps_a_spike_that_lasts_one_step() -> None:
    values = [0.0] * 500
    values[123] = 1.0
    assert spark(values, 10).count("█") == 1


def test_a_spark_leaves_out_what_is_not_a_number() -> None:
    assert spark([math.nan, 1.0, math.inf, 2.0], 8) == "▁█"
    assert spark([math.nan], 8) == ""


@given(st.floats(-1, 2), st.integers(1, 100), st.booleans())
def test_a_bar_is_as_wide_as_asked(fraction: float, width: int, ascii_only: bool) -> None:
    assert len("".join(bar(fraction, width, ascii_only=ascii_only))) == width


async def test_a_meter_shows_percent_and_note() -> None:
    meter = Meter(0.62, "61 of 98 MB")
    async with WidgetApp(meter).run_test(size=(60, 3)):
        assert str(meter.render()).endswith("62 %  61 of 98 MB")


# Chart arithmetic


@given(losses)
def test_buckets_keep_the_least_and_the_greatest_value(points: list[tuple[int, float]]) -> None:
    found = buckets(points, Scale(points[0][0], points[-1][0]), 20)
    values = [value for _, value in points]
    assert min(bucket.low for bucket in found) == min(values)
    assert max(bucket.high for bucket in found) == max(values)
    assert all(0 <= bucket.column < 20 for bucket in found)


@given(losses, st.integers(1, 40))
def test_every_point_is_in_the_bucket_of_its_column(points: list[tuple[int, float]], columns: int) -> None:
    steps = Scale(points[0][0], points[-1][0])
    columns_of_points: dict[int, list[float]] = {}
    for step, value in points:
        column = min(columns - 1, int(steps.place(step) * columns))
        columns_of_points.setdefault(column, []).append(value)
    assert buckets(points, steps, columns) == [
        (column, min(values), max(values), values[-1]) for column, values in columns_of_points.items()
    ]


def test_a_curve_of_thousands_of_points_asks_only_at_the_edges_of_columns_where_they_are() -> None:
    asked: list[int] = []

    class Step(int):
        def __sub__(self, other: int) -> int:
            asked.append(self)
            return int(self) - other

    points = [(Step(step), 1.0) for step in range(5_000)]
    assert len(buckets(points, Scale(0, 4_999), 100)) == 100
    assert len(asked) < 2_000


@given(losses, st.booleans())
def test_every_value_lies_on_its_scale(points: list[tuple[int, float]], logarithmic: bool) -> None:
    values = [value for _, value in points]
    scale = value_scale(values, logarithmic=logarithmic)
    drawable = [value for value in values if value > 0] if scale.logarithmic else values
    assert all(-1e-9 <= scale.place(value) <= 1 + 1e-9 for value in drawable)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (2.314, "2.31"),
        (0.0421, "0.0421"),
        (123.4, "123"),
        (1.2e-5, "1e-05"),
        (0.00084, "0.0008"),
        (0.00098, "0.0010"),
        (-0.00084, "-8e-04"),
    ],
)
def test_values_are_short(value: float, text: str) -> None:
    assert format_value(value) == text


def test_dots_land_in_the_cells_that_unicode_says() -> None:
    canvas = DotCanvas(1, 1)
    canvas.dot(0, 3)
    canvas.dot(1, 0)
    assert list(canvas.drawn()) == [(0, 0, chr(0x2800 + 0x01 + 0x80))]


@given(losses, st.integers(20, 120), st.integers(4, 30), st.booleans(), st.booleans())
def test_a_chart_is_never_larger_than_its_place(
    points: list[tuple[int, float]], width: int, height: int, logarithmic: bool, ascii_only: bool
) -> None:
    look = ChartLook({"train": "accent"}, {"train": "."}, logarithmic, ascii_only)
    lines = draw_chart(ChartData({"train": points}, {}, {}, None, points[0][0]), look, width, height)
    assert len(lines) == height
    assert all(sum(len(text) for text, _ in line) <= width for line in lines)


def test_a_spike_of_one_step_is_seen_among_ten_thousand() -> None:
    points = [(step, 1.0) for step in range(10_000)]
    points[5_000] = (5_000, 9.0)
    look = ChartLook({"train": "accent"}, {"train": "."}, False, True)
    top = draw_chart(ChartData({"train": points}, {}, {}, None, None), look, 60, 20)[:3]
    assert any("." in text for line in top for text, _ in line[1:])


@pytest.mark.parametrize("ascii_only", [False, True])
@given(height=st.integers(5, 30), level=st.floats(0.01, 0.99))
def test_the_mark_of_a_line_lies_on_it(ascii_only: bool, height: int, level: float) -> None:
    points = [(0, 0.0), (1, 1.0), *((step, level) for step in range(2, 60))]
    look = ChartLook({"A": "accent"}, {"A": "o"}, False, ascii_only, marked=("A",))
    lines = draw_chart(ChartData({"A": points}, {}, {}, None, None), look, 80, height)
    rows = ["".join(text for text, _ in line) for line in lines]
    assert any(len(row) > 60 and row[50:60].strip() and "o" in row[20:] for row in rows)
    assert not any("o" in row[20:] and not row[50:60].strip() for row in rows)


# The chart as a widget

SERIES = {
    "train_loss": [(step, 3.0 / step) for step in range(1, 61)],
    "valid_loss": [(step, 3.2 / step) for step in range(10, 61, 10)],
    "full_valid_loss": [(30, 0.3), (60, 0.2)],
}


async def test_series_are_told_apart_without_colour() -> None:
    chart = LossChart()
    async with WidgetApp(chart).run_test(size=(80, 20)) as pilot:
        chart.set_series(SERIES, total_steps=66)
        await pilot.pause()
        lines = lines_of(chart)
        assert "step 60" in lines[0]
        assert "× valid" in lines[0]
        assert "● full valid" in lines[0]
        picture = "\n".join(lines[1:])
        assert picture.count("×") >= 3
        assert picture.count("●") == 2
        assert any(0x2800 < ord(char) < 0x2900 for char in picture)


async def test_the_ascii_chart_holds_only_ascii() -> None:
    chart = LossChart(ascii_only=True)
    async with WidgetApp(chart).run_test(size=(80, 20)) as pilot:
        chart.set_series(SERIES)
        await pilot.pause()
        assert "".join(lines_of(chart)).isascii()


async def test_arrow_keys_read_values_out_and_come_back_to_the_newest() -> None:
    chart = LossChart()
    async with WidgetApp(chart).run_test(size=(100, 20)) as pilot:
        chart.set_series(SERIES)
        chart.focus()
        await pilot.press("left")
        assert chart.readout.startswith("step 59 ")
        assert "train 0.0508" in chart.readout
        await pilot.press("home")
        assert chart.readout.startswith("step 1 ")
        await pilot.press("end")
        assert chart.readout.startswith("step 60 ")
        chart.set_series({"train_loss": [*SERIES["train_loss"], (61, 0.01)]})
        assert chart.readout.startswith("step 61 ")


async def test_moving_the_cursor_draws_no_curve_again(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[int] = []

    def count(*arguments: Any) -> Curves:
        drawn.append(1)
        return draw_curves(*arguments)

    monkeypatch.setattr("tui.widgets.loss_chart.draw_curves", count)
    chart = LossChart()
    async with WidgetApp(chart).run_test(size=(100, 20)) as pilot:
        chart.set_series(SERIES)
        chart.focus()
        await pilot.press("left")
        assert chart.readout.startswith("step 59 ")
        drawn.clear()
        await pilot.press(*["left"] * 5)
        assert chart.readout.startswith("step 54 ")
        assert any("┊" in line for line in lines_of(chart))
        assert drawn == []
        await pilot.press("s")
        assert lines_of(chart)
        assert drawn == [1]


async def test_log_and_smoothing_say_so() -> None:
    chart = LossChart()
    async with WidgetApp(chart).run_test(size=(100, 20)) as pilot:
        chart.set_series(SERIES)
        chart.focus()
        await pilot.press("y", "s")
        assert "log, smooth 0.6" in chart.readout


async def test_an_empty_chart_says_why() -> None:
    chart = LossChart(empty="Nothing measured yet.")
    async with WidgetApp(chart).run_test(size=(60, 10)) as pilot:
        chart.set_series({"train_loss": [(1, math.nan)]})
        await pilot.press("left", "right")
        assert "Nothing measured yet." in lines_of(chart)[0]


async def test_the_same_points_again_draw_nothing() -> None:
    chart = LossChart()
    async with WidgetApp(chart).run_test(size=(60, 12)) as pilot:
        chart.set_series(SERIES)
        await pilot.pause()
        first = chart.render_line(3)
        chart.set_series({name: list(points) for name, points in SERIES.items()})
        await pilot.pause()
        assert chart.render_line(3) is first


# Table


def table() -> Table:
    return Table(
        Column("name"), Column("size", 8, "right"), Column("note", 10, drop_below=40), empty="Nothing."
    )


async def test_a_table_never_reads_cells_as_markup() -> None:
    one = table()
    async with WidgetApp(one).run_test(size=(60, 10)) as pilot:
        one.set_rows([TableRow("a", ("list[int] [/x] [red]no[/red]", "1", "x"))])
        await pilot.pause()
        assert "list[int] [/x] [red]no[/red]" in "\n".join(lines_of(one))


async def test_a_table_makes_control_bytes_visible() -> None:
    one = table()
    async with WidgetApp(one).run_test(size=(60, 10)) as pilot:
        one.set_rows([TableRow("a", ("\x1b]52;c;x\x07\u202e", "1", "x"))])
        await pilot.pause()
        text = "\n".join(lines_of(one))
        assert "\x1b" not in text
        assert "␛]52" in text


async def test_the_cursor_stays_on_its_row_when_rows_change() -> None:
    one = table()
    async with WidgetApp(one).run_test(size=(60, 10)) as pilot:
        one.set_rows([TableRow(key, (key, "1", "")) for key in "abc"])
        one.focus()
        await pilot.press("j", "j")
        assert one.row_key == "c"
        one.set_rows([TableRow(key, (key, "1", "")) for key in "xcab"])
        assert one.row_key == "c"


async def test_columns_give_way_when_the_table_is_narrow() -> None:
    one = table()
    async with WidgetApp(one).run_test(size=(30, 10)) as pilot:
        one.set_rows([TableRow("a", ("name", "12 KB", "a note"))])
        await pilot.pause()
        text = "\n".join(lines_of(one))
        assert "12 KB" in text
        assert "a note" not in text


async def test_an_empty_table_says_so_and_takes_keys() -> None:
    one = table()
    async with WidgetApp(one).run_test(size=(30, 10)) as pilot:
        one.focus()
        await pilot.press("j", "k", "G", "enter", "ctrl+d")
        assert "Nothing." in lines_of(one)[0]
        assert one.row_key is None


# Lists


class Growing(LineList):
    known = 3

    def item_count(self) -> int:
        return self.known

    def item_line(self, index: int, width: int) -> Line:
        return [(f"{index}", "")]


async def test_a_cursor_ahead_of_a_growing_list_is_in_view() -> None:
    rows = Growing()
    async with WidgetApp(rows).run_test(size=(20, 5)) as pilot:
        rows.known = 100
        rows.cursor = 90
        await pilot.pause()
        assert rows.render_line(rows.size.height - 1).text.strip() == "90"
