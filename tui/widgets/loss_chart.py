"""Curves of a training job: drawn when points arrive, read out with the arrows, legible without colour."""

from __future__ import annotations

import gc
import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from textwrap import wrap
from typing import ClassVar

from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.jobs.metrics import smoothed
from tui.widgets.chart_drawing import ChartData, ChartLook, Curves, draw_curves, with_cursor
from tui.widgets.chart_scale import Point, format_value
from tui.widgets.keys import bindings
from tui.widgets.tones import Line, Part, Tone, tone_style

SMOOTHING = (0.0, 0.6, 0.9)
"""How much of the past each press of the key keeps."""


_MOST_KEPT = 2 * len(SMOOTHING)
"""Drawings kept of the same points and size: each smoothing, with and without the logarithm."""


@contextmanager
def _no_collection() -> Iterator[None]:
    """Collect no garbage meanwhile: tens of thousands of points make none, and each thousand begins a search.

    One in some of these goes through all that the app holds, which takes longer than the drawing.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


@dataclass(frozen=True, slots=True)
class SeriesLook:
    """How a series is told apart: a line of dots, or a mark at every point."""

    label: str
    mark: str
    ascii_mark: str
    tone: Tone
    is_line: bool
    is_marked: bool = False
    """A line that bears its mark every few columns."""


LOOKS: Mapping[str, SeriesLook] = {
    "train": SeriesLook("train", "⠤", ".", "accent", True),
    "valid": SeriesLook("valid", "×", "x", "warning", False),
    "full_valid": SeriesLook("full valid", "●", "O", "good", False),
}
_OTHER_LOOK = SeriesLook("", "+", "+", "strong", False)


def look_of(name: str) -> SeriesLook:
    """Return the look of a series named `train`, `valid`, `full_valid`, or `<one of these>_<metric>`."""
    for prefix in ("full_valid", "train", "valid"):
        if name.startswith(prefix):
            return LOOKS[prefix]
    return SeriesLook(name, _OTHER_LOOK.mark, _OTHER_LOOK.ascii_mark, _OTHER_LOOK.tone, False)


class LossChart(Widget, can_focus=True, inherit_bindings=False):
    """A chart of several series over steps; redrawn only when its data, size or view change."""

    BINDINGS: ClassVar[list[BindingType]] = [*bindings("chart")]
    DEFAULT_CSS = "LossChart { height: 1fr; min-height: 5; }"

    logarithmic: reactive[bool] = reactive(False)
    """Whether the vertical axis is logarithmic."""
    smoothing: reactive[float] = reactive(0.0)
    """Weight of the past in the training curve's moving average."""
    cursor_step: reactive[int | None] = reactive(None)
    """Step whose values are read out; None reads the newest."""

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's own name
        classes: str | None = None,
        empty: str = "No numbers yet: the first step reports them.",
        ascii_only: bool = False,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._empty_text = empty
        self.ascii_only = ascii_only
        self._series: dict[str, list[Point]] = {}
        self._total_steps: int | None = None
        self._lines: list[Strip] = []
        self._drawn_for: tuple[object, ...] | None = None
        self._curves: dict[tuple[object, ...], Curves] = {}
        """What curves were drawn for -> the curves without the cursor; those of the keys `s` and `l`."""
        self._known_steps: list[int] = []
        self._version = 0

    @property
    def empty_text(self) -> str:
        """What is shown while there are no numbers."""
        return self._empty_text

    @empty_text.setter
    def empty_text(self, words: str) -> None:
        if words != self._empty_text:
            self._empty_text = words
            self._version += 1
            if not self._series:
                self.refresh()

    def set_series(self, series: Mapping[str, Sequence[Point]], *, total_steps: int | None = None) -> None:
        """Show these curves; the same points again draw nothing.

        Args:
            series: Name -> points in order of steps; numbers that are not finite leave a gap.
            total_steps: Where the horizontal axis ends; the last step when None.
        """
        finite = {
            name: [point for point in points if math.isfinite(point[1])] for name, points in series.items()
        }
        new = {name: points for name, points in finite.items() if points}
        if new == self._series and total_steps == self._total_steps:
            return
        self._series = new
        self._known_steps = sorted({step for points in new.values() for step, _ in points})
        self._total_steps = total_steps
        self._version += 1
        self._refresh_changed_lines()

    def _refresh_changed_lines(self) -> None:
        """Draw now and repaint only lines that differ: a new point seldom touches more than three."""
        old = self._lines
        self._draw()
        if len(old) != len(self._lines):
            self.refresh()
            return
        for y, (before, after) in enumerate(zip(old, self._lines, strict=True)):
            if before != after:
                self.refresh(Region(0, y, self.size.width, 1))

    @property
    def readout(self) -> str:
        """The line above the curves: the step, and each series' newest value up to there."""
        return "".join(text for text, _ in self._readout_line())

    def look(self, name: str) -> SeriesLook:
        """Return how a series is told apart."""
        return look_of(name)

    # Drawing

    def render_line(self, y: int) -> Strip:
        """Draw one line, making all of them when anything changed."""
        self._draw()
        return self._lines[y] if y < len(self._lines) else Strip.blank(self.size.width, self.rich_style)

    def _draw(self) -> None:
        width, height = self.size
        state = (self._version, width, height, self.logarithmic, self.smoothing, self.cursor_step)
        if state != self._drawn_for:
            self._lines = [self._strip(line, width) for line in self._all_lines(width, height)]
            self._drawn_for = state

    def notify_style_update(self) -> None:
        """Forget lines drawn in the old theme."""
        super().notify_style_update()
        self._drawn_for = None

    def _strip(self, line: Line, width: int) -> Strip:
        base = self.rich_style
        segments = [Segment(text, base + tone_style(self, tone)) for text, tone in line]
        return Strip(segments).adjust_cell_length(width, base)

    def _all_lines(self, width: int, height: int) -> list[Line]:
        if not self._series:
            return [[(words, "muted")] for words in wrap(self.empty_text, max(1, width))]
        if width < 20 or height < 4:
            return [self._readout_line()]
        drawn_for = (self._version, width, height, self.logarithmic, self.smoothing)
        curves = self._curves.get(drawn_for)
        if curves is None:
            with _no_collection():
                curves = draw_curves(self._data(), self._chart_look(), width, height - 1)
            if len(self._curves) >= _MOST_KEPT or any(key[:3] != drawn_for[:3] for key in self._curves):
                self._curves.clear()
            self._curves[drawn_for] = curves
        return [self._readout_line(), *with_cursor(curves, self._readout_step_or_none())]

    def _data(self) -> ChartData:
        lines, marks, faint = {}, {}, {}
        for name, points in self._series.items():
            look = self.look(name)
            if not look.is_line:
                marks[name] = points
                continue
            lines[name] = smoothed(points, self.smoothing)
            if self.smoothing:
                faint[name] = points
        return ChartData(lines, marks, faint, self._total_steps, None)

    def _chart_look(self) -> ChartLook:
        looks = {name: self.look(name) for name in self._series}
        tones = {name: look.tone for name, look in looks.items()}
        marks = {name: self._mark(look) for name, look in looks.items()}
        marked = tuple(name for name, look in looks.items() if look.is_marked)
        return ChartLook(tones, marks, self.logarithmic, self.ascii_only, marked)

    def _mark(self, look: SeriesLook) -> str:
        return look.ascii_mark if self.ascii_only else look.mark

    def _readout_step_or_none(self) -> int | None:
        return None if self.cursor_step is None else self._nearest_step(self.cursor_step)

    def _readout_line(self) -> list[Part]:
        step = self._readout_step_or_none()
        steps = self._steps()
        parts: list[Part] = [(f"step {steps[-1] if step is None else step}" if steps else "", "strong")]
        for name, points in self._series.items():
            look = self.look(name)
            point = _point_at(points, step)
            shown = "–" if point is None else self._value_words(point, steps[-1] if step is None else step)
            parts += [("   ", ""), (self._mark(look), look.tone), (f" {look.label} {shown}", "")]
        notes = (["log"] if self.logarithmic else []) + (
            [f"smooth {self.smoothing:g}"] if self.smoothing else []
        )
        if notes:
            parts.append((f"   ({', '.join(notes)})", "muted"))
        return parts

    def _value_words(self, point: Point, step: int) -> str:
        """Return the value read out at a step; the newest one until then."""
        return format_value(point[1])

    # Reading out

    def _steps(self) -> list[int]:
        return self._known_steps

    def _nearest_step(self, step: int) -> int:
        steps = self._steps()
        index = bisect_left(steps, step)
        around = steps[max(0, index - 1) : index + 1]
        return min(around, key=lambda known: abs(known - step)) if around else step

    def action_move_cursor(self, direction: int) -> None:
        """Read out the value about one column further; beyond the newest follows new points again."""
        steps = self._steps()
        if not steps:
            return
        index = bisect_left(
            steps, steps[-1] if self.cursor_step is None else self._nearest_step(self.cursor_step)
        )
        stride = max(1, len(steps) // max(1, self.size.width - 8))
        index += direction * stride
        self.cursor_step = None if index >= len(steps) else steps[max(0, index)]

    def action_cursor_edge(self, end: int) -> None:
        """Read out the first value (0), or follow the newest (1)."""
        steps = self._steps()
        self.cursor_step = None if end or not steps else steps[0]

    def action_toggle_log(self) -> None:
        """Switch between linear and logarithmic."""
        self.logarithmic = not self.logarithmic

    def action_cycle_smoothing(self) -> None:
        """Take the next amount of smoothing."""
        index = SMOOTHING.index(self.smoothing) if self.smoothing in SMOOTHING else 0
        self.smoothing = SMOOTHING[(index + 1) % len(SMOOTHING)]


def _point_at(points: Sequence[Point], step: int | None) -> Point | None:
    if step is None:
        return points[-1]
    index = bisect_right(points, (step, math.inf))
    return points[index - 1] if index else None
