"""Which rows of a file, in which order: range, facets, expression and sort put together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tui.datasets.check import CheckOptions
from tui.datasets.facets import REPORT_SEVERITIES, Facets, facet
from tui.datasets.formats import DatasetFormat
from tui.datasets.options import DEFAULT_MODEL, USUAL_LINTS
from tui.datasets.report import Finding
from tui.datasets.row_facts import NEED_TOKENS, Cancelled, OptionsFor, Progress, RowFacts, format_of
from tui.datasets.row_order import SortKey, sorted_lines
from tui.datasets.row_pass import PassCancelled
from tui.datasets.search import Hits, Query, find_lines
from tui.datasets.shown_rows import ShownRows
from tui.datasets.source import Dataset
from tui.datasets.tokens import training_limit
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    from tui.datasets.edits import EditedDataset

    Lines = numpy.ndarray[Any, numpy.dtype[numpy.uint32]]


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
    """Rows in the order wished for."""

    lines: Any
    """Lines of the file, a numpy array; new rows by their own negative numbers."""
    sizes: dict[str, Any]
    """"bytes" or "tokens" -> one number for each row, by its number, for what they are sorted by."""
    notes: tuple[str, ...] = ()
    """What a person should know: rows an expression does not apply to, counts that may be too low."""


@dataclass(frozen=True, slots=True)
class _Now:
    """What rows are judged by, at one moment."""

    of_file: RowFacts
    shown: ShownRows | None
    """None while the rows are those of the file."""
    of_changed: RowFacts | None
    """None when no row is edited or new."""


class RowChooser:
    """Chooses rows again and again, by the file as it is on the disk, or as it is shown with changes to it.

    Each thing that is asked of the file is found out once; a cancelled pass leaves what was known before.

    Args:
        dataset: The file, without changes to it.
        marked: Tells the numbers of rows that a person has marked, for the facet of that name.
        dataset_format: What the rows are read as; None finds it out.
        options: What the file is checked for, by model; None takes what is usual.
        changes: The same file with changes; rows are then judged, and chosen, as they are shown.
    """

    def __init__(
        self,
        dataset: Dataset,
        marked: Callable[[], Iterable[int]] = lambda: (),
        *,
        dataset_format: DatasetFormat | None = None,
        options: OptionsFor | None = None,
        changes: EditedDataset | None = None,
    ) -> None:
        self._dataset = dataset
        self._marked = marked
        self._given_format = dataset_format
        self._options = options or self._usual_options
        self._changes = changes
        self._lock = threading.Lock()
        self._of_file: RowFacts | None = None
        self._shown: ShownRows | None = None
        self._of_changed: RowFacts | None = None

    def forget(self) -> None:
        """Forget everything: the file is not what it was."""
        with self._lock:
            self._of_file = self._shown = self._of_changed = None

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
        now = self._now()
        if now.shown is not None:
            chosen = numpy.arange(1, len(now.shown) + 1, dtype=numpy.uint32)
        if wish.facets:
            facets = self._facets(now, wish.facets, wish.model, on_progress, cancelled)
            for name in wish.facets:
                if facets.is_partial(name):
                    notes.append(
                        f'"{name}": the check keeps 1,000 findings of a rule, so there may be more rows.'
                    )
                chosen = numpy.intersect1d(chosen, facets.lines(name), assume_unique=True)
        if wish.where:
            found, refused, why = self._filter(now, wish.where, on_progress, cancelled)
            chosen = numpy.intersect1d(chosen, found, assume_unique=True)
            if refused:
                notes.append(f"{refused:,} rows can't be asked this; {why}")
        sizes: dict[str, Any] = {}
        if wish.sort is not SortKey.FILE:
            sizes[wish.sort.value] = measured = self._measure(now, wish, on_progress, cancelled)
            chosen = sorted_lines(measured, largest_first=wish.largest_first, among=chosen)
        lines: Any = chosen.astype(numpy.uint32)
        if now.shown is not None:
            lines = now.shown.who[chosen.astype(numpy.int64) - 1]
        return ChosenRows(lines, sizes, tuple(notes))

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
        return self._facets(self._now(), names, model, on_progress, cancelled)

    def _facets(
        self,
        now: _Now,
        names: tuple[str, ...],
        model: str,
        on_progress: Progress | None,
        cancelled: Cancelled,
    ) -> Facets:
        for name in names:
            facet(name)
        found = now.of_file.facets(names, model, on_progress, cancelled)
        if now.shown is not None:
            changed = now.of_changed.facets(names, model, None, cancelled) if now.of_changed else None
            found = now.shown.facets(found, changed)
            if not now.shown.is_whole and set(names) & {name for name, _ in REPORT_SEVERITIES}:
                from tui.datasets.judged_rows import mark_judged

                with_tokens = bool(set(names) & NEED_TOKENS)
                mark_judged(found, now.shown, self._judged(now, now.shown, model, with_tokens, cancelled))
        found.add_lines("marked", self._marked())
        return found

    def search_as_shown(self, query: Query, of_file: Hits, cancelled: Cancelled = lambda: False) -> Hits:
        """Return what a search of the file finds in the rows as they are shown, new ones among them.

        Args:
            query: What was looked for.
            of_file: Where it stands in the file as it is on the disk.
            cancelled: True ends it.

        Raises:
            TunedeckError: As `find_lines`.
            PassCancelled: `cancelled` returned True.
        """
        shown = self._now().shown
        if shown is None:
            return of_file
        changed = Hits()
        if shown.dataset is not None:
            find_lines(shown.dataset.path, query, changed, cancelled=cancelled)
        return shown.hits(of_file, changed)

    def findings_of_changed(
        self, model: str, *, with_tokens: bool, cancelled: Cancelled = lambda: False
    ) -> dict[int, list[Finding]]:
        """Return what the check finds in the rows that are judged anew, by who they are.

        Those are all rows of a small file with changes; of a large one the edited and the new ones, and
        others that may be repeated now, or answered otherwise. Findings name no line: it would be that of no
        file.

        Raises:
            TunedeckError: The journal can't be read.
            PassCancelled: `cancelled` returned True.
        """
        now = self._now()
        if now.shown is None:
            return {}
        if not now.shown.is_whole:
            return self._judged(now, now.shown, model, with_tokens, cancelled)
        found: dict[int, list[Finding]] = {who: [] for who in now.shown.changed}
        if now.of_changed is not None:
            report = now.of_changed.report(
                model, with_tokens=with_tokens, on_progress=None, cancelled=cancelled
            )
            for finding in report.findings:
                if finding.line is not None:
                    found[now.shown.changed[finding.line - 1]].append(replace(finding, line=None))
        return found

    def _judged(
        self, now: _Now, shown: ShownRows, model: str, with_tokens: bool, cancelled: Cancelled
    ) -> dict[int, list[Finding]]:
        from tui.datasets.judged_rows import Judged, judge_shown  # the lints come with it

        def judged(facts: RowFacts) -> Judged:
            return Judged(
                facts.report(model, with_tokens=with_tokens, on_progress=None, cancelled=cancelled),
                facts.compared(None, cancelled),
                facts.facets((), model, None, cancelled).flags,
            )

        changed = judged(now.of_changed) if now.of_changed else None
        return judge_shown(shown, judged(now.of_file), changed, self._options(model))

    def _usual_options(self, model: str) -> CheckOptions:
        return CheckOptions(
            model=model, format=self._given_format, token_limit=training_limit(model), lints=USUAL_LINTS
        )

    def _now(self) -> _Now:
        """Return the rows as they are shown, and what is asked of them."""
        with self._lock:
            rows_format = self._given_format or format_of(self._dataset)
            if self._of_file is None:
                self._of_file = RowFacts(self._dataset, self._options, rows_format)
            changes = self._changes
            if changes is not None and (self._shown is None or self._shown.version != changes.version):
                self._shown = self._of_changed = None
                if changes.changes.total:
                    self._dataset.build_index()
                    self._shown = ShownRows(changes.snapshot(), self._dataset)
                    if self._shown.dataset is not None:
                        self._of_changed = RowFacts(
                            self._shown.dataset, self._options, rows_format, kept=False
                        )
            return _Now(self._of_file, self._shown, self._of_changed)

    def _filter(
        self, now: _Now, where: str, on_progress: Progress | None, cancelled: Cancelled
    ) -> tuple[Lines, int, str]:
        """Return the rows that an expression holds for, how many refused it, and why the first did."""
        import numpy

        found = now.of_file.filtered(where, on_progress, cancelled)
        if now.shown is None:
            return numpy.array(found.lines, dtype=numpy.uint32), found.refused, found.first_refusal
        changed = now.of_changed.filtered(where, None, cancelled) if now.of_changed else None
        return now.shown.filtered(found, changed)

    def _measure(self, now: _Now, wish: RowWish, on_progress: Progress | None, cancelled: Cancelled) -> Any:
        """Return a size for each row."""
        sizes = now.of_file.sizes(wish.sort, wish.model, on_progress, cancelled)
        if now.shown is None:
            return sizes
        changed = now.of_changed.sizes(wish.sort, wish.model, None, cancelled) if now.of_changed else None
        return now.shown.values(sizes, changed)


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
