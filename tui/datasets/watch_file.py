"""Notices what becomes of a file while it is open: it grows, shrinks, is rewritten, replaced or removed."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from tui.datasets.files import FileState

_SAMPLE = 4_096

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""(offset, length) -> bytes, fewer at the end."""


class FileChange(StrEnum):
    """What happened."""

    NONE = "none"
    GREW = "grew"
    """Bytes were added at its end, and those before are what they were as far as both ends of them tell."""
    SHRANK = "shrank"
    REWRITTEN = "rewritten"
    """The same file with other bytes in it."""
    REPLACED = "replaced"
    """Another file has this name now."""
    GONE = "gone"


_WORDS = {
    FileChange.GREW: ("{name} has grown.", "Its new rows are read now."),
    FileChange.SHRANK: (
        "{name} became shorter while open.",
        "R opens it again; edits not saved yet are kept.",
    ),
    FileChange.REWRITTEN: (
        "{name} was rewritten while open.",
        "R opens it again; edits not saved yet are kept.",
    ),
    FileChange.REPLACED: (
        "Another file took the place of {name}.",
        "R opens that one; edits not saved are kept.",
    ),
    FileChange.GONE: ("{name} was removed or renamed.", "Bring it back and press R, or leave with esc."),
}


def change_words(change: FileChange, path: Path) -> tuple[str, str]:
    """Return what happened and what to do, in a sentence each."""
    what, remedy = _WORDS[change]
    return what.format(name=path.name), remedy


@dataclass(frozen=True, slots=True)
class FileMark:
    """A file as it was when it was opened or had last grown."""

    state: FileState
    head: bytes
    tail: bytes

    @classmethod
    def of(cls, state: FileState, read: ReadAt) -> FileMark:
        """Remember an open file; reads 8 KB."""
        return cls(state, *_ends(read, state.size))

    def compare(self, path: Path, read: ReadAt) -> FileChange:
        """Say what happened to the file since.

        Args:
            path: Its name.
            read: Reads the file that was opened, whatever has its name now.
        """
        try:
            now = FileState.of(os.stat(path))
        except OSError:
            return FileChange.GONE
        if now == self.state:
            return FileChange.NONE
        if (now.inode, now.device) != (self.state.inode, self.state.device):
            return FileChange.REPLACED
        if now.size < self.state.size:
            return FileChange.SHRANK
        try:
            same = _ends(read, self.state.size) == (self.head, self.tail)
        except OSError:
            return FileChange.GONE
        if not same or now.size == self.state.size:
            return FileChange.REWRITTEN
        return FileChange.GREW


def _ends(read: ReadAt, size: int) -> tuple[bytes, bytes]:
    """Return the first and the last bytes of the first `size` bytes of an open file."""
    length = min(_SAMPLE, size)
    return read(0, length), read(size - length, length)
