"""Checks of answers that are JSON: valid, as a schema says, and field by field as expected."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from tui.errors import TunedeckError
from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import NOTHING_EXPECTED, Check, Grade, binary
from tui.evals.checks.spec import CheckSpec
from tui.safe_text import safe_line

_FENCE = re.compile(r"\A\s*```(?:json|JSON)?[ \t]*\n(.*?)\n?\s*```\s*\Z", re.DOTALL)
_MOST_LEAVES = 20_000
_FENCED: Mapping[str, Any] = {"fence": bool}


def json_of(text: str, *, fence: bool) -> tuple[Any, str]:
    """Return (value, "") or (None, why it is no JSON).

    Args:
        text: Of an answer.
        fence: Whether JSON within a Markdown fence counts.
    """
    if fence and (found := _FENCE.match(text)):
        text = found.group(1)
    try:
        return orjson.loads(text.encode("utf-8", "surrogatepass")), ""
    except orjson.JSONDecodeError as error:
        return None, f"no JSON: {safe_line(error.msg, 80)} at character {error.pos + 1:,}"


class JsonValid(Check):
    """The whole answer is one JSON value; `kind` asks for an object or an array."""

    main = "kind"
    known: ClassVar[Mapping[str, Any]] = {"kind": str, **_FENCED}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        self._kind = self.option("kind", "any")
        if self._kind not in ("any", "object", "array"):
            raise TunedeckError(f'The check json: kind is "{self._kind}".', "It is any, object or array.")

    def grade(self, case: Case, given: Given) -> Grade:
        """Parse."""
        value, problem = json_of(given.text, fence=self.option("fence", False))
        if problem:
            return binary(False, problem)
        wanted = {"any": object, "object": dict, "array": list}[self._kind]
        return binary(isinstance(value, wanted), f"JSON, but no {self._kind}")


class JsonSchema(Check):
    """The answer is JSON that a schema allows; a schema is a file, a table or the row's `schema`."""

    main = "schema"
    known: ClassVar[Mapping[str, Any]] = {"schema": (str, dict), **_FENCED}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        schema = self.option("schema", None)
        if isinstance(schema, str):
            schema = _read_schema(self, schema)
        self._validator = None if schema is None else compile_schema(schema)

    def grade(self, case: Case, given: Given) -> Grade:
        """Parse and validate."""
        validator = self._validator
        if validator is None:
            own = case.item.get("schema")
            if not isinstance(own, dict):
                return Grade(None, "neither the check nor the row names a schema")
            try:
                validator = compile_schema(own)
            except TunedeckError as error:
                return Grade(None, safe_line(error.message, 200))
        value, problem = json_of(given.text, fence=self.option("fence", False))
        return binary(False, problem) if problem else schema_grade(validator, value)


def _read_schema(check: JsonSchema, name: str) -> Any:
    if name.lstrip().startswith("{"):
        text: bytes = name.encode()
    else:
        path = check.file("schema")
        try:
            text = path.read_bytes()
        except OSError as error:
            raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "") from None
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise TunedeckError(f"The schema of the check json-schema is no JSON: {error}.", "") from None


def compile_schema(schema: Any) -> Any:
    """Return a validator; nothing is fetched, and patterns are matched in linear time.

    Raises:
        TunedeckError: It is no JSON Schema.
    """
    import jsonschema_rs  # only this check needs it

    try:
        jsonschema_rs.meta.validate(schema)
        return jsonschema_rs.validator_for(
            schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (
        jsonschema_rs.ValidationError,
        ValueError,
        RecursionError,
        jsonschema_rs.ReferencingError,
    ) as error:
        words = safe_line(str(error).splitlines()[0] if str(error) else type(error).__name__, 160)
        raise TunedeckError(f"The schema is no JSON Schema that can be used here: {words}.", "") from None


def _refuse(address: str) -> Any:
    raise ValueError(f"{address} is not fetched")


def schema_grade(validator: Any, value: Any) -> Grade:
    """Return whether a value is what a schema allows, with the first place where it is not."""
    try:
        error = next(validator.iter_errors(value), None)
    except (ValueError, RecursionError):
        return Grade(None, "nested too deep to be judged")
    if error is None:
        return binary(True)
    place = "".join(f"[{step!r}]" for step in error.instance_path)
    return binary(False, f"{'at ' + place + ': ' if place else ''}{error.message}")


class Fields(Check):
    """How many of the expected JSON's fields the answer has, as F1 over (path, value).

    Order of objects does not matter, order of arrays does. Texts are compared with blanks at their ends and,
    unless `case` is true, capitals left out of account.
    """

    known: ClassVar[Mapping[str, Any]] = {"ignore": list, "case": bool, **_FENCED}

    def grade(self, case: Case, given: Given) -> Grade:
        """Compare leaf by leaf."""
        targets = [
            value for one in case.expected for value, problem in [json_of(one, fence=True)] if not problem
        ]
        if not targets:
            return NOTHING_EXPECTED if not case.expected else Grade(None, "the expected answer is no JSON")
        value, problem = json_of(given.text, fence=self.option("fence", True))
        if problem:
            return Grade(0.0, problem)
        return max((self._compare(target, value) for target in targets), key=lambda grade: grade.score or 0.0)

    def _compare(self, target: Any, value: Any) -> Grade:
        ignored = {str(one) for one in self.option("ignore", [])}
        wanted, found = (Counter(self._leaves(one, ignored)) for one in (target, value))
        total = wanted.total() + found.total()
        shared = (wanted & found).total()
        score = 2 * shared / total if total else 1.0
        wrong = sorted({path or "(the value)" for path, _ in (wanted - found)})
        more = sorted({path or "(the value)" for path, _ in (found - wanted)} - set(wrong))
        words = [f"wrong or missing: {', '.join(wrong)}"] if wrong else []
        words += [f"not expected: {', '.join(more)}"] if more else []
        return Grade(score, safe_line("; ".join(words), 200))

    def _leaves(self, value: Any, ignored: set[str]) -> Iterator[tuple[str, str]]:
        waiting: list[tuple[str, Any]] = [("", value)]
        count = 0
        while waiting and count < _MOST_LEAVES:
            path, current = waiting.pop()
            if path in ignored:
                continue
            if isinstance(current, dict) and current:
                waiting += [(f"{path}.{key}" if path else str(key), one) for key, one in current.items()]
            elif isinstance(current, list) and current:
                waiting += [(f"{path}[{number}]", one) for number, one in enumerate(current)]
            else:
                count += 1
                yield path, self._plain(current)

    def _plain(self, value: Any) -> str:
        if isinstance(value, str):
            text = value.strip()
            return json.dumps(text if self.option("case", False) else text.casefold())
        return plain_json(value)


def plain_json(value: Any) -> str:
    """Return a value of JSON in one spelling: keys in order, 3.0 as 3, which are one number of JSON."""
    return json.dumps(_with_plain_numbers(value), sort_keys=True)


def _with_plain_numbers(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _with_plain_numbers(one) for key, one in value.items()}
    return [_with_plain_numbers(one) for one in value] if isinstance(value, list) else value
