"""The keys that a person moved: the `[keys]` table of the settings file, as it is written there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tui.config import KEYS_TABLE, read_settings_file
from tui.errors import TunedeckError

_REMEDY = 'A line of the table is written as "job.zoom" = "Z", or "job.zoom" = ["Z", "ctrl+z"].'


class ChosenKeys(NamedTuple):
    """Keys that a person gave to an action; whether there is such an action is the app's to say."""

    action_id: str
    """Area and name, as the documentation's page of keys lists them: `job.zoom`."""
    keys: tuple[str, ...]
    place: str
    """File and line, for messages."""


def load_chosen_keys() -> list[ChosenKeys]:
    """Return what the `[keys]` table of the settings file says.

    Raises:
        TunedeckError: The file can't be read, or a value is neither a key nor a list of keys.
    """
    path, text, values = read_settings_file()
    table = values.get(KEYS_TABLE, {})
    if not isinstance(table, dict):
        raise TunedeckError(f"{path}: {KEYS_TABLE} must be a table, begun with [{KEYS_TABLE}].", _REMEDY)
    return [
        _chosen_keys(action_id, value, f"{path}, line {_line_of(text, action_id)}")
        for action_id, value in _flat(table)
    ]


def _flat(table: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield dotted names and values: TOML reads `job.zoom = "Z"` without quotes as a table in a table."""
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _chosen_keys(action_id: str, value: object, place: str) -> ChosenKeys:
    keys = tuple(value) if isinstance(value, list) else (value,)
    if not keys or not all(isinstance(key, str) and key.strip() for key in keys):
        raise TunedeckError(f"{place}: {action_id} must be a key or a list of keys.", _REMEDY)
    return ChosenKeys(action_id, tuple(str(key).strip() for key in keys), place)


def _line_of(text: str, action_id: str) -> int:
    """Return the line of an action in the `[keys]` table, however its name is written there."""
    lines = text.splitlines()
    begin = next((index for index, line in enumerate(lines) if line.strip().startswith(f"[{KEYS_TABLE}")), 0)
    for name in (action_id, action_id.rpartition(".")[2]):
        pattern = re.compile(rf"""\s*["']?{re.escape(name)}["']?\s*=""")
        for number, line in enumerate(lines[begin:], begin + 1):
            if pattern.match(line):
                return number
    return begin + 1
