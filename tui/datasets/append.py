"""Adds a row to the end of a file, in whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from tui.errors import TunedeckError


def append_line(path: Path, line: bytes) -> int:
    """Write a line at the end of a file, made when missing, and return how long the file was before.

    It goes out in one write behind what is there, so that another program that appends at the same time
    harms nothing; what a full disk takes of it is taken back. A last line without an end gets one first.

    Args:
        path: The file.
        line: Without its line end.

    Raises:
        TunedeckError: The file can't be written; it is as it was.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, flags, 0o666)
        try:
            return _append(descriptor, line)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise TunedeckError(
            f"{path} can't be written: {error.strerror or error}.", "It is as it was; choose another file."
        ) from error


def _append(descriptor: int, line: bytes) -> int:
    size = os.fstat(descriptor).st_size
    content = line + b"\n"
    if size:
        os.lseek(descriptor, size - 1, os.SEEK_SET)
        if os.read(descriptor, 1) != b"\n":
            content = b"\n" + content
    try:
        written = os.write(descriptor, content)
        if written != len(content):  # a disk that fills up takes a part
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    except OSError:
        os.ftruncate(descriptor, size)
        raise
    return size
