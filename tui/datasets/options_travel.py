"""Options of a check as JSON values, for other processes and for the keys of the report cache."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.graders import Grader, GraderProblem, ItemReference
from tui.datasets.open_tokenizer import open_tokenizer
from tui.datasets.options import CheckOptions
from tui.datasets.tokens import Travelling


def can_travel(options: CheckOptions) -> bool:
    """Say whether another process can be given these options."""
    return options.tokenizer is None or isinstance(options.tokenizer, Travelling)


def options_as_json(options: CheckOptions) -> dict[str, Any]:
    """Return options that can travel as JSON values."""
    value = {one.name: getattr(options, one.name) for one in fields(options)}
    value["ignored_rules"] = sorted(options.ignored_rules)
    value["training_file"] = None if options.training_file is None else str(options.training_file)
    value["grader"] = None if options.grader is None else asdict(options.grader)
    value["tokenizer"] = options.tokenizer.origin if isinstance(options.tokenizer, Travelling) else None
    return value


def options_from_json(value: Mapping[str, Any]) -> CheckOptions:
    """Return the options that `options_as_json` turned into `value`.

    Raises:
        TunedeckError: The tokenizer's file is gone.
    """
    known = dict(value)
    known["format"] = None if value["format"] is None else DatasetFormat(value["format"])
    known["ignored_rules"] = frozenset(value["ignored_rules"])
    known["training_file"] = None if value["training_file"] is None else Path(value["training_file"])
    known["grader"] = None if value["grader"] is None else _grader(value["grader"])
    known["tokenizer"] = None if value["tokenizer"] is None else open_tokenizer(*value["tokenizer"])
    return CheckOptions(**known)


def _grader(value: Mapping[str, Any]) -> Grader:
    return Grader(
        value["kind"],
        tuple(GraderProblem(**each) for each in value["problems"]),
        tuple(ItemReference(tuple(each["steps"]), each["where"]) for each in value["references"]),
    )
