"""Arguments of tool calls against the schemas that the row itself declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson

from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.protocol import LintRow, RowLint
from tui.datasets.locate import JsonPath

_MOST_SCHEMAS = 512
_LONGEST_MESSAGE = 200
_Entry = tuple[Any, str | None]
"""(validator or None, what is wrong with the schema or None)"""


class ToolSchemas(RowLint):
    """Compiled once per different definition; a row without tools costs next to nothing."""

    def __init__(self) -> None:
        self._compiled: dict[bytes, dict[str, _Entry]] = {}

    def row(self, row: LintRow) -> None:
        """Compile the row's tools and try the arguments of its calls."""
        source = row.value.get("input") if row.format is DatasetFormat.PREFERENCE else row.value
        if not isinstance(source, dict) or ("tools" not in source and "functions" not in source):
            return
        tools = self._tools(source)
        where: JsonPath = ("input",) if row.format is DatasetFormat.PREFERENCE else ()
        for name, (_, problem) in tools.items():
            if problem is not None:
                row.findings.add(
                    "tool-schema-invalid",
                    f'The parameters of "{name}" are no JSON Schema: {problem}',
                    (*where, "tools" if "tools" in source else "functions"),
                    text=name,
                )
        for function, path in _called(row.value, row.format):
            _try_arguments(row, function, path, tools)

    def _tools(self, source: dict[str, Any]) -> dict[str, _Entry]:
        try:
            key = orjson.dumps([source.get("tools"), source.get("functions")])
        except TypeError:
            return {}  # nested too deep to write; the rules say so
        known = self._compiled.get(key)
        if known is None:
            if len(self._compiled) >= _MOST_SCHEMAS:
                self._compiled.clear()
            known = self._compiled[key] = dict(_compile_all(source))
        return known


def _compile_all(source: dict[str, Any]) -> Iterator[tuple[str, _Entry]]:
    tools, functions = source.get("tools"), source.get("functions")
    entries = [
        tool.get("function") for tool in (tools if isinstance(tools, list) else []) if isinstance(tool, dict)
    ]
    for function in [*entries, *(functions if isinstance(functions, list) else [])]:
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            parameters = function.get("parameters")
            if isinstance(parameters, dict):
                yield function["name"], _compile(parameters)


def _compile(schema: dict[str, Any]) -> _Entry:
    import jsonschema_rs  # only rows with tools need it

    try:
        jsonschema_rs.meta.validate(schema)
    except jsonschema_rs.ValidationError as error:
        return None, error.message[:_LONGEST_MESSAGE]
    except (ValueError, RecursionError):
        return None, None  # of a dialect that is not known: nothing can be said
    try:
        # The linear-time engine: a schema of a stranger's file may hold any pattern.
        validator = jsonschema_rs.validator_for(
            schema, retriever=_refuse, pattern_options=jsonschema_rs.RegexOptions()
        )
    except (ValueError, RecursionError, jsonschema_rs.ReferencingError):
        return None, None  # a pattern or reference that is not followed here
    return validator, None


def _refuse(address: str) -> Any:
    raise ValueError(f"{address} is not fetched")


def _try_arguments(row: LintRow, function: dict[str, Any], path: JsonPath, tools: dict[str, _Entry]) -> None:
    validator, _ = tools.get(str(function.get("name")), (None, None))
    arguments = function.get("arguments")
    if validator is None or not isinstance(arguments, str):
        return
    try:
        value = orjson.loads(arguments)
    except ValueError:
        return  # tool-arguments-not-json says so
    try:
        error = next(validator.iter_errors(value), None)
    except (ValueError, RecursionError):
        return
    if error is not None:
        place = "".join(f"[{step!r}]" for step in error.instance_path)
        row.findings.add(
            "tool-arguments-schema",
            f'The arguments of "{function.get("name")}" break its schema'
            f"{' at ' + place if place else ''}: {error.message[:_LONGEST_MESSAGE]}",
            (*path, "arguments"),
            text=arguments,
        )


def _called(
    value: dict[str, Any], dataset_format: DatasetFormat
) -> Iterator[tuple[dict[str, Any], JsonPath]]:
    if dataset_format is DatasetFormat.PREFERENCE:
        source = value.get("input")
        if isinstance(source, dict):
            yield from _calls_of(source.get("messages"), ("input", "messages"))
        for key in ("preferred_output", "non_preferred_output"):
            yield from _calls_of(value.get(key), (key,))
    else:
        yield from _calls_of(value.get("messages"), ("messages",))


def _calls_of(messages: object, path: JsonPath) -> Iterator[tuple[dict[str, Any], JsonPath]]:
    for index, message in enumerate(messages if isinstance(messages, list) else []):
        if not isinstance(message, dict):
            continue
        calls = message.get("tool_calls")
        for number, call in enumerate(calls if isinstance(calls, list) else []):
            function = call.get("function") if isinstance(call, dict) else None
            if isinstance(function, dict):
                yield function, (*path, index, "tool_calls", number, "function")
        function = message.get("function_call")
        if isinstance(function, dict):
            yield function, (*path, index, "function_call")
