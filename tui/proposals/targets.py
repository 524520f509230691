"""The training file that kept rows go to: never one that is validated on.

Origins stand in a file of their own, `NAME.origins.jsonl`: the services refuse keys of ours in a row (the
rule `extra-key`), and a row must be the same for all of them.
"""

from __future__ import annotations

from pathlib import Path

import orjson

from tui import paths
from tui.datasets.edits import pending_edits
from tui.datasets.files import unchanged_file
from tui.datasets.formats import DatasetFormat, row_format
from tui.datasets.lines import LineReader
from tui.datasets.parsing import BYTE_ORDER_MARK
from tui.errors import TunedeckError
from tui.jobs.reports import file_sha256
from tui.store.store import Store

HELD_OUT_ENDINGS = (".validation.jsonl", ".test.jsonl")
"""Names that `tunedeck split` gives to what it puts aside."""
_TRAINING_ENDING = ".training.jsonl"
_NAME_DIGITS = 16
"""Of a content's SHA-256 in the name of the folder that keeps its split (tui.jobs.files)."""


def origins_file(target: Path) -> Path:
    """Return where the origins of a training file's rows stand."""
    return target.with_name(f"{target.stem}.origins.jsonl")


def refuse_validation(store: Store, path: Path) -> None:
    """Refuse a file that a job is, was or will be validated on: rows that are made must not be measured on.

    Raises:
        TunedeckError: It is one, by its name, its place, what launches were given, or its content.
    """
    why = _why_validation(store, path)
    if why:
        raise TunedeckError(
            f"{path} is held out: {why}.",
            "Made rows go to a training file, and are not made from held-out ones: name another.",
        )


def _why_validation(store: Store, path: Path) -> str:
    if path.name.endswith(HELD_OUT_ENDINGS):
        return "its name is that of a split's validation or test part"
    whole = path.expanduser().resolve()
    if whole.is_relative_to(paths.splits_dir().resolve()):
        return "it is a part that a launch has split off"
    if any(Path(one).expanduser().resolve() == whole for one in store.validation_paths()):
        return "a job was validated on it"
    if path.exists():
        contents = store.validation_contents()
        if contents and file_sha256(path) in contents:
            return "a job was validated on a file with the same content"
    return ""


def held_out_files(store: Store, target: Path, given: tuple[Path, ...] = ()) -> tuple[Path, ...]:
    """Return every file on this machine that holds validation rows of a training file.

    Args:
        store: Knows what launches were given.
        target: The training file.
        given: Those that a person named.

    Raises:
        TunedeckError: The target can't be read.
    """
    found = list(given)
    if target.name.endswith(_TRAINING_ENDING):
        stem = target.name.removesuffix(_TRAINING_ENDING)
        found += [target.with_name(f"{stem}{ending}") for ending in HELD_OUT_ENDINGS]
    found += [target.with_name(f"{target.stem}{ending}") for ending in HELD_OUT_ENDINGS]
    found += [Path(one) for one in sorted(store.validations_of(str(target)))]
    if target.exists() and paths.splits_dir().is_dir():
        content = file_sha256(target)[:_NAME_DIGITS]
        found += sorted(paths.splits_dir().glob(f"{content}-*/{target.stem}.validation.jsonl"))
    return tuple(dict.fromkeys(path.absolute() for path in found if path.is_file()))


def refuse_other_kind(target: Path, dataset_format: DatasetFormat) -> None:
    """Refuse a file whose first row is of another kind, or that has changes waiting in the app.

    Raises:
        TunedeckError: It is so, or the file can't be read.
    """
    if not target.exists():
        return
    if target.is_dir():
        raise TunedeckError(f"{target} is a folder.", "Name a file in it.")
    if pending_edits(target) is not None:
        raise TunedeckError(
            f"{target} has changes that were not saved in the app.", "Save or discard them there first."
        )
    with unchanged_file(target) as (stream, _):
        for _, lines in LineReader(stream).batches():
            first = next((line for line in lines if line and not line.isspace()), None)
            if first is None:
                continue
            try:
                found = row_format(orjson.loads(first.removeprefix(BYTE_ORDER_MARK)))
            except ValueError:
                found = DatasetFormat.UNKNOWN
            if found is not dataset_format:
                raise TunedeckError(
                    f"{target.name} does not hold {dataset_format} rows: its first one is {found}.",
                    "Name another file; rows of two kinds in one are refused by every service.",
                )
            return
