"""Rows and tokens of a file at once, however large: counted in random windows, each figure with its range.

Small files are counted whole. Of larger ones `tui.datasets.sampling` draws windows; the rows they meet are
parsed and counted as `tui.datasets.row_tokens` says, a very long text by two random cuttings. A row that is
too large to be read is counted by the bytes that lie in its windows, and what can't be known of it so (whose
words they are, where the row ends) widens the range instead of being guessed.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from tui.datasets.engines.choose import engine_for
from tui.datasets.files import open_file, read_at
from tui.datasets.formats import DatasetFormat, detect_format
from tui.datasets.intervals import CONFIDENCE, Interval, total_from
from tui.datasets.layout_tokens import RowCounter, row_counter
from tui.datasets.open_rows import open_row_tokens
from tui.datasets.parsing import BYTE_ORDER_MARK, parse_line
from tui.datasets.report import Distribution
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.sampling import WINDOWS, RowShare, WindowReader, draw_windows
from tui.datasets.tokens import TextTokenizer
from tui.datasets.weighted import weighted_distribution
from tui.errors import TunedeckError

WHOLE_BYTES = 4 << 20
"""A file up to this size is counted whole, in some 50 ms."""
_HEAD_BYTES = (64 << 10, 8 << 20)
"""Where the format is looked for; further where no row ends in the first."""
_LEAST_WINDOWS = 24
_MOST_CHARACTERS = 5_000_000
_MOST_READ = 128 << 20
"""Where rows are so long that windows take more than this, fewer windows have to do."""
_CUT_ABOVE = 24_000
_CUTTING = 6_000


@dataclass(frozen=True, slots=True)
class FileEstimate:
    """What a file holds, as far as a sample tells."""

    encoding: str
    format: DatasetFormat
    file_bytes: int
    windows: int
    """Windows that were counted; 0 when the file was counted whole."""
    bytes_read: int
    rows: Interval
    """Lines that are not blank."""
    examples: Interval
    """Lines that hold a JSON object, and so were counted."""
    total_tokens: Interval
    trained_tokens: Interval
    tokens_per_epoch: Interval
    """Each example up to the limit: what one epoch reads and bills."""
    per_example: Distribution
    """Of the rows met, each by its share; least and most are those met."""

    @property
    def is_exact(self) -> bool:
        """True when the whole file was counted."""
        return self.windows == 0

    def as_record(self) -> dict[str, Any]:
        """Return all of it as JSON values."""
        return asdict(self)

    @classmethod
    def from_record(cls, value: Mapping[str, Any]) -> FileEstimate:
        """Return the estimate that `as_record` turned into `value`."""
        figures = {name: Interval(**value[name]) for name in _FIGURES}
        spread = Distribution(**value["per_example"])
        return cls(**{**value, **figures, "format": DatasetFormat(value["format"]), "per_example": spread})

    def ranges_json(self) -> dict[str, Any]:
        """Return the ends of every range, and what they rest on."""
        return {
            "is_exact": self.is_exact,
            "confidence": 1.0 if self.is_exact else CONFIDENCE,
            "windows": self.windows,
            "bytes_read": self.bytes_read,
            "file_bytes": self.file_bytes,
            **{name: getattr(self, name).as_json() for name in _FIGURES},
        }


_FIGURES = ("rows", "examples", "total_tokens", "trained_tokens", "tokens_per_epoch")


@dataclass(slots=True)
class _Sums:
    """What the rows of one window add up to, and how far each sum may be off."""

    values: list[float] = field(default_factory=lambda: [0.0] * len(_FIGURES))
    doubts: list[tuple[float, float]] = field(default_factory=lambda: [(0.0, 0.0)] * len(_FIGURES))
    """By how much each value may be too high and too low."""

    def add(self, figures: tuple[float, ...], share: float) -> None:
        """Add a row that was counted."""
        for index, figure in enumerate(figures):
            self.values[index] += figure * share

    def add_between(self, *figures: tuple[float, float, float]) -> None:
        """Add figures of which (least, likely, most) is known."""
        for index, (least, likely, most) in enumerate(figures):
            self.values[index] += likely
            below, above = self.doubts[index]
            self.doubts[index] = below + likely - least, above + most - likely


def estimate_file(
    path: Path,
    encoding: str,
    *,
    limit: int | None = None,
    dataset_format: DatasetFormat | None = None,
    tokenizer: TextTokenizer | None = None,
    seed: int = 0,
    windows: int = WINDOWS,
    cancelled: Callable[[], bool] = lambda: False,
) -> FileEstimate:
    """Return rows and tokens of a file; 0.1 s beside the loading of the vocabulary, whatever its size.

    Args:
        path: A regular file.
        encoding: Name of a shipped vocabulary.
        limit: Most tokens of an example; None cuts nothing.
        dataset_format: The rows' format; None finds it out.
        tokenizer: Counts instead of the shipped vocabulary.
        seed: The same seed gives the same figures.
        windows: How many windows to draw.
        cancelled: Asked for each window; True ends with the windows counted so far.

    Raises:
        TunedeckError: The file can't be read, or is a pipe.
    """
    with open_file(path) as stream:
        status = os.fstat(stream.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise TunedeckError(
                f"{path} is not a regular file, so no part of it can be read alone.",
                "Count it whole, or save the rows to a file first.",
            )
        counter = tokenizer or engine_for(encoding)
        sample = _Sample(counter, limit, Random(seed))
        sample.learn_format(stream.fileno(), dataset_format)
        if status.st_size <= WHOLE_BYTES:
            return sample.whole(read_at(stream.fileno(), 0, status.st_size))
        drawn, count = draw_windows(status.st_size, windows, seed)
        reader = WindowReader(stream.fileno(), status.st_size)
        for start, end in drawn:
            if sample.is_enough(reader.bytes_read) or (sample.windows and cancelled()):
                break
            sample.window(reader, start, end)
        return sample.estimate(count, status.st_size, reader.bytes_read)


class _Cutter:
    """Counts long texts by two random cuttings, so that one huge row can't take the time of all others."""

    def __init__(self, tokenizer: TextTokenizer, random: Random) -> None:
        self.name = tokenizer.name
        self.characters = 0
        self._count = tokenizer.count
        self._random = random

    def count(self, text: str) -> int:
        """Return the tokens of `text`, of a long one about."""
        length = len(text)
        if length <= _CUT_ABOVE:
            self.characters += length
            return self._count(text)
        starts = [self._random.randrange(length - _CUTTING) for _ in range(2)]
        self.characters += 2 * _CUTTING
        return round(length * sum(self._count(text[at : at + _CUTTING]) for at in starts) / (2 * _CUTTING))


class _Sample:
    """The rows met so far."""

    def __init__(self, tokenizer: TextTokenizer, limit: int | None, random: Random) -> None:
        self._tokenizer = tokenizer
        self._limit = limit
        self._cutter = _Cutter(tokenizer, random)
        self._counter: RowCounter = RowTokenCounter(self._cutter)
        if not isinstance(row_counter(tokenizer, limit), RowTokenCounter):
            self._counter = row_counter(tokenizer, limit)  # a layout of whole rows can't be fed cuttings
        self._format = DatasetFormat.UNKNOWN
        self._sums: list[_Sums] = []
        self._lengths: list[tuple[int, float]] = []

    @property
    def windows(self) -> int:
        """Windows counted."""
        return len(self._sums)

    def learn_format(self, descriptor: int, known: DatasetFormat | None) -> None:
        """Take the format given, or that of the rows at the beginning of the file."""
        for length in _HEAD_BYTES:
            if known is None:
                lines = read_at(descriptor, 0, length).removeprefix(BYTE_ORDER_MARK).split(b"\n")
                found = detect_format(parse_line(line)[0] for line in lines)
                known = None if found is DatasetFormat.UNKNOWN else found
        self._format = known or DatasetFormat.UNKNOWN

    def is_enough(self, bytes_read: int) -> bool:
        """Say whether rows are so long that the windows counted have to do."""
        spent = self._cutter.characters > _MOST_CHARACTERS or bytes_read > _MOST_READ
        return spent and self.windows >= _LEAST_WINDOWS

    def whole(self, content: bytes) -> FileEstimate:
        """Return the figures of a file that is counted from its first to its last byte."""
        self._counter = row_counter(self._tokenizer, self._limit)
        self._sums.append(_Sums())
        for line in content.removeprefix(BYTE_ORDER_MARK).split(b"\n"):
            self._row(RowShare(line, 1.0))
        figures = [Interval.exactly(round(value)) for value in self._sums[0].values]
        return self._result(figures, len(content), windows=0, bytes_read=len(content))

    def window(self, reader: WindowReader, start: int, end: int) -> None:
        """Count the rows of one window, each by the share that lies in it."""
        self._sums.append(_Sums())
        for row in reader.rows(start, end):
            if row.is_open:
                self._open_row(row)
            else:
                self._row(row if start else RowShare(row.raw.removeprefix(BYTE_ORDER_MARK), row.share))

    def _row(self, row: RowShare) -> None:
        if not row.raw or row.raw.isspace():
            return
        sums = self._sums[-1]
        value, _ = parse_line(row.raw)
        if not isinstance(value, dict):
            sums.add((1, 0, 0, 0, 0), row.share)
            return
        try:
            tokens = self._counter.row(value, self._format)
        except RecursionError:
            sums.add((1, 1, 0, 0, 0), row.share)
            return
        billed = tokens.billed
        if billed is None:
            billed = tokens.total if self._limit is None else min(tokens.total, self._limit)
        sums.add((1, 1, tokens.total, tokens.trained, billed), row.share)
        self._lengths.append((tokens.total, row.share))

    def _open_row(self, row: RowShare) -> None:
        words, perhaps_words = open_row_tokens(row, self._cutter)
        most = words + perhaps_words
        billed = (words, words, most)
        if self._limit is not None:
            cap = self._limit * row.share  # at most: the row is longer than what is known of it
            billed = (0 if words > cap else words, min(words, cap), min(most, cap))
        one_row = (0, row.share / 2, row.share)
        self._sums[-1].add_between(one_row, one_row, (words, words, most), (0, words / 2, most), billed)

    def estimate(self, count: int, size: int, bytes_read: int) -> FileEstimate:
        """Return the figures of the whole file.

        Args:
            count: Windows of the file.
            size: Its bytes.
            bytes_read: What was read of it.
        """
        columns = range(len(_FIGURES))
        figures = [
            total_from(
                [sums.values[column] for sums in self._sums],
                [sums.doubts[column] for sums in self._sums],
                count,
            )
            for column in columns
        ]
        return self._result(figures, size, windows=self.windows, bytes_read=bytes_read)

    def _result(self, figures: list[Interval], size: int, *, windows: int, bytes_read: int) -> FileEstimate:
        return FileEstimate(
            encoding=self._tokenizer.name,
            format=self._format,
            file_bytes=size,
            windows=windows,
            bytes_read=bytes_read,
            rows=figures[0],
            examples=figures[1],
            total_tokens=figures[2],
            trained_tokens=figures[3],
            tokens_per_epoch=figures[4],
            per_example=weighted_distribution(self._lengths, figures[1].value, figures[2].value),
        )
