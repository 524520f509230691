"""Puts the rows of several files into one, when they are of one format."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from xxhash import xxh3_64_intdigest

from tui.datasets.formats import DatasetFormat, format_of_row
from tui.datasets.lints.row_text import RowText
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.datasets.reshape.keys import answer_here
from tui.datasets.reshape.plan import CountTable, Output, Part, Plan, source_notes
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.datasets.row_pass import ask_every_line
from tui.errors import ExitCode, TunedeckError
from tui.safe_text import safe_line

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

_SMALL = 1 << 20
_MOST_KEYS = 50
_UNREADABLE = "no JSON object"


@dataclass(slots=True)
class Shape:
    """What the rows of a file look like."""

    rows: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    """Top-level key -> rows that have it; "system prompt" counts as one."""
    digests: array[int] = field(default_factory=lambda: array("Q"))

    @property
    def format(self) -> DatasetFormat:
        """The format of most rows."""
        readable = [(count, name) for name, count in self.formats.items() if name != _UNREADABLE]
        return DatasetFormat(max(readable)[1]) if readable else DatasetFormat.UNKNOWN


def plan_merge(
    tables: Sequence[RowTable], tracker: Tracker | None = None, *, provenance: bool = False
) -> Plan:
    """Put files one behind the other, each in its own order.

    Args:
        tables: The files; one may stand twice.
        tracker: Told how far it is.
        provenance: Write beside the new file which line of which file each row is; the rows stay as they are,
            for services refuse keys they do not know.

    Raises:
        TunedeckError: There is one file only, a file can't be read, or (exit code 1) their formats differ.
        PassCancelled: The tracker was asked to stop.
    """
    import numpy

    if len(tables) < 2:
        raise TunedeckError("One file alone can't be merged.", "Name two files or more.")
    tracker = tracker or Tracker()
    shapes = [shape_of(table, tracker) for table in tables]
    _refuse_different(tables, shapes)
    return Plan(
        operation="merge",
        outputs=(Output("merged", tuple(Part(table, numpy.arange(len(table))) for table in tables)),),
        rows=sum(len(table) for table in tables),
        facts={"format": shapes[0].format.value, "sources": [str(table.path) for table in tables]},
        tables=(_key_table(tables, shapes),),
        notes=(*source_notes(tables), *_differences(tables, shapes), *_repeated(tables, shapes)),
        side_file="sources" if provenance else "",
    )


def shape_of(table: RowTable, tracker: Tracker) -> Shape:
    """Look at every row of a file, over all cores.

    Raises:
        TunedeckError: The file can't be read or changed.
        PassCancelled: The tracker was asked to stop.
    """
    job = {"kind": "shapes", "read_as": table.read_as}
    if table.size <= _SMALL:
        parts = [answer_here(table, ShapeJob(job), tracker)]
    else:
        answers = ask_every_line(
            table.path, job, on_progress=tracker.on_progress, cancelled=tracker.cancelled
        )
        parts = [(part.facts, part.payload) for part in answers]
    shape = Shape(rows=len(table))
    for facts, payload in parts:
        shape.formats.update(facts["formats"])
        shape.keys.update(facts["keys"])
        shape.digests.frombytes(payload)
    table.check_unchanged()
    return shape


class ShapeJob:
    """Counts formats and keys; the payload is a hash of each line that is not blank."""

    def __init__(self, job: Mapping[str, Any]) -> None:
        self._read_as: str | None = job["read_as"]

    def part(self, lines: list[bytes], *, is_first: bool) -> tuple[dict[str, Any], bytes]:
        """Return the counts and the hashes."""
        formats, keys, digests = Counter[str](), Counter[str](), array("Q")
        for number, line in enumerate(lines):
            if is_first and not number:
                line = line.removeprefix(BYTE_ORDER_MARK)
            if not line or line.isspace():
                continue
            digests.append(xxh3_64_intdigest(line.strip()))
            try:
                value = orjson.loads(line)
            except ValueError:
                value = None
            if not isinstance(value, dict):
                formats[_UNREADABLE] += 1
                continue
            found = format_of_row(value, self._read_as)
            formats[found.value] += 1
            keys.update(value.keys())
            if any(said.role in ("system", "developer") for said in RowText.of(value, found).said):
                keys["system prompt"] += 1
        return {"formats": formats, "keys": dict(keys.most_common(_MOST_KEYS))}, digests.tobytes()


def _refuse_different(tables: Sequence[RowTable], shapes: Sequence[Shape]) -> None:
    if len({shape.format for shape in shapes}) == 1:
        return
    said = "; ".join(
        f"{table.path.name}: {shape.format.value} ({_said(shape.formats)})"
        for table, shape in zip(tables, shapes, strict=True)
    )
    raise TunedeckError(
        f"These files are of different formats: {said}.",
        "Convert them to one first: tunedeck convert",
        exit_code=ExitCode.BAD,
    )


def _said(counts: Counter[str]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.most_common())


def _key_table(tables: Sequence[RowTable], shapes: Sequence[Shape]) -> CountTable:
    keys = sorted(set().union(*(shape.keys for shape in shapes)))[:20]
    lines = [("rows", tuple(shape.rows for shape in shapes))]
    lines += [(safe_line(key, 40), tuple(shape.keys[key] for shape in shapes)) for key in keys]
    return CountTable("Rows with", tuple(table.path.name for table in tables), tuple(lines))


def _differences(tables: Sequence[RowTable], shapes: Sequence[Shape]) -> list[str]:
    """Say what some of the files have and others have not."""
    notes = []
    for key in sorted(set().union(*(shape.keys for shape in shapes))):
        having = [table.path.name for table, shape in zip(tables, shapes, strict=True) if shape.keys[key]]
        if len(having) < len(tables):
            notes.append(f"Only {', '.join(having)} {'has' if len(having) == 1 else 'have'} {key}.")
    for table, shape in zip(tables, shapes, strict=True):
        if len(shape.formats) > 1:
            notes.append(f"{table.path.name} holds {_said(shape.formats)} rows.")
    return [safe_line(note, 300) for note in notes[:20]]


def _repeated(tables: Sequence[RowTable], shapes: Sequence[Shape]) -> list[str]:
    """Say how many rows of a file stand in an earlier one too."""
    import numpy

    notes = []
    seen: Array = numpy.zeros(0, numpy.uint64)
    for table, shape in zip(tables, shapes, strict=True):
        mine = numpy.frombuffer(shape.digests, numpy.uint64)
        shared = int(numpy.isin(mine, seen).sum())
        if shared:
            name = safe_line(table.path.name, 100)
            notes.append(f"{shared:,} rows of {name} stand in an earlier file too: see tunedeck dedupe.")
        seen = numpy.concatenate((seen, mine))
    return notes
