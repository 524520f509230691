from __future__ import annotations

import copy
import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import WEATHER, assistant, call, chat, tool_chat, user
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.findings import FindingCollector, RowFindings
from tui.datasets.formats import DatasetFormat
from tui.datasets.lints.protocol import Lint, LintRow
from tui.datasets.lints.registry import make_lints
from tui.datasets.lints.secrets import masked

OPTIONS = CheckOptions(lints="all", provider="together")
LONG = "where is the parcel that was ordered on monday of last week from the shop in bonn"
TEXTS = st.sampled_from(
    [
        "yes",
        "no",
        "Hi",
        LONG,
        LONG + " please",
        "I'm sorry, but I can't help with that.",
        "p\u0430ypal",
        "a\u200bb",
        "\x1b[31m",
        "Спасибо, всё хорошо.",
        "AKIAIOSFODNN7EXAMPLE",
        "ann@example.org",
        "Caf\ufffd",
        "sk-" * 30,
        "eyJ-" * 30,
    ]
)
ROWS = st.lists(
    st.one_of(
        st.builds(lambda asked, said: chat(user(asked), assistant(said)), TEXTS, TEXTS),
        st.builds(lambda rule: chat({"role": "system", "content": rule}, user(), assistant()), TEXTS),
        st.just(tool_chat(call(arguments='{"city": 3}'), tools=[WEATHER])),
    ),
    max_size=12,
)


def found(lints: list[Lint], findings: FindingCollector) -> list[tuple[Any, ...]]:
    for lint in lints:
        lint.finish(findings)
    return sorted((one.rule, one.line or 0, one.message, one.path or "") for one in findings.sorted())


def feed(lints: list[Lint], findings: FindingCollector, rows: list[dict[str, Any]], first: int) -> None:
    row_findings = RowFindings(findings)
    for number, value in enumerate(rows, first):
        raw = json.dumps(value, ensure_ascii=False).encode()
        row_findings.start(number, number, raw)
        row = LintRow(number, raw, copy.deepcopy(value), DatasetFormat.CHAT, row_findings)
        for lint in lints:
            lint.row(row)


@settings(max_examples=40, deadline=None)
@given(ROWS, st.lists(st.integers(0, 12), max_size=3))
def test_any_split_of_a_file_gives_the_same_findings(rows: list[dict[str, Any]], cuts: list[int]) -> None:
    whole = FindingCollector(service="together")
    lints = make_lints(OPTIONS)
    feed(lints, whole, rows, 1)
    expected = found(lints, whole)
    parts = FindingCollector(service="together")
    merged = make_lints(OPTIONS)
    edges = [0, *sorted(min(cut, len(rows)) for cut in cuts), len(rows)]
    for start, end in pairwise(edges):
        later = make_lints(OPTIONS)
        feed(later, parts, rows[start:end], start + 1)
        travelled = make_lints(OPTIONS)
        for ours, theirs, copy_ in zip(merged, later, travelled, strict=True):
            copy_.restore(msgspec.msgpack.decode(msgspec.msgpack.encode(theirs.state())))
            ours.merge(copy_)
    assert found(merged, parts) == expected


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS, flips=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 255)), max_size=6))
def test_flipped_bytes_end_in_findings_without_control_bytes(
    tmp_path: Path, rows: list[dict[str, Any]], flips: list[tuple[int, int]]
) -> None:
    data = bytearray("\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode())
    for place, byte in flips:
        if data:
            data[place % len(data)] = byte
    path = tmp_path / "rows.jsonl"
    path.write_bytes(data)
    report = check_file(path, CheckOptions(lints="all", count_tokens=False))
    texts = [one for finding in report.findings for one in (finding.message, finding.text, finding.path)]
    assert not [char for text in texts if text for char in text if char < " " or "\x7f" <= char < "\xa0"]
    assert path.read_bytes() == data


def test_a_secret_is_never_quoted_whole() -> None:
    assert masked("AKIAIOSFODNN7EXAMPLE") == "AKIA************LE"
    assert "example" not in masked("ann@example.org")
