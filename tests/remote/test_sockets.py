"""Where the sockets of shared connections are: any home leaves room for their names."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tui.remote.ssh import socket_folder

NAME, FIRST_NAME = 40, 17
"""Bytes of the name that ssh makes of %C, and what it adds while it makes the socket."""
MACOS = 103


@pytest.mark.parametrize("length", [1, 20, 35, 41, 42, 43, 60, 200])
def test_a_socket_has_room_for_its_name_in_any_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int
) -> None:
    home = Path("/tmp") / ("é" * (length // 2) + "x" * (length % 2)) / f"of-{os.getpid()}"
    monkeypatch.setenv("TUNEDECK_HOME", str(home))
    folder = socket_folder()
    try:
        assert len(os.fsencode(folder)) + 1 + NAME + FIRST_NAME <= MACOS
    finally:
        while folder not in (Path("/tmp"), Path("/")):
            folder.rmdir()
            folder = folder.parent
