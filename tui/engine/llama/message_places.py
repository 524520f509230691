"""Which message each stretch of a rendered conversation belongs to, found in the text alone.

For names and colours only: no token is learned or counted otherwise by what is found here. Contents are
looked for one after the other; what stands between two belongs to the first up to the end of its turn.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from tui.datasets.token_segments import SpanKind
from tui.engine.llama.chat_template import Message, text_of, tool_calls_of
from tui.engine.llama.special_guard import SpecialGuard

_HEADER = 40
"""Characters in which a role's name is looked for, so that a content of its letters is not found there."""


class Place(NamedTuple):
    """What the tokens of a stretch are part of."""

    kind: SpanKind
    role: str
    message: int


def message_places(
    messages: Sequence[Message],
    guard: SpecialGuard,
    whole: str,
    turn_ends: Sequence[int],
    *,
    has_tools: bool,
) -> list[tuple[int, Place]]:
    """Return where each stretch begins, in order, and what it is part of.

    Args:
        messages: Guarded by `guard`.
        guard: Of this conversation.
        whole: The rendered conversation, restored.
        turn_ends: Characters of `whole` behind each token that ends a turn, rising.
        has_tools: The template wrote tool definitions, beside the first message.
    """
    places = [(0, Place(SpanKind.FRAMING, "other", -1))]
    texts = [guard.restore(text_of(message.get("content"))).strip() for message in messages]
    done = 0
    for number, message in enumerate(messages):
        role, text = str(message.get("role")), texts[number]
        around = Place(SpanKind.TOOLS if has_tools and number == 0 else SpanKind.FRAMING, role, number)
        places.append((done, around))
        begin = _find(whole, text, role, done)
        behind = done if begin is None else begin + len(text)
        calls = tool_calls_of(message)
        if calls or begin is not None:
            places.append((done if begin is None else begin, Place(SpanKind.CONTENT, role, number)))
        if begin is not None and not calls:
            places.append((behind, around))
        following = texts[number + 1] if number + 1 < len(texts) else ""
        done = _end(whole, behind, turn_ends, whole.find(following, behind) if following else -1)
    return places


def _find(whole: str, text: str, role: str, start: int) -> int | None:
    if not text:
        return None
    header = whole.find(role, start, start + _HEADER)
    found = whole.find(text, start if header < 0 else header + len(role))
    return None if found < 0 else found


def _end(whole: str, behind: int, turn_ends: Sequence[int], following: int) -> int:
    """Return where a message ends whose content ends at `behind`, before the next content at `following`."""
    at = bisect_left(turn_ends, behind)
    if at == len(turn_ends) or 0 <= following < turn_ends[at]:
        return behind
    end = turn_ends[at]
    return end + (whole[end : end + 1] == "\n")
