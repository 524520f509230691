"""Opening a dataset's file, with every way that can fail told in a sentence."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

from tui.errors import TunedeckError


@dataclass(frozen=True, slots=True)
class FileState:
    """What tells a file from a changed one."""

    size: int
    modified_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, status: os.stat_result) -> FileState:
        """Return the state that a stat call tells."""
        return cls(status.st_size, status.st_mtime_ns, status.st_ino, status.st_dev)


def open_file(path: Path) -> FileIO:
    """Open a file or pipe for reading, unbuffered.

    Raises:
        TunedeckError: It is missing, a folder, or may not be read.
    """
    with _told_in_a_sentence(path):
        _refuse_folder(path)
        return open(path, "rb", buffering=0)


def refuse_no_file(path: Path) -> None:
    """Refuse what is missing or a folder before anything is made of its name; a pipe stays unopened.

    Raises:
        TunedeckError: As `open_file`, in the same words.
    """
    with _told_in_a_sentence(path):
        _refuse_folder(path)


def _refuse_folder(path: Path) -> None:
    if stat.S_ISDIR(os.stat(path).st_mode):
        raise TunedeckError(f"{path} is a folder.", "Name a JSONL file in it.")


@contextmanager
def _told_in_a_sentence(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise TunedeckError(f"{path} does not exist.", "Check the name and the folder.") from error
    except PermissionError as error:
        raise TunedeckError(f"{path} may not be read by you.", "Change its permissions.") from error
    except (OSError, ValueError) as error:
        raise TunedeckError(f"{path} can't be opened: {error}") from error


def read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Return `length` bytes from `offset` on; fewer only where the file ends."""
    parts: list[bytes] = []
    while length > 0:
        if hasattr(os, "pread"):
            part = os.pread(descriptor, length, offset)
        else:  # Windows has none; whoever reads there shares the position with nobody
            os.lseek(descriptor, offset, os.SEEK_SET)
            part = os.read(descriptor, length)
        if not part:
            break
        parts.append(part)
        offset += len(part)
        length -= len(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def read_into(descriptor: int, offset: int, buffer: memoryview) -> memoryview:
    """Fill `buffer` from `offset` on and return what was filled of it; less only where the file ends."""
    done = 0
    while done < len(buffer):
        if hasattr(os, "preadv"):
            count = os.preadv(descriptor, [buffer[done:]], offset + done)
        else:  # Windows has none
            part = read_at(descriptor, offset + done, len(buffer) - done)
            count = len(part)
            buffer[done : done + count] = part
        if not count:
            break
        done += count
    return buffer[:done]


def changed_error(path: Path) -> TunedeckError:
    """Return the error for a file that is not any more what it was."""
    return TunedeckError(f"{path} has changed since it was opened.", "Open it again.")


def closed_error(path: Path) -> TunedeckError:
    """Return the error for a file that was closed and is asked for more."""
    return TunedeckError(f"{path} is closed.", "Open it again.")


def unreadable_error(path: Path, error: OSError) -> TunedeckError:
    """Return the error for a file that the system gives no more of."""
    return TunedeckError(f"{path} can't be read: {error}", "Open it again.")


def written_error(path: Path) -> TunedeckError:
    """Return the error for a file that grew or changed during a pass."""
    return TunedeckError(
        f"{path} was written to while it was read.", "Wait until that is done, then try again."
    )


@contextmanager
def unchanged_file(path: Path) -> Iterator[tuple[FileIO, int]]:
    """Open a file for one pass and give (stream, size in bytes; 0 for a pipe).

    Raises:
        TunedeckError: As `open_file`; reading fails; or the file was written to during the pass.
    """
    with open_file(path) as stream:
        before = os.fstat(stream.fileno())
        try:
            yield stream, before.st_size
            after = os.fstat(stream.fileno())
        except OSError as error:
            raise TunedeckError(f"{path} can't be read: {error}") from error
        if stat.S_ISREG(before.st_mode) and FileState.of(before) != FileState.of(after):
            raise written_error(path)
