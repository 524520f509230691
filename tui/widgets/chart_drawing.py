"""Turns curves into lines of text: braille curves, marks, axes with labels, a cursor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter

from tui.widgets.braille import DotCanvas, is_braille, merged_dots
from tui.widgets.chart_scale import Point, Scale, buckets, format_value, value_scale
from tui.widgets.tones import Part, Tone

AXIS_WIDTH = 8
"""Columns of the vertical axis: a label of six, a space, the line."""

_MARK_EVERY = 12
"""Columns between two marks of a line."""

_Grid = list[list[Part]]
"""One character with its tone per cell."""


@dataclass(frozen=True, slots=True)
class ChartData:
    """What is drawn: curves, marks, faint curves behind them, and where the cursor is."""

    lines: Mapping[str, Sequence[Point]]
    marks: Mapping[str, Sequence[Point]]
    faint: Mapping[str, Sequence[Point]]
    total_steps: int | None
    cursor_step: int | None

    def every_value(self) -> list[float]:
        """Return the values of all series."""
        return [value for points in self._series() for value in map(itemgetter(1), points)]

    def ends(self) -> tuple[int, int]:
        """Return the first and the last step of all series; each is in order of steps."""
        known = [points for points in self._series() if points]
        return min(points[0][0] for points in known), max(points[-1][0] for points in known)

    def _series(self) -> list[Sequence[Point]]:
        return [points for group in (self.lines, self.marks, self.faint) for points in group.values()]


@dataclass(frozen=True, slots=True)
class ChartLook:
    """How it is drawn."""

    tones: Mapping[str, Tone]
    marks: Mapping[str, str]
    logarithmic: bool
    ascii_only: bool
    marked: tuple[str, ...] = ()
    """Lines that bear their mark every few columns, so that they are told apart without colour."""


@dataclass(frozen=True, slots=True)
class Curves:
    """A chart without its cursor, which moves far more often than the curves change."""

    grid: _Grid
    labels: Sequence[Part]
    """Of the vertical axis, one for each row of the grid."""
    axis: Sequence[list[Part]]
    """The horizontal axis and its labels."""
    steps: Scale
    cursor: Part


def draw_chart(data: ChartData, look: ChartLook, width: int, height: int) -> list[list[Part]]:
    """Return `height` lines of at most `width` columns; the last two are the horizontal axis and labels."""
    return with_cursor(draw_curves(data, look, width, height), data.cursor_step)


def draw_curves(data: ChartData, look: ChartLook, width: int, height: int) -> Curves:
    """Draw everything but the cursor."""
    values = value_scale(data.every_value(), logarithmic=look.logarithmic)
    first, last = data.ends()
    last = max(data.total_steps or 0, last)
    steps = Scale(first, last)
    return Curves(
        _draw_grid(data, look, steps, values, width - AXIS_WIDTH, height - 2),
        [_value_label(index, height - 2, values, look) for index in range(height - 2)],
        _step_axis(first, last, width - AXIS_WIDTH, look),
        steps,
        (":" if look.ascii_only else "┊", "muted"),
    )


def with_cursor(curves: Curves, step: int | None) -> list[list[Part]]:
    """Return the lines of a chart with an upright line behind its curves at a step; None draws none."""
    lines: list[list[Part]] = []
    for label, row in zip(curves.labels, curves.grid, strict=True):
        cells = row
        if step is not None:
            column = min(len(row) - 1, int(curves.steps.place(step) * len(row)))
            if row[column][0] == " ":
                cells = [*row[:column], curves.cursor, *row[column + 1 :]]
        lines.append([label, *_merged(cells)])
    return [*lines, *curves.axis]


def _draw_grid(
    data: ChartData, look: ChartLook, steps: Scale, values: Scale, width: int, height: int
) -> _Grid:
    grid: _Grid = [[(" ", "") for _ in range(width)] for _ in range(height)]
    draw = _draw_ascii_curve if look.ascii_only else _draw_braille_curve
    for points in data.faint.values():
        draw(grid, points, "muted", steps, values)
    for name, points in data.lines.items():
        draw(grid, points, look.tones[name], steps, values)
    for place, name in enumerate(look.marked):
        _mark_line(
            grid, data.lines.get(name, ()), (look.marks[name], look.tones[name]), steps, values,
            first=place * _MARK_EVERY // len(look.marked), ascii_only=look.ascii_only,
        )  # fmt: skip
    for name, points in data.marks.items():
        _draw_marks(grid, points, (look.marks[name], look.tones[name]), steps, values)
    return grid


def _drawable(points: Sequence[Point], values: Scale) -> Sequence[Point]:
    return [point for point in points if point[1] > 0] if values.logarithmic else points


def _draw_braille_curve(
    grid: _Grid, points: Sequence[Point], tone: Tone, steps: Scale, values: Scale
) -> None:
    height, width = len(grid), len(grid[0])
    canvas = DotCanvas(width, height)
    dots = height * 4 - 1
    previous: tuple[int, int] | None = None
    for bucket in buckets(_drawable(points, values), steps, width * 2):
        low, high = round(values.place(bucket.low) * dots), round(values.place(bucket.high) * dots)
        last = round(values.place(bucket.last) * dots)
        canvas.upright(bucket.column, low, high)
        if previous is not None:
            canvas.line(*previous, bucket.column, min(max(previous[1], low), high))
        previous = (bucket.column, last)
    for column, line, char in canvas.drawn():
        # Where curves cross, each keeps its dots: the tip of a spike is never under another curve.
        grid[line][column] = (merged_dots(grid[line][column][0], char), tone)


def _draw_ascii_curve(grid: _Grid, points: Sequence[Point], tone: Tone, steps: Scale, values: Scale) -> None:
    height, width = len(grid), len(grid[0])
    for bucket in buckets(_drawable(points, values), steps, width):
        low, high = (round(values.place(value) * (height - 1)) for value in (bucket.low, bucket.high))
        for row in range(max(0, low), min(height - 1, high) + 1):
            grid[height - 1 - row][bucket.column] = (".", tone)


def _draw_marks(grid: _Grid, points: Sequence[Point], mark: Part, steps: Scale, values: Scale) -> None:
    height, width = len(grid), len(grid[0])
    for step, value in _drawable(points, values):
        column = min(width - 1, int(steps.place(step) * width))
        row = min(height - 1, max(0, round(values.place(value) * (height - 1))))
        grid[height - 1 - row][column] = mark


def _mark_line(
    grid: _Grid,
    points: Sequence[Point],
    mark: Part,
    steps: Scale,
    values: Scale,
    *,
    first: int,
    ascii_only: bool,
) -> None:
    """Put a line's mark on it every few columns from column `first` on, and at its end.

    A mark never covers another line's mark.
    """
    height, width = len(grid), len(grid[0])
    found = buckets(_drawable(points, values), steps, width)
    due = first
    for bucket in found:
        place = values.place(bucket.last)
        # In the very cell that the line goes through: a cell is four dots high.
        up = round(place * (height - 1)) if ascii_only else round(place * (height * 4 - 1)) // 4
        row = height - 1 - min(height - 1, max(0, up))
        there = grid[row][bucket.column][0]
        is_free = is_braille(there) or there in (" ", ".", mark[0])
        if is_free and (bucket.column >= due or bucket is found[-1]):
            grid[row][bucket.column] = mark
            due = bucket.column + _MARK_EVERY


def _merged(row: Sequence[Part]) -> list[Part]:
    merged: list[Part] = []
    for char, tone in row:
        if merged and merged[-1][1] == tone:
            merged[-1] = (merged[-1][0] + char, tone)
        else:
            merged.append((char, tone))
    return merged


def _value_label(index: int, height: int, values: Scale, look: ChartLook) -> Part:
    every = max(2, (height - 1) // 4) if height > 4 else max(1, height - 1)
    labelled = index % every == 0
    line = "|" if look.ascii_only else "┤" if labelled else "│"
    text = format_value(values.value_at(1 - index / max(1, height - 1))) if labelled else ""
    return f"{text:>6} {line}", "muted"


def _step_axis(first: int, last: int, width: int, look: ChartLook) -> list[list[Part]]:
    rule, corner = ("-", "+") if look.ascii_only else ("─", "└")
    labels = str(first)
    middle, end = str((first + last) // 2), str(last)
    if last - first > 1 and width > 24:
        labels = labels.ljust(width // 2 - len(middle) // 2) + middle
    labels = labels.ljust(width - len(end)) + end if last > first else labels
    return [
        [(" " * (AXIS_WIDTH - 1) + corner + rule * width, "muted")],
        [(" " * AXIS_WIDTH + labels, "muted")],
    ]
