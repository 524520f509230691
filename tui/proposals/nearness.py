"""What a new row repeats: rows of the training file, rows of validation, and proposals made before."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

import orjson
import xxhash

from tui.datasets.formats import row_format
from tui.datasets.lints.row_text import RowText, spoken
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.row_pass import PassCancelled
from tui.store.text_index import TextIndex

NEAR = 0.85
"""Share of the words, in their order, from which two rows are nearly the same: that of the rules."""
SHOWN = 0.6
"""From here on the nearest row is shown beside a proposal, so that a person may judge."""
MOST_INDEXED = 200_000
"""Rows of a file among which near ones are looked for; identical ones are found among all."""
_CANDIDATES = 5
_MOST_WORDS = 400
"""Of a text that is compared word by word in order; longer ones by which words they hold."""
_BATCH = 2_000
_WORDS = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Nearest:
    """The row that a new one comes nearest to."""

    where: str
    """"train.jsonl line 12"."""
    share: float
    """1 for the same words in the same order."""
    line: bytes
    in_validation: bool = False

    @property
    def is_same(self) -> bool:
        """True where not a word differs."""
        return self.share >= 1.0

    @property
    def is_near(self) -> bool:
        """True where the two are nearly the same."""
        return self.share >= NEAR


class Neighbourhood:
    """Rows that new ones are compared with; closed after use.

    Args:
        training: The file that rows are made for; it need not exist.
        validation: Files whose rows must not come back in it.
        cancelled: Ends the reading.
        on_progress: Called with (bytes read, bytes in all) of a file.

    Raises:
        TunedeckError: A file can't be read.
        PassCancelled: It was ended.
    """

    def __init__(
        self,
        training: Path,
        validation: tuple[Path, ...] = (),
        *,
        cancelled: Callable[[], bool] = lambda: False,
        on_progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> None:
        self._index = TextIndex()
        self._keys: dict[int, int] = {}
        """Hash of the words -> number, of every row."""
        self._places: list[tuple[str, RowTable | None, int, bytes, bool]] = []
        """(where, table, position in it, line where there is no table, in validation) by number - 1."""
        self._tables: list[RowTable] = []
        self.unlooked = 0
        """Rows beyond those among which near ones are looked for."""
        try:
            for path in validation:
                self._read(path, cancelled, on_progress, in_validation=True)
            if training.exists():
                self._read(training, cancelled, on_progress, in_validation=False)
        except BaseException:
            self.close()
            raise

    def _read(
        self,
        path: Path,
        cancelled: Callable[[], bool],
        on_progress: Callable[[int, int], None],
        *,
        in_validation: bool,
    ) -> None:
        table = RowTable.open(path)
        self._tables.append(table)
        waiting: list[tuple[int, str]] = []
        for position in range(len(table)):
            if position % _BATCH == 0:
                if cancelled():
                    raise PassCancelled
                on_progress(position, len(table))
            line = table.content(position)
            words = words_of(line.removeprefix(BYTE_ORDER_MARK) if not position else line)
            if not words:
                continue
            where = f"{path.name} line {int(table.lines[position]):,}"
            self._places.append((where, table, position, b"", in_validation))
            number = len(self._places)
            self._keys.setdefault(_key(words), number)
            if position < MOST_INDEXED:
                waiting.append((number, " ".join(words)))
            else:
                self.unlooked += 1
            if len(waiting) >= _BATCH:
                self._index.add(waiting)
                waiting = []
        self._index.add(waiting)

    def add(self, line: bytes, where: str) -> None:
        """Compare later rows with this one, too."""
        words = words_of(line)
        self._places.append((where, None, 0, line, False))
        number = len(self._places)
        self._keys.setdefault(_key(words), number)
        self._index.add([(number, " ".join(words))])

    def nearest(self, line: bytes) -> Nearest | None:
        """Return the row that another comes nearest to; None where no row is like it at all.

        Raises:
            TunedeckError: A file has changed since it was read.
        """
        words = words_of(line)
        same = self._keys.get(_key(words))
        if same is not None:
            return self._told(same, 1.0)
        best: Nearest | None = None
        for number in self._index.nearest(" ".join(words), _CANDIDATES):
            content = self._line(number)
            share = min(0.999, likeness(words, words_of(content)))
            if best is None or share > best.share:
                best = self._told(number, share, content)
        return best if best is not None and best.share >= SHOWN else None

    def _line(self, number: int) -> bytes:
        _, table, position, line, _ = self._places[number - 1]
        return line if table is None else table.content(position)

    def _told(self, number: int, share: float, line: bytes | None = None) -> Nearest:
        where, _, _, _, in_validation = self._places[number - 1]
        return Nearest(where, share, self._line(number) if line is None else line, in_validation)

    def close(self) -> None:
        """Close the files and forget the index."""
        self._index.close()
        for table in self._tables:
            table.close()


def words_of(line: bytes) -> list[str]:
    """Return the words that are said in a row, small, without the system's; empty for what is no row."""
    try:
        value: Any = orjson.loads(line)
    except ValueError:
        return []
    if not isinstance(value, dict):
        return []
    text = RowText.of(value, row_format(value))
    return _WORDS.findall(" ".join(said.text for said in spoken(text)).lower())


def likeness(one: list[str], other: list[str]) -> float:
    """Return how much of two texts is the same, 0 to 1: their words in order, or which they hold."""
    if not one or not other:
        return 0.0
    if max(len(one), len(other)) > _MOST_WORDS:
        first, second = set(one), set(other)
        return len(first & second) / len(first | second)
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _key(words: list[str]) -> int:
    return xxhash.xxh3_64_intdigest("\x1f".join(words).encode("utf-8", "surrogatepass"))
