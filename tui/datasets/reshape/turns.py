"""Which messages of a conversation that is too long go, or how it becomes several."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
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

    def indexes(self, exchanges: Sequence[range]) -> list[int]:
        """Return the messages of a row with these exchanges."""
        return [*range(self.head), *(index for exchange in exchanges for index in exchange)]

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
    conversation: Conversation, fits: Callable[[Sequence[range]], bool], how: CutHow
) -> list[list[range]] | None:
    """Return the exchanges of each row that a conversation becomes, or None when that would not help.

    Args:
        conversation: What is cut.
        fits: Says whether a row with these exchanges is short enough; fewer always fit where more do. Asked
            with the logarithm of their number, since some models' layouts can't be counted by the message.
        how: What may go.
    """
    exchanges = conversation.exchanges
    if how is CutHow.SPLIT:
        return _packed(exchanges, fits)
    # The last exchange is what the row teaches, so it stays.
    leaving = range(len(exchanges) - 1)
    order = [*leaving[1:], *leaving[:1]] if how is CutHow.MIDDLE else list(leaving)

    def without(gone: int) -> list[range]:
        left = set(order[:gone])
        return [exchange for index, exchange in enumerate(exchanges) if index not in left]

    if not exchanges or not fits(without(len(order))):
        return None
    gone = bisect_left(range(len(order)), True, key=lambda number: fits(without(number)))
    return [without(gone)] if gone else None


def is_learned(messages: Sequence[Any]) -> bool:
    """Say whether an answer of a conversation is trained on: a row without one is refused by the services."""
    return any(_role(one) == "assistant" and one.get("weight") != 0 for one in messages)


def _packed(exchanges: Sequence[range], fits: Callable[[Sequence[range]], bool]) -> list[list[range]] | None:
    """Fill one row after the other; an exchange too large for any has one to itself."""
    rows: list[list[range]] = []
    first = 0
    while first < len(exchanges):
        rest = exchanges[first:]
        count = bisect_left(range(1, len(rest) + 1), True, key=lambda most: not fits(rest[:most]))
        rows.append(list(rest[: max(1, count)]))
        first += max(1, count)
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
