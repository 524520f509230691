from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.unit.datasets.builders import assistant, chat, user
from tui.datasets import estimate_apart as apart
from tui.datasets.estimate import estimate_file
from tui.datasets.estimate_apart import EstimateCancelled, cool_down, estimate_apart, warm_up
from tui.errors import TunedeckError

ENCODING = "o200k_base"


@pytest.fixture(autouse=True)
def _none_is_left_waiting() -> Iterator[None]:
    yield
    cool_down()


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.jsonl"
    rows = (chat(user("word " * (number % 600)), assistant(f"{number}")) for number in range(4_000))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_another_process_estimates_the_same(large: Path) -> None:
    found = estimate_apart(large, ENCODING, 300)
    assert not found.is_exact
    assert found == estimate_file(large, ENCODING, limit=300)


def test_the_process_that_waits_is_the_one_that_answers(large: Path) -> None:
    warm_up(ENCODING)
    waiting = apart._waiting[ENCODING]
    warm_up(ENCODING)
    assert apart._waiting[ENCODING] is waiting
    assert estimate_apart(large, ENCODING, None).examples.value
    assert waiting.poll() is not None
    assert not apart._waiting


def test_a_process_that_died_while_it_waited_is_replaced(large: Path) -> None:
    warm_up(ENCODING)
    dead = apart._waiting[ENCODING]
    dead.kill()
    dead.wait()
    assert estimate_apart(large, ENCODING, None).examples.value


def test_a_process_that_is_killed_at_work_is_an_error_with_a_remedy(large: Path) -> None:
    warm_up(ENCODING)
    process = apart._waiting[ENCODING]

    def kill() -> bool:
        process.kill()
        return False

    with pytest.raises(TunedeckError, match="ended early") as caught:
        estimate_apart(large, ENCODING, None, cancelled=kill)
    assert caught.value.remedy


def test_a_cancelled_estimate_leaves_no_process(large: Path) -> None:
    with pytest.raises(EstimateCancelled):
        estimate_apart(large, ENCODING, None, cancelled=lambda: True)
    assert not [
        child for child in psutil.Process().children() if "estimate_apart" in " ".join(child.cmdline())
    ]


def test_what_is_wrong_with_the_file_is_told_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="does not exist"):
        estimate_apart(tmp_path / "gone\n.jsonl", ENCODING, None)


def test_a_waiting_process_ends_when_nobody_can_ask_any_more() -> None:
    warm_up(ENCODING)
    process = apart._waiting[ENCODING]
    assert process.stdin is not None
    process.stdin.close()
    assert process.wait(timeout=30) == 0
