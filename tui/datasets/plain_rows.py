"""Chat rows that are plainly right, told in a microsecond, so that the full rules see only the unusual ones.

A row is plain when it holds messages of system, user and assistant with a role, a text and perhaps a weight
on an answer, and nothing else, in an order that no rule has anything to say about. The full rules say nothing
of such a row. msgspec reads just such rows and refuses the others by their shape; what it reads, orjson reads
to the same values. Tests compare both.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import msgspec

if TYPE_CHECKING:
    import numpy

    Bytes = numpy.ndarray[Any, numpy.dtype[numpy.uint8]]
    Places = numpy.ndarray[Any, numpy.dtype[numpy.intp]]

PLAIN_ROLES = ("system", "user", "assistant")
_Role = Literal["system", "user", "assistant"]
_SPECIAL = "<|"
_ORDERS: dict[tuple[str, ...], bool] = {}
_COLON, _SPACE, _BACKSLASH = b": \\"
_MOST_ORDERS = 4_096
_LONGEST_REMEMBERED = 64


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: _Role
    content: str


class _Chat(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    messages: list[_Message]


class _WeightedMessage(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    role: _Role
    content: str
    weight: Literal[0, 1] | msgspec.UnsetType = msgspec.UNSET


class _WeightedChat(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    messages: list[_WeightedMessage]


_read = msgspec.json.Decoder(_Chat).decode
_read_weighted = msgspec.json.Decoder(_WeightedChat).decode


@dataclass(slots=True)
class PlainRows:
    """The plain ones of some rows."""

    places: list[int] = field(default_factory=list)
    """Where each stands among all of them, from 0."""
    roles: list[tuple[str, ...]] = field(default_factory=list)
    """Who speaks in each, message by message."""
    starts: list[int] = field(default_factory=list)
    """Where the texts of each begin."""
    texts: list[str] = field(default_factory=list)
    """What is said, message by message, row after row."""
    weights: dict[int, int] = field(default_factory=dict)
    """Index of a text -> the weight of its message, of those that have one."""

    def value(self, index: int) -> dict[str, Any]:
        """Return what a row parses to, but for the order of its keys.

        Args:
            index: Of the row, among the plain ones.
        """
        messages: list[dict[str, Any]] = []
        for at, role in enumerate(self.roles[index], self.starts[index]):
            messages.append({"role": role, "content": self.texts[at]})
            if at in self.weights:
                messages[-1]["weight"] = self.weights[at]
        return {"messages": messages}


def plain_rows(lines: Sequence[bytes]) -> PlainRows:
    """Return the rows that no rule finds anything in; any others are for the full rules.

    Args:
        lines: The rows' bytes, of a file for supervised tuning.
    """
    import numpy  # 80 ms that `--help` must not pay

    block = numpy.frombuffer(b"\n".join(lines), dtype=numpy.uint8)
    ends = numpy.cumsum([len(line) + 1 for line in lines])
    may_be_special = _lines_with_special(block, ends)
    found = PlainRows()
    for place, (line, named) in enumerate(zip(lines, _keys_named(block, ends), strict=True)):
        weights: dict[int, int] = {}
        try:
            messages: Sequence[_Message | _WeightedMessage] = _read(line).messages
        except msgspec.DecodeError:
            try:
                weighted = _read_weighted(line).messages
            except msgspec.DecodeError:
                continue
            if not _are_right_weights(weighted):
                continue
            messages, weights = weighted, _weights(weighted, len(found.texts))
        # What follows walks over the messages in C: five of them take a microsecond.
        roles = tuple([message.role for message in messages])
        texts = [message.content for message in messages]
        if (
            _is_plain_order(roles)
            and all(texts)
            and True not in map(str.isspace, texts)
            and named <= 2 * len(messages) + len(weights) + 1
            and not (place in may_be_special and any(_SPECIAL in text for text in texts))
        ):
            found.places.append(place)
            found.roles.append(roles)
            found.starts.append(len(found.texts))
            found.texts += texts
            if weights:
                found.weights |= weights
    return found


def _are_right_weights(messages: Sequence[_WeightedMessage]) -> bool:
    """Say whether answers alone have weights, and not all of them 0."""
    others = [message.weight for message in messages if message.role != "assistant"]
    answers = [message.weight for message in messages if message.role == "assistant"]
    return all(weight is msgspec.UNSET for weight in others) and any(weight != 0 for weight in answers)


def _weights(messages: Sequence[_WeightedMessage], first: int) -> dict[int, int]:
    weights = ((index, message.weight) for index, message in enumerate(messages, first))
    return {index: weight for index, weight in weights if not isinstance(weight, msgspec.UnsetType)}


def _pairs(block: Bytes, offset: int) -> numpy.ndarray[Any, numpy.dtype[numpy.uint16]]:
    """Return every second pair of neighbours as one number, so that one look compares both."""
    import numpy

    return block[offset : offset + (len(block) - offset) // 2 * 2].view(numpy.uint16)


def _number(pair: bytes) -> int:
    return int.from_bytes(pair, sys.byteorder)


def _keys_named(block: Bytes, ends: Places) -> list[int]:
    """Return how many keys each line may name: quotes before a colon, where they can end a key.

    An escaped quote can't; nor can the one before a text, as in `: ":x"`. No key of a plain row is empty or
    ends with a backslash. A key with a space before its colon is not seen, as in `may_repeat_keys`.

    Args:
        block: The lines, each with a line feed between it and the next.
        ends: Where each of them ends, its line feed included.
    """
    import numpy

    counts = numpy.zeros(len(ends), dtype=numpy.intp)
    for offset in (0, 1):
        quotes = numpy.flatnonzero(_pairs(block, offset) == _number(b'":')) * 2 + offset
        before, second = block[quotes - 1], block[quotes - 2]
        opens = (before == _COLON) | ((before == _SPACE) & (second == _COLON))
        quotes = quotes[(before != _BACKSLASH) & ~opens]
        counts += numpy.diff(numpy.searchsorted(quotes, ends), prepend=0)
    found: list[int] = counts.tolist()
    return found


def _lines_with_special(block: Bytes, ends: Places) -> set[int]:
    """Return the indices of lines that may hold "<|" in a text, as it is or with escapes."""
    import numpy

    found: set[int] = set()
    for offset in (0, 1):
        pairs = _pairs(block, offset)
        zeros = numpy.flatnonzero(pairs[:-1] == _number(b"u0"))
        after = pairs[zeros + 1]
        escaped = (after == _number(b"03")) | (after == _number(b"07"))  # \u003c, \u007c and their neighbours
        plain = pairs == _number(b"<|")
        for places in (zeros[escaped], numpy.flatnonzero(plain) if plain.any() else ()):
            if len(places):
                at = numpy.asarray(places) * 2 + offset
                found.update(numpy.searchsorted(ends, at, side="right").tolist())
    return found


def _is_plain_order(roles: tuple[str, ...]) -> bool:
    """Say whether no rule minds who speaks when; files have few different orders, which are remembered."""
    known = _ORDERS.get(roles)
    if known is None:
        known = (
            "user" in roles and roles[-1] == "assistant" and ("assistant", "assistant") not in pairwise(roles)
        )
        if len(roles) <= _LONGEST_REMEMBERED and len(_ORDERS) < _MOST_ORDERS:
            _ORDERS[roles] = known
    return known
