"""Settings: a TOML file, the environment and flags, the nearest one wins; strict, so that a typo is heard.

Keys of services never live here: they come from the environment, stay in memory and are never written.
"""

from __future__ import annotations

import dataclasses
import difflib
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tui import paths
from tui.errors import TunedeckError

ENVIRONMENT_PREFIX = "TUNEDECK_"
KEYS_TABLE = "keys"
"""Table of the settings file that is no setting: `tui.chosen_keys` reads it."""
ACCOUNTS_TABLE = "accounts"
"""Another one: `tui.providers.account_settings` reads and writes it."""
BUDGETS_TABLE = "budgets"
"""Another one: `tui.jobs.budget` reads and writes it."""
AT_ONCE_TABLE = "at_once"
"""Another one: `tui.jobs.at_once` reads and writes it."""
NOTIFY_TABLE = "notify"
"""Another one: `tui.jobs.notices.rules` reads and writes it."""
CLUSTERS_TABLE = "clusters"
"""Another one: `tui.engine.executors.places` reads it."""
_SECRET_WORDS = ("api_key", "apikey", "token", "secret", "password")
_TRUE = ("1", "true", "yes", "on")
_FALSE = ("0", "false", "no", "off")
_TYPE_WORDS = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}


def _setting(
    default: Any,
    description: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] = (),
) -> Any:
    facts = {"description": description, "minimum": minimum, "maximum": maximum, "choices": choices}
    return field(default=default, metadata=facts)


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person may choose; each field is a key of the settings file and `TUNEDECK_<KEY>` outside it."""

    theme: str = _setting(
        "tunedeck-dark",
        "Colours: `tunedeck-dark`, `tunedeck-light`, or the terminal's own: `ansi-dark`, `ansi-light`.",
    )
    mouse: bool = _setting(True, "Take the mouse; false leaves it to the terminal.")
    ascii: bool = _setting(False, "Draw with ASCII only: no braille, no box lines, no arrows or other signs.")
    default_account: str = _setting("local", "Account that launches and chats start with.")
    default_model: str = _setting("smollm2-135m-instruct", "Model that launches start with.")
    lints: str = _setting(
        "fast",
        "Quality lints of checks in the app and before a launch: none, fast or all.",
        choices=("none", "fast", "all"),
    )
    poll_seconds: float = _setting(15.0, "Seconds between looks at a remote job in the background.", 5, 600)
    bell: bool = _setting(True, "Ring the terminal's bell where the rules of [notify] say so.")
    notify_terminal: str = _setting(
        "auto",
        "How the terminal is asked to show a notification: auto finds out, or osc9, osc777, osc99.",
        choices=("auto", "osc9", "osc777", "osc99"),
    )
    archive_jobs: bool = _setting(True, "Copy a job's files into a folder of its own when it ends.")
    engine_idle_seconds: int = _setting(
        120, "Seconds without work after which an engine that the app started ends.", 10, 86400
    )
    engine_jobs_at_once: int = _setting(
        1, "Jobs that the engine may train on this machine at a time; they share its cores and memory.", 1, 16
    )
    night: str = _setting("22:00-06:00", "When a night begins and ends: launches can wait for it.")
    engine_prefers_llamacpp: bool = _setting(
        False,
        "Let llama.cpp answer with local models too, where it is installed: faster, from weights of 8 bits.",
    )


def setting_keys() -> tuple[str, ...]:
    """Return every valid key, in the order of `Settings`."""
    return tuple(entry.name for entry in dataclasses.fields(Settings))


def describe_setting(key: str) -> str:
    """Return the one-line description of a setting."""
    return str(_field(key).metadata["description"])


def load_settings() -> Settings:
    """Return the settings: defaults, then the file, then the environment.

    Raises:
        TunedeckError: A key or value is wrong; the message names file or variable, line, key and remedy.
    """
    return Settings(**{key: value for key, (value, _) in settings_with_sources().items()})


def settings_with_sources() -> dict[str, tuple[Any, str]]:
    """Return key -> (value, where it comes from: "default", the file's path or the variable's name)."""
    found: dict[str, tuple[Any, str]] = {
        entry.name: (entry.default, "default") for entry in dataclasses.fields(Settings)
    }
    found.update({key: (value, str(paths.settings_file())) for key, value in _settings_of_file().items()})
    found.update(_read_environment(os.environ))
    return found


def save_setting(key: str, value: Any) -> None:
    """Write one setting to the file, keeping its comments and order; `value` may be text as typed.

    Raises:
        TunedeckError: Unknown key, wrong value, or the file can't be read or written.
    """
    path = paths.settings_file()
    _check_key(key, str(path), None)
    checked = _convert_text(key, value, str(path)) if isinstance(value, str) else value
    checked = _check_value(key, checked, str(path))
    edit_settings_file(lambda document: document.__setitem__(key, checked))


def edit_settings_file(change: Callable[[Any], None]) -> None:
    """Change the settings file, keeping its comments and order.

    Args:
        change: Given the file as a tomlkit document, it changes that.

    Raises:
        TunedeckError: The file can't be read, is not TOML, or can't be written.
    """
    import tomlkit  # only writing needs it

    path, text, _ = read_settings_file()
    document = tomlkit.parse(text)
    change(document)
    _write_private(path, tomlkit.dumps(document))


def _field(key: str) -> dataclasses.Field[Any]:
    return next(entry for entry in dataclasses.fields(Settings) if entry.name == key)


def _read_text(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, UnicodeDecodeError) as error:
        raise TunedeckError(
            f"The settings file {path} can't be read: {error}.", "Repair it, or move it away."
        ) from None


def read_settings_file() -> tuple[Path, str, dict[str, Any]]:
    """Return the settings file's path, text and unchecked values; without a file the last two are empty.

    Raises:
        TunedeckError: The file can't be read, or is not TOML.
    """
    path = paths.settings_file()
    text = _read_text(path)
    if not text:
        return path, "", {}
    import tomllib  # its patterns take 5 ms; most people have no settings file

    try:
        return path, text, tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise TunedeckError(
            f"{path} is not valid TOML: {error}.", 'A line is written as key = value, text in "quotes".'
        ) from None


def _settings_of_file() -> dict[str, Any]:
    path, text, values = read_settings_file()
    tables = (KEYS_TABLE, ACCOUNTS_TABLE, BUDGETS_TABLE, AT_ONCE_TABLE, NOTIFY_TABLE, CLUSTERS_TABLE)
    for table in tables:
        values.pop(table, None)
    for key, value in values.items():
        place = f"{path}, line {_line_of(text, key)}"
        _check_key(key, place, values)
        values[key] = _check_value(key, value, place)
    return values


def _line_of(text: str, key: str) -> int:
    pattern = re.compile(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if pattern.match(line)), 1)


def _check_key(key: str, place: str, values: Mapping[str, Any] | None) -> None:
    if key in setting_keys():
        return
    if any(word in key.lower() for word in _SECRET_WORDS):
        raise TunedeckError(
            f"{place}: {key!r} looks like a secret, and secrets are not kept in the settings file.",
            "Remove it and set the environment variable instead, such as OPENAI_API_KEY.",
        )
    nearest = difflib.get_close_matches(key, setting_keys(), n=1, cutoff=0.5)
    guess = f"Did you mean {nearest[0]!r}? " if nearest else ""
    raise TunedeckError(
        f"{place}: there is no setting {key!r}.", f"{guess}Valid keys: {', '.join(setting_keys())}."
    )


def _check_value(key: str, value: Any, place: str) -> Any:
    entry = _field(key)
    wanted = type(entry.default)
    if wanted is float and type(value) is int:
        value = float(value)
    if type(value) is not wanted:
        raise TunedeckError(
            f"{place}: {key} must be {_TYPE_WORDS[wanted]}, not {value!r}.", describe_setting(key)
        )
    minimum, maximum = entry.metadata["minimum"], entry.metadata["maximum"]
    if minimum is not None and not minimum <= value <= maximum:
        raise TunedeckError(
            f"{place}: {key} must lie between {minimum} and {maximum}, not at {value}.", describe_setting(key)
        )
    choices = entry.metadata["choices"]
    if choices and value not in choices:
        raise TunedeckError(
            f"{place}: {key} must be one of {', '.join(choices)}, not {value!r}.", describe_setting(key)
        )
    return value


def _read_environment(environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    found = {}
    for key in setting_keys():
        name = ENVIRONMENT_PREFIX + key.upper()
        if name in environment:
            value = _convert_text(key, environment[name], f"Environment variable {name}")
            found[key] = (_check_value(key, value, f"Environment variable {name}"), name)
    return found


def _convert_text(key: str, text: str, place: str) -> Any:
    wanted = type(_field(key).default)
    if wanted is bool and text.lower() in _TRUE + _FALSE:
        return text.lower() in _TRUE
    if wanted is str:
        return text
    try:
        if wanted in (int, float):
            return wanted(text)
    except ValueError:
        pass
    raise TunedeckError(f"{place}: {key} must be {_TYPE_WORDS[wanted]}, not {text!r}.", describe_setting(key))


def _write_private(path: Path, text: str) -> None:
    from tui.atomic import write_bytes  # only writing needs it

    try:
        paths.make_private(path.parent)
        write_bytes(path, text.encode("utf-8"))
    except OSError as error:
        raise TunedeckError(
            f"The settings file {path} can't be written: {error.strerror or error}.",
            "Free space or fix permissions.",
        ) from None
