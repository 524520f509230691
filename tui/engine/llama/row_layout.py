"""Rows of a training file as a model's own template writes them and its trainer learns them, for the count.

The ids are those of `ChatTokenizer.encode_example`, so nothing that is drawn or counted by them can differ
from what is trained on. Which message a token belongs to is found in the rendered text: a template that
does not write message after message leaves some of it to a neighbour, and never changes an id.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.token_segments import PARTS, Segment, SpanKind
from tui.engine.llama.answer_sequences import answer_sequence, sequences_of
from tui.engine.llama.message_places import Place, message_places
from tui.engine.llama.rendered import Rendered
from tui.engine.llama.tokenizer import ChatTokenizer, ExamplePart, as_prompt
from tui.engine.llama.training_rows import tools_of
from tui.engine.transformers_base import context_length, load_tokenizer
from tui.errors import TunedeckError

_MANY = 100
"""Turns; of longer conversations only what a job can read is split into turns exactly."""
_READ = 16_384
"""Tokens that are taken for it at most; the time for more grows with the square of the turns."""


class RowLayout:
    """A prepared model's way to read rows (`tui.datasets.token_segments.RowReader`).

    Args:
        folder: Of the prepared model; another process opens it anew.
        tokenizer: Of that model.
        context: Most tokens the model can read.
    """

    def __init__(self, folder: Path, tokenizer: ChatTokenizer, context: int) -> None:
        self.name = tokenizer.name
        self.context = context
        self._folder = folder
        self._most = min(context, _READ)
        self.tokenizer = tokenizer
        """Of the model, with its template."""
        self._guard = tokenizer.guard()  # one for all rows: to make one costs more than a short row

    @property
    def origin(self) -> tuple[str, list[str]]:
        """How another process opens it (`tui.datasets.tokens.Travelling`)."""
        return "layout", [str(self._folder)]

    def count(self, text: str) -> int:
        """Return the tokens of ordinary text."""
        return self.tokenizer.count(text)

    def encode(self, text: str) -> Sequence[int]:
        """Return the tokens of ordinary text."""
        return self.tokenizer.encode(text)

    def token_bytes(self, token: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character."""
        return self.tokenizer.token_bytes(token)

    def row_segments(self, value: dict[str, Any], dataset_format: DatasetFormat) -> list[Segment]:
        """Return a parsed row as the trainer reads it; of a reinforcement row nothing is learned.

        Raises:
            TunedeckError: It can't be learned.
        """
        try:
            if dataset_format is DatasetFormat.PREFERENCE:
                return self._pair(value)
            if "messages" not in value:
                return self._completion(value)
            messages = value["messages"]
            read = as_prompt(messages) if dataset_format is DatasetFormat.REINFORCEMENT else list(messages)
            tools = tools_of(value)
            sequences = sequences_of(self.tokenizer, read, tools, self._guard)
            segments: list[Segment] = []
            for number, one in enumerate(sequences):
                found = self._conversation(one, bool(tools), number)
                segments += found
                if len(messages) > _MANY and self._learns_nothing(found):
                    break  # nor do the later answers, before which more is read
            return segments
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else "its fields have the wrong types"
            raise TunedeckError(f"The row can't be learned: {reason}.", "See tunedeck check.") from None

    def _pair(self, value: dict[str, Any]) -> list[Segment]:
        source = value["input"]
        prompt, has_tools = len(source["messages"]), bool(tools_of(source))
        segments = []
        for sequence, (key, part) in enumerate(PARTS.items()):
            conversation = answer_sequence(self.tokenizer, value, key, self._guard)
            for segment in self._conversation(conversation, has_tools, sequence):
                is_answer = segment.message >= prompt
                segments.append(replace(segment, part=part) if is_answer else segment)
        return segments

    def _completion(self, value: dict[str, Any]) -> list[Segment]:
        before = list(self.encode(value["prompt"]))
        after = [*self.encode(value["completion"]), *self.tokenizer.end_token_ids[:1]]
        if not before:  # the first token of all follows nothing, so it is not learned
            return _whole(after[:1], "completion", 1, trained=False) + _whole(after[1:], "completion", 1)
        return _whole(before, "prompt", 0, trained=False) + _whole(after, "completion", 1)

    def _learns_nothing(self, sequence: Sequence[Segment]) -> bool:
        """Say whether all that is learned of a sequence is beyond what a job can read."""
        before = 0
        for segment in sequence:
            if segment.trained and before < self._most:
                return False
            before += segment.tokens
        return before >= self._most

    def _conversation(self, conversation: Rendered, has_tools: bool, sequence: int) -> list[Segment]:
        guard = self._guard
        until = None if len(conversation.messages) <= _MANY else self._most
        row = _Row(list(self.tokenizer.example_parts(conversation, guard, until)))
        turn_ends = [
            row.starts[at] + len(self.token_bytes(row.ids[at]).decode("utf-8", "replace"))
            for at in row.controls
            if row.ids[at] in self.tokenizer.end_token_ids
        ]
        places = message_places(conversation.messages, guard, row.text, turn_ends, has_tools=has_tools)
        return row.segments(places, sequence)


class _Row:
    """A conversation's parts joined."""

    def __init__(self, parts: Sequence[ExamplePart]) -> None:
        self.text = "".join(part.text for part in parts)
        self.ids: list[int] = []
        self.starts: list[int] = []
        """The character of the text at which each token begins."""
        self.controls: list[int] = []
        """Places of control tokens."""
        self._learned: list[range] = []
        done = 0
        for part in parts:
            first = len(self.ids)
            self.ids += part.ids
            self.starts += [done + start for start in part.starts] if done else part.starts
            self.controls += [first + at for at in part.controls]
            if part.learned:
                self._learned.append(range(max(1, first), first + part.learned))
            done += len(part.text)

    def segments(self, places: Sequence[tuple[int, Place]], sequence: int) -> list[Segment]:
        """Return the tokens gathered by what they are part of; the first of all is never learned."""
        begins = [begin for begin, _ in places]
        controls = set(self.controls)
        edges = {0, len(self.ids), *(bisect_left(self.starts, begin) for begin in begins)}
        edges.update(edge for at in controls for edge in (at, at + 1))
        edges.update(edge for learned in self._learned for edge in (learned.start, learned.stop))
        found: list[tuple[tuple[Place, bool], int, int]] = []
        for start, end in pairwise(sorted(edges)):
            place = places[bisect_right(begins, self.starts[start]) - 1][1]
            trained = any(start in learned for learned in self._learned)
            kind = SpanKind.FRAMING if start in controls else SpanKind.CONTENT if trained else place.kind
            key = (place._replace(kind=kind), trained)
            if found and found[-1][0] == key:
                found[-1] = (key, found[-1][1], end)
            else:
                found.append((key, start, end))
        return [
            Segment(
                place.kind, place.role, place.message, trained,
                tuple(self.ids[start:end]), "", end - start, sequence,
            )
            for (place, trained), start, end in found
        ]  # fmt: skip


def _whole(ids: Sequence[int], role: str, message: int, *, trained: bool = True) -> list[Segment]:
    """Return one text as a segment, or as none when it is empty."""
    return [Segment(SpanKind.CONTENT, role, message, trained, tuple(ids), "", len(ids))] if ids else []


def open_layout(folder: str) -> RowLayout:
    """Open a layout by its origin; raises as `load_row_layout`."""
    return load_row_layout(Path(folder))


def load_row_layout(folder: Path) -> RowLayout:
    """Open a prepared model's tokenizer and template, without its weights.

    Raises:
        TunedeckError: The folder is not a prepared base model.
    """
    tokenizer = load_tokenizer(folder)
    context = context_length(folder)
    if context is None:
        raise TunedeckError(
            f"{folder} is not a prepared base model.", "Add the model again: tunedeck engine add PATH"
        )
    return RowLayout(folder, tokenizer, context)
