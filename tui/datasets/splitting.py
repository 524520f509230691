"""Splits a dataset into a training and a validation file; every row keeps its bytes and its order."""

from __future__ import annotations

import io
import os
import random
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from tui.datasets.files import unchanged_file
from tui.errors import TunedeckError

_COPY_BUFFER = 1 << 20


def split_file(path: Path, validation_share: float, seed: int, out_dir: Path) -> tuple[Path, Path]:
    """Split a file by chance and return (training file, validation file).

    The same rows go the same way for the same seed and number of rows. Blank lines are left out. Both files
    appear whole or not at all.

    Args:
        path: The dataset.
        validation_share: Share of the rows for validation, above 0 and below 1; each side gets a row.
        seed: Decides which rows.
        out_dir: Where NAME.training.jsonl and NAME.validation.jsonl are written; made when missing.

    Raises:
        TunedeckError: The share makes no sense, there are fewer than two rows, or a file can't be read or
            written.
    """
    if not 0 < validation_share < 1:
        raise TunedeckError(
            f"A validation share of {validation_share} makes no sense.", "Give 0.1 for a tenth."
        )
    with unchanged_file(path) as (stream, _):
        rows = sum(1 for _ in _rows(stream))
    if rows < 2:
        raise TunedeckError(f"{path} has {rows} row(s); a split needs two.", "Add rows.")
    chosen = _choose(rows, validation_share, seed)
    training = out_dir / f"{path.stem}.training.jsonl"
    validation = out_dir / f"{path.stem}.validation.jsonl"
    try:
        _write(path, chosen, training, validation)
    except OSError as error:
        raise TunedeckError(f"The split of {path} can't be written: {error}", "Check the folder.") from error
    return training, validation


def _choose(rows: int, share: float, seed: int) -> bytearray:
    """Return one byte per row: 1 for validation."""
    wanted = min(rows - 1, max(1, round(rows * share)))
    flags = bytearray(rows)
    for index in random.Random(seed).sample(range(rows), wanted):
        flags[index] = 1
    return flags


def _rows(stream: io.FileIO) -> Iterator[bytes]:
    buffered = io.BufferedReader(stream, _COPY_BUFFER)
    try:
        for line in buffered:
            if line.strip():
                yield line
    finally:
        buffered.detach()


def _write(path: Path, chosen: bytearray, training: Path, validation: Path) -> None:
    out_dir = training.parent
    out_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        train_file, train_temporary = stack.enter_context(_temporary(out_dir))
        valid_file, valid_temporary = stack.enter_context(_temporary(out_dir))
        with unchanged_file(path) as (stream, _):
            rows = 0
            for rows, row in enumerate(_rows(stream), 1):
                if rows > len(chosen):
                    break
                (valid_file if chosen[rows - 1] else train_file).write(row)
        if rows != len(chosen):
            raise TunedeckError(f"{path} was written to while it was split.", "Try again.")
        for file in (train_file, valid_file):
            file.flush()
            os.fsync(file.fileno())
            file.close()  # Windows renames closed files only
        os.replace(train_temporary, training)
        os.replace(valid_temporary, validation)


@contextmanager
def _temporary(folder: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """Give an open file that is removed unless it has been renamed."""
    descriptor, name = tempfile.mkstemp(prefix=".split-", dir=folder)
    try:
        with open(descriptor, "wb", buffering=_COPY_BUFFER) as file:
            yield file, Path(name)
    finally:
        Path(name).unlink(missing_ok=True)
