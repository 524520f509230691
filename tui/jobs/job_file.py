"""Job files: what a job is made from, as strict TOML that `tunedeck launch --from` reads."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from pathlib import Path
from typing import Any

from tui.datasets.formats import FORMATS, DatasetFormat
from tui.errors import TunedeckError
from tui.jobs.plan import RUN_ID_KEY
from tui.jobs.stop_rules import parse_stop_rules
from tui.jobs.wandb import parse_wandb
from tui.providers.redaction import redact
from tui.records.jobs import Method
from tui.records.requests import WandbProject

_TABLES = ("hyperparameters", "metadata", "grader")
_PATHS = ("training", "validation")


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What a job is made from; what is None is chosen by the settings, by flags or by the service."""

    account: str | None = None
    model: str | None = None
    method: Method | None = None
    training: Path | None = None
    validation: Path | None = None
    split_share: float | None = None
    """Share of the examples (0 to 1, exclusive) put aside for validation."""
    suffix: str | None = None
    seed: int | None = None
    hyperparameters: Mapping[str, int | float | str] = field(default_factory=dict)
    metadata: Mapping[str, str] = field(default_factory=dict)
    grader: Mapping[str, Any] | None = None
    """Of a reinforcement job; a job file holds it as a table, or names a JSON file."""
    wandb: WandbProject | None = None
    stop_rules: str | None = None
    read_as: DatasetFormat | None = None
    """What the rows of the training file are read as, where a person chose it."""

    def as_json(self) -> dict[str, Any]:
        """Return what is chosen, as JSON and TOML have it; paths as text, tables last."""
        values: dict[str, Any] = {}
        for one in sorted(fields(self), key=lambda one: one.name in _TABLES):
            value = getattr(self, one.name)
            if isinstance(value, Mapping):
                value = _without_nothing(value) or None
            elif isinstance(value, WandbProject):
                value = value.text
            if value is not None:
                values[one.name] = str(value) if isinstance(value, Path | StrEnum) else value
        return values


def read_job_file(path: Path) -> JobTerms:
    """Read a job file; paths in it are relative to its folder.

    Raises:
        TunedeckError: It can't be read, or a key or value in it is wrong; the message names the line.
    """
    text, values = read_toml(path, "A job file", "`tunedeck jobs export` writes one.")
    return terms_of_values(values, path, text)


def read_toml(path: Path, kind: str, writer: str) -> tuple[str, dict[str, Any]]:
    """Read a TOML file a person wrote; returns its text, to find lines in, and its values.

    Args:
        path: The file.
        kind: What it is, as a sentence begins: "A job file".
        writer: A sentence that names what writes one.

    Raises:
        TunedeckError: It can't be read, or is no TOML.
    """
    import tomllib  # only a launch from a file needs it

    try:
        text = path.read_text("utf-8-sig")
        return text, tomllib.loads(text)
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "") from None
    except UnicodeDecodeError:
        raise TunedeckError(f"{path} is not UTF-8.", f"{kind} is TOML, in UTF-8.") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise TunedeckError(f"{path} is not TOML: {error}.", writer) from None


def terms_of_values(values: dict[str, Any], path: Path, text: str) -> JobTerms:
    """Return the terms that a file's values name; paths in them are relative to the file's folder.

    Args:
        values: By the names of a job file.
        path: The file, for messages and paths.
        text: What it holds, to name the line of what is wrong.

    Raises:
        TunedeckError: A key or value is wrong; the message names the line.
    """
    values = dict(values)
    for name, value in values.items():
        problem = _problem(name, value)
        if problem:
            raise TunedeckError(f"{path}, line {line_of(text, name)}: {problem[0]}", problem[1])
    for name in _PATHS:
        if name in values:
            values[name] = path.absolute().parent / Path(values[name]).expanduser()
    if "method" in values:
        values["method"] = Method(values["method"])
    if "read_as" in values:
        values["read_as"] = DatasetFormat(values["read_as"])
    if isinstance(values.get("grader"), str):
        from tui.datasets.graders import read_grader_value  # only a job with a grader needs it

        values["grader"] = read_grader_value(path.absolute().parent / Path(values["grader"]).expanduser())
    if "wandb" in values:
        values["wandb"] = parse_wandb(values["wandb"])
    return JobTerms(**values)


def job_file_text(terms: JobTerms, notes: tuple[str, ...] = ()) -> str:
    """Return a job file.

    Args:
        terms: What the job is made from.
        notes: Sentences that stand above it as comments.
    """
    import tomlkit  # only an export needs it

    document = tomlkit.document()
    for note in ("A fine-tuning job: `tunedeck launch --from THIS_FILE` starts it.", *notes):
        document.add(tomlkit.comment(_one_line(note)))
    document.add(tomlkit.nl())
    for name, value in terms.as_json().items():
        document.add(name, value)
    return redact(tomlkit.dumps(document))


def _without_nothing(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return a table without what is null, for which TOML has no word and which means the same left out."""
    return {
        name: _without_nothing(one) if isinstance(one, Mapping) else one
        for name, one in value.items()
        if one is not None
    }


def _problem(name: str, value: Any) -> tuple[str, str] | None:
    """Return what is wrong with a key of the file, and what to do."""
    known = [one.name for one in fields(JobTerms)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"Did you mean {near[0]!r}? " if near else ""
        return f"there is no {name!r} in a job file.", f"{guess}There are {', '.join(known)}."
    if name == "grader" and isinstance(value, str):
        return None if value.strip() else ("grader names no file.", 'Write grader = "grader.json".')
    if name in _TABLES:
        return _problem_of_table(name, value)
    if name == "method":
        return None if value in list(Method) else (f"{value!r} is no method.", f"One of {', '.join(Method)}.")
    if name == "read_as":
        return None if value in FORMATS else (f"{value!r} is no format.", f"One of {', '.join(FORMATS)}.")
    if name == "seed":
        fits = isinstance(value, int) and not isinstance(value, bool)
        return None if fits else ("seed is not a whole number.", "Write seed = 42.")
    if name == "split_share":
        fits = isinstance(value, float) and 0 < value < 1
        return None if fits else ("split_share is no share.", "Write split_share = 0.1 for a tenth.")
    if not isinstance(value, str) or not value.strip():
        return f"{name} is not a text.", f'Write {name} = "…".'
    reader = {"wandb": parse_wandb, "stop_rules": parse_stop_rules}.get(name)
    try:
        if reader is not None:
            reader(value)
    except TunedeckError as error:
        return error.message, error.remedy
    return None


def _problem_of_table(name: str, value: Any) -> tuple[str, str] | None:
    if not isinstance(value, dict):
        return f"{name} is no table.", f"Begin it with [{name}]."
    if name == "grader":
        return None  # the preflight says what is wrong with it, as with one from a JSON file
    if RUN_ID_KEY in value:
        return f"{RUN_ID_KEY} belongs to one job alone.", "Take the line out; each launch gets its own."
    kinds = str if name == "metadata" else int | float | str
    for key, one in value.items():
        if not isinstance(one, kinds):
            wanted = "a text" if name == "metadata" else "a number, a text, true or false"
            return f"{key} in {name} is not {wanted}.", "Write one value a line, as name = value."
    return None


def line_of(text: str, key: str) -> int:
    """Return the number of the line that begins with a key or its table; 1 where none does."""
    wanted = re.compile(rf"""\s*\[?\s*["']?{re.escape(key)}["']?\s*[=.\]]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if wanted.match(line)), 1)


def _one_line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text)
