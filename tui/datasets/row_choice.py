"""Which rows of a file, in which order: range, facets, expression and sort put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tui.datasets.cached_check import check_for_findings
from tui.datasets.check import CheckCancelled, CheckOptions
from tui.datasets.facets import FROM_REPORT, Facets, facet, find_facets
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import DEFAULT_MODEL, USUAL_LINTS
from tui.datasets.report import Report
from tui.datasets.row_filter import Filtered, filter_lines
from tui.datasets.row_order import SortKey, line_bytes, line_tokens, sorted_lines
from tui.datasets.row_pass import PassCancelled
from tui.datasets.source import Dataset
from tui.datasets.tokens import encoding_for, training_limit
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    Lines = numpy.ndarray[Any, numpy.dtype[numpy.uint32]]

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]


class Checker(Protocol):
    """Gives the report of a file for a model."""

    def __call__(
        self, model: str, *, with_tokens: bool, on_progress: Progress | None, cancelled: Cancelled
    ) -> Report:
        """Return it; tokens, and rows that are too long, need only be in it where they are asked for."""
        ...


_FIRST_ROWS = 20
_NEED_TOKENS = frozenset({"warnings", "too-long"})
"""Facets of rows that a report may be silent about when it counted no tokens: too long is a warning."""


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


class RowChooser:
    """Chooses rows of one file again and again; each thing that is asked of the file is found out once.

    One pass at a time; a cancelled one leaves what was known before.

    Args:
        dataset: The file, without changes to it.
        marked: Tells the lines that a person has marked, for the facet of that name.
        dataset_format: What the rows are read as; None finds it out.
        check: Gives the report behind some facets; None makes one, or takes one that is kept.
    """

    def __init__(
        self,
        dataset: Dataset,
        marked: Callable[[], Iterable[int]] = lambda: (),
        *,
        dataset_format: DatasetFormat | None = None,
        check: Checker | None = None,
    ) -> None:
        self._dataset = dataset
        self._marked = marked
        self._format = dataset_format
        self._check = check or self._check_known
        self._facets: Facets | None = None
        self._checked_for: str | None = None
        """Model whose tokens the report behind the facets counted; "" when it may have counted none."""
        self._filtered: dict[str, Filtered] = {}
        """What the last expression found."""
        self._sizes: dict[tuple[SortKey, str], Any] = {}

    def forget(self) -> None:
        """Forget everything: the file is not what it was."""
        self._facets = self._checked_for = None
        self._filtered.clear()
        self._sizes.clear()

    def choose(
        self, wish: RowWish, on_progress: Progress | None = None, cancelled: Cancelled = lambda: False
    ) -> ChosenRows:
        """Return the lines wished for; completes the index of the file where that is needed.

        Args:
            wish: Which, in which order.
            on_progress: Called with (bytes done, bytes in all) of each pass.
            cancelled: True ends it.

        Raises:
            TunedeckError: A facet or expression is none, a line does not exist, or the file can't be read.
            PassCancelled: `cancelled` returned True.
        """
        import numpy

        notes: list[str] = []
        chosen = _range(self._dataset, wish, cancelled)
        if wish.facets:
            facets = self.facets(wish.facets, wish.model, on_progress, cancelled)
            for name in wish.facets:
                if facets.is_partial(name):
                    notes.append(
                        f'"{name}": the check keeps 1,000 findings of a rule, so there may be more rows.'
                    )
                chosen = numpy.intersect1d(chosen, facets.lines(name), assume_unique=True)
        if wish.where:
            filtered = self._filter(wish.where, on_progress, cancelled)
            found = numpy.array(filtered.lines, dtype=numpy.uint32)
            chosen = numpy.intersect1d(chosen, found, assume_unique=True)
            if filtered.refused:
                notes.append(f"{filtered.refused:,} rows can't be asked this; {filtered.first_refusal}")
        sizes: dict[str, Any] = {}
        if wish.sort is not SortKey.FILE:
            sizes[wish.sort.value] = measured = self._measure(wish, on_progress, cancelled)
            chosen = sorted_lines(measured, largest_first=wish.largest_first, among=chosen)
        return ChosenRows(chosen.astype(numpy.uint32), sizes, tuple(notes))

    def facets(
        self,
        names: tuple[str, ...],
        model: str = DEFAULT_MODEL,
        on_progress: Progress | None = None,
        cancelled: Cancelled = lambda: False,
    ) -> Facets:
        """Return facets with everything in them that `names` ask for; the file is checked where needed.

        Raises:
            TunedeckError: A name is none, or the file can't be read.
            PassCancelled: `cancelled` returned True.
        """
        for name in names:
            facet(name)
        if self._facets is None:
            self._facets = find_facets(self._dataset.path, on_progress=on_progress, cancelled=cancelled)
        self._facets.add_lines("marked", self._marked())
        if not set(names) & set(FROM_REPORT):
            return self._facets
        wanted = model if set(names) & _NEED_TOKENS else ""
        if self._checked_for is None or (wanted and self._checked_for != wanted):
            try:
                report = self._check(
                    model, with_tokens=bool(wanted), on_progress=on_progress, cancelled=cancelled
                )
            except CheckCancelled:
                raise PassCancelled from None
            self._facets.add_report(report)
            self._checked_for = wanted
        return self._facets

    def _check_known(
        self, model: str, *, with_tokens: bool, on_progress: Progress | None, cancelled: Cancelled
    ) -> Report:
        options = CheckOptions(
            model=model, format=self._format, token_limit=training_limit(model), lints=USUAL_LINTS
        )
        return check_for_findings(
            self._dataset.path, options, with_tokens=with_tokens, on_progress=on_progress, cancelled=cancelled
        )

    def _filter(self, where: str, on_progress: Progress | None, cancelled: Cancelled) -> Filtered:
        if where not in self._filtered:
            found = filter_lines(self._dataset.path, where, on_progress=on_progress, cancelled=cancelled)
            self._filtered = {where: found}
        return self._filtered[where]

    def _measure(self, wish: RowWish, on_progress: Progress | None, cancelled: Cancelled) -> Any:
        """Return a size for each line of the file."""
        dataset, key = self._dataset, (wish.sort, wish.model)
        if key not in self._sizes:
            self._sizes[key] = (
                line_bytes(dataset)
                if wish.sort is SortKey.BYTES
                else line_tokens(
                    dataset.path,
                    encoding_for(wish.model),
                    self._format or format_of(dataset),
                    on_progress=on_progress,
                    cancelled=cancelled,
                )
            )
        return self._sizes[key]


def _range(dataset: Dataset, wish: RowWish, cancelled: Cancelled) -> Lines:
    import numpy

    if wish.last is None or wish.facets or wish.where or wish.sort is not SortKey.FILE:
        dataset.build_index(cancelled=cancelled)
        if not dataset.index_complete:
            raise PassCancelled
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
