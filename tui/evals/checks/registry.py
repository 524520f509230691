"""Every check by name; the one list that the command line, the documentation and the tests go by."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tui.errors import TunedeckError
from tui.evals.checks.spec import CheckSpec
from tui.safe_text import safe_line

if TYPE_CHECKING:
    from tui.evals.cases import Case
    from tui.evals.checks.protocol import Check

CHECKS: Mapping[str, tuple[str, str]] = {
    "exact": ("tui.evals.checks.texts", "Exact"),
    "normalised": ("tui.evals.checks.texts", "Normalised"),
    "contains": ("tui.evals.checks.texts", "Contains"),
    "regex": ("tui.evals.checks.texts", "Regex"),
    "number": ("tui.evals.checks.texts", "Number"),
    "length": ("tui.evals.checks.texts", "Length"),
    "format": ("tui.evals.checks.texts", "Form"),
    "json": ("tui.evals.checks.structured", "JsonValid"),
    "json-schema": ("tui.evals.checks.structured", "JsonSchema"),
    "fields": ("tui.evals.checks.structured", "Fields"),
    "label": ("tui.evals.checks.labels", "Label"),
    "tool-call": ("tui.evals.checks.labels", "ToolCalls"),
    "refusal": ("tui.evals.checks.labels", "Refusal"),
    "rouge": ("tui.evals.checks.overlap", "Rouge"),
    "bleu": ("tui.evals.checks.overlap", "Bleu"),
    "python": ("tui.evals.checks.program", "PythonFunction"),
}
"""Name -> (module, class)."""
JUDGE = "judge"
"""The check that a model makes; it asks a service, so the run itself carries it out."""


def check_class(name: str) -> type[Check]:
    """Return the class of a check.

    Raises:
        TunedeckError: There is none of that name.
    """
    if name not in CHECKS:
        names = ", ".join([*CHECKS, JUDGE])
        raise TunedeckError(f"There is no check {safe_line(name, 40)!r}.", f"Checks: {names}.")
    module, attribute = CHECKS[name]
    found: type[Check] = getattr(importlib.import_module(module), attribute)
    return found


@contextmanager
def opened_checks(specs: Sequence[CheckSpec], cases: Sequence[Case]) -> Iterator[dict[str, Check]]:
    """Give the checks that specs describe, by `CheckSpec.key`, and close them afterwards; without judges.

    Raises:
        TunedeckError: A check does not exist, or its options are wrong.
    """
    with ExitStack() as stack:
        checks: dict[str, Check] = {}
        for spec in specs:
            if spec.name == JUDGE or spec.key in checks:
                continue
            check = check_class(spec.name)(spec, cases)
            stack.callback(check.close)
            checks[spec.key] = check
        yield checks


@dataclass(frozen=True, slots=True)
class DescribedCheck:
    """A check for the list and the documentation."""

    name: str
    summary: str
    """Its first sentence."""
    options: tuple[str, ...]
    """The main one first."""
    details: str = ""
    """What its documentation says beyond the first paragraph."""


def described_checks() -> list[DescribedCheck]:
    """Return every check with its options, the judge last."""
    found = []
    for name in CHECKS:
        kind = check_class(name)
        summary, _, details = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")
        main = [kind.main] if kind.main is not None else []
        options = [*main, *(option for option in kind.known if option not in main)]
        found.append(
            DescribedCheck(name, " ".join(summary.split()), tuple(options), " ".join(details.split()))
        )
    return [*found, _JUDGE_DESCRIBED]


_JUDGE_DESCRIBED = DescribedCheck(
    JUDGE,
    "A model compares both answers (or the answer with the expected one) by a rubric, always in both orders.",
    ("model", "account", "rubric", "max_tokens"),
    "A verdict that turns with the order counts as a tie. The report shows the rubric, how often the verdict "
    "turned, how often the longer answer won, and the agreement with people: blind ratings, --ratings.",
)
