"""How a file is known again without reading it: its place on the disk, size, time, and both of its ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xxhash import xxh3_128_hexdigest

from tui.datasets.files import FileState, open_file, read_at

END_BYTES = 65_536
"""How much of each end is looked at."""
_SETTLED_NS = 2_000_000_000
"""A file changed less than two seconds before it was looked at may change again in a tick of its clock."""


@dataclass(frozen=True, slots=True)
class FileMark:
    """A file as it was at one moment."""

    size: int
    modified_ns: int
    inode: int
    device: int
    ends: str
    """Hash of its first and last 64 KB."""

    @classmethod
    def of(cls, path: Path) -> FileMark:
        """Look at a file; reads 128 KB.

        Raises:
            TunedeckError: It can't be opened.
            OSError: It can't be read.
        """
        with open_file(path) as stream:
            state = FileState.of(os.fstat(stream.fileno()))
            return cls(
                state.size,
                state.modified_ns,
                state.inode,
                state.device,
                ends_of(stream.fileno(), state.size),
            )

    def is_settled_at(self, now_ns: int) -> bool:
        """Say whether a later change must show in the file's time."""
        return self.modified_ns < now_ns - _SETTLED_NS

    def as_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return asdict(self)


def ends_of(descriptor: int, size: int) -> str:
    """Return the hash of both ends of the first `size` bytes of an open file."""
    length = min(END_BYTES, size)
    return xxh3_128_hexdigest(read_at(descriptor, 0, length) + read_at(descriptor, size - length, length))


def hash_beginning(
    descriptor: int, size: int, digest: Any, on_block: Callable[[int], None] = lambda _done: None
) -> None:
    """Hash the first bytes of an open file.

    Args:
        descriptor: Of the file.
        size: How many bytes.
        digest: Receives them.
        on_block: Called with the bytes done before each 4 MB; may raise to stop.
    """
    position = 0
    while position < size:
        on_block(position)
        block = read_at(descriptor, position, min(4 << 20, size - position))
        if not block:
            return
        digest.update(block)
        position += len(block)
