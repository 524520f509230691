from __future__ import annotations

import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import clean_chats, write
from tests.unit.datasets.hostile.contents import CONTENTS, damaged
from tests.unit.datasets.hostile.harness import (
    CALLS,
    DISTURBANCES,
    SLOW_CALLS,
    Call,
    disturbed_after,
    run_and_prove,
)
from tui.datasets import lines

NAMES = [call.name for call in CALLS]


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-nobody-0123456789")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    return folder / "rows.jsonl"


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_no_content_hurts_a_verb(file: Path, call: Call) -> None:
    for number, content in enumerate(list(CONTENTS.values())[:: 3 if call.has_process else 1]):
        file.write_bytes(content)
        run_and_prove(call, file, as_json=number % 2 == 0)


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
@settings(max_examples=6)
@given(content=damaged(), as_json=st.booleans())
def test_no_damage_hurts_a_verb(file: Path, call: Call, content: bytes, as_json: bool) -> None:
    file.write_bytes(content)
    run_and_prove(call, file, as_json=as_json)


@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_no_change_under_the_reader_hurts_a_verb(
    file: Path, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "BLOCK_BYTES", 700)
    happened = 0
    for number, disturb in enumerate(DISTURBANCES):
        write(file, clean_chats(40))
        reads = 1 + number
        with disturbed_after(file, reads, disturb) as made:
            run_and_prove(call, file, as_json=number % 2 == 0, disturbed=True)
        happened += made[0] >= reads
    assert happened


@pytest.mark.skipif(sys.platform == "win32", reason="no such names there")
@pytest.mark.parametrize("call", CALLS, ids=NAMES)
def test_no_name_of_a_file_hurts_a_verb(file: Path, call: Call) -> None:
    evil = file.with_name("\x1b[31m[bold]\u202e\x9b\n.jsonl")
    for content in (CONTENTS["wrong types"], b""):
        evil.write_bytes(content)
        run_and_prove(call, evil, as_json=not content)


@pytest.mark.parametrize("call", SLOW_CALLS, ids=[call.name for call in SLOW_CALLS])
@pytest.mark.parametrize("name", ["control characters, bare", "wrong types", "half of UTF-16"])
def test_no_content_hurts_a_verb_that_counts_elsewhere(file: Path, call: Call, name: str) -> None:
    file.write_bytes(CONTENTS[name])
    run_and_prove(call, file, as_json=name == "wrong types")
