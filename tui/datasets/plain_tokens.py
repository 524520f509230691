"""The tokens of many plain rows at once, by role; the definition is that of `tui.datasets.row_tokens`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from tui.datasets.plain_rows import PLAIN_ROLES
from tui.datasets.row_tokens import TOKENS_PER_EXAMPLE

if TYPE_CHECKING:
    import numpy

    Counts = numpy.ndarray[Any, numpy.dtype[numpy.int64]]


class PlainSums(NamedTuple):
    """Tokens of some rows, in their order."""

    totals: Counts
    by_role: Mapping[str, Counts]
    """Role -> tokens of each row; "framing" is one of them, and roles that no row has are left out, but the
    assistant's, which every plain row has."""


def sums_by_role(
    rows: Sequence[tuple[str, ...]], counts: Sequence[int], framing: Mapping[str, int]
) -> PlainSums:
    """Return what the rows sum to.

    Args:
        rows: Who speaks in each; at least one row.
        counts: Tokens of each text of each row, one after the other.
        framing: Role -> tokens around a message of it.
    """
    import numpy  # 80 ms that `--help` must not pay

    orders: dict[tuple[str, ...], int] = {}
    numbers = [orders.setdefault(roles, len(orders)) for roles in rows]
    around = numpy.array([TOKENS_PER_EXAMPLE + sum(framing[role] for role in order) for order in orders])
    codes = [numpy.array([PLAIN_ROLES.index(role) for role in order]) for order in orders]
    lengths = numpy.array([len(order) for order in orders])[numbers]
    slots = numpy.repeat(numpy.arange(len(rows)) * len(PLAIN_ROLES), lengths)
    slots += numpy.concatenate([codes[number] for number in numbers])
    # Sums of doubles are exact up to 2 to the 53.
    sums = numpy.bincount(slots, weights=numpy.array(counts), minlength=len(rows) * len(PLAIN_ROLES))
    table = sums.astype(numpy.int64).reshape(len(rows), len(PLAIN_ROLES))
    edges = around[numbers]
    said = {role for order in orders for role in order}
    by_role = {"framing": edges}
    for index, role in enumerate(PLAIN_ROLES):
        if role in said:
            by_role[role] = table[:, index]
    return PlainSums(table.sum(axis=1) + edges, by_role)
