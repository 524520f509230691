"""What of a dataset a moderation is asked about: every text of its rows, and images where that is wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tui.datasets.files import unchanged_file
from tui.datasets.formats import DatasetFormat, detect_format
from tui.datasets.lines import LineReader
from tui.datasets.lints.row_text import RowText
from tui.datasets.locate import JsonPath
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line

PIECE_CHARACTERS = 8_000
"""Longer texts are judged in pieces: one request must stay below the smallest account's tokens per minute."""
_SAMPLE_ROWS = 64
_OUTPUTS = ("preferred_output", "non_preferred_output")


@dataclass(frozen=True, slots=True)
class Judged:
    """One piece of text, or an image, to be judged."""

    text: str
    """The text, or the image's address."""
    path: JsonPath
    is_image: bool = False

    @property
    def digest(self) -> bytes:
        """The key under which its answer is kept."""
        kind = b"image" if self.is_image else b"text"
        return blake2b(self.text.encode("utf-8", "replace"), digest_size=16, person=kind).digest()


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A row and what is to be judged in it."""

    line: int
    example: int
    raw: bytes
    parts: tuple[Judged, ...]
    """Empty for a line that is no object."""


def judged_rows(
    path: Path, *, images: bool = False, on_progress: Callable[[int, int], None] | None = None
) -> Iterator[JudgedRow]:
    """Yield every row of a file that is not blank, in bounded memory.

    Args:
        path: The dataset.
        images: Whether images are to be judged too.
        on_progress: Called with (bytes done, bytes in all).

    Raises:
        TunedeckError: It can't be read, or was written to meanwhile.
    """
    dataset_format, example, done = DatasetFormat.UNKNOWN, 0, 0
    with unchanged_file(path) as (stream, size):

        def count(block: bytes) -> None:
            nonlocal done
            done += len(block)
            if on_progress:
                on_progress(done, max(size, done))

        reader = LineReader(stream, count)
        for first, lines in reader.batches():
            if first == 1:
                lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
            if dataset_format is DatasetFormat.UNKNOWN:
                dataset_format = detect_format(parse_line(line)[0] for line in lines[:_SAMPLE_ROWS])
            for number, line in enumerate(lines, first):
                if not line.strip():
                    continue
                example += 1
                value = None if number in reader.too_long else parse_line(line)[0]
                parts = tuple(judged_parts(value, dataset_format, images=images))
                yield JudgedRow(number, example, line, parts)


def judged_parts(value: object, dataset_format: DatasetFormat, *, images: bool = False) -> Iterator[Judged]:
    """Yield what is to be judged in a parsed row: messages, refusals, tool arguments; blank texts are not."""
    if not isinstance(value, dict):
        return
    for said in RowText.of(value, dataset_format).said:
        yield from _pieces(said.text, said.path)
    for message, path in _messages(value):
        yield from _pieces(message.get("refusal"), (*path, "refusal"))
        for arguments, where in _arguments(message, path):
            yield from _pieces(arguments, where)
        if images:
            yield from _images(message.get("content"), (*path, "content"))


def _pieces(text: object, path: JsonPath) -> Iterator[Judged]:
    if isinstance(text, str) and text.strip():
        for start in range(0, len(text), PIECE_CHARACTERS):
            piece = text[start : start + PIECE_CHARACTERS]
            if piece.strip():
                yield Judged(piece, path)


def _messages(row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], JsonPath]]:
    source = row.get("input")
    lists: list[tuple[object, JsonPath]] = [(row.get("messages"), ("messages",))]
    if isinstance(source, dict):
        lists.append((source.get("messages"), ("input", "messages")))
    lists += [(row.get(key), (key,)) for key in _OUTPUTS]
    for messages, path in lists:
        for index, message in enumerate(messages if isinstance(messages, list) else ()):
            if isinstance(message, dict):
                yield message, (*path, index)


def _arguments(message: dict[str, Any], path: JsonPath) -> Iterator[tuple[object, JsonPath]]:
    old = message.get("function_call")
    if isinstance(old, dict):
        yield old.get("arguments"), (*path, "function_call", "arguments")
    calls = message.get("tool_calls")
    for index, call in enumerate(calls if isinstance(calls, list) else ()):
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict):
            yield function.get("arguments"), (*path, "tool_calls", index, "function", "arguments")


def _images(content: object, path: JsonPath) -> Iterator[Judged]:
    for index, part in enumerate(content if isinstance(content, list) else ()):
        image = part.get("image_url") if isinstance(part, dict) else None
        address = image.get("url") if isinstance(image, dict) else None
        if isinstance(address, str) and address:
            yield Judged(address, (*path, index, "image_url", "url"), is_image=True)
