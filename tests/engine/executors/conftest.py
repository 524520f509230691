from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

StandIn = Callable[..., Path]


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StandIn:
    """Put stand-ins for commands first on PATH; return the folder that they keep things in."""
    programs, state = tmp_path / "programs", tmp_path / "stand-in"
    programs.mkdir()
    state.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def install(source: Path, variable: str, *names: str) -> Path:
        monkeypatch.setenv(variable, str(state))
        for name in names:
            program = programs / name
            # -S: the stand-ins need nothing that is installed, and start in a third of the time.
            text = source.read_text("utf-8").replace("#!/usr/bin/env python3", f"#!{sys.executable} -S", 1)
            program.write_text(text, "utf-8")
            program.chmod(0o755)
        return state

    return install


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "engine" / "jobs" / "ftjob-abcdefghijklmnopqrstuvwx"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def no_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what the person who runs the tests has set."""
    from tui.engine.executors.places import PREFIX, place_keys

    monkeypatch.setenv("TUNEDECK_HOME", str(tmp_path / "home"))
    for key in place_keys():
        monkeypatch.delenv(PREFIX + key.upper(), raising=False)
