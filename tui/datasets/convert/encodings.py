"""Which bytes are which characters: byte order marks, UTF-16 from Excel, UTF-8, and a guess that is told.

A byte that is no character never turns into another one: it becomes an unpaired surrogate, so that the row
it stands in can be told apart and named.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable
from dataclasses import dataclass

from tui.datasets.convert.records import Tick
from tui.errors import TunedeckError

_MARKS = (
    (b"\xef\xbb\xbf", "utf-8-sig", "UTF-8 with a byte order mark"),
    (b"\xff\xfe\x00\x00", "utf-32", "UTF-32"),
    (b"\x00\x00\xfe\xff", "utf-32", "UTF-32"),
    (b"\xff\xfe", "utf-16", "UTF-16"),
    (b"\xfe\xff", "utf-16", "UTF-16"),
)
_SAMPLE = 1 << 20
_EVIDENCE = 2_000
"""Characters beyond ASCII that decide between UTF-8 and Windows-1252."""
BAD_BYTE = re.compile("[\udc00-\udcff]")
_HANDLER = "tunedeck-mark"


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    bad = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in bad), error.end


codecs.register_error(_HANDLER, _mark)


@dataclass(frozen=True, slots=True)
class Encoding:
    """How a file's bytes are read."""

    codec: str
    label: str
    guess: str = ""
    """Why this one, when nothing in the file says so for certain."""


def named_encoding(name: str) -> Encoding:
    """Return the encoding a person named.

    Raises:
        TunedeckError: Python knows no text encoding of this name.
    """
    try:
        codec = codecs.lookup(name)
        "a".encode(codec.name)
    except (LookupError, UnicodeError, TypeError) as error:
        raise TunedeckError(
            f'There is no encoding "{name}".', "Use utf-8, utf-16, cp1252 or latin-1."
        ) from error
    return Encoding("utf-8-sig" if codec.name == "utf-8" else codec.name, name)


def find_encoding(stream: io.FileIO) -> Encoding:
    """Return how a file is encoded, reading as far as the first characters beyond ASCII; rewinds it."""
    try:
        return _find(stream)
    finally:
        stream.seek(0)


def _find(stream: io.FileIO) -> Encoding:
    block = stream.read(_SAMPLE)
    for mark, codec, label in _MARKS:
        if block.startswith(mark):
            return Encoding(codec, label)
    unmarked = _utf16_without_mark(block)
    if unmarked:
        return unmarked
    valid = broken = 0
    decoder = codecs.getincrementaldecoder("utf-8")(_HANDLER)
    while block and valid + broken < _EVIDENCE:
        if not block.isascii() or decoder.getstate()[0]:
            text = decoder.decode(block)
            bad = len(BAD_BYTE.findall(text))
            valid += sum(1 for char in text if char > "\x7f") - bad
            broken += bad
        block = stream.read(_SAMPLE)
    if broken > valid:
        share = "no character" if not valid else f"only {valid:,} characters"
        return Encoding(
            "cp1252",
            "Windows-1252",
            f"A guess: {share} beyond ASCII would be UTF-8, so it is read as Windows-1252 (Western Europe).",
        )
    return Encoding("utf-8", "UTF-8")


def _utf16_without_mark(block: bytes) -> Encoding | None:
    """UTF-16 text of mostly ASCII has a zero in every second byte."""
    head = block[:4096]
    if len(head) < 8:
        return None
    for codec, odd, even in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        zeros, others = head[odd::2], head[even::2]
        if zeros.count(0) > 0.8 * len(zeros) and others.count(0) < 0.1 * len(others):
            guess = "A guess: every second byte is zero, so it is read as UTF-16."
            return Encoding(codec, "UTF-16 without a byte order mark", guess)
    return None


class WatchedFile(io.RawIOBase):
    """A file that tells how far it has been read, and can be stopped by that."""

    def __init__(self, stream: io.FileIO, size: int, tick: Tick) -> None:
        self._stream = stream
        self._size = size
        self._tick = tick
        self._done = 0

    def readable(self) -> bool:
        """Say that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read some bytes and tell."""
        count = self._stream.readinto(buffer) or 0  # type: ignore[arg-type]
        self._done += count
        self._tick(self._done, max(self._size, self._done))
        return count


def text_stream(stream: io.FileIO, size: int, encoding: Encoding, tick: Tick) -> io.TextIOWrapper:
    """Return a file as text with its own line ends, in bounded memory; bad bytes are marked."""
    buffered = io.BufferedReader(WatchedFile(stream, size, tick), 1 << 18)
    return io.TextIOWrapper(buffered, encoding.codec, _HANDLER, newline="")


class Utf8Bytes:
    """A file of any encoding as UTF-8 bytes, for readers of bytes."""

    def __init__(self, stream: io.FileIO, encoding: Encoding) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding.codec)("replace")
        self._read: Callable[[int], bytes] = stream.read

    def read(self, count: int) -> bytes:
        """Return about `count` bytes; empty only at the end."""
        while block := self._read(count):
            if text := self._decoder.decode(block):
                return text.encode("utf-8", "replace")
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest.encode("utf-8", "replace")


def bad_byte_reason(text: str) -> str | None:
    """Return what is wrong with a text that holds marked bytes; None for a sound one."""
    found = BAD_BYTE.search(text)
    if found is None:
        return None
    byte = ord(found[0]) - 0xDC00
    return f"the byte {byte:02X} at character {found.start() + 1:,} is no text in this encoding"
