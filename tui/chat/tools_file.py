"""Tools that a model may call, declared in a file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError

_SHAPE = 'A list of {"name": …, "description": …, "parameters": {JSON schema}}, or a training row with tools.'
Tools = tuple[Mapping[str, Any], ...]


def read_tools(path: Path) -> Tools:
    """Return the tools of a file, judged by the rules for tools in a training row.

    It holds a JSON list of tools, bare functions or each under "function"; an object with such a list under
    "tools", as a training row has it; or one bare tool.

    Raises:
        TunedeckError: It can't be read, or a tool in it would be refused.
    """
    try:
        lines = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror or error) if isinstance(error, OSError) else "it is no UTF-8"
        raise TunedeckError(f"{path} can't be read: {reason}.") from error
    tools = tuple(_tool(one, path) for one in _listed(_parsed(lines, path), path))
    if not tools:
        raise TunedeckError(f"{path} declares no tool.", _SHAPE)
    _judge(tools, path)
    return tools


def tool_names(tools: Tools) -> str:
    """Return the names of tools, for a line: `weather, search`."""
    return ", ".join(str(tool.get("function", {}).get("name", "?")) for tool in tools)


def _parsed(text: str, path: Path) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        first = text.lstrip().partition("\n")[0]
        try:
            return json.loads(first)  # a dataset: the tools of its first row
        except (ValueError, RecursionError):
            raise TunedeckError(f"{path} is no JSON: {error}.", _SHAPE) from error


def _listed(value: object, path: Path) -> list[object]:
    if isinstance(value, dict):
        value = value.get("tools", [value] if "name" in value or "function" in value else [])
    if not isinstance(value, list):
        raise TunedeckError(f"{path} declares no tool.", _SHAPE)
    return value


def _tool(value: object, path: Path) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise TunedeckError(f"{path} holds a tool that is no object.", _SHAPE)
    return value if "function" in value else {"type": "function", "function": value}


def _judge(tools: Tools, path: Path) -> None:
    from tui.datasets.check_row import check_row
    from tui.datasets.formats import DatasetFormat
    from tui.datasets.report import Severity

    # What a service refuses of tools in training it refuses in a chat.
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
    row = json.dumps({"messages": messages, "tools": list(tools)}).encode()
    for finding in check_row(row, DatasetFormat.CHAT):
        if finding.severity is Severity.ERROR:
            where = f" ({finding.path})" if finding.path else ""
            raise TunedeckError(f"{path} can't be used: {finding.message}{where}", _SHAPE)
