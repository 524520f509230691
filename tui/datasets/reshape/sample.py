"""Some rows by chance, and all rows in an order by chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tui.datasets.reshape.chance import DEFAULT_SEED, allocate, shuffled
from tui.datasets.reshape.keys import Key, RowKeys, row_keys
from tui.datasets.reshape.plan import Output, Part, Plan, source_notes
from tui.datasets.reshape.row_table import RowTable
from tui.datasets.reshape.split import A_TENTH, Amount
from tui.datasets.reshape.strata import Strata
from tui.datasets.reshape.tracker import Tracker
from tui.errors import TunedeckError

if TYPE_CHECKING:
    import numpy

    Array = numpy.ndarray[Any, numpy.dtype[Any]]


@dataclass(frozen=True, slots=True)
class SampleWish:
    """Which rows are wanted."""

    amount: Amount = A_TENTH
    seed: int = DEFAULT_SEED
    stratify: Key | None = None
    """The sample has the same mix of these values."""


def plan_sample(table: RowTable, wish: SampleWish, tracker: Tracker | None = None) -> Plan:
    """Take some rows by chance; they stay in the order of the file.

    Raises:
        TunedeckError: More rows are asked for than there are, an expression is none, or the file can't be
            read.
        PassCancelled: The tracker was asked to stop.
    """
    import numpy

    wanted = wish.amount.of(len(table))
    if wanted > len(table):
        raise TunedeckError(
            f"{table.path} has {len(table):,} rows; {wanted:,} were asked for.", "Ask for fewer."
        )
    keys = RowKeys([]) if wish.stratify is None else row_keys(table, [wish.stratify], tracker or Tracker())
    strata = Strata(keys.columns[0] if keys.columns else None, keys, len(table), str(wish.stratify or ""))
    order = shuffled(len(table), wish.seed)
    taken = numpy.full(len(table), -1, numpy.int64)
    if len(strata) == 1:
        taken[order[:wanted]] = 0
    else:
        # A stable order keeps chance's order within each stratum.
        by_stratum = order[numpy.argsort(strata.of_row[order], kind="stable")]
        sizes = numpy.bincount(strata.of_row, minlength=len(strata)).tolist()
        first = 0
        for size, share in zip(sizes, allocate(sizes, wanted), strict=True):
            taken[by_stratum[first : first + share]] = 0
            first += size
    return Plan(
        operation="sample",
        outputs=(Output("sampled", (Part(table, numpy.flatnonzero(taken == 0)),)),),
        rows=len(table),
        seed=wish.seed,
        tables=strata.table(taken, ("sampled",)),
        notes=(*source_notes([table]), *strata.notes()),
    )


def plan_shuffle(table: RowTable, seed: int = DEFAULT_SEED) -> Plan:
    """Put the rows into an order by chance; only their numbers are held, whatever the file's size."""
    return Plan(
        operation="shuffle",
        outputs=(Output("shuffled", (Part(table, shuffled(len(table), seed)),)),),
        rows=len(table),
        seed=seed,
        notes=source_notes([table]),
    )
