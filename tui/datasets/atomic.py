"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from tui.atomic import beside, ordinary_mode, put, settle, sync_folders
from tui.errors import TunedeckError


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
            opened = [stack.enter_context(_beside(target, like)) for target in targets]
            yield opened
            for file in opened:
                settle(file)
            for target, file in zip(targets, opened, strict=True):
                refuse_existing(target, overwrite=overwrite)
                put(file, target, overwrite=overwrite)
            sync_folders({target.parent for target in targets})
    except FileExistsError:
        for target in targets:
            refuse_existing(target, overwrite=overwrite)
        raise
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
def _beside(target: Path, like: Path | None) -> Iterator[BinaryIO]:
    target.parent.mkdir(parents=True, exist_ok=True)
    mode = ordinary_mode() if like is None else stat.S_IMODE(os.stat(like).st_mode)
    with beside(target, mode=mode) as file:
        yield file
