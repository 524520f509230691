"""Opens a file of any form that can be imported."""

from __future__ import annotations

import io
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tui.datasets.convert.csv_source import CsvSource
from tui.datasets.convert.json_source import open_json
from tui.datasets.convert.parquet_source import ParquetSource
from tui.datasets.convert.records import RecordSource, SourceOptions, Tick
from tui.datasets.convert.xlsx_source import XlsxSource
from tui.datasets.files import unchanged_file, written_error
from tui.errors import TunedeckError

IMPORTABLE_ENDINGS = (".csv", ".tsv", ".tab", ".parquet", ".pq", ".xlsx", ".xlsm")
"""Files that are no datasets, but can be made into one."""
JSON_ENDINGS = (".json", ".jsonl", ".ndjson")


@contextmanager
def open_source(path: Path, options: SourceOptions, tick: Tick) -> Iterator[RecordSource]:
    """Open a file as records, by its content where that is plain, else by its name.

    Raises:
        TunedeckError: It can't be read, is empty or a pipe, is of no known form, needs an extra that is
            not installed, or was written to meanwhile.
    """
    if not _is_regular(path):
        raise TunedeckError(f"{path} is not a regular file.", "Save the rows to a file first.")
    with unchanged_file(path) as (stream, size):
        if size == 0:
            raise TunedeckError(f"{path} is empty.")
        try:
            yield _source(path, stream, size, options, tick)
        except TunedeckError as error:
            if str(path) in error.message:
                raise
            raise TunedeckError(f"{path}: {error.message}", error.remedy) from error


def _is_regular(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return True  # opening it says what is wrong
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _source(path: Path, stream: io.FileIO, size: int, options: SourceOptions, tick: Tick) -> RecordSource:
    head = stream.read(4096)
    stream.seek(0)
    ending = path.suffix.lower()
    if head.startswith(b"PAR1"):
        return ParquetSource(stream, tick)
    if head.startswith(b"PK\x03\x04"):
        return XlsxSource(stream, options, tick)
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise TunedeckError("This is a workbook of the old XLS form.", "Save it as XLSX or CSV.")
    if head.startswith((b"\x1f\x8b", b"BZh", b"(\xb5/\xfd")):
        raise TunedeckError("The file is compressed.", "Unpack it first.")
    bytewise = _ends_with_file(path, size, tick)
    if ending in JSON_ENDINGS or (ending not in IMPORTABLE_ENDINGS and _looks_like_json(head)):
        return open_json(stream, size, options, bytewise)
    if ending in (".parquet", ".pq", ".xlsx", ".xlsm"):
        raise TunedeckError(
            f"The content is not what the ending {ending} says.", "Check where it comes from."
        )
    return CsvSource(stream, size, options, bytewise, is_tsv=ending in (".tsv", ".tab"))


def _ends_with_file(path: Path, size: int, tick: Tick) -> Tick:
    """Stop at a file that grows as fast as it is read, which would never end."""

    def watched(done: int, total: int) -> None:
        if done > size:
            raise written_error(path)
        tick(done, total)

    return watched


def _looks_like_json(head: bytes) -> bool:
    return head.replace(b"\0", b"").lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n").startswith((b"{", b"["))
