"""The process in which a person's own function judges answers: one line of JSON in, one line out.

Run by path in Python's isolated mode: it imports nothing of ours, and no module of the current folder.
What the function prints goes to stderr, so that it can't be taken for an answer, and it reads nothing from
stdin. A copy of the process that it forks answers nothing.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO

Judge = Callable[[Any, Any], Any]
_LONGEST_NOTE = 500


def _loaded(path: str, name: str) -> Judge:
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    spec = importlib.util.spec_from_file_location("tunedeck_user_check", path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    judge: Judge = getattr(module, name)
    return judge


def _searcher(pattern: str, ignore_case: bool) -> Judge:
    compiled = re.compile(pattern, re.IGNORECASE if ignore_case else 0)
    return lambda row, answer: compiled.search(answer["text"]) is not None


def _plain(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        score, note = value.get("score"), value.get("note", "")
    elif isinstance(value, tuple | list) and len(value) == 2:
        score, note = value
    else:
        score, note = value, ""
    return {"score": None if score is None else float(score), "note": str(note)[:_LONGEST_NOTE]}


def _tell(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _end_after(seconds: float) -> None:
    """Have the system end this process: who started it may be dead, and what hangs may hold Python's lock."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, seconds)


def main() -> None:
    """Load what the first line names, then judge line by line until the input ends."""
    own = os.getpid()
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    questions = os.fdopen(os.dup(0), "rb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    start = json.loads(questions.readline())
    _end_after(start["most_seconds"])
    try:
        if "pattern" in start:
            judge = _searcher(start["pattern"], start["ignore_case"])
        else:
            judge = _loaded(start["path"], start["function"])
    except BaseException as error:
        _end_if_copy(own)
        _tell(answers, {"failed": f"{type(error).__name__}: {error}"})
        return
    _end_if_copy(own)
    _tell(answers, {"ready": True})
    _end_after(0)
    for line in questions:
        asked = json.loads(line)
        _end_after(asked["most_seconds"])
        try:
            reply = _plain(judge(asked["row"], asked["answer"]))
        except BaseException as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:_LONGEST_NOTE]}
        _end_if_copy(own)
        _end_after(0)
        _tell(answers, reply)


def _end_if_copy(own: int) -> None:
    if os.getpid() != own:
        os._exit(0)


if __name__ == "__main__":
    main()
