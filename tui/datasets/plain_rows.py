"""Chat rows that are plainly right, told in a microsecond, so that the full rules see only the unusual ones.

A row is plain when it holds messages of system, user and assistant with a role and a text and nothing else,
in an order that no rule has anything to say about. The full rules say nothing of such a row; tests compare.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

PLAIN_ROLES = ("system", "user", "assistant")
_PLAIN = frozenset(PLAIN_ROLES)
_TEXT = frozenset([str])
_SPECIAL = "<|"
_ORDERS: dict[tuple[Any, ...], bool] = {}
_QUOTE, _COLON, _LESS, _BAR, _ESCAPE_U, _ZERO, _THREE, _SEVEN = b'":<|u037'
_MOST_ORDERS = 4_096
_LONGEST_REMEMBERED = 64


class PlainRow(NamedTuple):
    """A conversation without anything unusual."""

    roles: tuple[str, ...]
    """Who speaks, message by message."""
    texts: Sequence[str]
    """What is said."""

    @property
    def has_system(self) -> bool:
        """A message is the system's."""
        return "system" in self.roles


def plain_rows(lines: Sequence[bytes], values: Iterable[Any]) -> list[PlainRow | None]:
    """Return, for each chat row, what a plain one says, and None where the full rules must look.

    Args:
        lines: The rows' bytes.
        values: What they parse to; None where they don't.
    """
    block = b"\n".join(lines)
    named = _keys_named(block, lines)
    found = [plain_row(*each) for each in zip(lines, values, named, strict=True)]
    if _may_hold_special(block):
        return [None if row is None or any(_SPECIAL in text for text in row.texts) else row for row in found]
    return found


def _keys_named(block: bytes, lines: Sequence[bytes]) -> list[int]:
    """Return how often a quote stands before a colon in each line; numpy counts at ten times the speed."""
    import numpy  # 80 ms that `--help` must not pay

    values = numpy.frombuffer(block, dtype=numpy.uint8)
    places = numpy.flatnonzero((values[:-1] == _QUOTE) & (values[1:] == _COLON))
    ends = numpy.cumsum([len(line) + 1 for line in lines])
    found: list[int] = numpy.diff(numpy.searchsorted(places, ends), prepend=0).tolist()
    return found


def _may_hold_special(block: bytes) -> bool:
    """Say whether "<|" may stand in a text, as it is or with escapes."""
    import numpy

    values = numpy.frombuffer(block, dtype=numpy.uint8)
    if numpy.any((values[:-1] == _LESS) & (values[1:] == _BAR)):
        return True
    zeros = (values[1:-2] == _ZERO) & (values[2:-1] == _ZERO)
    escaped = zeros & (values[:-3] == _ESCAPE_U) & ((values[3:] == _THREE) | (values[3:] == _SEVEN))
    return bool(numpy.any(escaped))  # \u003c and \u007c, and their neighbours


def plain_row(line: bytes, value: Any, named: int) -> PlainRow | None:
    """Return a row that no rule finds anything in, but perhaps a special token; None for any other.

    Args:
        line: The row's bytes.
        value: What they parse to.
        named: How often a quote stands before a colon there.
    """
    if type(value) is not dict or len(value) != 1:
        return None
    messages = value.get("messages")
    if type(messages) is not list:
        return None
    # Everything below walks over the messages in C: five of them take a microsecond.
    try:
        roles = tuple([message["role"] for message in messages])
        texts = [message["content"] for message in messages]
        if not _is_plain_order(roles):
            return None
    except (KeyError, TypeError):
        return None
    keys = 2 * len(messages)
    if sum(map(len, messages)) != keys or not _TEXT.issuperset(map(type, texts)):
        return None
    if not all(texts) or True in map(str.isspace, texts):
        return None
    # A key that is named twice; as `tui.datasets.parsing.may_repeat_keys` judges, quoted JSON is no key.
    # Nor is a text that begins with a colon: here no key can end with one, so those are told apart.
    if named > keys + 1:
        named -= line.count(b'\\":') + line.count(b': ":') + line.count(b':":')
        if named > keys + 1:
            return None
    return PlainRow(roles, texts)


def _is_plain_order(roles: tuple[Any, ...]) -> bool:
    """Say whether no rule minds who speaks when; files have few different orders, which are remembered."""
    known = _ORDERS.get(roles)
    if known is None:
        known = (
            _PLAIN.issuperset(roles)
            and "user" in roles
            and roles[-1] == "assistant"
            and ("assistant", "assistant") not in pairwise(roles)
        )
        if len(roles) <= _LONGEST_REMEMBERED and len(_ORDERS) < _MOST_ORDERS:
            _ORDERS[roles] = known
    return known
