"""Labels given against labels expected: accuracy, F1 by class and their mean, the confusion grid, kappa."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How one label fares."""

    label: str
    precision: float
    recall: float
    f1: float
    rows: int
    """Rows that should have it."""


@dataclass(frozen=True, slots=True)
class LabelReport:
    """Labels of one model over a test set."""

    labels: tuple[str, ...]
    """Rows and columns of the grid, in order."""
    grid: tuple[tuple[int, ...], ...]
    """Of each expected label (row): how often each label (column) was given."""
    scores: tuple[LabelScore, ...]
    """Of each class, in the order of `labels`; without what stands for no label."""
    accuracy: float
    macro_f1: float
    """Mean of F1 over the labels, each counting the same."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "labels": list(self.labels),
            "grid": [list(row) for row in self.grid],
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "by_label": {
                one.label: {"precision": one.precision, "recall": one.recall, "f1": one.f1, "rows": one.rows}
                for one in self.scores
            },
        }


def label_report(expected: Sequence[str], given: Sequence[str], no_label: str | None = None) -> LabelReport:
    """Return accuracy, macro F1 and the confusion grid.

    As scikit-learn's `f1_score(average="macro", zero_division=0)` over the labels of both lists: a label that
    was only ever given, never expected, counts as a class with F1 of 0. `no_label` is not among the classes.

    Args:
        expected: One label for each row.
        given: What the model said, in the same order.
        no_label: What stands for an answer that is no label: a column of the grid, and no class of the mean.

    Raises:
        ValueError: The lists have not the same length.
    """
    pairs = Counter(zip(expected, given, strict=True))
    labels = tuple(sorted({*expected, *given}))
    grid = tuple(tuple(pairs[row, column] for column in labels) for row in labels)
    scores = tuple(_score(label, pairs) for label in labels if label != no_label)
    rows = len(expected)
    right = sum(pairs[label, label] for label in labels)
    macro = sum(score.f1 for score in scores) / len(scores) if scores else 0.0
    return LabelReport(labels, grid, scores, right / rows if rows else 0.0, macro)


def _score(label: str, pairs: Counter[tuple[str, str]]) -> LabelScore:
    right = pairs[label, label]
    wanted = sum(count for (expected, _), count in pairs.items() if expected == label)
    said = sum(count for (_, given), count in pairs.items() if given == label)
    precision = right / said if said else 0.0
    recall = right / wanted if wanted else 0.0
    f1 = 2 * right / (wanted + said) if wanted + said else 0.0
    return LabelScore(label, precision, recall, f1, wanted)


def cohen_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Return the agreement of two raters beyond chance, at most 1; None where chance alone explains all.

    Cohen, J. (1960), "A coefficient of agreement for nominal scales", Educ. Psychol. Meas. 20.

    Raises:
        ValueError: The lists have not the same length.
    """
    rows = len(first)
    if not rows:
        return None
    agreed = sum(one == two for one, two in zip(first, second, strict=True)) / rows
    of_first, of_second = Counter(first), Counter(second)
    by_chance = sum(of_first[label] * of_second[label] for label in of_first) / (rows * rows)
    return None if by_chance == 1 else (agreed - by_chance) / (1 - by_chance)
