"""A person's own Python function as a check, in a process that is ended when it takes too long.

The process is a guard against a function that hangs, dies, forks or writes to the terminal; it is no sandbox:
the function runs with the rights of whoever runs tunedeck. It gets no keys: of the environment it sees only
what Python itself needs. It has a session of its own, without a terminal, and what it started ends with it.
"""

from __future__ import annotations

import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any, ClassVar

from tui.errors import TunedeckError
from tui.evals.cases import Case, Given
from tui.evals.checks.protocol import Check, Grade, binary
from tui.evals.checks.spec import CheckSpec
from tui.safe_text import safe_line

_CHILD = Path(__file__).with_name("program_child.py")
_START_SECONDS = 30.0
"""A person's file may import what takes long."""
_GRACE_SECONDS = 5.0
"""After its time a process ends by itself, should nobody be there any more to end it."""
_MOST_WITHOUT_VERDICT = 5
"""In a row; a thousand rows of five seconds each are waited for by nobody."""
_KEPT_VARIABLES = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "TEMP",
    "TMP",
    "SYSTEMROOT",
    "HOME",
    "USERPROFILE",
    "TZ",
)


class _Child:
    """One process, with a thread that waits for its lines."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        environment = {name: os.environ[name] for name in _KEPT_VARIABLES if name in os.environ}
        self._process = subprocess.Popen(
            [sys.executable, "-I", str(_CHILD)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
            env={**environment, "PYTHONIOENCODING": "utf-8"}, start_new_session=True,
        )  # fmt: skip
        self._lines: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.ended = False
        """True once the process has gone by itself."""
        assert self._process.stdout is not None
        threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True).start()
        self.started = self.ask(start, _START_SECONDS)
        """What it said when what it is to load was loaded, or could not be."""

    def _read(self, stream: IO[bytes]) -> None:
        # Closed here alone: closing waits for whoever reads, and what was forked may hold the other end.
        with stream:
            for line in stream:
                self._lines.put(line)
        self._lines.put(b"")

    def ask(self, question: Mapping[str, Any], seconds: float) -> dict[str, Any] | None:
        """Return the answer to a question; None when it takes too long or ends."""
        try:
            assert self._process.stdin is not None
            limited = {**question, "most_seconds": seconds + _GRACE_SECONDS}
            self._process.stdin.write(json.dumps(limited).encode() + b"\n")
            self._process.stdin.flush()
            line = self._lines.get(timeout=seconds)
            self.ended = not line
            value = json.loads(line) if line else None
        except OSError:  # nobody reads any more
            self.ended = True
            return None
        except (queue.Empty, ValueError):
            return None
        return value if isinstance(value, dict) else None

    def close(self) -> None:
        """End the process and what it started, whatever they are doing."""
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with suppress(OSError):  # what was not sent yet has no reader any more
                self._process.stdin.close()


class Program:
    """Asks a function about one answer at a time; a new process stands in for one that was ended.

    Args:
        start: What the child is to load.
        seconds: Longest time for one answer.
        name: What is asked, for messages: `function of the check python`.
    """

    def __init__(
        self, start: Mapping[str, Any], seconds: float, name: str = "function of the check python"
    ) -> None:
        self._start = start
        self._seconds = seconds
        self._name = name
        self._without_verdict = 0
        self._child: _Child | None = None

    def judge(self, row: Mapping[str, Any], answer: Mapping[str, Any]) -> Grade:
        """Return what the function says.

        Raises:
            TunedeckError: Its file can't be loaded, or it gave no verdict several times in a row.
        """
        child = self._running()
        reply = child.ask({"row": row, "answer": answer}, self._seconds)
        if reply is None:
            why = "the function's process ended" if child.ended else f"no verdict within {self._seconds:g} s"
            self.close()
            self._without_verdict += 1
            if self._without_verdict == _MOST_WITHOUT_VERDICT:
                raise TunedeckError(
                    f"The {self._name} gave no verdict {_MOST_WITHOUT_VERDICT} times in a row: {why}.",
                    "Mend it, or give it more `seconds`. The answers are kept: nothing is asked again.",
                )
            return Grade(0.0, why)
        self._without_verdict = 0
        if "error" in reply:
            return Grade(0.0, safe_line(f"the function failed: {reply['error']}", 200))
        score = reply.get("score")
        if score is None:
            return Grade(None, safe_line(str(reply.get("note") or "left out by the function"), 200))
        if not isinstance(score, int | float) or not math.isfinite(score) or not 0 <= score <= 1:
            return Grade(0.0, f"the function's score {score} is not from 0 to 1")
        return Grade(float(score), safe_line(str(reply.get("note", "")), 200))

    def start(self) -> None:
        """Load the function now.

        Raises:
            TunedeckError: Its file can't be loaded.
        """
        self._running()

    def _running(self) -> _Child:
        if self._child is None:
            child = _Child(self._start)
            reply = child.started
            if reply is None or "failed" in reply:
                child.close()
                words = "it did not start" if reply is None else safe_line(str(reply["failed"]), 300)
                raise TunedeckError(
                    f"The {self._name} can't be loaded: {words}.",
                    "Its file is run by itself: does it import what is installed here?",
                )
            self._child = child
        return self._child

    def close(self) -> None:
        """End the process."""
        if self._child is not None:
            self._child.close()
            self._child = None


class PatternProgram:
    """Searches with Python's `re` under a time limit."""

    def __init__(self, pattern: str, *, ignore_case: bool, seconds: float) -> None:
        start = {"pattern": pattern, "ignore_case": ignore_case}
        self._program = Program(start, seconds, "pattern of the check regex")

    def search(self, text: str) -> Grade:
        """Return whether the pattern is found; a search that takes too long counts as none."""
        grade = self._program.judge({}, {"text": text})
        return grade if grade.note else binary(grade.score == 1, "no match")

    def close(self) -> None:
        """End the process."""
        self._program.close()


class PythonFunction(Check):
    """Your own function `grade(row, answer)`: True, a number from 0 to 1, or {"score": ..., "note": ...}.

    `row` is the line of the test set; `answer` has `text`, `tool_calls` and `finish_reason`. None leaves the
    row out.
    """

    main = "file"
    known: ClassVar[Mapping[str, Any]] = {"file": str, "function": str, "seconds": (int, float)}

    def __init__(self, spec: CheckSpec, cases: Sequence[Case] = ()) -> None:
        super().__init__(spec, cases)
        path = self.file("file")
        if not path.is_file():
            raise TunedeckError(f"{path} does not exist.", "The check python needs a file with a function.")
        start = {"path": str(path.absolute()), "function": self.option("function", "grade")}
        self._program = Program(start, float(self.option("seconds", 5)))

    def grade(self, case: Case, given: Given) -> Grade:
        """Ask the function."""
        calls = [{"name": call.name, "arguments": call.arguments} for call in given.tool_calls]
        answer = {"text": given.text, "tool_calls": calls, "finish_reason": given.finish_reason}
        return self._program.judge(case.item, answer)

    def try_out(self) -> None:
        """Load the function, so that a wrong file is told before any answer is paid for."""
        self._program.start()

    def close(self) -> None:
        """End its process."""
        self._program.close()
