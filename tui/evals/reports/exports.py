"""A test set with its checks for other tools: promptfoo (OpenAI's named successor of Evals) and inspect.

What a tool has no word for is left out and told, never turned into something else. A row that no check is
left for is left out too: these tools count a row without a check as right.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.checks.spec import MAIN_OPTION, CheckSpec
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet
from tui.records.chats import ChatParameters

TOOLS = ("promptfoo", "inspect")


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and what could not be."""

    files: tuple[Path, ...]
    rows: int
    left_out: tuple[str, ...]
    """What the tool has no word for: `3 rows' check judge`, `1 rows that offer tools`."""


@dataclass(slots=True)
class LeftOut:
    """Counts what could not be written."""

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, what: str) -> None:
        """Count one row that something is left out of."""
        self.counts[what] += 1

    @property
    def told(self) -> tuple[str, ...]:
        """Each kind with its number."""
        return tuple(f"{count:,} {what}" for what, count in self.counts.items())


def export_test_set(
    tool: str,
    path: Path,
    test_set: TestSet,
    contenders: Sequence[Contender],
    checks: Sequence[CheckSpec],
    *,
    parameters: ChatParameters | None = None,
    base_urls: Mapping[str, str] | None = None,
    key_names: Mapping[str, str] | None = None,
) -> Export:
    """Write a test set for another tool; keys are never in it.

    Args:
        tool: One of `TOOLS`.
        path: For promptfoo the configuration (.json or .yaml: JSON is YAML); for inspect the task (.py), with
            the rows beside it.
        test_set: The rows.
        contenders: The models.
        checks: For rows without checks of their own.
        parameters: How answers are sampled; None is at temperature 0.
        base_urls: Account -> address, where it is not the service's own.
        key_names: Account -> environment variable of its key, where it is not the tool's own.

    Raises:
        TunedeckError: There is no such tool, nothing can be written for it, a file exists, or it can't be
            written.
    """
    sampled = parameters or ChatParameters(temperature=0.0)
    if tool == "promptfoo":
        from tui.evals.reports.promptfoo import promptfoo_export

        return promptfoo_export(path, test_set, contenders, checks, sampled, base_urls or {}, key_names or {})
    if tool == "inspect":
        from tui.evals.reports.inspect_tasks import inspect_export

        return inspect_export(path, test_set, checks, sampled)
    raise TunedeckError(f"{tool} is no tool that is exported to.", f"It is one of {', '.join(TOOLS)}.")


def nothing_left(tool: str, left_out: LeftOut) -> TunedeckError:
    """Return what is said where no row could be written."""
    return TunedeckError(
        f"No row can be written for {tool}: {'; '.join(left_out.told)}.",
        "Choose a check that it has a word for, such as exact, contains or number.",
    )


def messages_of(case: Case) -> list[dict[str, Any]]:
    """Return what is asked as OpenAI's messages."""
    return [
        dict(one.whole) if one.whole is not None else {"role": one.role, "content": one.content}
        for one in case.messages
    ]


def value_of(spec: CheckSpec, name: str, default: Any = None) -> Any:
    """Return an option of a check, by its name or written as the check's bare value."""
    return spec.options.get(name, spec.options.get(MAIN_OPTION, default))
