from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui import clipboard
from tui.errors import TunedeckError


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the whole PATH, for stand-ins that keep what they are given."""
    if os.name == "nt":
        pytest.skip("the stand-ins are shell scripts")
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


def stand_in(folder: Path, name: str, status: int = 0) -> Path:
    kept = folder / f"{name}.kept"
    script = folder / name
    script.write_text(f'#!/bin/sh\necho "$@" > {kept}\n/bin/cat >> {kept}\nexit {status}\n')
    script.chmod(0o755)
    return kept


def test_inside_tmux_the_text_goes_through_tmux(tools: Path) -> None:
    kept = stand_in(tools, "tmux")
    sent: list[str] = []
    result = clipboard.copy("some text", "Row 1", sent.append, {"TMUX": "/tmp/x", "SSH_TTY": "/dev/pts/1"})
    assert result.copied
    assert kept.read_text() == "load-buffer -w -\nsome text"
    assert sent == []


def test_when_tmux_fails_the_terminal_is_asked(tools: Path) -> None:
    stand_in(tools, "tmux", status=1)
    sent: list[str] = []
    assert clipboard.copy("some text", "Row 1", sent.append, {"TMUX": "x", "SSH_TTY": "y"}).copied
    assert sent == ["some text"]


def test_over_ssh_no_tool_of_the_far_machine_is_used(tools: Path) -> None:
    kept = stand_in(tools, "xclip")
    sent: list[str] = []
    clipboard.copy("text", "Row 1", sent.append, {"SSH_CONNECTION": "a b", "DISPLAY": ":0"})
    assert sent == ["text"]
    assert not kept.exists()


def test_on_the_own_machine_a_tool_is_used_where_there_is_a_display(tools: Path) -> None:
    kept = stand_in(tools, "xclip")
    sent: list[str] = []
    result = clipboard.copy("text", "Row 1", sent.append, {"DISPLAY": ":0"})
    assert result.copied
    assert kept.read_text().endswith("text")
    assert clipboard.copy("text", "Row 1", sent.append, {}).copied
    assert sent == ["text"]


def test_what_no_terminal_takes_is_refused_with_a_way_out(tools: Path) -> None:
    sent: list[str] = []
    result = clipboard.copy("x" * 100_000, "Row 1", sent.append, {"SSH_TTY": "y"})
    assert not result.copied
    assert not result.is_certain, "nothing would offer to save it"
    assert sent == []


def test_a_lone_surrogate_is_no_reason_to_fail(tools: Path) -> None:
    kept = stand_in(tools, "tmux")
    assert clipboard.copy("\ud800", "Row 1", lambda _: None, {"TMUX": "x"}).copied
    assert kept.exists()


def test_only_what_a_terminal_may_have_lost_is_uncertain(tools: Path) -> None:
    sent: list[str] = []
    assert not clipboard.copy("text", "Row 1", sent.append, {"SSH_TTY": "y"}).is_certain
    assert not clipboard.copy("x" * 80_000, "Row 1", sent.append, {"SSH_TTY": "y"}).is_certain
    stand_in(tools, "tmux")
    assert clipboard.copy("text", "Row 1", sent.append, {"TMUX": "x"}).is_certain


def test_a_text_that_can_not_be_copied_is_saved_and_overwrites_nothing(tmp_path: Path) -> None:
    text = "one\r\ntwo \u00e9\n"
    first = clipboard.save_to_file(text, "Line 1,204", tmp_path)
    second = clipboard.save_to_file("\ud800", "Line 1,204", tmp_path)
    assert (first.name, second.name) == ("tunedeck-line-1-204.txt", "tunedeck-line-1-204-2.txt")
    assert first.read_bytes() == text.encode()
    assert second.read_bytes() == b"?"


def test_a_folder_that_can_not_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="can't be written"):
        clipboard.save_to_file("text", "../answer", tmp_path / "missing")
    assert list(tmp_path.iterdir()) == []
