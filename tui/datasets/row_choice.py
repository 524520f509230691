"""Which rows of a file, in which order: range, facets, expression and sort put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tui.datasets.check import CheckOptions, check_file
from tui.datasets.facets import FROM_REPORT, Facets, facet, find_facets
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import DEFAULT_MODEL
from tui.datasets.row_filter import filter_lines
from tui.datasets.row_order import SortKey, line_bytes, line_tokens, sorted_lines
from tui.datasets.source import Dataset
from tui.datasets.tokens import encoding_for
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    Lines = numpy.ndarray[Any, numpy.dtype[numpy.uint32]]

Progress = Callable[[int, int], None]
_FIRST_ROWS = 20


@dataclass(frozen=True, slots=True)
class RowWish:
    """What rows somebody wants."""

    first: int = 1
    last: int | None = None
    """None: to the end of the file."""
    facets: tuple[str, ...] = ()
    """Rows that have all of them."""
    where: str = ""
    """JMESPath expression; empty keeps all."""
    sort: SortKey = SortKey.FILE
    largest_first: bool = True
    model: str = DEFAULT_MODEL
    """Whose tokens."""


@dataclass(frozen=True, slots=True)
class ChosenRows:
    """Line numbers in the order wished for."""

    lines: Lines
    sizes: dict[str, Any]
    """"bytes" or "tokens" -> one number for each line of the file, for what they are sorted by."""
    notes: tuple[str, ...] = ()
    """What a person should know: rows an expression does not apply to, counts that may be too low."""


def choose_rows(dataset: Dataset, wish: RowWish, on_progress: Progress | None = None) -> ChosenRows:
    """Return the lines wished for; completes the index of `dataset` where that is needed.

    Raises:
        TunedeckError: A facet or expression is none, a line does not exist, or the file can't be read.
    """
    import numpy

    notes: list[str] = []
    chosen = _range(dataset, wish)
    if wish.facets:
        facets = facets_of(dataset.path, wish.facets, wish.model, on_progress)
        for name in wish.facets:
            if facets.is_partial(name):
                notes.append(
                    f'"{name}": the check keeps 1,000 findings of a rule, so there may be more rows.'
                )
            chosen = numpy.intersect1d(chosen, facets.lines(name), assume_unique=True)
    if wish.where:
        filtered = filter_lines(dataset.path, wish.where, on_progress=on_progress)
        found = numpy.array(filtered.lines, dtype=numpy.uint32)
        chosen = numpy.intersect1d(chosen, found, assume_unique=True)
        if filtered.refused:
            notes.append(f"{filtered.refused:,} rows can't be asked this; {filtered.first_refusal}")
    sizes: dict[str, Any] = {}
    if wish.sort is not SortKey.FILE:
        sizes[wish.sort.value] = measured = _sizes(dataset, wish, on_progress)
        chosen = sorted_lines(measured, largest_first=wish.largest_first, among=chosen)
    return ChosenRows(chosen.astype(numpy.uint32), sizes, tuple(notes))


def _range(dataset: Dataset, wish: RowWish) -> Lines:
    import numpy

    if wish.last is None or wish.facets or wish.where or wish.sort is not SortKey.FILE:
        dataset.build_index()
    elif wish.last >= 1:
        _reach(dataset, wish.last)
    last = dataset.row_count if wish.last is None else min(wish.last, dataset.row_count)
    if wish.first > dataset.row_count:
        raise TunedeckError(
            f"{dataset.path} has no line {wish.first:,}.", f"It has {dataset.row_count:,} lines."
        )
    return numpy.arange(wish.first, last + 1, dtype=numpy.uint32)


def _reach(dataset: Dataset, line: int) -> None:
    """Index as far as a line; the first lines of 8 GB cost nothing."""
    dataset.build_index(cancelled=lambda: dataset.row_count >= line)


def facets_of(
    path: Path, names: tuple[str, ...], model: str = DEFAULT_MODEL, on_progress: Progress | None = None
) -> Facets:
    """Return facets with everything in them that `names` ask for; the file is checked where that is needed.

    Raises:
        TunedeckError: A name is none, or the file can't be read.
    """
    for name in names:
        facet(name)
    facets = find_facets(path, on_progress=on_progress)
    wanted = set(names) & set(FROM_REPORT)
    if wanted:
        options = CheckOptions(model=model, count_tokens="too-long" in wanted)
        facets.add_report(check_file(path, options, on_progress=on_progress))
    return facets


def _sizes(dataset: Dataset, wish: RowWish, on_progress: Progress | None) -> Any:
    if wish.sort is SortKey.BYTES:
        return line_bytes(dataset)
    return line_tokens(dataset.path, encoding_for(wish.model), format_of(dataset), on_progress=on_progress)


def format_of(dataset: Dataset) -> DatasetFormat:
    """Return the format of the first rows of a file; UNKNOWN where they look like nothing."""
    from tui.datasets.formats import detect_format

    values: list[object] = []
    for number in range(1, _FIRST_ROWS + 1):
        try:
            row = dataset.row(number)
        except TunedeckError:
            break
        if row.value is not None:
            values.append(row.value)
    return detect_format(values)
