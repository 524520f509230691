"""One row as the tokens a model reads: which are trained on, which only frame, and which the limit cuts.

The tokens are those that `tui.datasets.row_tokens` counts, in the order a service lays a conversation out:
tool definitions, the messages, the three tokens that prime the reply. Where no text is known behind a count
(an image, tool definitions counted by constants, the marks around a message) one span stands for the count.

What the limit cuts is at the end, as the service does it; a preference row is counted and cut as one whole,
though a service may cut each of its two conversations by itself (not published). A local model lays a row out
by its own template, as its trainer reads it (`tui.datasets.token_segments.RowReader`).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.image_tokens import image_tokens
from tui.datasets.layout_tokens import role_of
from tui.datasets.quoting import json_text
from tui.datasets.row_tokens import TOKENS_PER_EXAMPLE, TOKENS_PER_NAME
from tui.datasets.token_ids import TokenReader
from tui.datasets.token_segments import PARTS, RowReader, Segment, SpanKind
from tui.datasets.token_text import shown_bytes
from tui.datasets.tool_tokens import tool_tokens


@dataclass(frozen=True, slots=True)
class TokenSpan:
    """One token, or one thing that is known by its count alone."""

    index: int
    """Its first token's place in the row, from 0."""
    tokens: int
    """How many tokens it stands for; 1 for an ordinary token."""
    id: int | None
    """Number in the vocabulary, where there is one."""
    text: str
    """Safe to show; line ends and tabs are visible signs, parts of a character `\\xe2\\x82`."""
    is_part: bool
    """True when its bytes are only a part of a character."""
    ends_line: bool
    role: str
    kind: SpanKind
    trained: bool
    """A loss is taken of it."""
    cut: bool
    """It lies beyond the limit, at least in part."""
    message: int
    """Which message it belongs to, from 0 through the row; -1 for none."""


class TokenView:
    """A row's spans by number; a span is made when it is asked for, so that a row of a megabyte stays quick.

    Args:
        segments: In the order of reading.
        reader: The vocabulary.
        limit: Most tokens the service reads, or None.
    """

    def __init__(self, segments: Sequence[Segment], reader: TokenReader, limit: int | None) -> None:
        self.segments = tuple(segments)
        self.encoding = reader.name
        self.limit = limit
        self._reader = reader
        self._shown: dict[int, tuple[str, bool, bool]] = {}
        self._first_span: list[int] = []
        self._first_token: list[int] = []
        self._read_before: list[int] = []
        """For each segment, the tokens before it in its own sequence."""
        spans = tokens = before = 0
        for number, segment in enumerate(self.segments):
            if number and segment.sequence != self.segments[number - 1].sequence:
                before = 0
            self._first_span.append(spans)
            self._first_token.append(tokens)
            self._read_before.append(before)
            spans += segment.spans
            tokens += segment.tokens
            before += segment.tokens
        self.span_count = spans
        self.total = tokens
        cuts = [self._cut_of(number) for number in range(len(self.segments))]
        self.lost = sum(cuts)
        trained = [segment.trained for segment in self.segments]
        self.trained = sum(segment.tokens for segment in self.segments if segment.trained)
        self.lost_trained = sum(cut for cut, learned in zip(cuts, trained, strict=True) if learned)
        """Trained tokens beyond the limit: what the model will not learn."""

    def _cut_of(self, number: int) -> int:
        """Return how many tokens of a segment lie beyond the limit."""
        if self.limit is None:
            return 0
        tokens = self.segments[number].tokens
        return min(tokens, max(0, self._read_before[number] + tokens - self.limit))

    def span(self, number: int) -> TokenSpan:
        """Return span `number`, from 0.

        Raises:
            IndexError: There is none.
        """
        if not 0 <= number < self.span_count:
            raise IndexError(number)
        at = self.segment_at(number)
        segment, offset = self.segments[at], number - self._first_span[at]
        index = self._first_token[at] + offset
        tokens = 1 if segment.ids else segment.tokens
        token = segment.ids[offset] if segment.ids else None
        text, is_part, ends_line = (segment.label, False, False) if token is None else self.shown(token)
        return TokenSpan(
            index, tokens, token, text, is_part, ends_line, segment.role, segment.kind, segment.trained,
            self.limit is not None and self._read_before[at] + offset + tokens > self.limit, segment.message,
        )  # fmt: skip

    def shown(self, token: int) -> tuple[str, bool, bool]:
        """Return a token's text, whether it is only a part of a character, and whether a line ends in it."""
        known = self._shown.get(token)
        if known is None:
            raw = self._reader.token_bytes(token)
            known = self._shown[token] = (*shown_bytes(raw), b"\n" in raw)
        return known

    def raw(self, number: int) -> bytes:
        """Return the bytes of span `number`; none for what is known by its count alone."""
        token = self.span(number).id
        return b"" if token is None else self._reader.token_bytes(token)

    def pieces(self) -> Iterator[bytes]:
        """Yield the bytes of every span in order, quicker than `raw` for each."""
        known: dict[int, bytes] = {}
        for segment in self.segments:
            if not segment.ids:
                yield b""
            for token in segment.ids:
                raw = known.get(token)
                if raw is None:
                    raw = known[token] = self._reader.token_bytes(token)
                yield raw

    def cut_from(self, segment: int) -> int | None:
        """Return at which of a segment's spans the limit begins to cut, or None where it cuts nothing."""
        cut = self._cut_of(segment)
        if not cut:
            return None
        return self.segments[segment].tokens - cut if self.segments[segment].ids else 0

    def spans(self, start: int = 0, end: int | None = None) -> Iterator[TokenSpan]:
        """Yield spans from `start` up to, without, `end`."""
        for number in range(start, self.span_count if end is None else min(end, self.span_count)):
            yield self.span(number)

    def segment_at(self, number: int) -> int:
        """Return which segment span `number` belongs to."""
        return bisect_right(self._first_span, number) - 1

    def span_of_token(self, index: int) -> int:
        """Return the number of the span that holds token `index`, from 0; the nearest where there is none."""
        if not self.segments:
            return 0
        index = max(0, min(index, self.total - 1))
        at = bisect_right(self._first_token, index) - 1
        return self._first_span[at] + (index - self._first_token[at] if self.segments[at].ids else 0)

    def first_span_of(self, segment: int) -> int:
        """Return the number of a segment's first span."""
        return self._first_span[segment]

    @property
    def first_cut(self) -> int | None:
        """Number of the first span that the limit cuts, or None."""
        for number, first_span in enumerate(self._first_span):
            begin = self.cut_from(number)
            if begin is not None:
                return first_span + begin
        return None

    def by_role(self) -> dict[str, int]:
        """Return tokens by role, framing and tools apart, as the report of a file does."""
        sums: dict[str, int] = {}
        for segment in self.segments:
            key = role_of(segment)
            sums[key] = sums.get(key, 0) + segment.tokens
        return sums


def view_row(
    value: object, dataset_format: DatasetFormat, reader: TokenReader, limit: int | None
) -> TokenView:
    """Return the tokens of a parsed row; whatever has an impossible type counts nothing, as in the count.

    Args:
        value: The row.
        dataset_format: Of the file; UNKNOWN looks at the row itself.
        reader: Whose vocabulary.
        limit: Most tokens the service reads, or None.

    Raises:
        TunedeckError: The model lays rows out by itself, and its template refuses this one.
    """
    if dataset_format is DatasetFormat.UNKNOWN:
        dataset_format = row_format(value)
    if isinstance(reader, RowReader) and isinstance(value, dict):
        return TokenView(reader.row_segments(value, dataset_format), reader, limit)
    layout = _Layout(reader)
    if isinstance(value, dict):
        layout.row(value, dataset_format)
    return TokenView(layout.segments, reader, limit)


class _Layout:
    """Lays a row out as segments."""

    def __init__(self, reader: TokenReader) -> None:
        self.segments: list[Segment] = []
        self._reader = reader
        self._message = -1
        self._part = ""

    def row(self, row: dict[str, Any], dataset_format: DatasetFormat) -> None:
        if dataset_format is DatasetFormat.COMPLETION:
            for key in ("prompt", "completion"):
                self._message += 1
                self._text(row.get(key), SpanKind.CONTENT, key, trained=key == "completion")
        elif dataset_format is DatasetFormat.TEXT:
            self._message += 1
            self._text(row.get("text"), SpanKind.CONTENT, "text", trained=True)
        elif dataset_format is DatasetFormat.PREFERENCE:
            source = row.get("input")
            self._conversation(source if isinstance(source, dict) else {}, trained=False)
            for key, self._part in PARTS.items():
                self._messages(row.get(key), trained=True)
            self._part = ""
            self._priming()
        else:
            self._conversation(row, trained=dataset_format is not DatasetFormat.REINFORCEMENT)
            self._priming()

    def _conversation(self, row: dict[str, Any], *, trained: bool) -> None:
        for key in ("tools", "functions"):
            if row.get(key):
                self._tools(row[key])
        self._messages(row.get("messages"), trained=trained)

    def _priming(self) -> None:
        self._message = -1
        for mark in ("<|im_start|>", "assistant", "<|im_sep|>")[:TOKENS_PER_EXAMPLE]:
            self._counted(SpanKind.FRAMING, "framing", mark, 1)

    def _tools(self, definitions: object) -> None:
        text = json_text(definitions)
        tokens = tool_tokens(definitions, lambda text: len(self._reader.encode(text)), self._reader.name)
        ids = self._reader.encode(text)
        if len(ids) == tokens:
            self._add(SpanKind.TOOLS, "tools", ids)
        else:
            count = len(definitions) if isinstance(definitions, list) else 1
            self._counted(SpanKind.TOOLS, "tools", f"‹{count:,} tool definitions, by constants›", tokens)

    def _messages(self, messages: object, *, trained: bool) -> None:
        for message in messages if isinstance(messages, list) else ():
            if isinstance(message, dict):
                self._message += 1
                self._one(message, trained=trained)

    def _one(self, message: dict[str, Any], *, trained: bool) -> None:
        role = message.get("role")
        name = role if isinstance(role, str) and role in _ROLES else "other"
        trained = trained and role == "assistant" and message.get("weight") != 0
        self._counted(SpanKind.FRAMING, name, "<|im_start|>", 1)
        for key in ("role", "name", "tool_call_id"):
            if key == "name" and message.get(key):
                self._counted(SpanKind.FRAMING, name, "‹name›", TOKENS_PER_NAME)
            self._text(message.get(key), SpanKind.FRAMING, name, trained=False)
        self._counted(SpanKind.FRAMING, name, "<|im_sep|>", 1)
        for key, value in message.items():
            if key not in ("role", "name", "tool_call_id"):
                self._content(value, name, trained=trained)
        self._counted(SpanKind.FRAMING, name, "<|im_end|>", 1)

    def _content(self, value: object, role: str, *, trained: bool) -> None:
        if isinstance(value, str):
            self._text(value, SpanKind.CONTENT, role, trained=trained)
        elif isinstance(value, (list, dict)):
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    self._one_part(part, role, trained=trained)

    def _one_part(self, part: dict[str, Any], role: str, *, trained: bool) -> None:
        image = part.get("image_url")
        if image is not None:
            found = image_tokens(image)
            self._counted(SpanKind.IMAGE, role, f"‹image, {found.why}›", found.tokens, trained=trained)
            return
        function = part.get("function", part)
        if isinstance(function, dict):
            for key in ("text", "refusal", "name", "arguments"):
                self._text(function.get(key), SpanKind.CONTENT, role, trained=trained)

    def _text(self, text: object, kind: SpanKind, role: str, *, trained: bool) -> None:
        if isinstance(text, str) and text:
            self._add(kind, role, self._reader.encode(text), trained=trained)

    def _counted(self, kind: SpanKind, role: str, label: str, tokens: int, *, trained: bool = False) -> None:
        self.segments.append(Segment(kind, role, self._message, trained, (), label, tokens, part=self._part))

    def _add(self, kind: SpanKind, role: str, ids: Sequence[int], *, trained: bool = False) -> None:
        if ids:
            self.segments.append(
                Segment(kind, role, self._message, trained, ids, "", len(ids), part=self._part)
            )


_ROLES = frozenset({"system", "developer", "user", "assistant", "tool", "function"})
