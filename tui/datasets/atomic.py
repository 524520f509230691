"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from tui.errors import TunedeckError

_BUFFER = 1 << 20


@contextmanager
def new_file(target: Path, *, overwrite: bool = False, like: Path | None = None) -> Iterator[BinaryIO]:
    """Give a file that gets its name once the block is over; an error in it leaves nothing behind.

    Args:
        target: Its name; the folder is made when missing.
        overwrite: Whether a file of that name may be replaced.
        like: A file whose permissions it gets.

    Raises:
        TunedeckError: The target exists, or can't be written (a full disk, a missing right).
    """
    with new_files([target], overwrite=overwrite, like=like) as files:
        yield files[0]


@contextmanager
def new_files(
    targets: list[Path], *, overwrite: bool = False, like: Path | None = None
) -> Iterator[list[BinaryIO]]:
    """As `new_file`, for several files that are written in full before the first one gets its name."""
    for target in targets:
        refuse_existing(target, overwrite=overwrite)
    try:
        with ExitStack() as stack:
            opened = [stack.enter_context(_temporary(target, like)) for target in targets]
            yield [file for file, _ in opened]
            for file, _ in opened:
                file.flush()
                os.fsync(file.fileno())
                file.close()  # Windows renames closed files only
            for target, (_, temporary) in zip(targets, opened, strict=True):
                refuse_existing(target, overwrite=overwrite)
                os.replace(temporary, target)
            _sync_folders({target.parent for target in targets})
    except OSError as error:
        names = ", ".join(str(target) for target in targets)
        reason = error.strerror or str(error)
        raise TunedeckError(
            f"{names} can't be written: {reason}.",
            "Nothing was left behind. Make room, or choose another folder.",
        ) from error


def refuse_existing(target: Path, *, overwrite: bool = False) -> None:
    """Raise when a target is a folder, or a file that may not be replaced.

    Raises:
        TunedeckError: It is.
    """
    if target.is_dir():
        raise TunedeckError(f"{target} is a folder.", "Name a file in it.")
    if not overwrite and os.path.lexists(target):
        raise TunedeckError(f"{target} exists already.", "Choose another name, or allow to replace it.")


@contextmanager
def _temporary(target: Path, like: Path | None) -> Iterator[tuple[BinaryIO, Path]]:
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}-", suffix=".part", dir=target.parent)
    os.close(descriptor)  # opened again by its name, which `file.name` then is
    try:
        with open(name, "wb", buffering=_BUFFER) as file:
            os.chmod(name, _mode(like))
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _mode(like: Path | None) -> int:
    """Return the permissions of a file, or those that an ordinary new file gets."""
    if like is not None:
        return stat.S_IMODE(os.stat(like).st_mode)
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def _sync_folders(folders: set[Path]) -> None:
    """Make the new names last through a power cut, where the system can."""
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
