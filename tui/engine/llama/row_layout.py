"""Rows of a training file as a model's own template writes them and its trainer learns them, for the count.

The ids are those of `ChatTokenizer.encode_example`, so nothing that is drawn or counted by them can differ
from what is trained on. Which message a token belongs to is found in the rendered text: a template that
does not write message after message leaves some of it to a neighbour, and never changes an id.
"""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from tui.datasets.formats import DatasetFormat
from tui.datasets.token_segments import PARTS, Segment, SpanKind
from tui.engine.llama.chat_template import Message, text_of, tool_calls_of
from tui.engine.llama.config import LlamaConfig
from tui.engine.llama.rendered import Rendered
from tui.engine.llama.special_guard import SpecialGuard
from tui.engine.llama.tokenizer import ChatTokenizer, as_prompt
from tui.engine.llama.training_rows import answer_of, tools_of
from tui.errors import TunedeckError

_MANY = 100
"""Turns; of longer conversations only what a job can read is split into turns exactly."""
_LONGEST_EXAMPLE = 2_048
"""Most tokens of an example that the local engine reads."""


class _Place(NamedTuple):
    """What the tokens of a stretch of text are part of."""

    kind: SpanKind
    role: str
    message: int


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
            return self._conversation(read, tools_of(value), 0)
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            reason = f"it lacks {error}" if isinstance(error, KeyError) else "its fields have the wrong types"
            raise TunedeckError(f"The row can't be learned: {reason}.", "See tunedeck check.") from None

    def _pair(self, value: dict[str, Any]) -> list[Segment]:
        source = value["input"]
        prompt, tools = as_prompt(source["messages"]), tools_of(source)
        segments = []
        for sequence, (key, part) in enumerate(PARTS.items()):
            for segment in self._conversation([*prompt, *answer_of(value[key])], tools, sequence):
                is_answer = segment.message >= len(prompt)
                segments.append(replace(segment, part=part) if is_answer else segment)
        return segments

    def _completion(self, value: dict[str, Any]) -> list[Segment]:
        before = list(self.encode(value["prompt"]))
        after = [*self.encode(value["completion"]), *self.tokenizer.end_token_ids[:1]]
        places = [_Place(SpanKind.CONTENT, "prompt", 0)] * len(before)
        places += [_Place(SpanKind.CONTENT, "completion", 1)] * len(after)
        return _segments([*before, *after], [False] * len(before) + [True] * len(after), places, 0)

    def _conversation(
        self, messages: list[Message], tools: Sequence[Any] | None, sequence: int
    ) -> list[Segment]:
        guard = self._guard
        conversation = self.tokenizer.rendered(messages, tools, guard)
        until = None if len(messages) <= _MANY else _LONGEST_EXAMPLE
        parts = list(self.tokenizer.example_parts(conversation, guard, until))
        whole = "".join(part.text for part in parts)
        stretches = self._stretches(conversation, guard, whole, has_tools=bool(tools))
        begins = [begin for begin, _ in stretches]
        ids: list[int] = []
        learned: list[bool] = []
        places: list[_Place] = []
        done = 0
        for part in parts:
            ids += part.ids
            learned += part.learned
            for token, start, is_learned in zip(part.ids, part.starts, part.learned, strict=True):
                place = stretches[bisect_right(begins, done + start) - 1][1]
                if self.tokenizer.is_special(token):
                    place = place._replace(kind=SpanKind.FRAMING)
                elif is_learned:
                    place = place._replace(kind=SpanKind.CONTENT)
                places.append(place)
            done += len(part.text)
        return _segments(ids, learned, places, sequence)

    @staticmethod
    def _stretches(
        conversation: Rendered, guard: SpecialGuard, whole: str, *, has_tools: bool
    ) -> list[tuple[int, _Place]]:
        """Return where in the rendered text each stretch begins, and what it is part of."""
        stretches: list[tuple[int, _Place]] = [(0, _Place(SpanKind.FRAMING, "other", -1))]
        done = 0
        around = SpanKind.TOOLS if has_tools else SpanKind.FRAMING
        for number, message in enumerate(conversation.messages):
            role = str(message.get("role"))
            end = _end_of(conversation, number + 1, guard, whole) if number < _MANY else None
            text = guard.restore(text_of(message.get("content"))).strip()
            begin = whole.find(text, done, end) if text else -1
            stretches.append((done, _Place(around if number == 0 else SpanKind.FRAMING, role, number)))
            if tool_calls_of(message):
                stretches.append((max(begin, done), _Place(SpanKind.CONTENT, role, number)))
            elif begin >= 0:
                stretches.append((begin, _Place(SpanKind.CONTENT, role, number)))
                after = around if number == 0 else SpanKind.FRAMING
                stretches.append((begin + len(text), _Place(after, role, number)))
            if end is not None:
                done = end
            elif begin >= 0:
                done = begin + len(text)
        return stretches


def _end_of(conversation: Rendered, count: int, guard: SpecialGuard, whole: str) -> int | None:
    """Return where the first `count` messages end in the whole text, or None where that is hidden."""
    try:
        text = guard.restore(conversation.upto(count))
    except TunedeckError:
        return None
    return len(text) if whole.startswith(text) else None


def _segments(ids: list[int], learned: list[bool], places: list[_Place], sequence: int) -> list[Segment]:
    """Gather tokens of the same thing; the first of all follows nothing, so it is not learned."""
    trained = [at > 0 and wanted for at, wanted in enumerate(learned)]
    segments = []
    numbered = zip(ids, trained, places, strict=True)
    for (is_trained, place), group in groupby(numbered, key=lambda one: one[1:]):
        own = tuple(token for token, _, _ in group)
        segments.append(
            Segment(place.kind, place.role, place.message, is_trained, own, "", len(own), sequence)
        )
    return segments


def open_layout(folder: str) -> RowLayout:
    """Open a layout by its origin; raises as `load_row_layout`."""
    return load_row_layout(Path(folder))


def load_row_layout(folder: Path) -> RowLayout:
    """Open a prepared model's tokenizer and template, without its weights.

    Raises:
        TunedeckError: The folder is not a prepared base model.
    """
    try:
        config = LlamaConfig.from_json(json.loads((folder / "config.json").read_text("utf-8")))
        tokenizer = ChatTokenizer.load(folder, config.end_token_ids, config.name)
    except Exception as error:  # the tokenizers package raises bare Exception on a file it can't read
        raise TunedeckError(
            f"{folder} is not a prepared base model: {error}.",
            "Add the model again: tunedeck engine add PATH",
        ) from error
    return RowLayout(folder, tokenizer, config.context_length)
