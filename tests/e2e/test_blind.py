"""Ten pairs rated blind in a real terminal of 80x24, answered by the real model, and exported."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if sys.platform == "win32":
    pytest.skip("needs a pseudo-terminal", allow_module_level=True)

from tests.e2e.terminal import TerminalApp, processes_of
from tests.support import wait_until
from tui.records.comparisons import Rating
from tui.services import Services

pytestmark = pytest.mark.timeout(900)
PAIRS = 10
PAIR = rf"re:pair (\d+) of {PAIRS}\b"
WORDS = ("apple", "river", "seven", "green", "table", "cloud", "horse", "stone", "music", "bread")


@pytest.fixture
def app(isolated_home: Path) -> Iterator[TerminalApp]:
    with TerminalApp(80, 24) as terminal:
        yield terminal


@pytest.fixture
def prompts(isolated_home: Path) -> Path:
    path = isolated_home / "words.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for word in WORDS:
            message = {"role": "user", "content": f"Write one short sentence with the word {word}."}
            file.write(json.dumps({"messages": [message]}) + "\n")
    return path


@pytest.mark.real_model
def test_ten_pairs_are_rated_blind_and_exported(
    app: TerminalApp, isolated_home: Path, use_real_base_model: Path, prompts: Path
) -> None:
    app.start()
    app.wait_for("local: ready", timeout=60)
    app.press("7")
    app.wait_for("Trainable", timeout=60)
    app.settle()
    app.press("v")
    app.wait_for("smollm2-135m-instruct (2)", timeout=30)
    app.settle()
    app.press("escape")
    app.wait_for("i Write")
    app.press("]", "s")
    app.wait_for("System prompt and parameters")
    app.type("Answer in French.")
    app.press("ctrl+s")
    app.wait_for("system: Answer in French.")
    app.settle()

    app.press("b")
    app.wait_for("Prompts to rate answers to")
    app.type(str(prompts))
    app.press("enter")
    app.wait_for("How many prompts")
    app.press("enter")
    app.wait_for("20 answers to", timeout=60)
    app.settle(quiet=1)  # a key on its way when the question appeared is not taken for its answer
    app.press("y")

    given: dict[int, str] = {}
    for rated in range(PAIRS):
        # Answers come four at once: a pair may be there before the one in front of it.
        app.wait_for(f"{rated} of {PAIRS} rated", timeout=60)
        app.wait_for(PAIR, timeout=300)
        assert "smollm2" not in app.text()
        given[shown_pair(app)] = key = "r" if rated % 2 else "l"
        app.press(key)
    app.wait_for("How it came out", timeout=60)
    app.wait_for("10 of 10 rated")

    app.press("e")
    app.wait_for("Write the pairs to")
    app.settle()
    app.press("ctrl+u")
    app.type(str(isolated_home / "pairs.jsonl"))
    app.press("enter")
    wait_until(lambda: app.read() and (isolated_home / "pairs.jsonl").is_file(), what="the file of pairs")
    app.press("ctrl+q")
    assert app.wait_for_exit() == 0
    assert not app.in_alternate_screen
    assert_pairs_are_what_was_preferred(isolated_home / "pairs.jsonl", given)
    leave_no_process(isolated_home)


def shown_pair(app: TerminalApp) -> int:
    found = re.search(PAIR.removeprefix("re:"), app.text())
    assert found is not None
    return int(found.group(1))


def assert_pairs_are_what_was_preferred(path: Path, given: dict[int, str]) -> None:
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    assert rows
    with Services.open() as services:
        (comparison,) = services.store.comparisons()
        rounds = services.store.compared_rounds(comparison.id)
    assert len(rounds) == PAIRS
    for one in rounds:
        stood_left = Rating.FIRST if one.first_is_left else Rating.SECOND
        assert (one.rating is stood_left) == (given[one.number] == "l")
    for row in rows:
        assert row["preferred_output"][0]["content"] != row["non_preferred_output"][0]["content"]


def leave_no_process(home: Path) -> None:
    from tui import local_engine

    address = local_engine.find_engine()
    if address is not None:
        local_engine.stop_engine(address)
    wait_until(lambda: not processes_of(str(home)), what="the end of every process")
