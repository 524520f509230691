"""What the beginning of a file says about all of it, found before the rows are checked part by part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

import orjson

from tui.datasets.formats import CHAT_KEYS, DatasetFormat, detect_format
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.whole_file import document_start, wide_codec

LOOKED_AT_BYTES = 16 << 20
"""What is not known after so many bytes is taken as unknown for the whole file."""
_SAMPLE_ROWS = 64
_HEAD_BYTES = 256

Batch = tuple[int, list[bytes]]
"""Number of the first line, and lines without their line feed."""


@dataclass(frozen=True, slots=True)
class StartFacts:
    """What every part of a file must know of its beginning."""

    format: DatasetFormat
    """As it was asked for, else that of the first 64 rows of which one looks like anything."""
    item_keys: frozenset[str] | None = None
    """A reinforcement file: own keys of the first row that is an object."""
    is_wide: bool = False
    """It looks like UTF-16 or UTF-32."""
    has_byte_order_mark: bool = False
    document_line: int = 1
    """Where one JSON document begins in place of JSON lines."""
    document: bytes | None = None
    """Its first line, at most 200 bytes; None where there is no such document."""

    @property
    def is_settled(self) -> bool:
        """True when rows added to the file's end can't change it."""
        if self.format is DatasetFormat.UNKNOWN:
            return False
        return self.format is not DatasetFormat.REINFORCEMENT or self.item_keys is not None

    def as_json(self) -> dict[str, Any]:
        """Return what a part that is not the first one needs, as JSON values."""
        keys = None if self.item_keys is None else sorted(self.item_keys)
        return {"format": self.format.value, "item_keys": keys, "is_wide": self.is_wide}

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> StartFacts:
        """Return the facts that `as_json` turned into `value`."""
        keys = value["item_keys"]
        return cls(
            DatasetFormat(value["format"]),
            None if keys is None else frozenset(keys),
            is_wide=value["is_wide"],
        )


def look_at_start(
    batches: Iterable[Batch], asked: DatasetFormat | None = None
) -> tuple[StartFacts, Iterator[Batch]]:
    """Return the facts, and all of the batches again.

    Args:
        batches: A file's lines from the first one on; no more is read of them than is needed.
        asked: The format, where it need not be found out.
    """
    coming = iter(batches)
    seen: list[Batch] = []
    search = _Search(asked)
    for batch in coming:
        seen.append(batch)
        if search.add(batch[1]):
            break
    return search.facts(seen), chain(seen, coming)


class _Search:
    """Looks for the format, and for the keys of the first row where they matter."""

    def __init__(self, asked: DatasetFormat | None) -> None:
        self._format = asked or DatasetFormat.UNKNOWN
        self._group: list[Any] = []
        self._first_keys: frozenset[str] | None = None
        self._read = 0

    def add(self, lines: list[bytes]) -> bool:
        """Look at more lines; return whether that is enough."""
        for line in lines:
            if self._has_enough:
                return True
            plain = line if self._read else line.removeprefix(BYTE_ORDER_MARK)
            self._read += len(line) + 1
            if plain and not plain.isspace():
                self._row(plain)
        return self._has_enough

    @property
    def _has_enough(self) -> bool:
        if self._read >= LOOKED_AT_BYTES:
            return True
        if self._format is DatasetFormat.UNKNOWN:
            return False
        return self._format is not DatasetFormat.REINFORCEMENT or self._first_keys is not None

    def _row(self, line: bytes) -> None:
        try:
            value = orjson.loads(line)
        except ValueError:
            value = None
        if self._first_keys is None and isinstance(value, dict):
            self._first_keys = frozenset(value)
        if self._format is DatasetFormat.UNKNOWN:
            self._group.append(value)
            if len(self._group) == _SAMPLE_ROWS:
                self._vote()

    def _vote(self) -> None:
        if self._format is DatasetFormat.UNKNOWN:
            self._format = detect_format(self._group)
        self._group = []

    def facts(self, seen: list[Batch]) -> StartFacts:
        """Return what was found, and what the first line that is not blank says."""
        self._vote()
        head = b"\n".join(islice(_lines(seen), 4))[:_HEAD_BYTES]
        number, first = document_start(_lines(seen)) or (1, None)
        keys = None
        if self._format is DatasetFormat.REINFORCEMENT and self._first_keys is not None:
            keys = self._first_keys - CHAT_KEYS
        return StartFacts(
            self._format,
            keys,
            wide_codec(head) is not None,
            head.startswith(BYTE_ORDER_MARK),
            number,
            None if first is None else first[:200],
        )


def _lines(batches: Iterable[Batch]) -> Iterator[bytes]:
    return chain.from_iterable(lines for _, lines in batches)
