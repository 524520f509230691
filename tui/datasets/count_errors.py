"""How far a count may be from what a service bills, part by part, as `tui.datasets.row_tokens` states it."""

from __future__ import annotations

from dataclasses import dataclass

from tui.datasets.report import TokenSummary
from tui.datasets.row_tokens import TOKENS_PER_EXAMPLE

_TOOLS_AS_JSON = 1.5
"""Compact JSON of a flat function against the cookbook's constants, at most (`tui.datasets.tool_tokens`)."""

_PUBLISHED = ("o200k_base", "cl100k_base")
"""Vocabularies of services, whose framing is known by formulas alone."""


@dataclass(frozen=True, slots=True)
class StatedError:
    """One part of a count with the least and the most it may truly be."""

    part: str
    counted: int
    least: int
    most: int
    why: str


def stated_errors(tokens: TokenSummary) -> list[StatedError]:
    """Return the parts of a file's count that are not certain; texts are exact and not among them."""
    if tokens.encoding not in _PUBLISHED:
        return []  # a local model's own template: the count is what is trained
    errors = []
    priming = TOKENS_PER_EXAMPLE * tokens.examples
    if tokens.by_role.get("framing"):
        why = "Whether the three tokens that prime a reply are billed in training is not published."
        errors.append(StatedError("priming", priming, 0, priming, why))
    tools = tokens.by_role.get("tools", 0)
    if tools:
        why = "The service's rendering of tool definitions is not published; at most it is their JSON."
        errors.append(StatedError("tools", tools, tools, round(tools * _TOOLS_AS_JSON), why))
    return errors
