"""Which column is what: a mapping is data, found out with a reason and changed by hand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tui.errors import TunedeckError


class Role(StrEnum):
    """What a column becomes."""

    SYSTEM = "system"
    USER = "user"
    INPUT = "input"
    """Added to the user's text on a new line, as Alpaca has it."""
    ASSISTANT = "assistant"
    HISTORY = "history"
    """[question, answer] pairs before the question."""
    MESSAGES = "messages"
    """The conversation as a list of turns."""
    PROMPT = "prompt"
    """What comes before the answer: text or turns."""
    COMPLETION = "completion"
    """The answer: text or turns."""
    CHOSEN = "chosen"
    REJECTED = "rejected"
    TOOLS = "tools"
    FUNCTIONS = "functions"
    PARALLEL = "parallel"
    """parallel_tool_calls."""
    WEIGHT = "weight"
    """0 or 1: whether the answer is learned."""
    LABEL = "label"
    """true or false: whether the answer is a good one; rows with bad ones are refused."""
    KEEP = "keep"
    """Stays under its own name, for the grader of a reinforcement job."""
    DROP = "drop"


ROLE_WORDS: Mapping[Role, str] = {
    Role.SYSTEM: "system message",
    Role.USER: "user's text",
    Role.INPUT: "added to the user's text",
    Role.ASSISTANT: "assistant's answer",
    Role.HISTORY: "earlier question-answer pairs",
    Role.MESSAGES: "the whole conversation",
    Role.PROMPT: "what comes before the answer",
    Role.COMPLETION: "the answer",
    Role.CHOSEN: "preferred answer",
    Role.REJECTED: "rejected answer",
    Role.TOOLS: "tool definitions",
    Role.FUNCTIONS: "function definitions (old form)",
    Role.PARALLEL: "parallel_tool_calls",
    Role.WEIGHT: "0/1: is it learned",
    Role.LABEL: "true/false: is it a good answer",
    Role.KEEP: "kept for the grader",
    Role.DROP: "left out",
}


class SourceShape(StrEnum):
    """A known form of rows."""

    OPENAI = "openai"
    SHAREGPT = "sharegpt"
    ALPACA = "alpaca"
    TRL = "trl"
    VERTEX = "vertex"
    COMPLETION = "completion"
    COLUMNS = "columns"


class RowKind(StrEnum):
    """What rows of a mapping are good for."""

    CHAT = "chat"
    PREFERENCE = "preference"
    REINFORCEMENT = "reinforcement"


_MANY = frozenset({Role.SYSTEM, Role.USER, Role.INPUT, Role.KEEP, Role.DROP, Role.TOOLS})
"""Roles that several columns may have."""
_ANSWERS = frozenset({Role.ASSISTANT, Role.COMPLETION, Role.MESSAGES, Role.CHOSEN})


@dataclass(frozen=True, slots=True)
class ColumnMapping:
    """What each column becomes, and why."""

    shape: SourceShape
    roles: tuple[tuple[str, Role], ...]
    """(column, role) in the file's order; columns that are not here are left out, or kept for the grader."""
    reason: str
    """Safe to show."""
    keep_others: bool = False
    """Columns that are not named stay, for a grader."""

    def role_of(self, column: str) -> Role:
        """Return what a column becomes."""
        found = dict(self.roles).get(column)
        return found or (Role.KEEP if self.keep_others else Role.DROP)

    def columns(self, *wanted: Role) -> tuple[str, ...]:
        """Return the columns that have one of these roles, in the file's order."""
        return tuple(column for column, role in self.roles if role in wanted)

    def with_role(self, column: str, role: Role) -> ColumnMapping:
        """Return the mapping with one column changed."""
        roles = dict(self.roles)
        roles[column] = role
        return replace(self, roles=tuple(roles.items()))

    @property
    def kind(self) -> RowKind:
        """What the rows are good for."""
        if self.columns(Role.CHOSEN) and self.columns(Role.REJECTED):
            return RowKind.PREFERENCE
        keeps = self.keep_others or bool(self.columns(Role.KEEP))
        return RowKind.REINFORCEMENT if keeps else RowKind.CHAT

    def problem(self) -> str:
        """Return why this can't make rows, in words; empty when it can."""
        counts: dict[Role, list[str]] = {}
        for column, role in self.roles:
            counts.setdefault(role, []).append(column)
        for role, columns in counts.items():
            if role not in _MANY and len(columns) > 1:
                return f"Only one column can be {role.value}; now there are {len(columns)}."
        chosen, rejected = Role.CHOSEN in counts, Role.REJECTED in counts
        if chosen != rejected:
            return "Preferred and rejected answers belong together: one of the columns is missing."
        if self.kind is not RowKind.REINFORCEMENT and not _ANSWERS & counts.keys():
            return "No column is the answer: map one to assistant (or messages, completion, chosen)."
        asks = counts.keys() & {Role.USER, Role.PROMPT, Role.MESSAGES, Role.INPUT, Role.HISTORY}
        if not asks and not chosen:
            return "No column is the question: map one to user (or messages, prompt)."
        return ""


def parse_overrides(pairs: Iterable[str]) -> dict[str, Role]:
    """Return column -> role of `column=role` words.

    Raises:
        TunedeckError: A word has another form, or there is no such role.
    """
    roles: dict[str, Role] = {}
    for pair in pairs:
        column, separator, name = pair.rpartition("=")
        if not separator or not column:
            raise TunedeckError(
                f'"{pair}" says no mapping.', "Write --map COLUMN=ROLE, such as --map answer=assistant."
            )
        try:
            roles[column] = Role(name.strip().lower())
        except ValueError:
            known = ", ".join(Role)
            raise TunedeckError(f'There is no role "{name}".', f"Roles: {known}") from None
    return roles
