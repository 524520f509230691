"""A real pseudo-terminal with a real program in it, and the screen that a person would see."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from types import TracebackType

import pexpect
import psutil
import pyte

KEYS = {
    "enter": "\r",
    "escape": "\x1b",
    "tab": "\t",
    "shift+tab": "\x1b[Z",
    "backspace": "\x7f",
    "space": " ",
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "delete": "\x1b[3~",
    **{f"ctrl+{letter}": chr(ord(letter) - 96) for letter in "abcdefghijklmnopqrstuvwxyz"},
    **{f"f{number}": code for number, code in enumerate(["\x1bOP", "\x1bOQ", "\x1bOR", "\x1bOS"], start=1)},
}
"""Names of keys -> what a terminal sends for them; any other single character is sent as it is."""

_ALTERNATE_SCREEN = re.compile(rb"\x1b\[\?1049([hl])")
_MOUSE = re.compile(rb"\x1b\[\?(1000|1002|1003|1006|1015)([hl])")
_PRIVATE_PROTOCOL = re.compile(rb"\x1b\[[<>=][0-9;]*[a-zA-Z]")
"""Keyboard protocol requests, which pyte takes for ordinary sequences."""


class TerminalApp:
    """A program in a terminal of its own: press keys, read the screen, and see what it leaves behind."""

    def __init__(self, columns: int = 80, rows: int = 24) -> None:
        self.columns = columns
        self.rows = rows
        self.output = bytearray()
        """Every byte that the program wrote to the terminal."""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._child: pexpect.spawn | None = None
        self._modes_before: object = None

    @property
    def child(self) -> pexpect.spawn:
        """The process, once started."""
        assert self._child is not None, "the program was not started"
        return self._child

    @property
    def pid(self) -> int:
        """Process id of the program."""
        return int(self.child.pid)

    def start(self, *arguments: str, environment: Mapping[str, str] | None = None) -> TerminalApp:
        """Start `tunedeck` with `arguments`, cold, at this size."""
        return self.start_program(sys.executable, "-m", "tui", *arguments, environment=environment)

    def start_program(
        self, program: str, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> TerminalApp:
        """Start any program."""
        self._child = pexpect.spawn(
            program,
            list(arguments),
            dimensions=(self.rows, self.columns),
            env=_environment(environment or {}),
            timeout=None,
        )
        self._modes_before = termios.tcgetattr(self.child.child_fd)
        return self

    def __enter__(self) -> TerminalApp:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._child is not None:
            if self._child.isalive():
                self._child.kill(signal.SIGKILL)
            self._child.close(force=True)
        if error is not None:
            error.add_note("the screen was:\n" + self.text())

    def read(self, seconds: float = 0.05) -> bool:
        """Take in what the program wrote for up to `seconds`; False when it has closed the terminal."""
        try:
            data = self.child.read_nonblocking(65536, timeout=seconds)
        except pexpect.TIMEOUT:
            return True
        except (pexpect.EOF, OSError):
            return False
        self.output += data
        self._stream.feed(_PRIVATE_PROTOCOL.sub(b"", data))
        return True

    def stop_when_written(self, wanted: bytes, timeout: float = 20) -> None:
        """Stop the process (SIGSTOP) as soon as it has written `wanted`, to read off what it used."""
        deadline = time.monotonic() + timeout
        unread = bytearray()
        while wanted not in unread:
            assert time.monotonic() < deadline, f"{wanted!r} not written within {timeout:g} s"
            with contextlib.suppress(pexpect.TIMEOUT):
                unread += self.child.read_nonblocking(65536, timeout=0.05)
        os.kill(self.pid, signal.SIGSTOP)
        self.output += unread
        self._stream.feed(_PRIVATE_PROTOCOL.sub(b"", bytes(unread)))

    def go_on(self) -> None:
        """Let a stopped process go on."""
        os.kill(self.pid, signal.SIGCONT)

    def text(self) -> str:
        """Return what is on the screen, one line per row, without trailing blanks."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def lines(self) -> Sequence[str]:
        """Return the rows of the screen."""
        return self.text().split("\n")

    def press(self, *keys: str, pause: float = 0.05) -> None:
        """Send keys one after another, reading in between as a terminal does."""
        for key in keys:
            self.child.send(KEYS.get(key, key))
            self.read(pause)

    def type(self, text: str) -> None:
        """Type a text, character by character."""
        self.press(*text, pause=0.005)

    def wait_for(self, *wanted: str, timeout: float = 20) -> str:
        """Read until one of the texts is on the screen and return it; `re:` before a text makes it a pattern.

        Raises:
            AssertionError: None of them appeared in time, or the program ended first.
        """
        return self.wait(lambda: next((one for one in wanted if self.shows(one)), None), str(wanted), timeout)

    def wait_until_gone(self, text: str, timeout: float = 20) -> None:
        """Read until the text is no longer on the screen."""
        self.wait(lambda: None if self.shows(text) else text, f"{text!r} to go", timeout)

    def wait(self, probe: Callable[[], str | None], what: str, timeout: float) -> str:
        """Read until `probe` returns a text."""
        deadline = time.monotonic() + timeout
        while True:
            found = probe()
            if found is not None:
                return found
            if not self.read():
                raise AssertionError(f"the program ended while waiting for {what}\n{self.text()}")
            if time.monotonic() > deadline:
                raise AssertionError(f"{what} not seen within {timeout:g} s; the screen is\n{self.text()}")

    def shows(self, wanted: str) -> bool:
        """True when the text, or the pattern after `re:`, is on the screen."""
        screen = self.text()
        return bool(re.search(wanted[3:], screen)) if wanted.startswith("re:") else wanted in screen

    def settle(self, quiet: float = 0.4, timeout: float = 10) -> None:
        """Read until nothing was written for `quiet` seconds."""
        deadline = time.monotonic() + timeout
        last = time.monotonic()
        while time.monotonic() - last < quiet and time.monotonic() < deadline:
            size = len(self.output)
            if not self.read(0.05):
                return
            if len(self.output) > size:
                last = time.monotonic()

    def resize(self, columns: int, rows: int) -> None:
        """Change the size of the terminal while the program runs."""
        self.columns, self.rows = columns, rows
        self._screen.resize(rows, columns)
        self.child.setwinsize(rows, columns)

    def wait_for_exit(self, timeout: float = 15) -> int:
        """Read until the program ended and return its exit code."""
        deadline = time.monotonic() + timeout
        while self.read(0.1) and self.child.isalive():
            if time.monotonic() > deadline:
                raise AssertionError(f"the program did not end within {timeout:g} s\n{self.text()}")
        self.child.wait() if self.child.isalive() else None
        drained_by = time.monotonic() + 2
        while self.read(0.1) and time.monotonic() < drained_by:
            pass  # its last words may still be on the way
        self.child.close()
        return int(self.child.exitstatus if self.child.exitstatus is not None else -self.child.signalstatus)

    @property
    def in_alternate_screen(self) -> bool:
        """True while the program has the terminal's second screen."""
        switches = _ALTERNATE_SCREEN.findall(bytes(self.output))
        return bool(switches) and switches[-1] == b"h"

    @property
    def mouse_modes_left_on(self) -> set[str]:
        """The mouse modes that the program switched on and not off again."""
        state = {mode.decode(): switch == b"h" for mode, switch in _MOUSE.findall(bytes(self.output))}
        return {mode for mode, is_on in state.items() if is_on}

    def terminal_modes(self) -> object:
        """The line settings of the terminal now, to compare with `modes_before`."""
        return termios.tcgetattr(self.child.child_fd)

    @property
    def modes_before(self) -> object:
        """The line settings that the program found."""
        return self._modes_before


def _environment(extra: Mapping[str, str]) -> dict[str, str]:
    # COLUMNS and LINES would win over the size that the terminal itself tells.
    inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**inherited, "TERM": "xterm-256color", "TUNEDECK_NO_ENGINE_START": "0", **extra}


def processes_of(home: str) -> list[psutil.Process]:
    """Return every living process that was started for this TUNEDECK_HOME, by its environment."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        try:
            is_ours = process.environ().get("TUNEDECK_HOME") == home
            alive = process.status() != psutil.STATUS_ZOMBIE
        except (psutil.Error, OSError):
            continue
        if is_ours and alive and process.pid != os.getpid():
            found.append(process)
    return found
