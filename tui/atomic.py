"""Files that are the old one or the new one, whole, whatever happens in between."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

PRIVATE = 0o600
_BUFFER = 1 << 20


@contextmanager
def beside(target: Path, *, mode: int = PRIVATE) -> Iterator[BinaryIO]:
    """Give a new file in the folder of `target`; what has not been `put` by the end is gone.

    Args:
        target: The name it is meant for; its folder must be there.
        mode: Permissions of the file.

    Raises:
        OSError: The folder takes no file.
    """
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}-", suffix=".part", dir=target.parent)
    os.close(descriptor)  # opened again by its name, which `file.name` then is
    try:
        with open(name, "wb", buffering=_BUFFER) as file:
            if mode != PRIVATE:
                os.chmod(name, mode)
            try:
                yield file
            except BaseException:
                with suppress(OSError):  # what a full disk could not take is not wanted any more
                    file.close()
                raise
    finally:
        Path(name).unlink(missing_ok=True)


def settle(file: BinaryIO) -> None:
    """Have a file from `beside` on the disk, and closed.

    Raises:
        OSError: The disk is full.
    """
    file.flush()
    os.fsync(file.fileno())
    file.close()  # Windows renames closed files only


def put(file: BinaryIO, target: Path, *, overwrite: bool = True) -> None:
    """Give a settled file its name, in one step.

    Raises:
        FileExistsError: A file of that name is there, or has appeared meanwhile, and may not be replaced.
        OSError: The folder can't be written.
    """
    if not overwrite:
        try:
            os.link(file.name, target)  # unlike a rename, it fails where there is a file
        except FileExistsError:
            raise
        except OSError:
            pass  # file systems without hard links
        else:
            return
        if os.path.lexists(target):
            raise FileExistsError(f"{target} exists already")
    os.replace(file.name, target)


def write_bytes(target: Path, content: bytes, *, mode: int = PRIVATE) -> None:
    """Replace `target` by `content`.

    Raises:
        OSError: On a full disk or a missing folder; the old file is then still whole.
    """
    with beside(target, mode=mode) as file:
        file.write(content)
        settle(file)
        put(file, target)


def ordinary_mode() -> int:
    """Return the permissions that an ordinary new file gets."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def sync_folders(folders: set[Path]) -> None:
    """Make new names last through a power cut, where the system can."""
    for folder in folders:
        try:
            descriptor = os.open(folder, os.O_RDONLY)
        except OSError:
            continue  # Windows opens no folders
        try:
            os.fsync(descriptor)
        except OSError:
            pass
        finally:
            os.close(descriptor)
