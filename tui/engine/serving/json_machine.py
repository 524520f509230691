"""A machine that reads JSON byte by byte and knows at every byte what may come next.

It is stricter than the standard where that keeps an answer readable by every parser and of an end: valid
UTF-8 only, no `\\u` surrogates, numbers of bounded length, bounded depth and white space.
"""

from __future__ import annotations

from enum import IntEnum, auto
from functools import lru_cache
from typing import NamedTuple

MAX_DEPTH = 64
MAX_DIGITS = 40
"""Digits of a number's integer or fraction; Python refuses integers over 4,300 digits."""
MAX_EXPONENT_DIGITS = 2
MAX_SPACES = 33
"""White space in a row between two marks, so that a model cannot indent for ever."""

_SPACES = frozenset(b" \t\n\r")
_DIGITS = frozenset(b"0123456789")
_HEX = frozenset(b"0123456789abcdefABCDEF")
_ESCAPES = frozenset(b'"\\/bfnrt')
_LITERALS = {ord("t"): b"rue", ord("f"): b"alse", ord("n"): b"ull"}
_CLOSERS = {ord("}"): "{", ord("]"): "["}


class Mode(IntEnum):
    """What the machine is in the middle of."""

    START = auto()
    VALUE = auto()
    FIRST_ITEM = auto()
    FIRST_KEY = auto()
    KEY = auto()
    COLON = auto()
    AFTER_VALUE = auto()
    STRING = auto()
    ESCAPE = auto()
    HEX = auto()
    CHARACTER = auto()
    LITERAL = auto()
    MINUS = auto()
    ZERO = auto()
    INTEGER = auto()
    POINT = auto()
    FRACTION = auto()
    EXPONENT = auto()
    EXPONENT_SIGN = auto()
    EXPONENT_DIGITS = auto()
    DONE = auto()


class JsonState(NamedTuple):
    """Everything the machine remembers; two equal states accept the same continuations."""

    mode: Mode = Mode.START
    stack: str = ""
    """Open brackets, outermost first."""
    tally: int = 0
    """Digits, spaces or continuation bytes so far or still to come, by mode."""
    rest: bytes = b""
    """What a literal still needs, or the bounds of the next continuation byte."""
    is_key: bool = False
    """Whether the string being read is an object's key."""


@lru_cache(maxsize=1 << 16)
def advance(state: JsonState, byte: int) -> JsonState | None:
    """Return the state after `byte`, or None when no JSON object can go on like that."""
    match state.mode:
        case Mode.STRING | Mode.ESCAPE | Mode.HEX | Mode.CHARACTER:
            return _in_string(state, byte)
        case Mode.LITERAL:
            return _in_literal(state, byte)
        case mode if Mode.MINUS <= mode <= Mode.EXPONENT_DIGITS:
            return _in_number(state, byte)
        case Mode.DONE:
            return None
        case _:
            return _between(state, byte)


def advance_all(state: JsonState, text: bytes) -> JsonState | None:
    """Return the state after all of `text`, or None when it breaks the rules anywhere."""
    current: JsonState | None = state
    for byte in text:
        if current is None:
            return None
        current = advance(current, byte)
    return current


def _between(state: JsonState, byte: int) -> JsonState | None:
    if byte in _SPACES:
        # Before a colon nobody needs more than one space; a small model at a loss would go on and on.
        most = 1 if state.mode is Mode.COLON else MAX_SPACES
        return state._replace(tally=state.tally + 1) if state.tally < most else None
    match state.mode:
        case Mode.START:
            return JsonState(Mode.FIRST_KEY, "{") if byte == ord("{") else None
        case Mode.VALUE:
            return _open_value(state.stack, byte)
        case Mode.FIRST_ITEM:
            return _close(state.stack) if byte == ord("]") else _open_value(state.stack, byte)
        case Mode.FIRST_KEY if byte == ord("}"):
            return _close(state.stack)
        case Mode.FIRST_KEY | Mode.KEY:
            return JsonState(Mode.STRING, state.stack, is_key=True) if byte == ord('"') else None
        case Mode.COLON:
            return JsonState(Mode.VALUE, state.stack) if byte == ord(":") else None
        case _:
            return _after_value(state.stack, byte)


def _open_value(stack: str, byte: int) -> JsonState | None:
    if byte == ord('"'):
        return JsonState(Mode.STRING, stack)
    if byte in _LITERALS:
        return JsonState(Mode.LITERAL, stack, rest=_LITERALS[byte])
    if byte in _DIGITS:
        return JsonState(Mode.ZERO if byte == ord("0") else Mode.INTEGER, stack, 1)
    if byte == ord("-"):
        return JsonState(Mode.MINUS, stack)
    if byte in (ord("{"), ord("[")) and len(stack) < MAX_DEPTH:
        return JsonState(Mode.FIRST_KEY if byte == ord("{") else Mode.FIRST_ITEM, stack + chr(byte))
    return None


def _after_value(stack: str, byte: int) -> JsonState | None:
    if byte == ord(","):
        return JsonState(Mode.KEY if stack[-1] == "{" else Mode.VALUE, stack)
    return _close(stack) if _CLOSERS.get(byte) == stack[-1] else None


def _close(stack: str) -> JsonState:
    return JsonState(Mode.AFTER_VALUE if len(stack) > 1 else Mode.DONE, stack[:-1])


def _in_literal(state: JsonState, byte: int) -> JsonState | None:
    if byte != state.rest[0]:
        return None
    if len(state.rest) == 1:
        return JsonState(Mode.AFTER_VALUE, state.stack)
    return state._replace(rest=state.rest[1:])


def _in_string(state: JsonState, byte: int) -> JsonState | None:
    plain = JsonState(Mode.STRING, state.stack, is_key=state.is_key)
    match state.mode:
        case Mode.ESCAPE if byte == ord("u"):
            return plain._replace(mode=Mode.HEX)
        case Mode.ESCAPE:
            return plain if byte in _ESCAPES else None
        case Mode.HEX:
            return _in_hex(state, byte, plain)
        case Mode.CHARACTER:
            low, high = state.rest
            if not low <= byte <= high:
                return None
            return plain if state.tally == 1 else state._replace(tally=state.tally - 1, rest=b"\x80\xbf")
        case _:
            return _string_byte(plain, byte)


def _string_byte(plain: JsonState, byte: int) -> JsonState | None:
    if byte == ord('"'):
        return JsonState(Mode.COLON if plain.is_key else Mode.AFTER_VALUE, plain.stack)
    if byte == ord("\\"):
        return plain._replace(mode=Mode.ESCAPE)
    if byte < 0x80:
        return plain if byte >= 0x20 else None
    return _open_character(plain, byte)


def _open_character(plain: JsonState, byte: int) -> JsonState | None:
    """Begin a UTF-8 character of two to four bytes; the bounds are those of RFC 3629, section 4."""
    if not 0xC2 <= byte <= 0xF4:
        return None
    low = {0xE0: 0xA0, 0xF0: 0x90}.get(byte, 0x80)
    high = {0xED: 0x9F, 0xF4: 0x8F}.get(byte, 0xBF)
    following = 1 + (byte >= 0xE0) + (byte >= 0xF0)
    return plain._replace(mode=Mode.CHARACTER, tally=following, rest=bytes((low, high)))


def _in_hex(state: JsonState, byte: int, plain: JsonState) -> JsonState | None:
    if byte not in _HEX:
        return None
    if state.tally == 0 and byte in b"dD":
        return state._replace(tally=1, rest=b"d")
    if state.rest and byte not in b"01234567":
        return None  # D800 to DFFF are halves of a pair: a lone one is not a character
    return plain if state.tally == 3 else state._replace(tally=state.tally + 1, rest=b"")


def _in_number(state: JsonState, byte: int) -> JsonState | None:
    if byte in _DIGITS:
        return _digit(state, byte)
    stack = state.stack
    match state.mode:
        case Mode.ZERO | Mode.INTEGER if byte == ord("."):
            return JsonState(Mode.POINT, stack)
        case Mode.ZERO | Mode.INTEGER | Mode.FRACTION if byte in b"eE":
            return JsonState(Mode.EXPONENT, stack)
        case Mode.EXPONENT if byte in b"+-":
            return JsonState(Mode.EXPONENT_SIGN, stack)
        case Mode.ZERO | Mode.INTEGER | Mode.FRACTION | Mode.EXPONENT_DIGITS:
            return _between(JsonState(Mode.AFTER_VALUE, stack), byte)
        case _:
            return None


def _digit(state: JsonState, byte: int) -> JsonState | None:
    match state.mode:
        case Mode.ZERO:
            return None
        case Mode.MINUS:
            following, limit = Mode.ZERO if byte == ord("0") else Mode.INTEGER, MAX_DIGITS
        case Mode.INTEGER:
            following, limit = Mode.INTEGER, MAX_DIGITS
        case Mode.POINT | Mode.FRACTION:
            following, limit = Mode.FRACTION, MAX_DIGITS
        case _:
            following, limit = Mode.EXPONENT_DIGITS, MAX_EXPONENT_DIGITS
    return JsonState(following, state.stack, state.tally + 1) if state.tally < limit else None
