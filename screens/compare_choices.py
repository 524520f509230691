"""What can be chosen in Side by side: a blind comparison from before; and how a pane is headed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from screens.choose import Option
from screens.job_words import ago
from tui.chat.lanes import Lane, LaneAnswer, describe_speed
from tui.chat.model_names import numbered_names
from tui.evals.compare.blind import BlindRating
from tui.evals.ports import EvalServices
from tui.records.comparisons import Side
from tui.safe_text import safe_line
from tui.widgets.table import Column

COMPARISON_COLUMNS = (
    Column("Prompts of", cut="middle"),
    Column("Models", 34, cut="middle"),
    Column("Rated", 12, align="right"),
    Column("Begun", 11, align="right", tone="muted"),
)


def comparison_options(services: EvalServices) -> list[Option]:
    """Return the blind comparisons that are kept, the last one first; reads each one's ratings."""
    options = []
    for one in services.store.comparisons():
        rounds = BlindRating(services, one).rounds
        rated = sum(each.rating is not None for each in rounds)
        names = " and ".join(Lane(side.account, side.model).label for side in one.sides)
        options.append(
            Option(
                one.id,
                [(safe_line(Path(one.source).name, 100), ""), safe_line(names, 100),
                 f"{rated:,} of {len(rounds):,}", ago(one.created_at)],
                f"{one.source} {' '.join(side.model for side in one.sides)} {one.id}",
            )
        )  # fmt: skip
    return options


def pane_labels(sides: Sequence[Side]) -> list[str]:
    """Return a name for each pane; two of the same model are numbered."""
    return numbered_names([Lane(side.account, side.model).label for side in sides])


def pane_facts(answer: LaneAnswer | None, cost: str = "") -> str:
    """Return what an answer took, on a line."""
    if answer is None:
        return ""
    return " · ".join(filter(None, (describe_speed(answer), cost)))


def prompt_words(side: Side) -> str:
    """Return which system prompt a side answers with."""
    if side.system is None:
        return "no system prompt but a row's own"
    return f"system: {side.system}" if side.system else "no system prompt"
