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
from tui.datasets.convert.json_text import JsonText
from tui.datasets.convert.losses import BadRow
from tui.datasets.convert.records import Record, SourceFacts, SourceOptions, Tick
from tui.datasets.lines import LineReader
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_CHUNK = 1 << 20


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
        decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
        self._json = JsonText(text_stream(stream, size, encoding, tick), decoder)
        self.facts = SourceFacts(f"JSON list, {encoding.label}")
        if encoding.guess:
            self.facts.notes.append(encoding.guess)

    def records(self) -> Iterator[Record | BadRow]:
        """Yield every object of the list; what is no object is bad.

        Raises:
            TunedeckError: The list breaks off or is no JSON; what follows can't be found again.
        """
        opening = self._json.mark()
        if opening == "{":
            self._enter_object()
        elif opening != "[":
            raise self._json.broken("no list begins here")
        yield from self._elements()
        if opening == "[" and not self._json.at_end():
            raise self._json.broken("something follows the end of the list")

    def _elements(self) -> Iterator[Record | BadRow]:
        if self._json.peek() == "]":
            self._json.mark()
            return
        number = 1
        self._json.peek()
        line = self._json.line
        while True:
            value = self._json.value()
            mark = self._json.mark()
            if mark == ",":
                self._json.peek()
                if number == 1 and self._json.line == line:
                    self.facts.place = "row"  # or every row would be said to stand on line 1
            yield _object(number if self.facts.place == "row" else line, value)
            if mark == "]":
                return
            if mark != ",":
                raise self._json.broken("a comma or the end of the list is missing")
            number, line = number + 1, self._json.line

    def _enter_object(self) -> None:
        """Go to the first list among the values of an outer object."""
        skipped: list[str] = []
        mark = self._json.peek()
        while mark != "}":
            name = self._json.value()
            if not isinstance(name, str) or self._json.mark() != ":":
                raise self._json.broken("a key of the outer object is missing")
            if self._json.peek() == "[":
                self._json.mark()
                others = f"; left out beside it: {', '.join(skipped)}" if skipped else ""
                self.facts.notes.append(safe_line(f'The rows are the list under "{name}"{others}.', 300))
                return
            self._json.value()
            skipped.append(f'"{name}"')
            mark = self._json.mark()
            if mark not in (",", "}"):
                raise self._json.broken("a comma is missing")
        raise TunedeckError(
            "The file is one JSON object without a list of rows.",
            "Write a list of objects, or one object per line.",
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
