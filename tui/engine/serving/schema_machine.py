"""A machine that reads an answer byte by byte and holds it to a shape: what may come next at every byte.

A shape is a row of parts still to be written, the next one first: fixed bytes, a text, a number, one of some
words, items of a list, one of several shapes, any JSON object. `schema_shapes` makes one of a JSON schema.
Whatever is written behind a name is separated as `json.dumps` does it, so that no white space is to choose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

from tui.engine.serving import json_machine
from tui.engine.serving.json_machine import JsonState, Mode

_QUOTE, _COMMA, _CLOSING = ord('"'), ord(","), ord("]")
_IN_NUMBER = frozenset(b"0123456789+-.eE")
_IN_WHOLE_NUMBER = frozenset(b"0123456789")
_COMPLETE_NUMBER = (Mode.ZERO, Mode.INTEGER, Mode.FRACTION, Mode.EXPONENT_DIGITS)


class Part(Protocol):
    """A part of an answer that is not fixed; two equal ones accept the same."""

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Return what is still to be written after `byte`, `rest` following this part; None: it can't be."""
        ...


Shape = tuple["bytes | Part", ...]
"""What is still to be written; empty: the answer is complete. Fixed bytes are never empty."""


def advance(shape: Shape, byte: int) -> Shape | None:
    """Return the shape after `byte`, or None when it can't come next."""
    if not shape:
        return None
    head, rest = shape[0], shape[1:]
    if not isinstance(head, bytes):
        return head.step(byte, rest)
    if head[0] != byte:
        return None
    return (head[1:], *rest) if len(head) > 1 else rest


def advance_all(shape: Shape, text: bytes) -> Shape | None:
    """Return the shape after all of `text`, or None when it breaks the rules anywhere."""
    current: Shape | None = shape
    for byte in text:
        if current is None:
            return None
        current = advance(current, byte)
    return current


class AnyObject(NamedTuple):
    """A JSON object, whatever is in it."""

    state: JsonState = JsonState()

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Go on inside the object."""
        following = json_machine.advance(self.state, byte)
        if following is None:
            return None
        return rest if following.mode is Mode.DONE else (AnyObject(following), *rest)


class OneOf(NamedTuple):
    """One of some words of bytes, of which some may begin alike."""

    words: tuple[bytes, ...]

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Keep the words that go on so; behind a whole word, what follows it may come."""
        left = tuple(word[1:] for word in self.words if word and word[0] == byte)
        if left:
            return (OneOf(left), *rest) if any(left) else rest
        return advance(rest, byte) if b"" in self.words else None


class Text(NamedTuple):
    """A string with its quotes, of so many characters."""

    least: int = 0
    most: int | None = None
    written: int = 0
    """Characters so far; stays 0 where nothing bounds them."""
    state: JsonState | None = None
    """None before the first quote."""

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Go on inside the string."""
        if self.state is None:
            return (self._replace(state=JsonState(Mode.STRING, "[")), *rest) if byte == _QUOTE else None
        if self.state.mode is Mode.STRING:
            if byte == _QUOTE:
                return rest if self.written >= self.least else None
            if self.most is not None and self.written >= self.most:
                return None
        following = json_machine.advance(self.state, byte)
        if following is None:
            return None
        counts = following.mode is Mode.STRING and (self.least > 0 or self.most is not None)
        return (self._replace(state=following, written=self.written + counts), *rest)


class Number(NamedTuple):
    """A number; what follows it shows that it is complete."""

    whole: bool = False
    state: JsonState | None = None
    """None before the first digit or sign."""

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Go on inside the number, or leave it where it is complete."""
        if self.state is None:
            begins = byte == ord("-") or byte in _IN_WHOLE_NUMBER
            following = json_machine.advance(JsonState(Mode.VALUE, "["), byte) if begins else None
        elif byte in (_IN_WHOLE_NUMBER if self.whole else _IN_NUMBER):
            following = json_machine.advance(self.state, byte)
        else:
            return advance(rest, byte) if self.state.mode in _COMPLETE_NUMBER else None
        return None if following is None else (self._replace(state=following), *rest)


@dataclass(frozen=True, slots=True, eq=False)
class Items:
    """What comes between a list's brackets, with the closing one."""

    item: Shape
    least: int = 0
    most: int | None = None
    written: int = 0

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Begin an item, or close the list."""
        if byte == _CLOSING:
            return rest if self.written >= self.least else None
        if self.most is not None and self.written >= self.most:
            return None
        onward = replace(self, written=self.written + 1)
        if not self.written:
            return advance((*self.item, onward, *rest), byte)
        return (b" ", *self.item, onward, *rest) if byte == _COMMA else None


@dataclass(frozen=True, slots=True, eq=False)
class Either:
    """One of several shapes, told apart by their first byte."""

    ways: tuple[Shape, ...]

    def step(self, byte: int, rest: Shape) -> Shape | None:
        """Take the way that begins so."""
        for way in self.ways:
            following = advance((*way, *rest), byte)
            if following is not None:
                return following
        return None


ANY_OBJECT: Shape = (AnyObject(),)
"""The shape of an answer that is held to JSON alone."""
