"""Splits rows into training, validation and test files so that no group of rows is in two of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tui.datasets.lints.near_duplicates import MOST_ROWS
from tui.datasets.reshape.chance import DEFAULT_SEED, allocate, ranks
from tui.datasets.reshape.keys import NO_VALUE, Key, KeyKind, RowKeys, row_keys
from tui.datasets.reshape.near import Groups, Signatures, join_near
from tui.datasets.reshape.plan import Output, Part, Plan, source_notes
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.strata import Strata
from tui.datasets.reshape.tracker import Tracker
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]

TRAINING, VALIDATION, TEST = 0, 1, 2
NAMES = ("training", "validation", "test")


@dataclass(frozen=True, slots=True)
class Amount:
    """So many rows, or such a share of them."""

    rows: int | None = None
    share: float | None = None
    """Above 0 and below 1."""

    def of(self, total: int) -> int:
        """Return how many of `total` rows that is, at least one."""
        if self.rows is not None:
            return self.rows
        return max(1, round(total * (self.share or 0)))

    @classmethod
    def parse(cls, text: str) -> Amount:
        """Read "10%" and "0.1" as shares, "200" as rows.

        Raises:
            TunedeckError: It is neither.
        """
        plain = text.strip().replace(" ", "")
        try:
            if plain.isdecimal() and int(plain) > 0:
                return cls(rows=int(plain))
            share = float(plain.removesuffix("%")) / (100 if plain.endswith("%") else 1)
        except ValueError:
            share = 0.0
        if not 0 < share < 1:
            raise TunedeckError(
                f'"{text}" is no number of rows and no share.', "Write 200 for rows, or 10% or 0.1."
            )
        return cls(share=share)


A_TENTH = Amount(share=0.1)


class Together(StrEnum):
    """Which rows must not be parted, whatever else they have in common."""

    SAME = "same"
    """Identical ones."""
    NEAR = "near"
    """Identical and almost identical ones, as the near-duplicate rule finds them."""
    SYSTEM = "system"
    """Identical ones, and those with the same system prompt."""
    NONE = "none"
    """None: identical rows may be parted, and then the validation leaks."""


@dataclass(frozen=True, slots=True)
class SplitWish:
    """How rows are to be split."""

    validation: Amount = A_TENTH
    test: Amount | None = None
    seed: int = DEFAULT_SEED
    stratify: Key | None = None
    """Each file gets the same mix of these values, as far as groups allow."""
    group: str = ""
    """JMESPath: rows with the same value are not parted; null is no value."""
    together: Together = Together.SAME


def plan_split(table: RowTable, wish: SplitWish, tracker: Tracker | None = None) -> Plan:
    """Share rows out by chance, whole groups at a time.

    A group's chance hangs on its content and the seed, not on the rows around it. Groups that are larger than
    what a file still needs are passed over, so a file may get a little less than asked for. A group counts
    with the stratum of its first row.

    Raises:
        TunedeckError: There are fewer rows or groups than files, an expression is none, or the file can't be
            read.
        PassCancelled: The tracker was asked to stop.
    """
    tracker = tracker or Tracker()
    wanted = _wanted(table, wish)
    keys = row_keys(table, _asked_keys(wish), tracker)
    exact = keys.columns[0]
    column = keys.columns[1] if wish.stratify is not None else None
    strata = Strata(column, keys, len(table), str(wish.stratify or ""))
    groups, no_value = _groups(wish, keys, exact)
    if wish.together is Together.NEAR:
        sides, labels = _part_near(table, groups, strata, wanted, wish.seed, exact, tracker)
    else:
        labels = groups.labels()
        sides = part_groups(labels, groups.keys, strata, wanted, wish.seed)
    return _plan(table, wish, sides, labels, strata, no_value)


def _wanted(table: RowTable, wish: SplitWish) -> list[int]:
    """Return how many rows validation and test get."""
    wanted = [wish.validation.of(len(table))]
    if wish.test is not None:
        wanted.append(wish.test.of(len(table)))
    if len(table) <= len(wanted):
        raise TunedeckError(
            f"{table.path} has {len(table)} row(s); a split into {len(wanted) + 1} files needs "
            f"{len(wanted) + 1}.",
            "Add rows.",
        )
    explicit = wish.validation.rows is not None or (wish.test is not None and wish.test.rows is not None)
    if sum(wanted) >= len(table):
        if explicit or len(wanted) > 1:
            raise TunedeckError(
                f"{sum(wanted):,} of {len(table):,} rows put aside leave none to train on.", "Ask for fewer."
            )
        wanted = [len(table) - 1]
    return wanted


def _asked_keys(wish: SplitWish) -> list[Key]:
    keys = [Key(KeyKind.EXACT)]
    if wish.stratify is not None:
        keys.append(wish.stratify)
    if wish.together is Together.SYSTEM:
        keys.append(Key(KeyKind.SYSTEM))
    if wish.group:
        keys.append(Key(KeyKind.VALUE, wish.group))
    return keys


def _groups(wish: SplitWish, keys: RowKeys, exact: Array) -> tuple[Groups, int]:
    """Return the groups before near ones are joined, and how many rows have no value to group by."""
    import numpy

    kinds = _asked_keys(wish)[1 + (wish.stratify is not None) :]
    columns = keys.columns[len(keys.columns) - len(kinds) :] if kinds else []
    base = numpy.arange(1, len(exact) + 1, dtype=numpy.uint64) if wish.together is Together.NONE else exact
    if not columns:
        return Groups(base), 0
    filled = [numpy.where(column == NO_VALUE, base, column) for column in columns]
    groups = Groups(filled[0])
    for other in filled[1:]:
        order = numpy.argsort(other, kind="stable")
        same = numpy.flatnonzero(other[order][1:] == other[order][:-1])
        groups.join(list(zip(order[same].tolist(), order[same + 1].tolist(), strict=True)))
    return groups, int((columns[-1] == NO_VALUE).sum())


def part_groups(labels: Array, keys: Array, strata: Strata, wanted: list[int], seed: int) -> Array:
    """Return for each row which file it goes to.

    Args:
        labels: For each row the index of its group in `keys`.
        keys: Keys of the groups; their chance.
        strata: Which rows are to be mixed.
        wanted: Rows of the validation file, and of the test file where there is one.
        seed: Decides.

    Raises:
        TunedeckError: There are fewer groups than files.
    """
    import numpy

    present, first_rows, sizes = numpy.unique(labels, return_index=True, return_counts=True)
    if len(present) <= len(wanted):
        raise TunedeckError(
            f"All {len(labels):,} rows are in {len(present)} group(s) that must not be parted; "
            f"{len(wanted) + 1} files need {len(wanted) + 1}.",
            "Group them by something else, or let identical rows be parted (--together none).",
        )
    order = numpy.argsort(ranks(keys[present], seed), kind="stable")
    stratum_of = strata.of_row[first_rows]
    in_stratum = numpy.bincount(stratum_of, weights=sizes, minlength=len(strata)).astype(int).tolist()
    side_of = numpy.zeros(len(present), numpy.int8)
    room = [allocate(in_stratum, rows) for rows in wanted]
    sizes_list, strata_list = sizes.tolist(), stratum_of.tolist()
    still = [sum(one) for one in room]
    for group in order.tolist():
        for side, left in enumerate(room):
            if sizes_list[group] <= left[strata_list[group]]:
                left[strata_list[group]] -= sizes_list[group]
                still[side] -= sizes_list[group]
                side_of[group] = side + 1
                break
        if not any(still):
            break
    _fill_empty(side_of, sizes, order, len(wanted))
    result: Array = side_of[numpy.searchsorted(present, labels)]
    return result


def _fill_empty(side_of: Array, sizes: Array, order: Array, sides: int) -> None:
    """Give a file without rows, for whose need every group is too large, the smallest one."""
    import numpy

    by_size = order[numpy.argsort(sizes[order], kind="stable")]
    for side in [*range(1, sides + 1), TRAINING]:
        if (side_of == side).any():
            continue
        counts = numpy.bincount(side_of, minlength=sides + 1)
        giver = TRAINING if counts[TRAINING] > 1 else int(counts.argmax())
        side_of[next(group for group in by_size.tolist() if side_of[group] == giver)] = side


def _part_near(
    table: RowTable, groups: Groups, strata: Strata, wanted: list[int], seed: int, exact: Array,
    tracker: Tracker,
) -> tuple[Array, Array]:  # fmt: skip
    near = Signatures.of(table, exact, tracker)

    def leaks(labels: Array) -> list[tuple[int, int]]:
        sides = part_groups(labels, groups.keys, strata, wanted, seed)
        found = []
        for side in range(1, len(wanted) + 1):
            for other in range(side):
                found += near.pairs(sides == side, sides == other)
        tracker.tick(table.size, table.size)
        return found

    labels = join_near(groups, near, leaks)
    return part_groups(labels, groups.keys, strata, wanted, seed), labels


def _plan(
    table: RowTable, wish: SplitWish, sides: Array, labels: Array, strata: Strata, no_value: int
) -> Plan:
    import numpy

    names = NAMES if wish.test is not None else NAMES[:2]
    outputs = tuple(
        Output(name, (Part(table, numpy.flatnonzero(sides == side)),)) for side, name in enumerate(names)
    )
    groups = len(numpy.unique(labels))
    largest = int(numpy.bincount(labels).max())
    notes = [*source_notes([table]), *strata.notes()]
    if no_value:
        notes.append(f"{no_value:,} rows have no value to group by; each stands by itself.")
    if wish.together is Together.NEAR and len(table) > MOST_ROWS:
        notes.append(f"Near duplicates are looked for in the first {MOST_ROWS:,} rows.")
    if wish.together is Together.NONE:
        notes.append("Identical rows may be in both files: tunedeck check --training FILE tells.")
    for name, output, wanted in zip(names[1:], outputs[1:], _wanted(table, wish), strict=True):
        if output.rows != wanted:
            notes.append(f"{wanted:,} rows were asked for {name}; whole groups make {output.rows:,}.")
    return Plan(
        operation="split",
        outputs=outputs,
        rows=len(table),
        seed=wish.seed,
        facts={"groups": groups, "largest_group": largest},
        tables=strata.table(sides, names),
        notes=tuple(notes),
    )
