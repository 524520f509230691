"""One row of a test set: what is asked, and what a right answer is known by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.evals.checks.spec import CheckSpec
from tui.records.chats import ChatMessage, ToolCall


@dataclass(frozen=True, slots=True)
class Case:
    """A question with its expected answer; texts are as the file has them, not yet safe to show."""

    line: int
    """In its file, from 1."""
    id: str
    """The row's own `id`, else its line; unique within the test set."""
    messages: tuple[ChatMessage, ...]
    """What is asked, up to the answer."""
    expected: tuple[str, ...] = ()
    """Any of these is right; empty where the row names none."""
    expected_calls: tuple[ToolCall, ...] | None = None
    """Tools that a right answer calls; None where the row expects text alone and says nothing of tools."""
    tools: tuple[Mapping[str, Any], ...] = ()
    tags: tuple[str, ...] = ()
    checks: tuple[CheckSpec, ...] = ()
    """The row's own; empty takes those of the run."""
    pair: str | None = None
    """Rows of one pair differ in a detail that must not change the answer, such as a name."""
    item: Mapping[str, Any] = field(default_factory=dict)
    """The whole row, for checks that read its own keys."""

    @property
    def question(self) -> str:
        """The last thing asked, for people."""
        return next((one.content for one in reversed(self.messages) if one.role == "user"), "")


@dataclass(frozen=True, slots=True)
class Given:
    """What a model answered to a case."""

    text: str
    tool_calls: tuple[ToolCall, ...] = ()
    finish_reason: str | None = None
