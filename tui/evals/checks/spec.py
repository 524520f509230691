"""A check as data: `NAME`, `NAME:VALUE` or `NAME:{key = value}` in a flag, a table in TOML, a key of a row.

A flag's VALUE stands for the check's main option (`contains:refund`, `number:0.01`, `json-schema:file.json`);
several options are a TOML inline table (`length:{max_words = 50, max_lines = 3}`). A file of checks has one
`[[check]]` table each, with `name` and the options. A row's own `checks` is a list of such texts or objects.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.safe_text import safe_line

MAIN_OPTION = "value"
"""Stands for the check's main option until the check itself is known."""
_TITLE = 60


@dataclass(frozen=True, slots=True)
class CheckSpec:
    """A check and its options."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: Path | None = None
    """Where relative paths in options start; None for the current folder."""

    @property
    def title(self) -> str:
        """The check for a heading: its name and what tells it from another of that name."""
        if not self.options:
            return self.name
        if set(self.options) == {MAIN_OPTION}:
            return safe_line(f"{self.name}:{self.options[MAIN_OPTION]}", _TITLE)
        words = ", ".join(f"{key} = {_plain(value)}" for key, value in self.options.items())
        return safe_line(f"{self.name}:{{{words}}}", _TITLE)

    @property
    def key(self) -> str:
        """The same for checks that ask the same, for grouping."""
        return json.dumps([self.name, dict(self.options)], sort_keys=True, ensure_ascii=False, default=str)


def _plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def parse_check(text: str, folder: Path | None = None) -> CheckSpec:
    """Read a flag's value.

    Raises:
        TunedeckError: The options are no TOML.
    """
    name, colon, rest = text.partition(":")
    if not colon:
        return CheckSpec(name.strip(), {}, folder)
    if rest.lstrip().startswith("{") and rest.rstrip().endswith("}"):
        try:
            options = tomllib.loads(f"options = {rest}")["options"]
        except tomllib.TOMLDecodeError as error:
            if ":" not in rest and "=" in rest:
                raise TunedeckError(
                    f"--check {safe_line(text, 80)}: the options are no TOML: {error}.",
                    "Write them as {key = value}, texts in quotes.",
                ) from None
            options = {MAIN_OPTION: rest}  # a regular expression such as {2}, or JSON
        return CheckSpec(name.strip(), options, folder)
    return CheckSpec(name.strip(), {MAIN_OPTION: rest}, folder)


def read_check_file(path: Path) -> tuple[CheckSpec, ...]:
    """Read a TOML file of `[[check]]` tables.

    Raises:
        TunedeckError: It can't be read, is no TOML, or holds something else.
    """
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TunedeckError(f"{path} is no TOML: {error}.", "") from None
    tables = content.get("check")
    if not isinstance(tables, list) or set(content) != {"check"}:
        raise TunedeckError(f"{path} holds no checks.", 'Write each as a [[check]] table with name = "...".')
    return checks_from(tables, path.parent, str(path))


def checks_from(values: Iterable[Any], folder: Path | None, where: str) -> tuple[CheckSpec, ...]:
    """Read checks from values of a file: texts as in a flag, or tables with `name` (or `check`).

    Args:
        values: One for each check.
        folder: Where relative paths start.
        where: File, or file and line, for the message.

    Raises:
        TunedeckError: One of them is neither.
    """
    found = []
    for value in values:
        if isinstance(value, str):
            found.append(parse_check(value, folder))
            continue
        name = value.get("name", value.get("check")) if isinstance(value, Mapping) else None
        if not isinstance(name, str):
            raise TunedeckError(
                f"{where}: {safe_line(_plain(value), 80)} is no check.",
                'It needs a name, as in name = "exact".',
            )
        options = {key: one for key, one in value.items() if key not in ("name", "check")}
        found.append(CheckSpec(name, options, folder))
    return tuple(found)
