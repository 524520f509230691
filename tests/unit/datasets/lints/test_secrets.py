from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, chat, check_rows, found, user
from tui.datasets.lints import secrets
from tui.datasets.lints.secrets import KINDS

CASES = [(rule, kind) for rule, kinds in KINDS.items() for kind in kinds]
NAMES = [kind.label for _, kind in CASES]
SPOKEN = {
    "secret": "the key AKIAIOSFODNN7EXAMPLE, and https://ann:pass-word-1@example.org/ too",
    "personal-data": "ann@example.org, +49 228 123456, 4012 8888 8888 1881, DE89370400440532013000, "
    "123-45-6789",
}


@pytest.fixture
def _without_library(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setitem(sys.modules, "ahocorasick_rs", None)
    secrets._hint_finder.cache_clear()
    yield
    secrets._hint_finder.cache_clear()


@pytest.mark.parametrize(("rule", "kind"), CASES, ids=NAMES)
@given(data=st.data())
def test_a_hint_stands_in_every_line_whose_text_matches(
    rule: str, kind: secrets._Kind, data: st.DataObject
) -> None:
    text = data.draw(st.from_regex(re.compile(kind.pattern, re.ASCII), fullmatch=True))
    for line in (
        json.dumps(text),
        json.dumps(text).replace("/", r"\/"),
        json.dumps(text).replace("+", r"\u002B"),
        json.dumps(text).replace("+", r"\u002b"),
    ):
        assert json.loads(line) == text
        raw = line.encode()
        if rule == "personal-data":
            raw = raw.translate(secrets._SHAPE)
        assert any(hint in raw for hint in kind.hints)
        assert secrets._hint_finder(rule)(raw)


def told(folder: Path) -> list[tuple[str, str | None]]:
    rows = [chat(user(text), assistant()) for text in SPOKEN.values()]
    report = check_rows(folder, rows, lints="all", validation=True, minimum_examples=1)
    return [(one.message, one.text) for rule in KINDS for one in found(report, rule)]


def test_each_kind_is_told_by_its_name_and_masked(tmp_path: Path) -> None:
    messages = " ".join(message for message, _ in told(tmp_path))
    for label in (
        "AWS key",
        "password in an address",
        "e-mail",
        "telephone",
        "card",
        "bank account",
        "social security",
    ):
        assert label in messages
    assert all(text is not None and "*" in text for _, text in told(tmp_path))


@pytest.mark.usefixtures("_without_library")
def test_without_the_library_the_same_is_found(tmp_path: Path) -> None:
    without = told(tmp_path)
    secrets._hint_finder.cache_clear()
    sys.modules.pop("ahocorasick_rs")
    assert told(tmp_path) == without
    assert len(without) >= 7


@pytest.mark.parametrize(
    "piece", ["a", "eyJ-", "sk-", "@", "a@", "+1 ", "1234 ", "AA00 ", "://", "SG.", "-----BEGIN "]
)
def test_a_text_made_to_be_slow_costs_no_more_than_its_length(tmp_path: Path, piece: str) -> None:
    import time

    rows = [chat(user(piece * (400_000 // len(piece)) + "@://+1"), assistant())]
    started = time.process_time()
    check_rows(tmp_path, rows, lints="fast", ignored_rules=frozenset({"length-outlier"}))
    assert time.process_time() - started < 5


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.sampled_from(["ftp://", "://", ":", "@", "ab", "sk-", "x1" * 10, "-", " ", "/"]), max_size=12)
)
def test_where_a_pattern_matches_its_tail_does_too(pieces: list[str]) -> None:
    text = "".join(pieces)
    for kind in KINDS["secret"]:
        if re.search(kind.pattern, text):
            assert re.search(kind.tail, text)
