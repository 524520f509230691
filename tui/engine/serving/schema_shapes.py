"""From a JSON schema to the shape that an answer is held to, or the reason why it can't be.

Held are objects with named fields, texts (with `minLength`, `maxLength`), numbers, integers, booleans, null,
`enum` and `const`, lists (with `minItems`, `maxItems`), several types, `anyOf` whose ways differ in their
first character, and `$ref` into the schema that leads round nowhere. Every named field is written, in the
order of the schema, optional ones too; none is added: such an answer is valid by each schema taken here.
A keyword that would not be held is refused, never passed over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tui.engine.serving.schema_machine import (
    ANY_OBJECT,
    Either,
    Items,
    Number,
    OneOf,
    Shape,
    Text,
    advance,
)

MOST_PARTS = 5_000
"""Parts of a shape, each `$ref` written out; OpenAI's limit of properties (guide of 2026-08)."""
MOST_LEVELS = 32
"""Levels of nesting; the service takes ten."""
_SAID_ONLY = frozenset(
    ("title", "description", "default", "examples", "deprecated", "readOnly", "writeOnly", "$schema", "$id",
     "$comment", "$defs", "definitions")
)  # fmt: skip
"""Keywords that no answer can break."""
_OF_TYPE: Mapping[str, frozenset[str]] = {
    "object": frozenset(("properties", "required", "additionalProperties")),
    "array": frozenset(("items", "minItems", "maxItems")),
    "string": frozenset(("minLength", "maxLength")),
    "number": frozenset(),
    "integer": frozenset(),
    "boolean": frozenset(),
    "null": frozenset(),
}


class UnheldSchemaError(ValueError):
    """A schema that an answer can't be held to; the message says where and why."""


def shape_of(schema: Mapping[str, Any]) -> Shape:
    """Return the shape of an answer by a JSON schema, whose root has to be an object.

    Raises:
        UnheldSchemaError: It is no JSON schema, or asks for something that is not held.
    """
    import jsonschema_rs  # only answers with a schema need it

    try:
        jsonschema_rs.meta.validate(dict(schema))
    except ValueError as error:
        raise UnheldSchemaError(f"it is no JSON schema: {str(error).splitlines()[0]}") from error
    maker = _Maker(schema)
    if maker.resolved(schema, "$").get("type") != "object":
        raise UnheldSchemaError("its root must be of type 'object'")
    return _joined(maker.make(schema, "$", 0))


class _Maker:
    """Makes the shape of one schema.

    Args:
        root: Where `$ref` leads.
    """

    def __init__(self, root: Mapping[str, Any]) -> None:
        self._root = root
        self._parts = 0

    def make(self, schema: Any, where: str, level: int) -> Shape:
        """Return the shape of the part of a schema at `where`."""
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise UnheldSchemaError(f"it has more than {MOST_PARTS:,} parts")
        if level > MOST_LEVELS:
            raise UnheldSchemaError(f"at {where}: it nests deeper than {MOST_LEVELS} levels, or for ever")
        if not isinstance(schema, Mapping):
            raise UnheldSchemaError(f"at {where}: anything at all is no shape")
        part = self.resolved(schema, where)
        if "anyOf" in part:
            _refuse_others(part, {"anyOf"}, where)
            ways = [self.make(one, f"{where}.anyOf[{n}]", level + 1) for n, one in enumerate(part["anyOf"])]
            return _either(ways, where)
        if "enum" in part or "const" in part:
            _refuse_others(part, {"enum", "const", "type"}, where)
            return _words(part, where)
        kinds = part.get("type")
        if isinstance(kinds, str):
            _refuse_others(part, {"type", *_OF_TYPE[kinds]}, where)
            return self._typed(kinds, part, where, level)
        if not kinds:
            _refuse_others(part, {"type"}, where)
            raise UnheldSchemaError(f"at {where}: no type is named")
        _refuse_others(part, {"type", *(word for kind in kinds for word in _OF_TYPE[kind])}, where)
        chosen = [kind for kind in kinds if kind != "integer" or "number" not in kinds]
        return _either([self._typed(kind, part, where, level) for kind in chosen], where)

    def resolved(self, schema: Mapping[str, Any], where: str) -> Mapping[str, Any]:
        """Return a part of the schema, or what it refers to."""
        for _ in range(MOST_LEVELS):
            if "$ref" not in schema:
                return schema
            _refuse_others(schema, {"$ref"}, where)
            target: Any = self._root
            names = str(schema["$ref"]).split("/")
            for name in names[1:]:
                plain = name.replace("~1", "/").replace("~0", "~")
                target = target.get(plain) if isinstance(target, Mapping) else None
            if names[0] != "#" or not isinstance(target, Mapping):
                raise UnheldSchemaError(f"at {where}: nothing is found at {schema['$ref']!r}")
            schema = target
        raise UnheldSchemaError(f"at {where}: '$ref' leads round in a circle")

    def _typed(self, kind: str, part: Mapping[str, Any], where: str, level: int) -> Shape:
        plain: Mapping[str, Callable[[], Shape]] = {
            "boolean": lambda: (OneOf((b"true", b"false")),),
            "null": lambda: (b"null",),
            "number": lambda: (Number(),),
            "integer": lambda: (Number(whole=True),),
            "string": lambda: (Text(*_bounds(part, "minLength", "maxLength", where)),),
        }
        if kind in plain:
            return plain[kind]()
        return self._object(part, where, level) if kind == "object" else self._list(part, where, level)

    def _object(self, part: Mapping[str, Any], where: str, level: int) -> Shape:
        fields = part.get("properties", {})
        unknown = [name for name in part.get("required", ()) if name not in fields]
        if unknown:
            raise UnheldSchemaError(f"at {where}: the required field {unknown[0]!r} has no schema")
        more = part.get("additionalProperties", True)
        if not fields and more is not False:
            if more is not True:
                raise UnheldSchemaError(f"at {where}: fields of any name are not held to a schema")
            return ANY_OBJECT
        shape: Shape = ()
        for name, schema in fields.items():
            lead = ", " if shape else "{"
            shape += (
                _written(lead, where) + _json(name, where) + b": ",
                *self.make(schema, f"{where}.{name}", level + 1),
            )
        return (*shape, b"}") if shape else (b"{}",)

    def _list(self, part: Mapping[str, Any], where: str, level: int) -> Shape:
        if "items" not in part:
            raise UnheldSchemaError(f"at {where}: the list's 'items' have no schema")
        item = self.make(part["items"], f"{where}[]", level + 1)
        return (b"[", Items(_joined(item), *_bounds(part, "minItems", "maxItems", where)))


def _refuse_others(part: Mapping[str, Any], known: set[str], where: str) -> None:
    unheld = [word for word in part if word not in known and word not in _SAID_ONLY]
    if unheld:
        raise UnheldSchemaError(f"at {where}: '{unheld[0]}' is not held here")


def _words(part: Mapping[str, Any], where: str) -> Shape:
    values = part["enum"] if "enum" in part else [part["const"]]
    if "enum" in part and "const" in part:
        values = [value for value in values if value == part["const"]]
    kinds = part.get("type", list(_OF_TYPE))
    kinds = [kinds] if isinstance(kinds, str) else kinds
    fitting = [value for value in values if any(_is_of(value, kind) for kind in kinds)]
    if not fitting:
        raise UnheldSchemaError(f"at {where}: no value is left to choose")
    return (OneOf(tuple(dict.fromkeys(_json(value, where) for value in fitting))),)


def _is_of(value: Any, kind: str) -> bool:
    if isinstance(value, bool) or value is None:
        return kind == ("null" if value is None else "boolean")
    if isinstance(value, float) and value.is_integer() and kind == "integer":
        return True
    known: Mapping[str, tuple[type, ...]] = {
        "string": (str,), "integer": (int,), "number": (int, float), "object": (dict,), "array": (list,),
    }  # fmt: skip
    return isinstance(value, known.get(kind, ()))


def _either(ways: Sequence[Shape], where: str) -> Shape:
    if len(ways) == 1:
        return ways[0]
    taken: set[int] = set()
    for way in ways:
        begins = {byte for byte in range(256) if advance(way, byte) is not None}
        if taken & begins:
            raise UnheldSchemaError(f"at {where}: two ways begin with the same character")
        taken |= begins
    return (Either(tuple(_joined(way) for way in ways)),)


def _bounds(part: Mapping[str, Any], low: str, high: str, where: str) -> tuple[int, int | None]:
    least, most = int(part.get(low, 0)), part.get(high)
    if most is not None and most < least:
        raise UnheldSchemaError(f"at {where}: '{high}' is below '{low}'")
    return least, None if most is None else int(most)


def _json(value: Any, where: str) -> bytes:
    return _written(json.dumps(value, ensure_ascii=False), where)


def _written(text: str, where: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise UnheldSchemaError(f"at {where}: half of a character is no text") from error


def _joined(shape: Shape) -> Shape:
    """Return a shape with fixed bytes that follow one another as one piece."""
    joined: list[Any] = []
    for part in shape:
        if isinstance(part, bytes) and joined and isinstance(joined[-1], bytes):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)
