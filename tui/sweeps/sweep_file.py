"""Sweep files: a job file with tables beside it that say what differs, how to search, and what caps it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.job_file import line_of, read_toml, terms_of_values
from tui.providers.redaction import redact
from tui.sweeps.space import EPOCHS, MOST_TRIALS, PLAN_AXES, TRAINING, VALIDATION, Axis, parse_axis
from tui.sweeps.terms import (
    BEST,
    LAST,
    VALID_LOSS,
    Caps,
    Halving,
    Objective,
    RungsBy,
    Search,
    Strategy,
    SweepTerms,
)

_OWN = {
    "space": (),
    "search": ("strategy", "trials", "seed", "at_once"),
    "objective": ("metric", "take", "evaluate", "checks", "rows"),
    "halving": ("by", "rungs", "keep"),
    "caps": ("money", "hours"),
}
"""Table -> the keys that it may have; those of the space are the axes."""
_LONGEST_NAME = 60
_MOST_AT_ONCE = 64


def read_sweep_file(path: Path) -> SweepTerms:
    """Read a sweep file; paths in it are relative to its folder.

    Raises:
        TunedeckError: It can't be read, or a key or value in it is wrong; the message names the line.
    """
    text, values = read_toml(path, "A sweep file", "`tunedeck sweep new` writes one.")
    return _terms(values, path, text)


def parse_sweep_text(text: str, folder: Path) -> SweepTerms:
    """As `read_sweep_file`, for a text whose paths are relative to a folder.

    Raises:
        TunedeckError: It is no TOML, or a key or value in it is wrong.
    """
    import tomllib  # only who writes a sweep needs it

    path = folder / "sweep.toml"
    try:
        values = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TunedeckError(f"This is not TOML: {error}.", "Mend the line, or leave the sweep.") from None
    return _terms(values, path, text)


def terms_of_definition(definition: Mapping[str, Any]) -> SweepTerms:
    """Return the terms of a sweep as the store keeps them; the paths in them are whole."""
    return _terms(dict(definition), Path("sweep.toml").absolute(), "")


def sweep_file_text(terms: SweepTerms, notes: tuple[str, ...] = ()) -> str:
    """Return a sweep file that `read_sweep_file` reads back as the same.

    Args:
        terms: The sweep.
        notes: Sentences that stand above it as comments.
    """
    import tomlkit  # only an export needs it

    document = tomlkit.document()
    for note in (
        "A sweep: `tunedeck sweep run THIS_FILE` says its price and time, asks, and runs it.",
        *notes,
    ):
        document.add(tomlkit.comment("".join(letter if letter.isprintable() else " " for letter in note)))
    document.add(tomlkit.nl())
    for name, value in terms.as_json().items():
        if name == "space":
            table = tomlkit.table()
            for axis, shape in value.items():
                if isinstance(shape, dict):
                    inline = tomlkit.inline_table()
                    inline.update(shape)
                    table.add(axis, inline)
                else:
                    table.add(axis, shape)
            document.add(name, table)
        else:
            document.add(name, value)
    return redact(tomlkit.dumps(document))


def _terms(values: dict[str, Any], path: Path, text: str) -> SweepTerms:
    tables = {name: values.pop(name) for name in list(_OWN) if name in values}
    name = values.pop("name", path.stem)

    def fail(key: str, message: str, remedy: str = "") -> TunedeckError:
        place = f"{path}, line {line_of(text, key)}: " if text else ""
        return TunedeckError(f"{place}{message}", remedy)

    if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME:
        raise fail("name", "name is no text of up to 60 letters.", 'Write name = "rates".')
    for table, known in _OWN.items():
        value = tables.setdefault(table, {})
        if not isinstance(value, dict):
            raise fail(table, f"{table} is no table.", f"Begin it with [{table}].")
        for key in value if known else ():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                guess = f"Did you mean {near[0]!r}? " if near else ""
                raise fail(key, f"there is no {key!r} in [{table}].", f"{guess}There are {', '.join(known)}.")
    job = terms_of_values(values, path, text)
    try:
        axes = _axes(tables["space"], path)
        halving = _halving(tables["halving"], path)
        terms = SweepTerms(
            name.strip(), job, axes, _search(tables["search"]), _objective(tables["objective"], path),
            halving, _caps(tables["caps"]),
        )  # fmt: skip
        _refuse_contradictions(terms)
    except TunedeckError as error:
        key = error.message.split()[0].removeprefix("space.").rstrip(":.")
        raise fail(key, error.message, error.remedy) from None
    return terms


def _axes(space: Mapping[str, Any], path: Path) -> tuple[Axis, ...]:
    if not space:
        raise TunedeckError(
            "space says nothing that differs between trials.",
            "Write [space] and an axis, such as n_epochs = [1, 2].",
        )
    axes = []
    for name, value in space.items():
        axis = parse_axis(name, value)
        if (
            name in PLAN_AXES
            and name != "seed"
            and not all(isinstance(one, str) for one in axis.values or (0,))
        ):
            raise TunedeckError(f"space.{name} is a list of texts.", f'Write {name} = ["…", "…"].')
        if name in (TRAINING, VALIDATION):
            folder = path.absolute().parent
            axis = Axis(name, tuple(str(folder / Path(str(one)).expanduser()) for one in axis.values))
        axes.append(axis)
    return tuple(axes)


def _search(table: Mapping[str, Any]) -> Search:
    strategy = table.get("strategy", str(Strategy.RANDOM))
    if strategy not in tuple(Strategy):
        raise TunedeckError(f"strategy is not {strategy!r}.", f"One of {', '.join(Strategy)}.")
    return Search(
        Strategy(strategy), _whole(table, "trials", 1, MOST_TRIALS), _whole(table, "seed", 0, 2**31 - 1) or 0
        if "seed" in table else 1, _whole(table, "at_once", 1, _MOST_AT_ONCE),
    )  # fmt: skip


def _objective(table: Mapping[str, Any], path: Path) -> Objective:
    if "evaluate" in table:
        checks = table.get("checks", [])
        if "metric" in table or "take" in table:
            raise TunedeckError("metric does not go with evaluate.", "Leave one of them out.")
        if not isinstance(table["evaluate"], str) or not table["evaluate"].strip():
            raise TunedeckError("evaluate names no file.", 'Write evaluate = "held-out.jsonl".')
        if not isinstance(checks, list) or not checks or not all(isinstance(one, str) for one in checks):
            raise TunedeckError("checks says how answers are judged.", 'Write checks = ["exact"].')
        file = path.absolute().parent / Path(table["evaluate"]).expanduser()
        return Objective(evaluate=file, checks=tuple(checks), rows=_whole(table, "rows", 1, 10**6))
    for key in ("checks", "rows"):
        if key in table:
            raise TunedeckError(f"{key} goes with evaluate.", 'Write evaluate = "held-out.jsonl" too.')
    metric, take = table.get("metric", VALID_LOSS), table.get("take", LAST)
    if not isinstance(metric, str) or not metric.strip():
        raise TunedeckError("metric names no number of a job.", f'Write metric = "{VALID_LOSS}".')
    if take not in (LAST, BEST):
        raise TunedeckError(f"take is not {take!r}.", f"One of {LAST}, {BEST}.")
    return Objective(metric, take)


def _halving(table: Mapping[str, Any], path: Path) -> Halving | None:
    if not table:
        return None
    by, rungs, keep = table.get("by", str(RungsBy.FRESH)), table.get("rungs"), table.get("keep", 0.5)
    if by not in tuple(RungsBy):
        raise TunedeckError(f"by is not {by!r}.", f"One of {', '.join(RungsBy)}.")
    if (
        not isinstance(rungs, list)
        or len(rungs) < 2
        or not all(isinstance(one, int) and not isinstance(one, bool) and 1 <= one <= 50 for one in rungs)
        or sorted(set(rungs)) != rungs
    ):
        raise TunedeckError("rungs is no list of epochs that grow.", "Write rungs = [1, 2, 4].")
    if isinstance(keep, bool) or not isinstance(keep, int | float) or not 0 < keep < 1:
        raise TunedeckError("keep is no share.", "Write keep = 0.5 for the better half.")
    return Halving(RungsBy(by), tuple(rungs), float(keep))


def _caps(table: Mapping[str, Any]) -> Caps:
    money, hours = table.get("money"), table.get("hours")
    for name, value in (("money", money), ("hours", hours)):
        if value is not None and (
            isinstance(value, bool)
            or not isinstance(value, int | float)
            or not math.isfinite(value)
            or value < 0
        ):
            raise TunedeckError(f"{name} is no amount.", f"Write {name} = 5.")
    return Caps(None if money is None else Decimal(str(money)), None if hours is None else float(hours))


def _refuse_contradictions(terms: SweepTerms) -> None:
    names = [axis.name for axis in terms.axes]
    if terms.halving is not None and (EPOCHS in names or EPOCHS in terms.job.hyperparameters):
        raise TunedeckError(
            "rungs say how many epochs a trial trains.",
            f"Take {EPOCHS} out of the space and the hyperparameters.",
        )
    if terms.search.strategy is not Strategy.GRID and terms.search.trials is None:
        raise TunedeckError("search needs how many trials to make.", "Write trials = 12 under [search].")
    if VALIDATION in names and terms.job.split_share is not None:
        raise TunedeckError("split_share does not go with validation files to choose from.", "Leave one out.")


def _whole(table: Mapping[str, Any], name: str, least: int, most: int) -> int | None:
    value = table.get(name)
    if value is not None and (
        isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most
    ):
        raise TunedeckError(f"{name} is no whole number from {least} to {most:,}.", "")
    return value
