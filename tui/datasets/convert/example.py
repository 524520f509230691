"""What every shape is read into and written from: a conversation in OpenAI's form."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]


@dataclass(slots=True)
class Example:
    """One training row, whatever shape it came in."""

    messages: list[Message]
    """The conversation; of a preference row, what comes before the answers."""
    preferred: Message | None = None
    rejected: Message | None = None
    tools: list[Any] = field(default_factory=list)
    functions: list[Any] = field(default_factory=list)
    """Definitions in the old form."""
    parallel_tool_calls: bool | None = None
    own: dict[str, Any] = field(default_factory=dict)
    """Keys for a grader."""

    @property
    def is_preference(self) -> bool:
        """True for a row with a preferred and a rejected answer."""
        return self.preferred is not None and self.rejected is not None
