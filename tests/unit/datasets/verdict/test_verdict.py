from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import write
from tests.unit.datasets.verdict.oracle import expected, published, refused_here, stated, taken_here
from tests.unit.datasets.verdict.rows import RIGHT, changed_rows, every_small_change
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.fixes.row_rules import judge
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Severity
from tui.datasets.rules import RULES
from tui.datasets.verdict import line_decisions, verdict_exceptions

EXCEPTIONS, LINES = verdict_exceptions(), line_decisions()
_SHARE = 7
"""Of the small changes each seventh is looked at, which are 17,000 rows; all 118,000 agree as well."""


def errors(row: dict[str, Any], dataset_format: DatasetFormat) -> frozenset[str]:
    return judge(json.dumps(row).encode(), dataset_format).errors - {"completion-format"}


@pytest.mark.parametrize("dataset_format", list(RIGHT))
def test_every_small_change_of_a_right_row_is_judged_as_openai_would(dataset_format: DatasetFormat) -> None:
    seen = set()
    for row in RIGHT[dataset_format]:
        assert expected(row, dataset_format)
        for changed in [row, *islice(every_small_change(row), 0, None, _SHARE)]:
            right = expected(changed, dataset_format)
            found = errors(changed, dataset_format)
            assert right == (not found), (found, json.dumps(changed))
            seen.add(right)
    assert seen == {True, False}


@pytest.mark.parametrize("dataset_format", list(RIGHT))
@settings(max_examples=25)
@given(data=st.data())
def test_files_of_broken_and_right_rows_are_judged_line_by_line_as_openai_would(
    tmp_path: Path, dataset_format: DatasetFormat, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(changed_rows(dataset_format), min_size=1, max_size=20))
    path = write(tmp_path / "rows.jsonl", rows)
    options = CheckOptions(
        model="davinci-002", format=dataset_format, minimum_examples=1, validation=True, count_tokens=False
    )
    report = check_file(path, options)
    bad = {finding.line for finding in report.findings if finding.severity is Severity.ERROR}
    assert bad == {line for line, row in enumerate(rows, 1) if not expected(row, dataset_format)}, (
        path.read_text(encoding="utf-8")
    )


@pytest.mark.parametrize("name", list(EXCEPTIONS))
def test_each_exception_differs_from_the_published_schema_as_it_says(name: str) -> None:
    entry = EXCEPTIONS[name]
    row = json.loads(entry.row)
    verdict = judge(entry.row.encode(), entry.format)
    found = errors(row, entry.format)
    if entry.schema == "accepts":
        assert published(row, entry.format)
        assert entry.rule in found
        assert refused_here(row, entry.format) == {name}
    else:
        assert not published(row, entry.format)
        assert not found
        plain, taken = taken_here(row, entry.format)
        assert taken == {name}
        assert published(plain, entry.format)
        assert stated(plain, entry.format)
        assert entry.rule is None or entry.rule in verdict.rules


@pytest.mark.parametrize("name", [name for name in LINES if name != "long"])
def test_each_decision_about_lines_is_what_the_check_says(tmp_path: Path, name: str) -> None:
    entry = LINES[name]
    content = entry.content
    if entry.row is not None:
        content = (json.dumps(RIGHT[entry.format][0]) + "\n" + entry.row + "\n").encode()
        assert _python_reads(entry.row) == (entry.reader == "accepts")
    assert content is not None
    path = tmp_path / "rows.jsonl"
    path.write_bytes(content)
    report = check_file(
        path, CheckOptions(format=entry.format, minimum_examples=0, validation=True, count_tokens=False)
    )
    severities = {finding.rule: finding.severity for finding in report.findings}
    for rule in ("duplicate-row", "item-keys-differ"):  # the examples repeat one row, and go with any other
        severities.pop(rule, None)
    if entry.rule is None:
        assert entry.verdict == "fine"
        assert severities == {}
    else:
        assert severities[entry.rule] == entry.verdict == RULES[entry.rule].severity


def _python_reads(line: str) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


@settings(max_examples=300)
@given(st.data())
def test_a_line_is_json_here_when_it_is_for_python_but_for_what_is_published(data: st.DataObject) -> None:
    text = bytearray(json.dumps(data.draw(st.sampled_from(RIGHT[DatasetFormat.CHAT]))).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(text) - 1))
        text[at : at + data.draw(st.integers(0, 2))] = data.draw(
            st.sampled_from(
                [
                    b"",
                    b"NaN",
                    b"\\ud800",
                    b"1e999",
                    b"\0",
                    b"\xff",
                    b"\r",
                    b"\t",
                    b"\\",
                    b'"',
                    b"{",
                    b"],",
                    b"0",
                ]
            )
        )
    line = bytes(text).replace(b"\n", b"")
    problem = judge(line, DatasetFormat.CHAT).problem
    try:
        json.loads(line.decode())
    except ValueError:
        assert problem is not None
    else:
        assert problem is None or problem.rule in ("not-standard-number", "lone-surrogate")
