"""Several answers held against the first: words and tool calls that differ, the token at which they part."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tui.evals.compare.differences import Parting, Piece, parting, word_differences
from tui.records.chats import TokenLogprob, ToolCall
from tui.safe_text import safe_line, safe_text

LOOKED_AT = 20_000
"""Characters of an answer that are shown and compared; the whole of it is kept."""
_LONGEST_ARGUMENTS = 2_000
"""Characters of a call's arguments that are shown and compared."""
Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """Answers with their differences; the texts are safe to show."""

    pairs: tuple[tuple[Pieces, Pieces] | None, ...]
    """For each answer after the first: the first in pieces, and itself; None where there is nothing."""
    words: tuple[str, ...]
    """For each of them a sentence: where it parts from the first."""
    calls: tuple[tuple[Pieces, Pieces] | None, ...] = ()
    """As `pairs`, of the tools that are called, as `calls_text` writes them."""

    def pieces(self, place: int, against: int) -> Pieces | None:
        """Return an answer in pieces.

        Args:
            place: Which; the first is 0.
            against: Whom the first is compared with.
        """
        return _half(self.pairs, place, against)

    def call_pieces(self, place: int, against: int) -> Pieces | None:
        """Return the tools that an answer calls in pieces, likewise."""
        return _half(self.calls, place, against)

    def sentence(self, against: int) -> str:
        """Return where the first and another one part."""
        number = (against or 1) - 1
        return self.words[number] if number < len(self.words) else ""


def _half(pairs: Sequence[tuple[Pieces, Pieces] | None], place: int, against: int) -> Pieces | None:
    number = (place or against or 1) - 1
    pair = pairs[number] if number < len(pairs) else None
    return None if pair is None else pair[0 if place == 0 else 1]


def calls_text(calls: Sequence[ToolCall]) -> str:
    """Return the tools that an answer calls, a line each, safe to show."""
    return "\n".join(
        f"→ {safe_line(call.name, 100)}({safe_text(call.arguments[:_LONGEST_ARGUMENTS])})" for call in calls
    )


def same_calls(first: Sequence[ToolCall], second: Sequence[ToolCall]) -> bool:
    """Say whether the same tools are called with the same arguments, however their JSON is spelled."""
    return [(one.name, _read(one.arguments)) for one in first] == [
        (one.name, _read(one.arguments)) for one in second
    ]


def _read(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments


def marked(
    texts: Sequence[str],
    logprobs: Sequence[Sequence[TokenLogprob]],
    labels: Sequence[str],
    calls: Sequence[Sequence[ToolCall]],
) -> Marked:
    """Compare every answer with the first; quadratic in words, so for a worker.

    Args:
        texts: As the models wrote them.
        logprobs: Of each answer's tokens; empty where nobody told.
        labels: Who wrote them.
        calls: The tools that each answer calls.
    """
    safe = [safe_text(text[:LOOKED_AT]) for text in texts]
    pairs: list[tuple[Pieces, Pieces] | None] = []
    words = []
    for text, whole, told, label in zip(safe[1:], texts[1:], logprobs[1:], labels[1:], strict=True):
        pairs.append(word_differences(safe[0], text) if safe[0] and text else None)
        words.append(_sentence((texts[0], whole), (logprobs[0], told), (labels[0], label)))
    called = tuple(_called(calls[0], other) for other in calls[1:])
    for place, other in enumerate(calls[1:]):
        if calls[0] or other:
            words[place] = " ".join(filter(None, (words[place], _calls_sentence(calls[0], other))))
    return Marked(tuple(pairs), tuple(words), called)


def _called(first: Sequence[ToolCall], other: Sequence[ToolCall]) -> tuple[Pieces, Pieces] | None:
    if not first and not other:
        return None
    texts = calls_text(first), calls_text(other)
    if same_calls(first, other):
        return (Piece(texts[0], differs=False),), (Piece(texts[1], differs=False),)
    return word_differences(*texts)


def _calls_sentence(first: Sequence[ToolCall], other: Sequence[ToolCall]) -> str:
    if same_calls(first, other):
        return "They call the same."
    if [one.name for one in first] == [one.name for one in other]:
        return "They call the same with other arguments."
    return "They call different tools." if first and other else "Only one of them calls a tool."


def _sentence(
    texts: tuple[str, str],
    logprobs: tuple[Sequence[TokenLogprob], Sequence[TokenLogprob]],
    labels: tuple[str, str],
) -> str:
    if not texts[0] or not texts[1]:
        return ""
    if texts[0] == texts[1]:
        return f"{safe_line(labels[1], 60)} says the same as {safe_line(labels[0], 60)}."
    place = parting(*logprobs)
    if place is not None:
        return parting_words(place, labels)
    return "How sure they were of their tokens is not known of both."


def parting_words(place: Parting, labels: tuple[str, str]) -> str:
    """Return in a sentence where two answers part and how sure each model was."""
    said = []
    for label, token, sure in zip(labels, place.tokens, place.probabilities, strict=True):
        what = f"“{safe_line(token, 40)}”" if sure is not None else "ends"
        said.append(f"{safe_line(label, 60)} {what}" + (f" ({sure:.0%} sure)" if sure is not None else ""))
    return f"They part after {place.index:,} tokens: {'; '.join(said)}."
