from __future__ import annotations

import base64
import os
import re
import stat
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.jobs.notices.address import secrets_of
from tui.jobs.notices.desktop import desktop_way, show_on_desktop
from tui.jobs.notices.escape import Osc, TerminalWay, terminal_way
from tui.jobs.notices.words import Message

MESSAGE = Message("tone succeeded", ("Model: <b>ft</b>", "Next: `tunedeck chat ft`"))
needs_scripts = pytest.mark.skipif(sys.platform == "win32", reason="puts shell scripts on the path")
Script = Callable[[str, str], Path]


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Script:
    """Put a shell script of that name first on the path."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, body: str) -> Path:
        path = folder / name
        path.write_text(f"#!/bin/sh\n{body}\n", "utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path

    return write


@pytest.mark.parametrize(
    ("environment", "osc"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, Osc.OSC9),
        ({"LC_TERMINAL": "iTerm2"}, Osc.OSC9),
        ({"TERM_PROGRAM": "WezTerm"}, Osc.OSC777),
        ({"TERM_PROGRAM": "ghostty"}, Osc.OSC777),
        ({"TERM": "foot"}, Osc.OSC777),
        ({"TERM": "rxvt-unicode-256color"}, Osc.OSC777),
        ({"VTE_VERSION": "7600"}, Osc.OSC777),
        ({"TERM": "xterm-kitty"}, Osc.OSC99),
        ({"KITTY_WINDOW_ID": "1"}, Osc.OSC99),
        ({"TERM_PROGRAM": "Apple_Terminal"}, None),
        ({}, None),
        ({"TERM": "linux", "VTE_VERSION": "7600"}, None),
        ({"TERM": "dumb"}, None),
    ],
)
def test_the_sequence_is_fitted_to_the_terminal(environment: Mapping[str, str], osc: Osc | None) -> None:
    way = terminal_way("auto", {"TERM": "xterm-256color", **environment})
    assert way.osc is osc
    assert bool(way.reason) == (osc is None)


def test_a_person_knows_the_terminal_better() -> None:
    assert terminal_way("osc9", {"TERM": "xterm"}).osc is Osc.OSC9
    assert terminal_way("osc777", {"TERM": "xterm-kitty"}).osc is Osc.OSC777
    assert terminal_way("osc777", {"TERM": "dumb"}).reason


def test_each_terminal_gets_the_bytes_that_it_knows() -> None:
    assert TerminalWay(Osc.OSC9).sequence("Done", "all; of it") == "\x1b]9;tunedeck: Done. all; of it\a"
    assert TerminalWay(Osc.OSC9).sequence("tunedeck: a test", "x") == "\x1b]9;tunedeck: a test. x\a"
    assert TerminalWay(Osc.OSC777).sequence("a;b", "c;d") == "\x1b]777;notify;a,b;c,d\a"
    title, body = (base64.b64encode(text).decode() for text in (b"Done", "größer".encode()))
    assert TerminalWay(Osc.OSC99).sequence("Done", "größer", 7) == (
        f"\x1b]99;i=tunedeck-7:e=1:d=0:p=title;{title}\a\x1b]99;i=tunedeck-7:e=1:d=1:p=body;{body}\a"
    )
    assert TerminalWay(Osc.OSC9, in_screen=True).sequence("x", "y") == "\x1bP\x1b]9;tunedeck: x. y\a\x1b\\"
    assert TerminalWay(Osc.OSC9, 1).sequence("x", "y") == "\x1bPtmux;\x1b\x1b]9;tunedeck: x. y\a\x1b\\"


def unwrapped(sequence: str) -> str:
    """Take off what one tmux takes off, as tmux does."""
    assert sequence.startswith("\x1bPtmux;")
    assert sequence.endswith("\x1b\\")
    return sequence.removeprefix("\x1bPtmux;").removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b")


NASTY = st.text(st.characters() | st.sampled_from("\x07\x1b\x9c\x9d\\;\n\r\0\u202e\ud800"), max_size=400)


@given(st.sampled_from(Osc), NASTY, NASTY, st.integers(0, 2))
def test_no_byte_of_a_name_ends_a_sequence_early_or_begins_another(
    osc: Osc, title: str, body: str, levels: int
) -> None:
    sequence = TerminalWay(osc, levels).sequence(title, body, 1)
    for _ in range(levels):
        sequence = unwrapped(sequence)
    pieces = re.findall(r"\x1b\][^\x00-\x1f\x7f-\x9f]*\a", sequence)
    assert "".join(pieces) == sequence
    assert len(pieces) == (2 if osc is Osc.OSC99 else 1)
    assert len(sequence.encode("utf-8")) < 2_048
    if osc is Osc.OSC777:
        assert sequence.count(";") == 3


def in_tmux(script: Script, answer: str) -> TerminalWay:
    script("tmux", f"case $1 in -V) echo 'tmux 3.3a';; *) printf '{answer}';; esac")
    return terminal_way("auto", {"TERM": "tmux-256color", "TMUX": "/tmp/x,1,0", "TMUX_PANE": "%0"})


@needs_scripts
def test_in_tmux_the_outer_terminal_decides_and_the_option_must_let_it_through(script: Script) -> None:
    way = in_tmux(script, "iTerm2 3.5\\txterm-256color\\t1\\n")
    assert (way.osc, way.tmux_levels, way.reason) == (Osc.OSC9, 1, "")
    assert way.words == "OSC 9 through tmux"
    assert in_tmux(script, "\\txterm-kitty\\tall\\n").osc is Osc.OSC99
    nested = in_tmux(script, "tmux 3.4\\ttmux-256color\\ton\\n")
    assert nested.tmux_levels == 2
    for off in ("0", "off", ""):
        closed = in_tmux(script, f"ghostty 1.2\\txterm-ghostty\\t{off}\\n")
        assert "allow-passthrough" in closed.reason
    script("tmux", "exit 1")
    assert "does not say" in terminal_way("auto", {"TERM": "tmux", "TMUX": "x"}).reason


@needs_scripts
def test_the_desktops_own_command_gets_the_texts_as_arguments(
    script: Script, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path=/nowhere")
    monkeypatch.setattr(sys, "platform", "linux")
    script("notify-send", f'printf "%s\\n" "$@" > {tmp_path}/told')
    assert show_on_desktop(MESSAGE) is None
    assert (tmp_path / "told").read_text("utf-8").splitlines() == [
        "--app-name=tunedeck", "--", "tone succeeded", "Model: &lt;b&gt;ft&lt;/b&gt;",
        "Next: `tunedeck chat ft`",
    ]  # fmt: skip
    script("notify-send", "printf 'no \\033]0;daemon' >&2; exit 3")
    assert show_on_desktop(MESSAGE) == "notify-send failed: no ␛]0;daemon"


def test_a_desktop_that_is_not_there_is_refused_with_a_clear_word(tmp_path: Path) -> None:
    bus = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere", "PATH": str(tmp_path)}
    assert "No desktop session" in desktop_way({"PATH": str(tmp_path)}, "linux").reason
    assert "notify-send is not installed" in desktop_way(bus, "linux").reason
    assert "osascript" in desktop_way(bus, "darwin").reason
    assert "Windows" in desktop_way(bus, "win32").reason


@needs_scripts
def test_a_mac_is_told_by_a_script_that_no_text_is_part_of(script: Script) -> None:
    program = script("osascript", "exit 0")
    way = desktop_way({"PATH": str(program.parent)}, "darwin")
    command = way.command(Message('"; do shell script "rm"', ("x",)))
    assert command[-2:] == ['"; do shell script "rm"', "x"]
    assert "do shell script" not in "".join(command[:-2])


def test_every_part_of_a_url_that_may_be_a_secret_is_hidden() -> None:
    hidden = secrets_of("mailto://me:p%40ssword@mail.example.com:587/?to=boss@example.com&token=abcdefgh")
    assert {"p%40ssword", "p@ssword", "abcdefgh"} <= set(hidden)
