"""Datasets that ship with the program, written for it: to train with, to prefer with, and to repair."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Example:
    """A shipped dataset."""

    name: str
    """Short and stable, for the command line."""
    title: str
    description: str
    method: str
    """"supervised" or "dpo"."""
    training: Path
    held_out: Path | None = None
    """Rows in the same format that are not in `training`, to measure what was learned."""


SENTIMENT = Example(
    name="sentiment",
    title="Sentiment of everyday sentences",
    description="Answer with one word: positive, negative or neutral. Trains in a minute or two on a laptop.",
    method="supervised",
    training=_FOLDER / "sentiment-train.jsonl",
    held_out=_FOLDER / "sentiment-held-out.jsonl",
)
PREFERENCES = Example(
    name="short-answers",
    title="Prefer the short answer",
    description="Pairs of a short and a long-winded answer, for preference tuning (DPO).",
    method="dpo",
    training=_FOLDER / "short-answers-preferences.jsonl",
)
BROKEN = Example(
    name="broken-on-purpose",
    title="Broken on purpose",
    description="Holds the mistakes that stop most uploads. Open it in Check to see how each is reported.",
    method="supervised",
    training=_FOLDER / "broken-on-purpose.jsonl",
)
EXAMPLES = (SENTIMENT, PREFERENCES, BROKEN)
"""Every shipped dataset, the one to start with first."""


def example(name: str) -> Example | None:
    """Return the example of that name, or None."""
    return next((one for one in EXAMPLES if one.name == name), None)
