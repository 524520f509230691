"""Which messages of a conversation that is too long go, or how it becomes several."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Any


class CutHow(StrEnum):
    """How a row that is too long is made to fit."""

    MIDDLE = "middle"
    """Whole exchanges go from the middle, the oldest first; the first one goes only if that is not enough."""
    OLDEST = "oldest"
    """Whole exchanges go from the beginning."""
    SPLIT = "split"
    """The row becomes several, each with the system messages and some exchanges; nothing goes."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """A list of messages as what stands before it and exchanges, which are never parted.

    An exchange begins with a user's message and ends before the next one that follows a finished answer: an
    assistant's message that waits for no tool. So a call is never parted from what the tool said.
    """

    head: int
    """System and developer messages at the beginning; they stay."""
    exchanges: tuple[range, ...]
    """Messages of each exchange, by index."""

    @classmethod
    def of(cls, messages: Sequence[Any]) -> Conversation:
        """Find the exchanges of a list of messages; never raises."""
        head = next(
            (index for index, one in enumerate(messages) if _role(one) not in ("system", "developer")),
            len(messages),
        )
        starts = [
            index
            for index in range(head, len(messages))
            if index == head or (_role(messages[index]) == "user" and _is_finished(messages[index - 1]))
        ]
        if len(starts) > 1 and not any(_is_finished(one) for one in messages[starts[-1] :]):
            starts.pop()  # without an answer it can't stand alone
        edges = [*starts, len(messages)]
        return cls(head, tuple(range(start, end) for start, end in pairwise(edges)))


def kept_exchanges(
    conversation: Conversation, tokens: Sequence[int], fixed: int, limit: int, how: CutHow
) -> list[list[range]] | None:
    """Return the exchanges of each row that a conversation becomes, or None when none of them would fit.

    Args:
        conversation: What is cut.
        tokens: Of each message.
        fixed: Tokens of the row without its messages.
        limit: Most tokens of a row.
        how: What may go.
    """
    sizes = [sum(tokens[index] for index in exchange) for exchange in conversation.exchanges]
    room = limit - fixed - sum(tokens[: conversation.head])
    if how is CutHow.SPLIT:
        return _packed(conversation.exchanges, sizes, room)
    kept = list(range(len(sizes)))
    while len(kept) > 1 and sum(sizes[index] for index in kept) > room:
        # The last exchange is what the row teaches; between the first and it, the oldest goes.
        kept.pop(1 if how is CutHow.MIDDLE and len(kept) > 2 else 0)
    if not kept or sum(sizes[index] for index in kept) > room:
        return None
    return [[conversation.exchanges[index] for index in kept]]


def _packed(exchanges: Sequence[range], sizes: Sequence[int], room: int) -> list[list[range]] | None:
    """Fill one row after the other; an exchange too large for any has one to itself."""
    rows: list[list[range]] = []
    filled = 0
    for exchange, size in zip(exchanges, sizes, strict=True):
        if not rows or filled + size > room:
            rows.append([])
            filled = 0
        rows[-1].append(exchange)
        filled += size
    return rows if len(rows) > 1 else None


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, dict) else None


def _is_finished(message: object) -> bool:
    return (
        isinstance(message, dict)
        and message.get("role") == "assistant"
        and not message.get("tool_calls")
        and not message.get("function_call")
    )
