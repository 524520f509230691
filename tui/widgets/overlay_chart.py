"""Curves of several runs over one another: each a line with a colour and a mark of its own."""

from __future__ import annotations

from collections.abc import Mapping

from tui.widgets.chart_scale import Point, format_value
from tui.widgets.loss_chart import LossChart, SeriesLook

RUN_LOOKS: Mapping[str, SeriesLook] = {
    "A": SeriesLook("A", "●", "o", "accent", True, True),
    "B": SeriesLook("B", "×", "x", "warning", True, True),
    "C": SeriesLook("C", "▲", "^", "good", True, True),
    "D": SeriesLook("D", "■", "#", "strong", True, True),
}
"""Letter of a run -> how its curve looks; the marks alone tell them apart where there is no colour."""


class OverlayChart(LossChart, inherit_bindings=True):
    """A chart whose series are named by the letters of runs."""

    def look(self, name: str) -> SeriesLook:
        """Return the look of a run."""
        return RUN_LOOKS[name]

    def _value_words(self, point: Point, step: int) -> str:
        """Return the value, and the step it is from where the run has none at the step that is read."""
        words = format_value(point[1])
        return words if point[0] == step else f"{words} @{point[0]:,}"
