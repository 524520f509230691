"""Notifications that the terminal itself shows: which sequence it knows, wrapped for tmux and screen.

Sources, read 2026-11: OSC 9 is iTerm2's (iterm2.com/documentation-escape-codes.html), OSC 777 urxvt's,
which WezTerm, Ghostty, foot and patched VTE took over, OSC 99 kitty's
(sw.kovidgoyal.net/kitty/desktop-notifications). tmux shows none of them and passes on only what is wrapped,
where `allow-passthrough` lets it: with `on` from panes that are seen, with `all` (3.4) from every one
(github.com/tmux/tmux/issues/5136; before 3.3 always).
"""

from __future__ import annotations

import base64
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from tui.safe_text import safe_line

BELL = "\a"
_ESC, _END = "\x1b", "\a"
"""Every sequence ends with BEL: inside GNU screen's frame ESC \\ would end the frame."""
_LONGEST_TITLE, _LONGEST_BODY = 80, 240
"""Characters; screen passes on 768 bytes of a sequence, kitty takes 2,048 in a piece."""
_TMUX_SECONDS = 2
_TMUX_FORMAT = "#{client_termtype}\t#{client_termname}\t#{allow-passthrough}"
_FIRST_WITH_OPTION = (3, 3)


class Osc(StrEnum):
    """The operating system commands that show a notification."""

    OSC9 = "osc9"
    OSC777 = "osc777"
    OSC99 = "osc99"


_BY_PROGRAM = {
    "iterm.app": Osc.OSC9, "iterm2": Osc.OSC9, "wezterm": Osc.OSC777, "ghostty": Osc.OSC777,
    "kitty": Osc.OSC99, "foot": Osc.OSC777, "rxvt": Osc.OSC777, "vte": Osc.OSC777,
}  # fmt: skip
"""Beginning of a terminal's name, in TERM_PROGRAM or as it told tmux -> what it knows."""
_BY_TERM = (
    ("xterm-kitty", Osc.OSC99),
    ("xterm-ghostty", Osc.OSC777),
    ("foot", Osc.OSC777),
    ("rxvt", Osc.OSC777),
)
_BY_VARIABLE = (
    ("KITTY_WINDOW_ID", Osc.OSC99), ("GHOSTTY_RESOURCES_DIR", Osc.OSC777), ("WEZTERM_PANE", Osc.OSC777),
    ("ITERM_SESSION_ID", Osc.OSC9), ("VTE_VERSION", Osc.OSC777),
)  # fmt: skip
_UNKNOWN = (
    "It is not known whether this terminal shows notifications; `notify_terminal` in the settings tells."
)
_NO_PASSTHROUGH = (
    "tmux drops it: `set -g allow-passthrough on` in its configuration lets it through, from tmux 3.4 on "
    "`all` also out of windows that are not seen."
)


@dataclass(frozen=True, slots=True)
class TerminalWay:
    """How a notification gets to the terminal, or why it does not."""

    osc: Osc | None
    tmux_levels: int = 0
    """How many tmux are around this program, one inside the other."""
    in_screen: bool = False
    reason: str = ""
    """Why it does not get there; empty when it should."""

    @property
    def words(self) -> str:
        """The way in words."""
        if self.osc is None or self.reason:
            return self.reason
        number = self.osc.value.removeprefix("osc")
        frame = " through tmux" if self.tmux_levels else " through screen" if self.in_screen else ""
        return f"OSC {number}{frame}"

    def sequence(self, title: str, body: str, number: int = 0) -> str:
        """Return what to write to the terminal; nothing in the texts can end it early.

        Args:
            title: Any text.
            body: Any text.
            number: Tells notifications apart, for terminals that want to know.
        """
        if self.osc is None:
            return ""
        sequence = _plain(self.osc, title, body, number)
        if self.in_screen:
            return f"{_ESC}P{sequence}{_ESC}\\"
        for _ in range(self.tmux_levels):
            doubled = sequence.replace(_ESC, _ESC * 2)
            sequence = f"{_ESC}Ptmux;{doubled}{_ESC}\\"
        return sequence


def terminal_way(chosen: str = "auto", environment: Mapping[str, str] | None = None) -> TerminalWay:
    """Find out how this terminal is asked to show a notification. Asks tmux, so it may take a moment.

    Args:
        chosen: The setting `notify_terminal`.
        environment: Variables to look at; the process's own when None.
    """
    environment = os.environ if environment is None else environment
    term = environment.get("TERM", "")
    if term in ("dumb", "linux", ""):
        return TerminalWay(None, reason=f"The terminal {term or 'without a name'} shows no notifications.")
    wanted = None if chosen == "auto" else Osc(chosen)
    if environment.get("TMUX"):
        way = _through_tmux(environment)
    else:
        way = TerminalWay(_known(environment, term), in_screen=bool(environment.get("STY")))
    way = replace(way, osc=wanted or way.osc)
    return way if way.osc is not None or way.reason else replace(way, reason=_UNKNOWN)


def _plain(osc: Osc, title: str, body: str, number: int) -> str:
    title, body = safe_line(title, _LONGEST_TITLE), safe_line(body, _LONGEST_BODY)
    match osc:
        case Osc.OSC9:
            # With a digit and a semicolon first it would be a progress bar (9;4) or a folder (9;9).
            return f"{_ESC}]9;tunedeck: {title.removeprefix('tunedeck: ')}. {body}{_END}"
        case Osc.OSC777:
            parts = (part.replace(";", ",") for part in (title, body))
            return f"{_ESC}]777;notify;{';'.join(parts)}{_END}"
        case Osc.OSC99:
            name = f"i=tunedeck-{number}:e=1"
            return (
                f"{_ESC}]99;{name}:d=0:p=title;{_encoded(title)}{_END}"
                f"{_ESC}]99;{name}:d=1:p=body;{_encoded(body)}{_END}"
            )


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode("utf-8")).decode("ascii")


def _known(environment: Mapping[str, str], term: str) -> Osc | None:
    for name in (environment.get("TERM_PROGRAM", ""), environment.get("LC_TERMINAL", "")):
        if (found := _of_program(name)) is not None:
            return found
    for start, osc in _BY_TERM:
        if term.startswith(start):
            return osc
    return next((osc for variable, osc in _BY_VARIABLE if environment.get(variable)), None)


def _of_program(name: str) -> Osc | None:
    lower = name.lower()
    return next((osc for start, osc in _BY_PROGRAM.items() if lower.startswith(start)), None)


def _through_tmux(environment: Mapping[str, str]) -> TerminalWay:
    pane = environment.get("TMUX_PANE", "")
    answer = _ask_tmux("display-message", *(("-t", pane) if pane else ()), "-p", _TMUX_FORMAT)
    if answer is None:
        return TerminalWay(None, 1, reason="tmux does not say which terminal it is in.")
    program, term, passthrough = (*answer.rstrip("\n").split("\t"), "", "", "")[:3]
    # What the outer terminal set before tmux began may be of another one since; what tmux says comes first.
    osc = _of_program(program) or _known({}, term) or _known(environment, "")
    levels = 2 if term.startswith(("tmux", "screen")) else 1
    if passthrough in ("0", "off") or (not passthrough and _tmux_version() >= _FIRST_WITH_OPTION):
        return TerminalWay(osc, levels, reason=_NO_PASSTHROUGH)
    return TerminalWay(osc, levels)


def _tmux_version() -> tuple[int, int]:
    digits = "".join(char if char.isdigit() else " " for char in _ask_tmux("-V") or "").split()
    return (int(digits[0]), int(digits[1])) if len(digits) > 1 else _FIRST_WITH_OPTION


def _ask_tmux(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ("tmux", *arguments), capture_output=True, timeout=_TMUX_SECONDS, check=False, text=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    return done.stdout if done.returncode == 0 else None
