from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.unit.datasets.fixes.examples import EXAMPLES, GOOD
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.fixes import FIXES, fix_for
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.row_rules import judge
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Finding, Severity
from tui.datasets.rules import RULES

UNSEEN_IN_ONE_ROW = {"duplicate-row", "train-overlap"}


@pytest.mark.parametrize(("rule", "before", "after"), EXAMPLES)
def test_a_fix_makes_of_its_row_what_it_says(rule: str, before: str, after: list[str] | None) -> None:
    fix = fix_for(rule)
    assert fix is not None
    fixed = fix.apply(before.encode())
    if after is None:
        assert fixed is None
        return
    assert fixed is not None
    rows = [re.sub(r"(?<=\")[0-9a-f]{9}(?=\")", "SHORT", row.decode()) for row in fixed.rows]
    assert rows == after


@pytest.mark.parametrize(("rule", "before", "after"), EXAMPLES)
def test_a_fixed_row_passes_the_rule_and_needs_no_second_fix(
    tmp_path: Path, rule: str, before: str, after: list[str] | None
) -> None:
    fix = FIXES[rule]
    fixed = fix.apply(before.encode())
    if fixed is None:
        return
    service = next(iter(RULES[rule].only), "openai")
    old = errors_of(tmp_path, [before.encode()], service)
    new = errors_of(tmp_path, list(fixed.rows), service)
    if not RULES[rule].lints and rule != "byte-order-mark":  # which is for the first line
        assert rule in old
    assert rule not in new
    if judge(before.encode()).was_checked and not fix.changes_format:
        assert {name for name in new if RULES[name].severity is Severity.ERROR} <= set(old)
    for row in fixed.rows:
        assert fix.apply(row) is None


def errors_of(folder: Path, rows: list[bytes], service: str) -> set[str]:
    """Check rows as a file, with something clean before them."""
    path = folder / "rows.jsonl"
    first = [GOOD.replace("Hi", "Good morning").encode()]
    path.write_bytes(b"\n".join([*first, *rows, *first]))
    mine = range(2, 2 + len(rows))
    known = judge(rows[0]).format if rows else DatasetFormat.CHAT
    options = CheckOptions(
        format=None if known is DatasetFormat.UNKNOWN else known,
        count_tokens=False,
        minimum_examples=1,
        provider=service,
        ignored_rules=frozenset({"duplicate-row", "missing-system"}),
    )
    report = check_file(path, options)
    assert not report.findings_truncated
    return {finding.rule for finding in report.findings if finding.line in mine or finding.line is None}


def test_every_fix_belongs_to_a_rule_and_has_an_example() -> None:
    assert set(FIXES) <= set(RULES)
    with_example = {rule for rule, _, after in EXAMPLES if after is not None}
    assert set(FIXES) - with_example == UNSEEN_IN_ONE_ROW
    for fix in FIXES.values():
        assert fix.name
        assert not fix.name.endswith(".")
        assert fix.explanation.endswith(".")


@pytest.mark.parametrize("rule", sorted(UNSEEN_IN_ONE_ROW))
def test_what_only_the_file_shows_needs_its_finding(rule: str) -> None:
    fix = FIXES[rule]
    assert fix.apply(GOOD.encode()) is None
    fixed = fix.apply(GOOD.encode(), Finding(rule, Severity.WARNING, 2, "The same as line 1."))
    assert fixed is not None
    assert fixed.removes


TEXT = st.text(max_size=6)
VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
ROLES = st.sampled_from(
    ["system", "user", "assistant", "tool", "function", "human", "GPT ", "developer", "x"]
)
CALL = st.fixed_dictionaries(
    {},
    optional={
        "id": st.sampled_from(["call_1", "call_2", "y" * 50]) | VALUE,
        "type": st.just("function") | VALUE,
        "function": st.fixed_dictionaries(
            {}, optional={"name": st.just("weather") | VALUE, "arguments": st.just("{}") | VALUE}
        ),
    },
)
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": ROLES | VALUE,
        "content": TEXT | VALUE | st.lists(VALUE | st.fixed_dictionaries({"text": TEXT}), max_size=2),
        "from": ROLES,
        "value": TEXT,
        "weight": st.sampled_from([0, 1, 1.0, True, "1", None, 2]),
        "name": TEXT | VALUE,
        "tool_calls": st.lists(CALL, max_size=2) | VALUE,
        "function_call": st.fixed_dictionaries({}, optional={"name": TEXT, "arguments": VALUE}) | VALUE,
        "tool_call_id": st.sampled_from(["call_1", "call_2", "y" * 50]) | VALUE,
        "extra": VALUE,
    },
)
MESSAGES = st.lists(MESSAGE | VALUE, max_size=5) | VALUE
ROW = st.fixed_dictionaries(
    {},
    optional={
        "messages": MESSAGES,
        "conversations": MESSAGES,
        "tools": st.lists(st.fixed_dictionaries({}, optional={"type": VALUE, "name": TEXT})) | VALUE,
        "functions": st.lists(st.fixed_dictionaries({"name": TEXT})) | VALUE,
        "parallel_tool_calls": VALUE,
        "own": VALUE,
    },
) | st.fixed_dictionaries(
    {},
    optional={
        "input": st.fixed_dictionaries({"messages": MESSAGES}) | VALUE,
        "preferred_output": MESSAGES,
        "non_preferred_output": MESSAGES,
        "prompt": VALUE,
        "completion": VALUE,
    },
)


@settings(max_examples=600, deadline=None)
@given(ROW, st.sampled_from([(", ", ": "), (",", ":")]), st.booleans())
def test_no_fix_ever_breaks_a_row_or_leaves_its_rule_broken(
    row: dict[str, Any], separators: tuple[str, str], ascii_only: bool
) -> None:
    line = json.dumps(row, separators=separators, ensure_ascii=ascii_only).encode()
    before = judge(line)
    for rule, fix in FIXES.items():
        fixed = fix.apply(line)
        if fixed is None:
            continue
        for result in fixed.rows:
            assert b"\n" not in result
            after = judge(result, DatasetFormat.UNKNOWN if fix.changes_format else before.format)
            assert rule not in after.rules
            assert after.errors <= before.errors
            assert fix.apply(result) is None


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.data())
def test_a_damaged_line_is_repaired_or_left_alone_and_never_raises(noise: bytes, data: st.DataObject) -> None:
    line = bytearray(GOOD.encode())
    at = data.draw(st.integers(0, len(line)))
    line[at : at + data.draw(st.integers(0, 5))] = noise.replace(b"\n", b"")
    for rule, fix in FIXES.items():
        fixed = fix.apply(bytes(line))
        if fixed is not None:
            for result in fixed.rows:
                assert rule not in judge(result).rules


@settings(max_examples=300, deadline=None)
@given(VALUE, st.booleans())
def test_a_text_without_changes_is_the_same_and_each_value_is_found(value: Any, compact: bool) -> None:
    text = json.dumps(value, separators=(",", ":") if compact else None)
    reader = JsonText(text)
    assert reader.text() == text
    waiting: list[tuple[Any, tuple[str | int, ...]]] = [(value, ())]
    while waiting:
        inner, path = waiting.pop()
        assert json.loads(reader.part(path)) == inner
        if isinstance(inner, dict):
            waiting.extend((child, (*path, key)) for key, child in inner.items())
        elif isinstance(inner, list):
            waiting.extend((child, (*path, index)) for index, child in enumerate(inner))


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TEXT, VALUE, max_size=6), st.data())
def test_removed_keys_are_gone_and_the_others_stay(value: dict[str, Any], data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(sorted(value)))) if value else set()
    assume(gone)
    text = JsonText(json.dumps(value))
    for key in gone:
        text.remove((key,))
    kept = {key: child for key, child in value.items() if key not in gone}
    assert list(json.loads(text.text()).items()) == list(kept.items())


def test_a_megabyte_of_text_is_fixed_in_a_moment() -> None:
    for text in ("a" * 1_000_000, "\\n" * 500_000, '\\"' * 500_000, " " * 1_000_000, "{[" * 500_000):
        line = GOOD.replace("Hello.", text).replace("assistant", "gpt").encode()
        fixed = FIXES["unknown-role"].apply(line)
        assert fixed is not None
        assert fixed.rows[0] == line.replace(b"gpt", b"assistant")
