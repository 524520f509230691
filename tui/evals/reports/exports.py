"""A test set with its checks for other tools: promptfoo (OpenAI's named successor of Evals) and inspect.

What a tool has no word for is left out and told, never turned into something else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.datasets.atomic import new_files
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.checks.spec import MAIN_OPTION, CheckSpec
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet

TOOLS = ("promptfoo", "inspect")
_TEMPLATE_MARKS = ("{{", "{%", "{#")
"""promptfoo renders every text as a template: a row with one of these would be asked otherwise there."""


@dataclass(frozen=True, slots=True)
class Export:
    """What was written, and what could not be."""

    files: tuple[Path, ...]
    rows: int
    left_out: tuple[str, ...]
    """Sentences: checks and rows that the tool has no word for."""


def export_test_set(
    tool: str,
    path: Path,
    test_set: TestSet,
    contenders: Sequence[Contender],
    checks: Sequence[CheckSpec],
    *,
    base_urls: Mapping[str, str] | None = None,
) -> Export:
    """Write a test set for another tool; keys are never in it.

    Args:
        tool: One of `TOOLS`.
        path: For promptfoo the configuration (.json or .yaml: JSON is YAML); for inspect the task (.py), with
            the rows beside it.
        test_set: The rows.
        contenders: The models.
        checks: For rows without checks of their own.
        base_urls: Account -> address, where it is not the service's own.

    Raises:
        TunedeckError: There is no such tool, a file exists, or it can't be written.
    """
    if tool == "promptfoo":
        return _promptfoo(path, test_set, contenders, checks, base_urls or {})
    if tool == "inspect":
        return _inspect(path, test_set, checks)
    raise TunedeckError(f"{tool} is no tool that is exported to.", f"It is one of {', '.join(TOOLS)}.")


def _messages(case: Case) -> list[dict[str, Any]]:
    return [
        dict(one.whole) if one.whole is not None else {"role": one.role, "content": one.content}
        for one in case.messages
    ]


def _value(spec: CheckSpec, name: str, default: Any = None) -> Any:
    return spec.options.get(name, spec.options.get(MAIN_OPTION, default))


def _promptfoo(
    path: Path,
    test_set: TestSet,
    contenders: Sequence[Contender],
    checks: Sequence[CheckSpec],
    base_urls: Mapping[str, str],
) -> Export:
    left_out: dict[str, int] = {}
    tests = []
    for case in test_set.cases:
        messages = _messages(case)
        if any(mark in json.dumps(messages, ensure_ascii=False) for mark in _TEMPLATE_MARKS):
            left_out["rows whose text promptfoo would take for a template"] = (
                left_out.get("rows whose text promptfoo would take for a template", 0) + 1
            )
            continue
        asserts = []
        for spec in case.checks or checks:
            made = _promptfoo_assert(spec, case)
            if made is None:
                key = f"rows' check {spec.title}, for which promptfoo has no word"
                left_out[key] = left_out.get(key, 0) + 1
            else:
                asserts.append(made)
        metadata = {"line": case.line, "tags": list(case.tags)}
        options = {"options": {"tools": list(case.tools)}} if case.tools else {}
        tests.append({"description": case.id, "vars": {"messages": messages}, "assert": asserts,
                      "metadata": metadata, **options})  # fmt: skip
    config = {
        "description": f"{test_set.path.name}, exported from tunedeck",
        "prompts": ["{{ messages | dump }}"],
        "providers": [_promptfoo_provider(one, base_urls) for one in contenders],
        "tests": tests,
    }
    with new_files([path]) as (file,):
        file.write(json.dumps(config, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n")
    told = tuple(f"{count:,} {what}" for what, count in left_out.items())
    return Export((path,), len(tests), told)


def _promptfoo_provider(contender: Contender, base_urls: Mapping[str, str]) -> dict[str, Any]:
    config: dict[str, Any] = {"temperature": 0}
    url = base_urls.get(contender.lane.account)
    if url:
        config["apiBaseUrl"] = url
    return {"id": f"openai:chat:{contender.lane.model}", "label": contender.label, "config": config}


def _promptfoo_assert(spec: CheckSpec, case: Case) -> dict[str, Any] | None:
    expected = list(case.expected)
    one_of = expected[0] if len(expected) == 1 else None
    match spec.name:
        case "exact" if one_of is not None and not spec.options:
            return {"type": "equals", "value": one_of}
        case "contains" if not spec.options and expected:
            return {"type": "icontains-any", "value": expected}
        case "contains" if set(spec.options) <= {MAIN_OPTION, "text"}:
            text = _value(spec, "text")
            if isinstance(text, list):
                return {"type": "icontains-all", "value": text}
            return {"type": "icontains", "value": text}
        case "regex" if set(spec.options) <= {MAIN_OPTION, "pattern"}:
            return {"type": "regex", "value": _value(spec, "pattern")}
        case "json" if not spec.options:
            return {"type": "is-json"}
        case "json-schema" if isinstance(spec.options.get("schema"), dict):
            return {"type": "is-json", "value": spec.options["schema"]}
        case "rouge" if one_of is not None and not spec.options:
            return {"type": "rouge-n", "value": one_of, "threshold": 0}
        case "bleu" if one_of is not None:
            return {"type": "bleu", "value": one_of, "threshold": 0}
    return None


_INSPECT_SCORERS = {
    "exact": 'match(location="exact", ignore_case=False)',
    "normalised": 'match(location="exact")',
    "contains": "includes()",
    "label": "includes()",
    "number": 'match(location="end", numeric=True)',
}
"""Checks without options that compare with the row's expected answer, as inspect's own scorers do."""
_INSPECT_TASK = '''\
"""Exported from tunedeck; run: inspect eval {name} --model openai/MODEL"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate

ROWS = Path(__file__).with_name({rows!r})


@task
def tunedeck_test_set():
    return Task(
        dataset=json_dataset(str(ROWS)),
        solver=generate(temperature=0.0),
        scorer=[{scorers}],
    )
'''


def _inspect(path: Path, test_set: TestSet, checks: Sequence[CheckSpec]) -> Export:
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise TunedeckError(f"{path}: inspect's task is a Python file.", "Name it like my_task.py.")
    rows_path = path.with_name(f"{path.stem}_rows.jsonl")
    wanted = {spec.key: spec for case in test_set.cases for spec in (case.checks or checks)}.values()
    known = [spec for spec in wanted if spec.name in _INSPECT_SCORERS and not spec.options]
    left_out = [f"the check {spec.title}" for spec in wanted if spec not in known]
    rows = []
    for case in test_set.cases:
        if case.expected:
            target = list(case.expected) if len(case.expected) > 1 else case.expected[0]
            metadata = {"line": case.line, "tags": list(case.tags)}
            rows.append({"input": _messages(case), "target": target, "id": case.id, "metadata": metadata})
    if len(rows) < len(test_set.cases):
        left_out.append(f"{len(test_set.cases) - len(rows):,} rows without an expected answer")
    scorers = list(dict.fromkeys(_INSPECT_SCORERS[spec.name] for spec in known)) or [
        _INSPECT_SCORERS["exact"]
    ]
    task = _INSPECT_TASK.format(name=path.name, rows=rows_path.name, scorers=", ".join(scorers))
    with new_files([path, rows_path]) as (task_file, rows_file):
        task_file.write(task.encode())
        for row in rows:
            rows_file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return Export((path, rows_path), len(rows), tuple(left_out))
