"""Fixes of a file as a whole: another encoding, other line ends, one JSON document; read piece by piece.

Each is a stage that reads bytes and gives the bytes of JSON lines; rows are then fixed as in any file.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tui.datasets.convert.json_text import JsonText
from tui.datasets.lines import ByteSource
from tui.datasets.whole_file import HEAD_BYTES, has_old_mac_lines, is_document_of_rows, wide_codec
from tui.errors import TunedeckError

_BLOCK = 1 << 20
_STRING_OR_BREAK = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[ \t]*[\r\n][ \t\r\n]*', re.DOTALL)
_CONTROLS = re.compile(r"[\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class FileFix:
    """The safe fix of a rule about a whole file."""

    rule: str
    name: str
    explanation: str


FILE_FIXES: Mapping[str, FileFix] = MappingProxyType(
    {
        fix.rule: fix
        for fix in (
            FileFix(
                "wrong-encoding",
                "Write the file as UTF-8",
                "UTF-16 or UTF-32 becomes UTF-8 without a byte order mark; no character changes. Bytes that "
                "are no character end the fix, and nothing is written.",
            ),
            FileFix(
                "old-mac-lines",
                "End lines with a line feed",
                "Every carriage return that no line feed follows becomes a line feed.",
            ),
            FileFix(
                "json-not-jsonl",
                "Put each row on a line of its own",
                "Each entry of the list, or each object that was spread over many lines, becomes one line: "
                "line breaks and the indents after them go, all else keeps its bytes. A list that breaks off "
                "ends the fix, and nothing is written.",
            ),
        )
    }
)
"""Rule id -> its fix, in the order in which they are applied."""


def repaired(source: ByteSource, rules: Collection[str]) -> tuple[ByteSource, tuple[str, ...]]:
    """Return a file's bytes as JSON lines, and the rules whose fixes that takes.

    Args:
        source: The file from its beginning.
        rules: Whose fixes are wanted.

    Raises:
        TunedeckError: While it is read: bytes are no text, or the document breaks off.
    """
    applied: list[str] = []
    ahead = _Ahead(source)
    codec = wide_codec(ahead.head)
    if codec is not None:
        if "wrong-encoding" not in rules:
            return ahead, ()
        applied.append("wrong-encoding")
        ahead = _Ahead(_Utf8(ahead, codec))
    if "old-mac-lines" in rules and has_old_mac_lines(ahead.head):
        applied.append("old-mac-lines")
        ahead = _Ahead(_LineFeeds(ahead))
    if "json-not-jsonl" in rules and is_document_of_rows(ahead.head, complete=ahead.complete):
        applied.append("json-not-jsonl")
        return _Lines(ahead), tuple(applied)
    return ahead, tuple(applied)


class _Ahead:
    """A source whose beginning was looked at."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        parts, length = [], 0
        while length < HEAD_BYTES and (block := source.read(HEAD_BYTES - length)):
            parts.append(block)
            length += len(block)
        self.head = self._held = b"".join(parts)
        self.complete = length < HEAD_BYTES
        """The head is all there is."""

    def read(self, size: int, /) -> bytes:
        held, self._held = self._held, b""
        return held or self._source.read(size) or b""


class _Utf8:
    """UTF-16 or UTF-32 as UTF-8."""

    def __init__(self, source: ByteSource, codec: str) -> None:
        self._source = source
        self._codec = codec
        self._decoder = codecs.getincrementaldecoder(codec)("strict")
        self._done = 0

    def read(self, size: int, /) -> bytes:
        while True:
            block = self._source.read(size) or b""
            try:
                text = self._decoder.decode(block, final=not block)
            except UnicodeDecodeError as error:
                raise TunedeckError(
                    f"At about byte {self._done + error.start:,} the file is no {self._codec.upper()}: "
                    f"{error.reason}.",
                    "What stood there can't be known; save the file as UTF-8 where it came from.",
                ) from None
            self._done += len(block)
            if text or not block:
                return text.encode()


class _LineFeeds:
    """Carriage returns as line feeds; one before a line feed stays."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._waiting = b""
        """A carriage return at the end of a block, whose next byte is not known yet."""

    def read(self, size: int, /) -> bytes:
        block = self._source.read(size) or b""
        text, self._waiting = self._waiting + block, b""
        if block and text.endswith(b"\r"):
            text, self._waiting = text[:-1], b"\r"
            if not text:
                return self.read(size)
        return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")


class _Lines:
    """A JSON document's rows as lines."""

    def __init__(self, source: ByteSource) -> None:
        # What Python reads is let pass: the rules name what is wrong with a row once it is a line.
        self._json = JsonText(_Text(source), json.JSONDecoder(strict=False))
        self._rows = self._each_row()

    def read(self, size: int, /) -> bytes:
        parts, length = [], 0
        for row in self._rows:
            parts.append(_on_one_line(row).encode("utf-8", "surrogateescape") + b"\n")
            length += len(parts[-1])
            if length >= _BLOCK:
                break
        return b"".join(parts)

    def _each_row(self) -> Iterator[str]:
        while not self._json.at_end():
            if self._json.peek() == "[":
                yield from self._entries()
            else:
                self._json.value()
                yield self._json.raw
            if not self._json.at_end() and self._json.peek() == ",":
                self._json.mark()

    def _entries(self) -> Iterator[str]:
        self._json.mark()
        while self._json.peek() != "]":
            self._json.value()
            yield self._json.raw
            following = self._json.peek()
            if following == ",":
                self._json.mark()
            elif following != "]":
                raise self._json.broken("a comma or the end of the list is missing")
        self._json.mark()


class _Text:
    """UTF-8 as text; bytes that are none come out again as they were."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def read(self, size: int, /) -> str:
        while True:
            block = self._source.read(size) or b""
            text = self._decoder.decode(block, final=not block)
            if text or not block:
                return text


def _on_one_line(row: str) -> str:
    if "\n" not in row and "\r" not in row:
        return row

    def without_break(match: re.Match[str]) -> str:
        if not match[0].startswith('"'):
            return ""
        return _CONTROLS.sub(lambda control: json.dumps(control[0])[1:-1], match[0])

    return _STRING_OR_BREAK.sub(without_break, row)
