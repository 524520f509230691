"""What can be asked of all rows of one file, each thing found out once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tui.datasets.cached_check import check_for_findings
from tui.datasets.check import CheckCancelled, CheckOptions, check_file
from tui.datasets.facets import FROM_REPORT, Facets, find_facets
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Report
from tui.datasets.row_filter import Filtered, filter_lines
from tui.datasets.row_order import SortKey, line_bytes, line_tokens
from tui.datasets.row_pass import PassCancelled
from tui.datasets.source import Dataset
from tui.datasets.tokens import encoding_for
from tui.errors import TunedeckError

if TYPE_CHECKING:
    from tui.datasets.compared_rows import ComparedRows

Progress = Callable[[int, int], None]
Cancelled = Callable[[], bool]
OptionsFor = Callable[[str], CheckOptions]
"""Model -> what a file is checked for, tokens too."""
NEED_TOKENS = frozenset({"warnings", "too-long"})
"""Facets of rows that a report may be silent about when it counted no tokens: too long is a warning."""
_FIRST_ROWS = 20


class RowFacts:
    """Facets, findings, filters and sizes of one file; a cancelled pass leaves what was known before.

    Args:
        dataset: The file, without changes to it.
        options: What it is checked for.
        dataset_format: What the rows are read as.
        kept: Take a report that is kept, and keep a new one.
    """

    def __init__(
        self, dataset: Dataset, options: OptionsFor, dataset_format: DatasetFormat, *, kept: bool = True
    ) -> None:
        self._dataset = dataset
        self._kept = kept
        self._options = options
        self._format = dataset_format
        self._facets: Facets | None = None
        self._report: Report | None = None
        self._checked_for: str | None = None
        """Model whose tokens the report counted; "" when it may have counted none."""
        self._filtered: dict[str, Filtered] = {}
        """What the last expression found."""
        self._sizes: dict[tuple[SortKey, str], Any] = {}
        self._compared: ComparedRows | None = None

    def facets(
        self, names: tuple[str, ...], model: str, on_progress: Progress | None, cancelled: Cancelled
    ) -> Facets:
        """Return facets with everything in them that `names` ask for; the file is checked where needed.

        Raises:
            TunedeckError: The file can't be read.
            PassCancelled: `cancelled` returned True.
        """
        if self._facets is None:
            self._facets = find_facets(self._dataset.path, on_progress=on_progress, cancelled=cancelled)
        if set(names) & set(FROM_REPORT):
            with_tokens = bool(set(names) & NEED_TOKENS)
            report = self.report(model, with_tokens=with_tokens, on_progress=on_progress, cancelled=cancelled)
            self._facets.add_report(report)
        return self._facets

    def report(
        self, model: str, *, with_tokens: bool, on_progress: Progress | None, cancelled: Cancelled
    ) -> Report:
        """Return the report of the check; tokens, and rows that are too long, only where asked for.

        Raises:
            TunedeckError: The file can't be read.
            PassCancelled: `cancelled` returned True.
        """
        wanted = model if with_tokens else ""
        if self._report is None or (wanted and self._checked_for != wanted):
            try:
                self._report = self._check(model, with_tokens, on_progress, cancelled)
            except CheckCancelled:
                raise PassCancelled from None
            self._checked_for = wanted
        return self._report

    def _check(
        self, model: str, with_tokens: bool, on_progress: Progress | None, cancelled: Cancelled
    ) -> Report:
        path, options = self._dataset.path, self._options(model)
        if self._kept:
            return check_for_findings(
                path, options, with_tokens=with_tokens, on_progress=on_progress, cancelled=cancelled
            )
        known = None if self._format is DatasetFormat.UNKNOWN else self._format
        options = replace(options, format=known, count_tokens=with_tokens)
        return check_file(path, options, on_progress=on_progress, cancelled=cancelled)

    def compared(self, on_progress: Progress | None, cancelled: Cancelled) -> ComparedRows:
        """Return what rows are compared by.

        Raises:
            TunedeckError: The file can't be read.
            PassCancelled: `cancelled` returned True.
        """
        if self._compared is None:
            from tui.datasets.compared_rows import compare_rows  # and the lints, which few ever need

            self._compared = compare_rows(
                self._dataset.path, self._format, on_progress=on_progress, cancelled=cancelled
            )
        return self._compared

    def filtered(self, where: str, on_progress: Progress | None, cancelled: Cancelled) -> Filtered:
        """Return the lines whose rows a JMESPath expression holds for.

        Raises:
            TunedeckError: As `filter_lines`.
            PassCancelled: `cancelled` returned True.
        """
        if where not in self._filtered:
            found = filter_lines(self._dataset.path, where, on_progress=on_progress, cancelled=cancelled)
            self._filtered = {where: found}
        return self._filtered[where]

    def sizes(self, sort: SortKey, model: str, on_progress: Progress | None, cancelled: Cancelled) -> Any:
        """Return the bytes or the tokens of each line; the index has to be complete.

        Raises:
            TunedeckError: The file can't be read.
            PassCancelled: `cancelled` returned True.
        """
        key = (sort, model)
        if key not in self._sizes:
            self._sizes[key] = (
                line_bytes(self._dataset)
                if sort is SortKey.BYTES
                else line_tokens(
                    self._dataset.path,
                    encoding_for(model),
                    self._format,
                    on_progress=on_progress,
                    cancelled=cancelled,
                )
            )
        return self._sizes[key]


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
