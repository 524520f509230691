"""Writes a plan: whole files or nothing, with the original kept."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import orjson

from tui.datasets.atomic import new_files
from tui.datasets.edits import pending_edits
from tui.datasets.reshape.plan import Output, Part, Plan
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.tracker import Tracker
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """One file that was written."""

    name: str
    """What it is: "training", "lost"."""
    path: Path
    rows: int
    bytes: int

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {"name": self.name, "path": str(self.path), "rows": self.rows, "bytes": self.bytes}


@dataclass(frozen=True, slots=True)
class Written:
    """What writing a plan left."""

    files: tuple[WrittenFile, ...]
    side_file: WrittenFile | None = None
    """Messages that were cut off, or where each row comes from."""
    backup: Path | None = None
    """The original, where its name was taken."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "files": [file.as_json() for file in self.files],
            "side_file": None if self.side_file is None else self.side_file.as_json(),
            "backup": None if self.backup is None else str(self.backup),
        }


def target_names(plan: Plan, folder: Path | None = None) -> list[Path]:
    """Return NAME.training.jsonl and so on, beside the (first) source or in a folder."""
    source = plan.outputs[0].parts[0].table.path
    return [
        (source.parent if folder is None else folder) / f"{source.stem}.{output.name}.jsonl"
        for output in plan.outputs
    ]


def side_file_name(plan: Plan, target: Path) -> Path | None:
    """Return the name of the file beside a target, or None where a plan has none."""
    return target.with_name(f"{target.stem}.{plan.side_file}.jsonl") if plan.side_file else None


def every_name(plan: Plan, targets: Sequence[Path]) -> list[Path]:
    """Return the names of all files that writing a plan makes, the one beside the first target too."""
    side = side_file_name(plan, targets[0])
    return [*targets, *([side] if side is not None else [])]


def free_names(plan: Plan) -> list[Path]:
    """Return `target_names`, all with the same number behind where one is taken: NAME.training-2.jsonl."""
    targets = target_names(plan)
    for number in range(1, 10_000):
        more = "" if number == 1 else f"-{number}"
        made = [target.with_name(f"{target.stem}{more}{target.suffix}") for target in targets]
        if not any(os.path.lexists(one) for one in every_name(plan, made)):
            return made
    return targets


def write_plan(
    plan: Plan, targets: Sequence[Path], *, overwrite: bool = False, tracker: Tracker | None = None
) -> Written:
    """Write the new files; all of them appear, or none.

    Args:
        plan: What to write.
        targets: A path for each output.
        overwrite: Whether files of these names may be replaced; a source never is.
        tracker: Told how far it is.

    Raises:
        TunedeckError: A target exists, is a source or can't be written, or a source was written to since the
            plan was made.
        PassCancelled: The tracker was asked to stop; nothing is left behind.
    """
    _refuse_sources(plan, targets)
    return _write(plan, list(targets), overwrite, tracker or Tracker(), None)


def write_in_place(plan: Plan, *, tracker: Tracker | None = None) -> Written:
    """Put the one new file of a plan in its source's place; the original stays as NAME.bak.

    The backup is the old file itself under a second name, so it costs no room and no time; where a disk knows
    no such names it is a copy. A backup that is there already is never replaced: .bak2 follows, and so on.

    Raises:
        TunedeckError: The plan has several files or sources, there are unsaved changes to the file, or
            something can't be written.
        PassCancelled: The tracker was asked to stop; nothing is changed.
    """
    tables = _tables(plan)
    if len(plan.outputs) != 1 or len(tables) != 1:
        raise TunedeckError("Several files can't take the place of one.", "Name the new file.")
    target = Path(os.path.realpath(tables[0].path))  # a link stays a link
    if pending_edits(target) is not None:
        raise TunedeckError(
            f"{target} has changes that are not saved.", "Save or discard them in the app first."
        )
    backup = _free_backup(target)
    try:
        return _write(plan, [target], True, tracker or Tracker(), backup)
    except BaseException:
        if backup.exists() and target.exists() and not backup.samefile(target):
            raise  # the new file has its name, so the backup is the only original
        backup.unlink(missing_ok=True)
        raise


def _write(
    plan: Plan, targets: list[Path], overwrite: bool, tracker: Tracker, backup: Path | None
) -> Written:
    side = side_file_name(plan, targets[0])
    tables = _tables(plan)
    for table in tables:
        table.check_unchanged()
    with new_files(every_name(plan, targets), overwrite=overwrite, like=tables[0].path) as files:
        side_rows = _SideRows(files[-1] if side is not None else None)
        rows = [
            _write_output(plan, output, file, side_rows, tracker)
            for output, file in zip(plan.outputs, files, strict=False)
        ]
        sizes = [file.tell() for file in files]
        for table in tables:
            table.check_unchanged()
        if backup is not None:
            _keep_original(targets[0], backup)
    written = tuple(
        WrittenFile(output.name, target, count, size)
        for output, target, count, size in zip(plan.outputs, targets, rows, sizes, strict=False)
    )
    beside = None if side is None else WrittenFile(plan.side_file, side, side_rows.count, sizes[-1])
    return Written(written, beside, backup)


def _write_output(plan: Plan, output: Output, file: BinaryIO, side_rows: _SideRows, tracker: Tracker) -> int:
    file.write(output.parts[0].table.byte_order_mark)
    rows = 0
    for part in output.parts:
        if plan.side_file == "sources":
            side_rows.sources(part, rows)
        if plan.rewriter is None:
            part.table.copy(part.positions, file, tracker)
            rows += len(part.positions)
            continue
        for positions, is_rewritten in _runs(part.positions, plan.rewriter.positions):
            if not is_rewritten:
                part.table.copy(positions, file, tracker)
                rows += len(positions)
                continue
            for position in positions.tolist():
                tracker.tick(int(part.table.starts[position]), part.table.size)
                changed = plan.rewriter.rewrite(part.table, position)
                end = part.table.line_end(position)
                file.writelines(row + end for row in changed.rows)
                side_rows.lost(int(part.table.lines[position]), changed.lost)
                rows += len(changed.rows)
    return rows


class _SideRows:
    """Writes the file beside the new one, where there is one."""

    def __init__(self, file: BinaryIO | None) -> None:
        self._file = file
        self.count = 0

    def sources(self, part: Part, rows_before: int) -> None:
        """Note for each new row which line of which file it is."""
        name = str(part.table.path)
        for number, line in enumerate(part.table.lines[part.positions].tolist(), rows_before + 1):
            self._add({"line": number, "file": name, "source_line": line})

    def lost(self, line: int, messages: Sequence[dict[str, Any]]) -> None:
        """Note the messages that a row lost, in whole."""
        for message in messages:
            self._add({"line": line, **message})

    def _add(self, record: dict[str, Any]) -> None:
        if self._file is not None:
            self._file.write(orjson.dumps(record) + b"\n")
            self.count += 1


def _runs(positions: Array, rewritten: Array) -> Iterator[tuple[Array, bool]]:
    """Yield stretches of rows that are all copied, or all rewritten."""
    import numpy

    flags = numpy.isin(positions, rewritten)
    breaks = numpy.flatnonzero(flags[1:] != flags[:-1]) + 1
    for some, kind in zip(numpy.split(positions, breaks), numpy.split(flags, breaks), strict=True):
        if len(some):
            yield some, bool(kind[0])


def _tables(plan: Plan) -> list[RowTable]:
    tables = {id(part.table): part.table for output in plan.outputs for part in output.parts}
    return list(tables.values())


def _refuse_sources(plan: Plan, targets: Sequence[Path]) -> None:
    for target in targets:
        for table in _tables(plan):
            if target.exists() and target.samefile(table.path):
                raise TunedeckError(
                    f"{target} is the file itself.", "Use --in-place, or choose another name."
                )
    if len({os.path.realpath(target) for target in targets}) < len(targets):
        raise TunedeckError("Two new files have the same name.", "Name them differently.")


def _free_backup(target: Path) -> Path:
    for number in range(1, 10_000):
        backup = target.with_name(f"{target.name}.bak{number if number > 1 else ''}")
        if not os.path.lexists(backup):
            return backup
    raise TunedeckError(f"{target} has 10,000 backups.", "Delete some.")


def _keep_original(target: Path, backup: Path) -> None:
    try:
        os.link(target, backup)
    except FileExistsError:
        raise
    except OSError:
        shutil.copy2(target, backup)
