"""`tunedeck tour`: the whole main job on a shipped example."""

from __future__ import annotations

import itertools
import sys
import time
from typing import TYPE_CHECKING

import click

from tui.cli.output import ProgressLine, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.tour_report import LossCurve, TourResult

_BARS = "▁▂▃▄▅▆▇█"
_ASCII_BARS = "_.:-=+*#"
_CURVE_WIDTH = 30
_SECONDS_BETWEEN_LOSS_LINES = 0.25
_STEPS_BETWEEN_PLAIN_LINES = 10
_MEGABYTE = 1_000_000


def sparkline(values: list[float], width: int = _CURVE_WIDTH, bars: str = _BARS) -> str:
    """Return the values as a row of bars, the mean of each bucket when there are more than `width`."""
    if not values:
        return ""
    count = min(width, len(values))
    edges = [len(values) * index // count for index in range(count + 1)]
    means = [sum(values[low:high]) / (high - low) for low, high in itertools.pairwise(edges)]
    low, span = min(means), max(means) - min(means)
    return "".join(bars[round((mean - low) / span * (len(bars) - 1)) if span else 0] for mean in means)


class Narrator:
    """Tells a tour on stderr: a line per event, and one line that moves while something is measured."""

    def __init__(self) -> None:
        self._number = 0
        self._line: ProgressLine | None = None
        self._label = ""
        self._last_loss = 0.0
        self._loss_is_open = False
        self._on_terminal = sys.stderr.isatty()
        self._bars = _BARS if _can_write(_BARS) else _ASCII_BARS

    def stage(self, title: str) -> None:
        """Print the heading of a part."""
        self._close_line()
        self._number += 1
        narrate(f"{self._number}. {title}")

    def note(self, text: str) -> None:
        """Print a line of its own."""
        self._close_line()
        narrate(f"   {text}")

    def progress(self, label: str, done: int, total: int, unit: str) -> None:
        """Move the progress line, or begin a new one for a new label."""
        if label != self._label or self._line is None:
            self._close_line()
            self._line, self._label = ProgressLine(f"   {label}"), label
        self._line.update(done, total, _amount(done, total, unit))

    def loss(self, curve: LossCurve, total_steps: int) -> None:
        """Redraw the loss line on a terminal; print every tenth step elsewhere."""
        step, value = curve.points[-1]
        is_last = step >= total_steps
        if self._on_terminal:
            if not is_last and time.monotonic() - self._last_loss < _SECONDS_BETWEEN_LOSS_LINES:
                return
        elif not is_last and step % _STEPS_BETWEEN_PLAIN_LINES:
            return
        self._last_loss = time.monotonic()
        drawn = sparkline([loss for _, loss in curve.points], bars=self._bars)
        text = safe_line(f"   step {step} of {total_steps}, loss {value:.3f} {drawn}")
        click.echo(f"\r\x1b[K{text}" if self._on_terminal else text, err=True, nl=not self._on_terminal)
        self._loss_is_open = self._on_terminal

    def close(self) -> None:
        """End a line that is still moving."""
        self._close_line()

    def _close_line(self) -> None:
        if self._line is not None:
            self._line.finish()
        if self._loss_is_open:
            click.echo("", err=True)
        self._line, self._label, self._loss_is_open = None, "", False


def _can_write(text: str) -> bool:
    try:
        text.encode(sys.stderr.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _amount(done: int, total: int, unit: str) -> str:
    if unit == "bytes" and total >= _MEGABYTE:
        return f"({done / _MEGABYTE:.1f} of {total / _MEGABYTE:.1f} MB)"
    return f"({done:,} of {total:,} {unit})" if total > 1 else ""


@click.command("tour")
@click.option("--fast", is_flag=True, help="Two epochs and 24 held-out rows: about half the time.")
@json_option
def command(fast: bool, as_json: bool) -> int:
    """Do the whole main job on a shipped example: check, cost, train, and measure what was learned.

    Takes a few minutes on two cores. Interrupt it as you like: the next tour goes on with the same job.
    Ends with exit code 1 when the tuned model does not answer more than 80 % of the held-out rows right.
    """
    from tui.services import Services
    from tui.tour import Tour, TourOptions

    narrator = Narrator()
    try:
        with Services.open() as services:
            result = Tour(services, narrator, TourOptions(fast=fast)).run()
    finally:
        narrator.close()
    if as_json:
        print_json(result.as_json())
    else:
        _print_result(result)
    return int(ExitCode.DONE if result.passed else ExitCode.BAD)


def _print_result(result: TourResult) -> None:
    print_table(
        ("text", "right answer", "base model", "tuned model"),
        [
            (row["text"], row["expected"], row["base"] or "(nothing)", row["tuned"])
            for row in result.samples()
        ],
    )
    say("")
    say(result.sentence)
    if not result.passed:
        say("That is less than a tour has to reach (over 80 %).")
    say(f"Chat with it: tunedeck chat {result.fine_tuned_model}")
