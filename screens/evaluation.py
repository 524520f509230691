"""What an evaluation found: the verdict, quality beside cost and latency, rows worst first, every table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from screens.evaluation_views import evaluation_outcome
from screens.outcome import OutcomeScreen

if TYPE_CHECKING:
    from tui.evals.result import EvalResult


class EvaluationScreen(OutcomeScreen):
    """A result; everything is computed already.

    Args:
        result: Of a run.
    """

    HELP = """
    The sentence on top follows from the interval of the difference: better and worse mean that it excludes 0
    and that six rows or more differ. Rows stand worst first; enter shows one with every answer. ] goes on to
    all numbers, the checks, the grid of labels, behaviour, judges. w writes all of it into one file.
    """

    def __init__(self, result: EvalResult) -> None:
        super().__init__(evaluation_outcome(result))
