from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from tui import atomic


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_whole_and_stays_private(tmp_path: Path) -> None:
    target = tmp_path / "token"
    target.write_bytes(b"old and longer")
    atomic.write_bytes(target, b"new")
    assert target.read_bytes() == b"new"
    assert names(tmp_path) == ["token"]
    if sys.platform != "win32":
        assert stat.S_IMODE(target.stat().st_mode) == atomic.PRIVATE


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_failure_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    target = tmp_path / "settings.toml"
    target.write_bytes(b"old")
    with monkeypatch.context() as patch:
        patch.setattr(os, step, fail)
        with pytest.raises(OSError, match="No space"):
            atomic.write_bytes(target, b"new")
    assert target.read_bytes() == b"old"
    assert names(tmp_path) == ["settings.toml"]


@pytest.mark.parametrize("links", [True, False])
def test_what_appears_meanwhile_is_never_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "new.jsonl"
    with atomic.beside(target) as file:
        file.write(b"ours")
        atomic.settle(file)
        target.write_bytes(b"theirs")
        with pytest.raises(FileExistsError):
            atomic.put(file, target, overwrite=False)
    assert target.read_bytes() == b"theirs"
    assert names(tmp_path) == ["new.jsonl"]


@pytest.mark.parametrize("links", [True, False])
def test_a_new_file_gets_its_name_with_and_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*_arguments: object) -> None:
        raise OSError(95, "Operation not supported")

    if not links:
        monkeypatch.setattr(os, "link", no_links)
    target = tmp_path / "new.jsonl"
    with atomic.beside(target, mode=0o640) as file:
        file.write(b"ours")
        atomic.settle(file)
        atomic.put(file, target, overwrite=False)
    assert target.read_bytes() == b"ours"
    assert names(tmp_path) == ["new.jsonl"]
    if sys.platform != "win32":
        assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_what_was_not_put_is_gone(tmp_path: Path) -> None:
    with atomic.beside(tmp_path / "never") as file:
        file.write(b"x" * 100)
    assert names(tmp_path) == []


def test_a_long_name_leaves_room_for_the_temporary_one(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 250)
    atomic.write_bytes(target, b"x")
    assert target.read_bytes() == b"x"
