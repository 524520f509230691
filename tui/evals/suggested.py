"""The check that fits a test set best, for who has chosen none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from tui.evals.cases import Case
from tui.evals.checks.texts import normalised

_LONGEST_LABEL = 40
_MOST_LABELS = 30
_SHORT_ANSWER = 12
"""Words, in the mean, up to which a whole answer can be expected to come out the same."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A check with the reason for it."""

    checks: tuple[str, ...]
    """As in `--check`; empty where each row has its own, or where none can be suggested."""
    why: str


def suggested_checks(cases: Sequence[Case]) -> Suggestion:
    """Return how answers to these rows are best judged, by what they expect."""
    open_cases = [case for case in cases if not case.checks]
    if not open_cases:
        return Suggestion((), "each row has checks of its own")
    if sum(bool(case.expected_calls) for case in open_cases) * 2 > len(open_cases):
        return Suggestion(("tool-call",), "most rows expect a tool call")
    texts = [case.expected[0].strip() for case in open_cases if case.expected]
    if not texts:
        return Suggestion((), "no row names a right answer: choose a check that needs none")
    if all(_is_object(text) for text in texts):
        return Suggestion(("fields",), "the expected answers are JSON objects")
    if all(_is_number(text) for text in texts):
        return Suggestion(("number",), "the expected answers are numbers")
    labels = {normalised(text) for text in texts}
    short = all(len(text) <= _LONGEST_LABEL and "\n" not in text for text in texts)
    if short and len(labels) <= _MOST_LABELS and len(labels) * 2 <= len(texts):
        return Suggestion(("label",), f"the expected answers are {len(labels)} labels")
    if sum(len(text.split()) for text in texts) <= _SHORT_ANSWER * len(texts):
        return Suggestion(("normalised",), "the expected answers are short")
    if find_spec("rouge_score") is not None:
        return Suggestion(("rouge",), "the expected answers are long")
    return Suggestion(("normalised",), "the expected answers are long: tunedeck[overlap] has rouge for them")


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True
