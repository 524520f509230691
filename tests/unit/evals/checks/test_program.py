from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support import wait_until
from tests.unit.evals.builders import a_case, said
from tui.errors import TunedeckError
from tui.evals.checks import program
from tui.evals.checks.protocol import Grade
from tui.evals.checks.registry import opened_checks
from tui.evals.checks.spec import CheckSpec

FUNCTION = """
import os, sys, time
print("what is printed is no verdict")

def grade(row, answer):
    print("nor is this")
    kind = row["kind"]
    if kind == "bool":
        return "yes" in answer["text"]
    if kind == "note":
        return {"score": 0.25, "note": "a\\x1b[31m note"}
    if kind == "none":
        return None
    if kind == "raise":
        raise ValueError("no good")
    if kind == "exit":
        sys.exit(3)
    if kind == "die":
        os._exit(1)
    if kind == "hang":
        time.sleep(600)
    if kind == "large":
        return 7
    if kind == "keys":
        return float("SECRET_KEY" not in os.environ)
    if kind == "fork":
        if os.fork() == 0:
            return 0.125
    if kind == "leave a copy":
        if os.fork() == 0:
            time.sleep(600)
    if kind == "terminal":
        os.open("/dev/tty", os.O_WRONLY)
    if kind == "input":
        return input() == ""
    if kind == "tools":
        return answer["tool_calls"][0]["name"] == "weather"
"""


def judged(folder: Path, *kinds: str, text: str = "yes", seconds: float = 5.0) -> list[Grade]:
    (folder / "mine.py").write_text(FUNCTION)
    spec = CheckSpec("python", {"file": "mine.py", "seconds": seconds}, folder)
    with opened_checks([spec], []) as checks:
        answer = said(text, ("weather", "{}"))
        return [checks[spec.key].grade(a_case(item={"kind": kind}), answer) for kind in kinds]


def test_a_function_says_right_wrong_between_or_nothing(tmp_path: Path) -> None:
    found = judged(tmp_path, "bool", "note", "none", "tools")
    assert [one.score for one in found] == [1, 0.25, None, 1]
    assert found[1].note == "a\u241b[31m note"


def test_a_function_that_fails_is_told_and_the_next_row_is_judged(tmp_path: Path) -> None:
    found = judged(tmp_path, "raise", "exit", "large", "bool")
    assert [one.score for one in found] == [0, 0, 0, 1]
    assert found[0].note == "the function failed: ValueError: no good"
    assert found[2].note == "the function's score 7.0 is not from 0 to 1"


def test_a_process_that_dies_or_hangs_is_replaced(tmp_path: Path) -> None:
    found = judged(tmp_path, "die", "bool", "hang", "bool", seconds=2.0)
    assert [one.score for one in found] == [0, 1, 0, 1]
    assert found[0].note == "the function's process ended"
    assert found[2].note == "no verdict within 2 s"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="POSIX alone forks")
def test_copies_that_a_function_forks_answer_nothing_and_end_with_it(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    found = judged(tmp_path, "fork", "note", "leave a copy", "bool")
    assert [one.score for one in found] == [None, 0.25, None, 1]
    wait_until(
        lambda: not [one for one in psutil.Process().children(recursive=True) if one not in before] or None,
        timeout=10,
    )


@pytest.mark.skipif(not hasattr(os, "setsid"), reason="POSIX alone has sessions")
def test_a_function_has_neither_a_terminal_nor_anything_to_read(tmp_path: Path) -> None:
    found = judged(tmp_path, "terminal", "input", "bool")
    assert [one.score for one in found] == [0, 0, 1]
    assert found[0].note.startswith("the function failed: OSError: ")
    assert found[1].note.startswith("the function failed: EOFError: ")


def test_a_function_that_never_gives_a_verdict_is_not_waited_for_a_thousand_times(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match=r"no verdict 5 times in a row: the function's process ended"):
        judged(tmp_path, *["die"] * 9)
    assert len(judged(tmp_path, *["die"] * 4, "bool", *["die"] * 4)) == 9


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="POSIX alone has these timers")
def test_a_process_that_hangs_ends_by_itself_when_nobody_is_there_to_end_it(tmp_path: Path) -> None:
    # What hangs holds Python's lock: no thread of its own could end it.
    text = "a" * 40 + "b"
    start = {"pattern": "(a|aa)+$", "ignore_case": False, "most_seconds": 60}
    question = {"row": {}, "answer": {"text": text}, "most_seconds": 0.2}
    child = Path(program.__file__).with_name("program_child.py")
    found = subprocess.run(
        [sys.executable, "-I", str(child)],
        input="".join(json.dumps(one) + "\n" for one in (start, question)).encode(),
        capture_output=True, check=False,
    )  # fmt: skip
    assert found.returncode == -signal.SIGALRM


def test_the_function_sees_no_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "sk-something")
    assert judged(tmp_path, "keys")[0].score == 1


def test_its_process_ends_with_the_check(tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    judged(tmp_path, "bool")
    wait_until(
        lambda: not [one for one in psutil.Process().children(recursive=True) if one not in before] or None,
        timeout=10,
    )


@pytest.mark.parametrize("content", ["this is no python", "import a_module_that_is_not_there", "x = 1"])
def test_a_file_that_cannot_be_loaded_is_told(tmp_path: Path, content: str) -> None:
    (tmp_path / "mine.py").write_text(content)
    spec = CheckSpec("python", {"file": "mine.py"}, tmp_path)
    with opened_checks([spec], []) as checks, pytest.raises(TunedeckError, match="can't be loaded"):
        checks[spec.key].grade(a_case(), said("x"))


def test_a_file_that_is_not_there_is_told_before_anything_is_asked() -> None:
    with (
        pytest.raises(TunedeckError, match="does not exist"),
        opened_checks([CheckSpec("python", {"file": "nowhere.py"})], []),
    ):
        pass
