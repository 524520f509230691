"""A task file for inspect: a task for each set of scorers that rows ask for, with its rows beside it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.datasets.atomic import new_files
from tui.errors import TunedeckError
from tui.evals.cases import Case
from tui.evals.checks.spec import CheckSpec
from tui.evals.reports.exports import Export, LeftOut, messages_of, nothing_left
from tui.evals.test_set import TestSet
from tui.records.chats import ChatParameters

_SCORERS = {
    "exact": 'match(location="exact", ignore_case=False)',
    "normalised": 'match(location="exact")',
    "contains": "includes()",
    "label": "includes()",
    "number": 'match(location="end", numeric=True)',
}
"""Checks without options that compare with the row's expected answer, as inspect's own scorers do."""
_ROLES = ("system", "user", "assistant", "tool")
_HEAD = '''\
"""Exported from tunedeck; run: inspect eval {name} --model openai/MODEL

Add -M responses_api=false for a service that has chat completions alone, such as tunedeck's local engine.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import json_dataset
from inspect_ai.scorer import includes, match
from inspect_ai.solver import generate

HERE = Path(__file__).parent
'''
_TASK = """\


@task
def {task}():
    return Task(
        dataset=json_dataset(str(HERE / {rows!r})),
        solver=generate({sampled}),
        scorer=[{scorers}],
    )
"""


def inspect_export(
    path: Path, test_set: TestSet, checks: Sequence[CheckSpec], parameters: ChatParameters
) -> Export:
    """Write the task file and its rows; see `export_test_set`."""
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise TunedeckError(f"{path}: inspect's task is a Python file.", "Name it like my_task.py.")
    left_out = LeftOut()
    groups: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for case in test_set.cases:
        scorers, row = _scorers(case, checks, left_out), _row(case, left_out)
        if row is None:
            continue
        if scorers:
            groups.setdefault(scorers, []).append(row)
        else:
            left_out.add("rows that no check is left for")
    if not groups:
        raise nothing_left("inspect", left_out)
    task = _HEAD.format(name=path.name)
    rows_paths = []
    for number, scorers in enumerate(groups, 1):
        ending = "" if number == 1 else f"_{number}"
        rows_paths.append(path.with_name(f"{path.stem}_rows{ending}.jsonl"))
        task += _TASK.format(
            task=f"tunedeck_test_set{ending}", rows=rows_paths[-1].name, scorers=", ".join(scorers),
            sampled=_sampled(parameters),
        )  # fmt: skip
    with new_files([path, *rows_paths]) as (task_file, *rows_files):
        task_file.write(task.encode())
        for file, rows in zip(rows_files, groups.values(), strict=True):
            for row in rows:
                file.write(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    return Export((path, *rows_paths), sum(map(len, groups.values())), left_out.told)


def _sampled(parameters: ChatParameters) -> str:
    told = {
        "temperature": parameters.temperature,
        "max_tokens": parameters.max_tokens,
        "seed": parameters.seed,
    }
    return ", ".join(f"{name}={value!r}" for name, value in told.items() if value is not None)


def _scorers(case: Case, checks: Sequence[CheckSpec], left_out: LeftOut) -> tuple[str, ...]:
    found = []
    for spec in case.checks or checks:
        if spec.name in _SCORERS and not spec.options:
            found.append(_SCORERS[spec.name])
        else:
            left_out.add(f"rows' check {spec.title}, for which inspect has no word")
    return tuple(dict.fromkeys(found))


def _row(case: Case, left_out: LeftOut) -> dict[str, Any] | None:
    if not case.expected:
        left_out.add("rows without an expected answer")
        return None
    if case.tools:
        left_out.add("rows that offer tools, which a task has and not a row")
        return None
    messages = [_message(one) for one in messages_of(case)]
    known = [one for one in messages if one is not None]
    if len(known) < len(messages):
        left_out.add("rows with a role or a part of content that inspect does not read")
        return None
    target = list(case.expected) if len(case.expected) > 1 else case.expected[0]
    metadata = {"line": case.line, "tags": list(case.tags)}
    return {"input": known, "target": target, "id": case.id, "metadata": metadata}


def _message(message: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a message in inspect's shape; None where it has none for it."""
    if message.get("role") not in _ROLES or message.get("function_call"):
        return None
    made: dict[str, Any] = {"role": message["role"]}
    content = message.get("content")
    if isinstance(content, list):
        parts = [_part(part) for part in content]
        if None in parts:
            return None
        made["content"] = parts
    else:
        made["content"] = content if isinstance(content, str) else ""
    if isinstance(message.get("tool_call_id"), str):
        made["tool_call_id"] = message["tool_call_id"]
    calls = message.get("tool_calls")
    if isinstance(calls, list) and calls:
        made["tool_calls"] = [_call(call) for call in calls]
        if None in made["tool_calls"]:
            return None
    return made


def _part(part: Any) -> dict[str, Any] | None:
    match part:
        case {"type": "text", "text": str(text)}:
            return {"type": "text", "text": text}
        case {"type": "image_url", "image_url": {"url": str(url), **more}}:
            detail = {"detail": more["detail"]} if "detail" in more else {}
            return {"type": "image", "image": url, **detail}
    return None


def _call(call: Any) -> dict[str, Any] | None:
    match call:
        case {"id": str(name), "function": {"name": str(function), "arguments": str(text)}}:
            try:
                arguments = json.loads(text)
            except (ValueError, RecursionError):
                return None
            if isinstance(arguments, dict):
                return {"id": name, "function": function, "arguments": arguments, "type": "function"}
    return None
