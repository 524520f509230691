"""The tokens of many plain rows at once, by role; the definition is that of `tui.datasets.row_tokens`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from tui.datasets.plain_rows import PLAIN_ROLES, PlainRow
from tui.datasets.row_tokens import TOKENS_PER_EXAMPLE


class PlainSums(NamedTuple):
    """Tokens of some rows, in their order."""

    totals: Sequence[int]
    by_role: Mapping[str, Sequence[int]]
    """Role -> tokens of each row; "framing" is one of them, and roles that no row has are left out, but the
    assistant's, which every plain row has."""


def sums_by_role(rows: Sequence[PlainRow], counts: Sequence[int], framing: Mapping[str, int]) -> PlainSums:
    """Return what the rows sum to.

    Args:
        rows: At least one.
        counts: Tokens of each text of each row, one after the other.
        framing: Role -> tokens around a message of it.
    """
    import numpy  # 80 ms that `--help` must not pay

    orders: dict[tuple[str, ...], int] = {}
    numbers = [orders.setdefault(row.roles, len(orders)) for row in rows]
    around = [TOKENS_PER_EXAMPLE + sum(framing[role] for role in order) for order in orders]
    codes = [[PLAIN_ROLES.index(role) for role in order] for order in orders]
    lengths = numpy.array([len(order) for order in orders])[numbers]
    slots = numpy.repeat(numpy.arange(len(rows)) * len(PLAIN_ROLES), lengths)
    slots += numpy.array([code for number in numbers for code in codes[number]])
    sums = numpy.zeros(len(rows) * len(PLAIN_ROLES), dtype=numpy.int64)
    numpy.add.at(sums, slots, numpy.array(counts, dtype=numpy.int64))
    table = sums.reshape(len(rows), len(PLAIN_ROLES))
    edges = numpy.array(around)[numbers]
    said = {role for order in orders for role in order}
    by_role: dict[str, Sequence[int]] = {"framing": edges.tolist()}
    for index, role in enumerate(PLAIN_ROLES):
        if role in said:
            by_role[role] = table[:, index].tolist()
    return PlainSums((table.sum(axis=1) + edges).tolist(), by_role)
