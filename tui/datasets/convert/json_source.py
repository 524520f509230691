"""JSON as records: one object per line, or one list of objects that is never held whole."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator
from typing import Any

from tui.datasets.convert.encodings import (
    Encoding,
    Utf8Bytes,
    find_encoding,
    named_encoding,
    text_stream,
)
from tui.datasets.convert.losses import BadRow
from tui.datasets.convert.records import MAX_CELL_CHARACTERS, Record, SourceFacts, SourceOptions, Tick
from tui.datasets.lines import LineReader
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_CHUNK = 1 << 20
_UNFINISHED_TAIL = 12
"""Characters at the end of what was read that may be the beginning of a number, -Infinity or an escape."""


class JsonLinesSource:
    """One JSON object per line."""

    def __init__(self, stream: io.FileIO, size: int, encoding: Encoding, tick: Tick) -> None:
        self._stream = stream
        self._size = size
        self._encoding = encoding
        self._tick = tick
        self._done = 0
        self.facts = SourceFacts(f"JSON lines, {encoding.label}")
        if encoding.guess:
            self.facts.notes.append(encoding.guess)

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every object; lines that hold none are bad."""
        utf8 = self._encoding.codec in ("utf-8", "utf-8-sig")
        source: Any = self._stream if utf8 else Utf8Bytes(self._stream, self._encoding)
        reader = LineReader(source, self._count)
        for first, lines in reader.batches():
            for line, raw in enumerate(lines, first):
                if line in reader.too_long:
                    yield BadRow.of(
                        line, f"the line has {reader.too_long[line]:,} bytes; no example is so long"
                    )
                elif record := self._record(line, raw):
                    yield record

    def _count(self, block: bytes) -> None:
        self._done += len(block)
        self._tick(self._done, max(self._size, self._done))

    def _record(self, line: int, raw: bytes) -> Record | BadRow | None:
        if line == 1:
            raw = raw.removeprefix(BYTE_ORDER_MARK)
        if not raw.strip():
            self.facts.blank_rows += 1
            return None
        value, problem = parse_line(raw)
        if problem is not None:
            return BadRow.of(line, problem.message)
        return _object(line, value)


class JsonArraySource:
    """A list of objects, alone or under a key of one outer object; read piece by piece."""

    def __init__(self, stream: io.FileIO, size: int, encoding: Encoding, tick: Tick) -> None:
        self._text = text_stream(stream, size, encoding, tick)
        self._buffer = ""
        self._at = 0
        self._line = 1
        self._ended = False
        self._decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
        self.facts = SourceFacts(f"JSON list, {encoding.label}")
        if encoding.guess:
            self.facts.notes.append(encoding.guess)

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every object of the list; what is no object is bad.

        Raises:
            TunedeckError: The list breaks off or is no JSON; what follows can't be found again.
        """
        opening = self._next_mark()
        if opening == "{":
            self._enter_object()
        elif opening != "[":
            raise self._broken("no list begins here")
        yield from self._elements()
        self._skip_blanks()
        if opening == "[" and self._at < len(self._buffer):
            raise self._broken("something follows the end of the list")

    def _elements(self) -> Iterator[Record | BadRow]:
        if self._next_mark() == "]":
            return
        self._at -= 1
        while True:
            self._skip_blanks()
            line = self._line
            value = self._value()
            yield _object(line, value)
            mark = self._next_mark()
            if mark == "]":
                return
            if mark != ",":
                raise self._broken("a comma or the end of the list is missing")

    def _enter_object(self) -> None:
        """Go to the first list among the values of an outer object."""
        skipped: list[str] = []
        mark = self._next_mark()
        self._at -= 1
        while mark != "}":
            name = self._value()
            if not isinstance(name, str) or self._next_mark() != ":":
                raise self._broken("a key of the outer object is missing")
            if self._next_mark() == "[":
                others = f"; left out beside it: {', '.join(skipped)}" if skipped else ""
                self.facts.notes.append(safe_line(f'The rows are the list under "{name}"{others}.', 300))
                return
            self._at -= 1
            self._value()
            skipped.append(f'"{name}"')
            mark = self._next_mark()
            if mark not in (",", "}"):
                raise self._broken("a comma is missing")
        raise TunedeckError(
            "The file is one JSON object without a list of rows.",
            "Write a list of objects, or one object per line.",
        )

    def _next_mark(self) -> str:
        self._skip_blanks()
        if self._at >= len(self._buffer):
            raise self._broken("the file ends in the middle")
        self._at += 1
        return self._buffer[self._at - 1]

    def _skip_blanks(self) -> None:
        while True:
            end = self._at
            while end < len(self._buffer) and self._buffer[end] in " \t\r\n\ufeff":
                end += 1
            self._pass(end)
            if end < len(self._buffer) or not self._read_more():
                return

    def _pass(self, end: int) -> None:
        self._line += self._buffer.count("\n", self._at, end)
        self._at = end

    def _value(self) -> Any:
        self._skip_blanks()
        while True:
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                if not self._may_go_on(error):
                    raise self._broken(error.msg, error.pos) from None
                if not self._read_more():
                    ended = error.pos >= len(self._buffer.rstrip()) or error.msg.startswith("Unterminated")
                    words = "the file ends in the middle" if ended else error.msg
                    raise self._broken(words, error.pos) from None
                continue
            except (ValueError, RecursionError) as error:
                words = "nested too deep" if isinstance(error, RecursionError) else str(error)
                raise self._broken(words) from None
            if end == len(self._buffer) and self._read_more():
                continue  # a number may go on
            self._pass(end)
            return value

    def _may_go_on(self, error: json.JSONDecodeError) -> bool:
        if len(self._buffer) - self._at > MAX_CELL_CHARACTERS:
            return False
        return (
            error.msg.startswith("Unterminated") or error.pos >= len(self._buffer.rstrip()) - _UNFINISHED_TAIL
        )

    def _read_more(self) -> bool:
        if self._ended:
            return False
        # Twice what is waiting, so that a long value is not begun again for every chunk.
        more = self._text.read(max(_CHUNK, len(self._buffer) - self._at))
        self._ended = not more
        self._buffer = self._buffer[self._at :] + more
        self._at = 0
        return bool(more)

    def _broken(self, words: str, position: int | None = None) -> TunedeckError:
        end = self._at if position is None else position
        line = self._line + self._buffer.count("\n", self._at, end)
        return TunedeckError(
            f"The JSON list can't be read on line {line:,}: {safe_line(words, 200)}.",
            "Nothing after this place can be found again; mend the file there.",
        )


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text[:40]} is beyond what a number can be")
    return number


def _object(line: int, value: object) -> Record | BadRow:
    if not isinstance(value, dict):
        return BadRow.of(line, f"a row must be an object in braces, and this is {_kind(value)}")
    return Record(line, value)


def _kind(value: object) -> str:
    if value is None:
        return "null"
    kinds = {bool: "true or false", str: "text", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), "something else")


def open_json(
    stream: io.FileIO, size: int, options: SourceOptions, tick: Tick
) -> JsonLinesSource | JsonArraySource:
    """Return the reader for a JSON file, by what it begins with."""
    encoding = named_encoding(options.encoding) if options.encoding else find_encoding(stream)
    if encoding.codec == "cp1252" and not options.encoding:
        encoding = Encoding("utf-8", "UTF-8")  # JSON is UTF-8; broken lines are named
    head = stream.read(_CHUNK)
    stream.seek(0)
    if _is_lines(head.decode(encoding.codec, "replace").lstrip("\ufeff \t\r\n"), complete=len(head) == size):
        return JsonLinesSource(stream, size, encoding, tick)
    return JsonArraySource(stream, size, encoding, tick)


def _is_lines(head: str, *, complete: bool) -> bool:
    if not head.startswith(("[", "{")):
        return True  # whatever it is, it is told line by line
    if head.startswith("["):
        # A list in one line after another is JSON lines of no objects; a list alone is a list of rows.
        return False
    first, _, rest = head.partition("\n")
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return (bool(rest) and first.rstrip().endswith("}")) or (not rest and not complete)
    return bool(rest.strip()) or not complete or not _wraps_rows(value)


def _wraps_rows(value: object) -> bool:
    """One object in one line whose only list of objects is none of a known row's."""
    if not isinstance(value, dict):
        return False
    if value.keys() & {"messages", "contents", "conversations", "input", "chosen", "prompt"}:
        return False
    return any(isinstance(entry, list) and entry and isinstance(entry[0], dict) for entry in value.values())
