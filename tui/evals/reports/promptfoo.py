"""A configuration for promptfoo: rows as tests, models as providers, checks as assertions.

Checks that promptfoo has a type of assertion for become that. Some are written in JavaScript, which it takes
as an assertion too: its own words mean something else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tui.datasets.atomic import new_files
from tui.evals.cases import Case
from tui.evals.checks.labels import label_readings
from tui.evals.checks.spec import MAIN_OPTION, CheckSpec
from tui.evals.checks.texts import normalised, numbers_in
from tui.evals.reports.exports import Export, LeftOut, messages_of, nothing_left, value_of
from tui.evals.requests import Contender
from tui.evals.test_set import TestSet
from tui.records.chats import ChatParameters

_TEMPLATE_MARKS = ("{{", "{%", "{#")
"""promptfoo renders every text as a template: a row with one of these would be asked otherwise there."""
_PYTHON_ALONE = re.compile(r"\(\?(?![:=!]|<[=!]|<[A-Za-z])|\\[AZzG]|\[\[:|[*+?}]\+")
"""What JavaScript's regular expressions lack or read otherwise: inline flags, (?P<...>), ends, classes."""
_PLAIN_JS = (
    "const plain = (text) => text.normalize('NFKC').toLowerCase()"
    ".replace(/(?<![\\p{L}\\p{N}])-(?=\\.?\\p{Nd})/gu, '\\u2212')"
    ".replace(/[\\p{P}\\p{Z}\\p{C}]+/gu, ' ').trim();\n"
)
_NORMALISED_JS = _PLAIN_JS + "return %s.includes(plain(String(output)));"
_LABEL_JS = (
    _PLAIN_JS + "const labels = %s, expected = %s, strict = %s;\n"
    "let text = plain(String(output));\n"
    "if (labels.includes(text)) return expected.includes(text);\n"
    "if (strict) return false;\n"
    "const found = [];\n"
    "for (const label of labels) {\n"
    "  const quoted = label.replace(/[.*+?^${}()|[\\]\\\\]/g, '\\\\$&');\n"
    "  const place = new RegExp(`(?<![\\\\p{L}\\\\p{N}_])${quoted}(?![\\\\p{L}\\\\p{N}_])`, 'gu');\n"
    "  const rest = text.replace(place, ' ');\n"
    "  if (rest !== text) found.push(label);\n"
    "  text = rest;\n"
    "}\n"
    "return found.length === 1 && expected.includes(found[0]);"
)
_NUMBER_JS = (
    "const pattern = /(?<![\\w.])[-+\\u2212]?(?:\\d{1,3}(?:,\\d{3})+|\\d+)(?:\\.\\d+)?(?:[eE][-+]?\\d{1,3})?"
    "|(?<![\\w.])[-+]?\\.\\d+/g;\n"
    "const found = [...String(output).matchAll(pattern)]"
    ".map((one) => Number(one[0].replaceAll(',', '').replace('\\u2212', '-')));\n"
    "const targets = %s, tolerance = %s, relative = %s, which = %s;\n"
    "if (!found.length || (which === 'only' && found.length !== 1)) return false;\n"
    "const number = which === 'first' ? found[0] : found[found.length - 1];\n"
    "return targets.some((one) => Math.abs(number - one) <= "
    "Math.max(tolerance, relative * Math.abs(one)) + 1e-12 * Math.max(1, Math.abs(one)));"
)
_LENGTH_JS = (
    "const text = String(output).trim(), limits = %s;\n"
    "const counts = {words: text ? text.split(/\\s+/).length : 0, characters: [...text].length, "
    "lines: text ? text.split(/\\r\\n|\\r|\\n/).length : 0};\n"
    "return Object.entries(limits).every(([name, limit]) => {\n"
    "  const [end, unit] = name.split('_');\n"
    "  return end === 'max' ? counts[unit] <= limit : counts[unit] >= limit;\n"
    "});"
)
_EXACT_JS = "return %s.includes(String(output).trim());"
_REGEX_JS = "return new RegExp(%s, 'i').test(String(output));"

Assertion = dict[str, Any]


def promptfoo_export(
    path: Path,
    test_set: TestSet,
    contenders: Sequence[Contender],
    checks: Sequence[CheckSpec],
    parameters: ChatParameters,
    base_urls: Mapping[str, str],
    key_names: Mapping[str, str],
) -> Export:
    """Write the configuration; see `export_test_set`."""
    left_out = LeftOut()
    tests = [
        test for case in test_set.cases if (test := _test(case, checks, test_set.cases, left_out)) is not None
    ]
    for one in contenders:
        if one.system is not None:
            left_out.add(f"system prompt of its own, of {one.lane.model}: prompts are shared there")
    if not tests:
        raise nothing_left("promptfoo", left_out)
    config = {
        "description": f"{test_set.path.name}, exported from tunedeck",
        "prompts": ["{{ messages | dump }}"],
        "providers": [_provider(one, parameters, base_urls, key_names) for one in contenders],
        "tests": tests,
    }
    with new_files([path]) as (file,):
        file.write(json.dumps(config, ensure_ascii=False, indent=2).encode("utf-8", "replace") + b"\n")
    return Export((path,), len(tests), left_out.told)


def _test(
    case: Case, checks: Sequence[CheckSpec], cases: Sequence[Case], left_out: LeftOut
) -> dict[str, Any] | None:
    messages = messages_of(case)
    asserts: list[Assertion] = []
    for spec in case.checks or checks:
        made = _assertions(spec, case, cases)
        if made is None:
            left_out.add(f"rows' check {spec.title}, for which promptfoo has no word")
        elif any(mark in json.dumps(made, ensure_ascii=False) for mark in _TEMPLATE_MARKS):
            left_out.add(f"rows' check {spec.title}, which promptfoo would take for a template")
        else:
            asserts += made
    if any(mark in json.dumps(messages, ensure_ascii=False) for mark in _TEMPLATE_MARKS):
        left_out.add("rows whose text promptfoo would take for a template")
        return None
    if not asserts:
        left_out.add("rows that no check is left for")
        return None
    test: dict[str, Any] = {
        "description": case.id,
        "vars": {"messages": messages},
        "assert": asserts,
        "metadata": {"line": case.line, "tags": list(case.tags)},
    }
    if case.tools:
        test["options"] = {"tools": list(case.tools)}
    return test


def _provider(
    contender: Contender,
    parameters: ChatParameters,
    base_urls: Mapping[str, str],
    key_names: Mapping[str, str],
) -> dict[str, Any]:
    account = contender.lane.account
    told = {
        "temperature": parameters.temperature,
        "max_tokens": parameters.max_tokens,
        "seed": parameters.seed,
        "apiBaseUrl": base_urls.get(account),
        "apiKeyEnvar": key_names.get(account),
    }
    config = {name: value for name, value in told.items() if value is not None}
    return {"id": f"openai:chat:{contender.lane.model}", "label": contender.label, "config": config}


def _assertions(spec: CheckSpec, case: Case, cases: Sequence[Case]) -> list[Assertion] | None:
    """Return a check as promptfoo's assertions, all of which must hold; None where it has no word for it."""
    expected = list(case.expected)
    options = set(spec.options)
    match spec.name:
        case "exact":
            wanted = [str(value_of(spec, "text"))] if options else expected
            return _exact(wanted)
        case "normalised":
            wanted = [str(value_of(spec, "text"))] if options else expected
            return _javascript(_NORMALISED_JS, [normalised(one) for one in wanted]) if wanted else None
        case "contains":
            return _contains(spec, expected)
        case "regex" if options <= {MAIN_OPTION, "pattern", "ignore_case", "seconds"}:
            pattern = str(value_of(spec, "pattern"))
            if _PYTHON_ALONE.search(pattern):
                return None
            if spec.options.get("ignore_case"):
                return _javascript(_REGEX_JS, pattern)
            return [{"type": "regex", "value": pattern}]
        case "json" if not spec.options.get("fence"):
            kind = value_of(spec, "kind", "any")
            return [{"type": "is-json", **({} if kind == "any" else {"value": {"type": kind}})}]
        case "json-schema" if not spec.options.get("fence"):
            schema = value_of(spec, "schema", case.item.get("schema"))
            return [{"type": "is-json", "value": schema}] if isinstance(schema, dict) else None
        case "label":
            return _label(spec, expected, cases)
        case "number":
            return _number(spec, expected)
        case "length" if MAIN_OPTION not in options:
            return _javascript(_LENGTH_JS, dict(spec.options))
        case "length":
            return _javascript(_LENGTH_JS, {"max_words": int(spec.options[MAIN_OPTION])})
        case "rouge" if len(expected) == 1 and not options:
            return [{"type": "rouge-n", "value": expected[0], "threshold": 0}]
        case "bleu" if len(expected) == 1:
            return [{"type": "bleu", "value": expected[0], "threshold": 0}]
    return None


def _javascript(code: str, *values: Any) -> list[Assertion]:
    """Return an assertion in JavaScript with values put in as its literals, which those of JSON are."""
    return [{"type": "javascript", "value": code % tuple(json.dumps(value) for value in values)}]


def _exact(wanted: Sequence[str]) -> list[Assertion] | None:
    if not wanted:
        return None
    if len(wanted) == 1:
        return [{"type": "equals", "value": wanted[0]}]
    return _javascript(_EXACT_JS, [one.strip() for one in wanted])


def _contains(spec: CheckSpec, expected: Sequence[str]) -> list[Assertion] | None:
    base = "icontains" if spec.options.get("ignore_case", True) else "contains"
    text = value_of(spec, "text")
    texts = [str(one) for one in text] if isinstance(text, list) else [str(text)] if text is not None else []
    if spec.options.get("absent"):
        unwanted = texts or list(expected)
        return [{"type": f"not-{base}", "value": one} for one in unwanted] or None
    if isinstance(text, list):
        return [{"type": f"{base}-all", "value": texts}]
    if texts:
        return [{"type": base, "value": texts[0]}]
    return [{"type": f"{base}-any", "value": list(expected)}] if expected else None


def _label(spec: CheckSpec, expected: Sequence[str], cases: Sequence[Case]) -> list[Assertion] | None:
    plain, labels = label_readings(spec, cases)
    if not expected or plain is not normalised:  # the JavaScript above reads labels in no other way
        return None
    known = sorted(filter(None, labels), key=len, reverse=True)
    return _javascript(
        _LABEL_JS, known, [plain(one) for one in expected], bool(spec.options.get("strict", False))
    )


def _number(spec: CheckSpec, expected: Sequence[str]) -> list[Assertion] | None:
    wanted = [spec.options["expected"]] if "expected" in spec.options else expected
    targets = [float(numbers[-1]) for one in wanted if (numbers := numbers_in(str(one)))]
    if not targets:
        return None
    tolerance = float(value_of(spec, "tolerance", 0))
    relative, which = float(spec.options.get("relative", 0)), spec.options.get("which", "last")
    return _javascript(_NUMBER_JS, targets, tolerance, relative, which)
