"""One line of a file, read and laid out token by token."""

from __future__ import annotations

from pathlib import Path

from tui.datasets.formats import DatasetFormat, detect_format
from tui.datasets.source import Dataset, Row
from tui.datasets.token_ids import TiktokenReader, TokenReader
from tui.datasets.token_view import TokenView, view_row
from tui.datasets.tokens import encoding_for, training_limit
from tui.errors import TunedeckError

_ROWS_FOR_FORMAT = 20


def file_format(dataset: Dataset) -> DatasetFormat:
    """Return the format that the first rows of an open file have."""
    values = []
    for number in range(1, _ROWS_FOR_FORMAT + 1):
        try:
            row = dataset.row(number)
        except TunedeckError:
            break
        if row.value is not None:
            values.append(row.value)
    return detect_format(values)


def view_of(
    dataset: Dataset, line: int, dataset_format: DatasetFormat, reader: TokenReader, limit: int | None
) -> TokenView:
    """Return the tokens of one line of an open file.

    Raises:
        TunedeckError: There is no such line, it holds no JSON object, or the file changed.
    """
    return view_of_row(dataset.row(line), line, dataset_format, reader, limit)


def view_of_row(
    row: Row, line: int, dataset_format: DatasetFormat, reader: TokenReader, limit: int | None
) -> TokenView:
    """Return the tokens of a row that was read.

    Raises:
        TunedeckError: It holds no JSON object, or a local model's template refuses it.
    """
    if not isinstance(row.value, dict):
        why = row.error or ("It is blank." if not row.raw.strip() else "It is no JSON object.")
        raise TunedeckError(f"Line {line:,} has no tokens to show. {why}", "Choose another line.")
    return view_row(row.value, dataset_format, reader, limit)


def view_line(
    path: Path,
    line: int,
    model: str,
    *,
    dataset_format: DatasetFormat | None = None,
    reader: TokenReader | None = None,
    limit: int | None = None,
) -> TokenView:
    """Return the tokens of one line of a file.

    Args:
        path: The file.
        line: From 1; a line far into a large file is looked for from its beginning.
        model: Decides the vocabulary and the limit where they are not given.
        dataset_format: The rows' format; None finds it out.
        reader: Another vocabulary than the model's name implies.
        limit: Most tokens of an example; None takes the model's.

    Raises:
        TunedeckError: As `view_of`, or the file can't be opened.
    """
    dataset = Dataset.open(path)
    try:
        _index_up_to(dataset, line)
        found = dataset_format or file_format(dataset)
        words = reader or TiktokenReader(encoding_for(model))
        return view_of(dataset, line, found, words, limit or training_limit(model))
    finally:
        dataset.close()


def _index_up_to(dataset: Dataset, line: int) -> None:
    dataset.build_index(cancelled=lambda: dataset.row_count >= line)
