"""What rows are compared by: a 64-bit hash of a row's bytes, its JSON, its prompt, its answer and so on."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from xxhash import xxh3_64_intdigest

from tui.datasets.files import open_file
from tui.datasets.formats import DatasetFormat, format_of_row
from tui.datasets.lints.row_text import RowText
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.row_filter import SECONDS_FOR_PART, compile_expression
from tui.datasets.row_pass import PART_BYTES, PassCancelled, ask_every_line
from tui.datasets.row_pass_child import MOST_LINE_BYTES
from tui.errors import TunedeckError
from tui.safe_text import safe_line

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

NO_VALUE = 0
"""Key of a row that has no such thing: no JSON, no system prompt, null."""
_LONG_NUMBER = re.compile(rb"[0-9][0-9.]{15}")
_SMALL = 1 << 20
"""Files up to it are read here: starting processes would take longer."""
_LABEL_LENGTH = 60
_MOST_LABELS = 1_000


class KeyKind(StrEnum):
    """What of a row counts."""

    EXACT = "exact"
    """Its bytes without white space around them."""
    JSON = "json"
    """What it means as JSON: spaces, escapes and the order of keys do not count, nor of a repeated key all
    but the last. Whatever can't be read is compared by its bytes."""
    PROMPT = "prompt"
    """Everything before its last answer, tools included."""
    ANSWER = "answer"
    """The text of its last answer, such as a label."""
    SYSTEM = "system"
    """The texts of its system and developer messages."""
    VALUE = "value"
    """What a JMESPath expression gives for it."""


@dataclass(frozen=True, slots=True)
class Key:
    """One thing to compare rows by."""

    kind: KeyKind
    expression: str = ""
    """JMESPath, for `VALUE`."""

    def __str__(self) -> str:
        return self.expression if self.kind is KeyKind.VALUE else self.kind.value


@dataclass(slots=True)
class RowKeys:
    """The keys of every row of a table."""

    columns: list[Array]
    """For each key asked for, one 64-bit number a row; NO_VALUE where there is nothing."""
    labels: dict[int, str] = field(default_factory=dict)
    """Key -> what it stands for, safe to show and short; of the first thousand values of `ANSWER`, `SYSTEM`
    and `VALUE`."""


def row_keys(table: RowTable, keys: Sequence[Key], tracker: Tracker) -> RowKeys:
    """Return the keys of all rows, in one pass over all cores.

    Raises:
        TunedeckError: An expression is none or takes too long, a line has more than 256 MB, or the file can't
            be read or changed.
        PassCancelled: The tracker was asked to stop.
    """
    import numpy

    for key in keys:
        if key.kind is KeyKind.VALUE:
            compile_expression(key.expression)
    refuse_longest_lines(table)
    asked = [[key.kind.value, key.expression] for key in keys]
    job = {"kind": "keys", "keys": asked, "read_as": table.read_as}
    has_expression = any(key.kind is KeyKind.VALUE for key in keys)
    if table.size <= _SMALL and not has_expression:
        parts = [answer_here(table, KeyJob(job), tracker)]
    else:
        answers = ask_every_line(
            table.path,
            job,
            on_progress=tracker.on_progress,
            cancelled=tracker.cancelled,
            seconds_for_part=SECONDS_FOR_PART,
            too_slow=TunedeckError("This expression takes too long for these rows.", "Make it simpler."),
        )
        parts = [(part.facts, part.payload) for part in answers]
    table.check_unchanged()  # or there may be fewer lines than the table knows
    found = RowKeys([])
    by_part = [numpy.frombuffer(payload, numpy.uint64).reshape(len(keys), -1) for _, payload in parts]
    rows = table.lines.astype(numpy.int64) - 1
    for facts, _ in parts:
        found.labels |= {int(key): label for key, label in facts["labels"].items()}
    every = numpy.concatenate(by_part, axis=1)
    found.columns = [every[index][rows] for index in range(len(keys))]
    return found


def refuse_longest_lines(table: RowTable) -> None:
    """Raise when a line is too long to be compared whole.

    Raises:
        TunedeckError: It has more than 256 MB.
    """
    longest = int((table.ends - table.starts).argmax())
    if int(table.ends[longest] - table.starts[longest]) > MOST_LINE_BYTES:
        line = int(table.lines[longest])
        raise TunedeckError(f"Line {line:,} of {table.path} has more than 256 MB.", "Delete it first.")


def answer_here(table: RowTable, job: Any, tracker: Tracker) -> tuple[Mapping[str, Any], bytes]:
    """Let a job of `tui.datasets.row_pass` read a small file in this thread."""
    if tracker.cancelled():
        raise PassCancelled
    with open_file(table.path) as stream:
        data = stream.read(PART_BYTES)
    lines = data.split(b"\n")
    if not lines[-1]:
        lines.pop()
    answer: tuple[Mapping[str, Any], bytes] = job.part(
        [line.removesuffix(b"\r") for line in lines], is_first=True
    )
    tracker.tick(table.size, table.size)
    return answer


class KeyJob:
    """Finds the keys of each line; the payload is, for each key asked for, 64 bits a line."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._keys = [(KeyKind(kind), expression) for kind, expression in job["keys"]]
        self._read_as: str | None = job["read_as"]
        self._compiled = [
            compile_expression(expression) if kind is KeyKind.VALUE else None
            for kind, expression in self._keys
        ]
        self._parses = any(kind is not KeyKind.EXACT for kind, _ in self._keys)
        self._known: set[int] = set()

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return the keys, and the labels that are new."""
        from array import array

        columns = [array("Q", bytes(8 * len(lines))) for _ in self._keys]
        labels: dict[str, str] = {}
        for number, line in enumerate(lines):
            if is_first and not number:
                line = line.removeprefix(BYTE_ORDER_MARK)
            value = _parsed(line) if self._parses else None
            for column, (kind, _), compiled in zip(columns, self._keys, self._compiled, strict=True):
                column[number] = self._key(kind, compiled, line, value, labels)
        return {"labels": labels}, b"".join(column.tobytes() for column in columns)

    def _key(
        self, kind: KeyKind, compiled: Any, line: bytes, value: dict[str, Any] | None, labels: dict[str, str]
    ) -> int:
        if kind is KeyKind.EXACT:
            return _hash(line.strip())
        if kind in (KeyKind.JSON, KeyKind.PROMPT):
            read = _precise(line, value)
            written = (
                None
                if read is None
                else _written(read if kind is KeyKind.JSON else _prompt(read, self._read_as))
            )
            return _hash(line.strip() if written is None else written)
        if value is None:
            return NO_VALUE
        if kind is KeyKind.VALUE:
            return self._labelled(_asked(compiled, value), line, labels)
        text = RowText.of(value, format_of_row(value, self._read_as))
        if kind is KeyKind.ANSWER:
            return self._labelled(None if text.answer is None else text.answer.text.strip(), line, labels)
        said = [one.text for one in text.said if one.role in ("system", "developer")]
        return self._labelled("\n".join(said) if said else None, line, labels)

    def _labelled(self, value: object, line: bytes, labels: dict[str, str]) -> int:
        if value is None:
            return NO_VALUE
        written = _written(value)
        if written is None:
            return _hash(line.strip())
        key = _hash(written)
        if key not in self._known and len(self._known) < _MOST_LABELS:
            self._known.add(key)
            shown = value if isinstance(value, str) else written.decode("utf-8", "replace")
            labels[str(key)] = safe_line(shown[: 4 * _LABEL_LENGTH], _LABEL_LENGTH)
        return key


def _hash(data: bytes) -> int:
    return xxh3_64_intdigest(data) or 1  # 0 means that there is nothing


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _precise(line: bytes, value: dict[str, Any] | None) -> dict[str, Any] | None:
    """Return a row with long numbers as they are written: as floats, different ones may be the same."""
    if value is None or _LONG_NUMBER.search(line) is None:
        return value
    try:
        read: dict[str, Any] = json.loads(line, parse_int=_as_written, parse_float=_as_written)
    except (ValueError, RecursionError):
        return None
    return read


def _as_written(number: str) -> list[str]:
    return ["number", number]


def _written(value: object) -> bytes | None:
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        return None  # orjson reads 1,024 levels but writes 254; such a row is compared by its bytes


def _asked(compiled: Any, value: dict[str, Any]) -> object:
    try:
        return compiled.search(value)
    except (ValueError, TypeError, RecursionError, ArithmeticError):
        return None


def _prompt(value: dict[str, Any], read_as: str | None) -> object:
    """Return a row without its last answer."""
    dataset_format = format_of_row(value, read_as)
    if dataset_format is DatasetFormat.PREFERENCE:
        return ["input", value.get("input")]
    if dataset_format is DatasetFormat.COMPLETION:
        return ["prompt", value.get("prompt")]
    if dataset_format is DatasetFormat.TEXT:
        return ["text", value.get("text")]
    messages = value.get("messages")
    if isinstance(messages, list) and messages:
        last = messages[-1]
        if isinstance(last, dict) and last.get("role") == "assistant":
            messages = messages[:-1]
    return [messages, value.get("tools"), value.get("functions")]
