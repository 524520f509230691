"""The sampling parameters of a chat, from words that a person typed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.records.chats import ChatParameters

PARAMETER_NAMES = ("temperature", "top_p", "max_tokens", "seed", "logprobs")
"""Parameters that are numbers, in the order in which they are shown."""
TEXT_PARAMETERS = ("stop", "response_format")
"""Parameters that are words."""
MOST_STOPS = 4
"""Stop strings of one request, by OpenAI's API reference; read 2026-11-21."""
JSON_WORD = "json"

PARAMETER_RANGES: Mapping[str, tuple[float, float]] = {
    # OpenAI's API reference for chat completions; read 2026-11-21.
    "temperature": (0, 2),
    "top_p": (0, 1),
    "max_tokens": (1, 1_000_000),
    "seed": (0, 2**31 - 1),
    "logprobs": (0, 20),
}
_WHOLE = ("max_tokens", "seed", "logprobs")
_STOP_MARKS = {"\\n": "\n", "\\t": "\t", "\\|": "|", "\\\\": "\\"}

NEW_CHAT = ChatParameters(max_tokens=512)
"""What a chat starts with: a small base model left to itself writes until its context is full."""


def parse_parameter(name: str, text: str) -> float | int | None:
    """Return the number that `text` says, or None for an empty text: the service chooses.

    Raises:
        TunedeckError: Not a number, or out of the parameter's range.
    """
    words = text.strip()
    if not words:
        return None
    low, high = PARAMETER_RANGES[name]
    kind = "a whole number" if name in _WHOLE else "a number"
    remedy = f"Give {kind} from {low:g} to {high:,}, or nothing to leave it to the service."
    try:
        number = int(words) if name in _WHOLE else float(words)
    except ValueError:
        raise TunedeckError(f"{name}: {words!r} is not {kind}.", remedy) from None
    if not low <= number <= high:
        raise TunedeckError(f"{name}: {words} is out of range.", remedy)
    return number


def parse_stop(text: str) -> tuple[str, ...]:
    """Return the stop strings that a person typed between bars; `\\n` is a new line and `\\|` a bar.

    Raises:
        TunedeckError: There are more than a service takes.
    """
    parts = [""]
    place = 0
    while place < len(text):
        mark = text[place : place + 2]
        if mark in _STOP_MARKS:
            parts[-1] += _STOP_MARKS[mark]
            place += 2
        elif text[place] == "|":
            parts.append("")
            place += 1
        else:
            parts[-1] += text[place]
            place += 1
    stops = tuple(part for part in parts if part)
    if len(stops) > MOST_STOPS:
        raise TunedeckError(f"stop: {len(stops)} texts are too many.", f"A service takes up to {MOST_STOPS}.")
    return stops


def stop_words(stops: tuple[str, ...]) -> str:
    """Return stop strings as `parse_stop` reads them."""
    marks = [(made, typed) for typed, made in _STOP_MARKS.items()]
    table = str.maketrans(dict(marks))
    return "|".join(stop.translate(table) for stop in stops)


def parse_response_format(text: str, now: str | None = None) -> str | None:
    """Return the shape that `text` asks of an answer: nothing, `json`, or the file of a JSON schema.

    Args:
        text: What a person typed.
        now: The shape until now, which its own words (`format_words`) leave as it is.

    Raises:
        TunedeckError: The file can't be read or holds no JSON schema.
    """
    words = text.strip()
    if not words or words == "text":
        return None
    if now is not None and words == format_words(now):
        return now
    if words == JSON_WORD:
        return '{"type": "json_object"}'
    return _schema_format(Path(words).expanduser())


def format_words(response_format: str | None) -> str:
    """Return the shape asked of an answer in a word or two: `json`, `schema person`; empty for none."""
    if response_format is None:
        return ""
    value = json.loads(response_format)
    schema = value.get("json_schema")
    return f"schema {schema.get('name', '')}" if isinstance(schema, dict) else JSON_WORD


def _schema_format(path: Path) -> str:
    try:
        value = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TunedeckError(
            f"response_format: {path} can't be read: {error.strerror or error}.",
            f"Write {JSON_WORD}, the path of a JSON schema, or nothing.",
        ) from error
    except (ValueError, RecursionError) as error:
        raise TunedeckError(f"response_format: {path} is no JSON: {error}.") from error
    if isinstance(value, dict) and value.get("type") == "json_schema":
        value = value.get("json_schema")  # the whole parameter, as it stands in code
    if not isinstance(value, dict):
        raise TunedeckError(f"response_format: {path} holds no JSON schema.")
    shape = value if isinstance(value.get("schema"), dict) else {"schema": value}
    _check_schema(shape["schema"], path)
    name = re.sub(r"[^A-Za-z0-9_-]", "_", str(shape.get("name") or path.stem))[:64] or "answer"
    return json.dumps({"type": "json_schema", "json_schema": {**shape, "name": name}})


def _check_schema(schema: dict[str, Any], path: Path) -> None:
    import jsonschema_rs  # only chats with a schema need it

    try:
        jsonschema_rs.meta.validate(schema)
    except ValueError as error:
        reason = str(error).splitlines()[0]
        raise TunedeckError(f"response_format: {path} is no JSON schema: {reason}") from error


def parse_parameters(texts: Mapping[str, str], now: ChatParameters | None = None) -> ChatParameters:
    """Return the parameters that `texts` give by name; names left out are the service's choice.

    Args:
        texts: What a person typed, by name.
        now: What holds until now; see `parse_response_format`.

    Raises:
        TunedeckError: One of them can't be understood or is out of its range.
    """
    numbers = {name: parse_parameter(name, texts.get(name, "")) for name in PARAMETER_NAMES}
    whole = {name: None if numbers[name] is None else int(numbers[name] or 0) for name in _WHOLE}
    return ChatParameters(
        temperature=numbers["temperature"],
        top_p=numbers["top_p"],
        max_tokens=whole["max_tokens"],
        seed=whole["seed"],
        logprobs=whole["logprobs"],
        stop=parse_stop(texts.get("stop", "")),
        response_format=parse_response_format(
            texts.get("response_format", ""), now.response_format if now is not None else None
        ),
    )


def describe_parameters(parameters: ChatParameters) -> str:
    """Return the parameters that are set, as one line; empty when all are the service's choice."""
    words = [
        f"{name} {value:g}" for name in PARAMETER_NAMES if (value := getattr(parameters, name)) is not None
    ]
    if parameters.stop:
        words.append(f"stop {stop_words(parameters.stop)}")
    if parameters.response_format is not None:
        words.append(format_words(parameters.response_format))
    return " · ".join(words)
