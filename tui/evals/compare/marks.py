"""Several answers held against the first: the words that differ, and the token at which they part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tui.evals.compare.differences import Parting, Piece, parting, word_differences
from tui.records.chats import TokenLogprob
from tui.safe_text import safe_line, safe_text

LOOKED_AT = 20_000
"""Characters of an answer that are shown and compared; the whole of it is kept."""
Pieces = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class Marked:
    """Answers with their differences; the texts are safe to show."""

    pairs: tuple[tuple[Pieces, Pieces] | None, ...]
    """For each answer after the first: the first in pieces, and itself; None where there is nothing."""
    words: tuple[str, ...]
    """For each of them a sentence: where it parts from the first."""

    def pieces(self, place: int, against: int) -> Pieces | None:
        """Return an answer in pieces.

        Args:
            place: Which; the first is 0.
            against: Whom the first is compared with.
        """
        number = (place or against or 1) - 1
        pair = self.pairs[number] if number < len(self.pairs) else None
        return None if pair is None else pair[0 if place == 0 else 1]

    def sentence(self, against: int) -> str:
        """Return where the first and another one part."""
        number = (against or 1) - 1
        return self.words[number] if number < len(self.words) else ""


def marked(texts: Sequence[str], logprobs: Sequence[Sequence[TokenLogprob]], labels: Sequence[str]) -> Marked:
    """Compare every answer with the first; quadratic in words, so for a worker.

    Args:
        texts: As the models wrote them.
        logprobs: Of each answer's tokens; empty where nobody told.
        labels: Who wrote them.
    """
    safe = [safe_text(text[:LOOKED_AT]) for text in texts]
    pairs: list[tuple[Pieces, Pieces] | None] = []
    words = []
    for text, whole, told, label in zip(safe[1:], texts[1:], logprobs[1:], labels[1:], strict=True):
        pairs.append(word_differences(safe[0], text) if safe[0] and text else None)
        words.append(_sentence((texts[0], whole), (logprobs[0], told), (labels[0], label)))
    return Marked(tuple(pairs), tuple(words))


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
