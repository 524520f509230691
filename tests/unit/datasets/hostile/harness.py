"""Runs any verb about datasets over any file, and proves what must hold whatever is in it.

Ends with a documented exit code; writes no traceback and no control byte, as text and as JSON; changes no
file but the one that it was asked to write, and leaves nothing behind when it fails.
"""

from __future__ import annotations

import io
import json
import os
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support import CliResult, run_cli
from tui.datasets import files

OUTPUT = "new.jsonl"
"""What a verb that writes is asked to write."""
_CODES = {0, 1, 2}
_BIDI = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f")


@dataclass(frozen=True, slots=True)
class Call:
    """One way to call a verb."""

    verb: str
    options: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    """Arguments behind the file."""
    writes: bool = False
    has_json: bool = True
    has_process: bool = False
    """Reads in a process of its own, which takes a quarter of a second."""

    @property
    def name(self) -> str:
        """For the test's id."""
        return " ".join((self.verb, *self.options, *self.after)).replace("-", "")

    def arguments(self, file: Path, *, as_json: bool) -> list[str]:
        """Return the command line."""
        target = ["-o", str(file.parent / OUTPUT)] if self.writes else []
        flag = ["--json"] if as_json and self.has_json else []
        return [self.verb, str(file), *self.after, *self.options, *target, *flag]


CALLS = (
    Call("check", ("--lints", "all", "--all")),
    Call("check", ("--format", "preference", "--provider", "together", "--details")),
    Call("check", ("--format", "reinforcement", "--provider", "azure", "--no-tokens")),
    Call("check", ("--output", "sarif"), has_json=False),
    Call("check", ("--output", "github"), has_json=False),
    Call("count", ("--details",)),
    Call("count", ("--line", "1", "--tokens")),
    Call("cost", ("--model", "gpt-4.1-mini-2025-04-14", "--epochs", "3")),
    Call("cost", ("--all-models",)),
    Call("rows"),
    Call("rows", ("--line", "1")),
    Call("rows", ("--facets",), has_process=True),
    Call("rows", ("--where", "length(messages) > `1`"), has_process=True),
    Call("search", after=("a",)),
    Call("search", ("--regex", "-i"), after=("[a-z]+\\d?",), has_process=True),
    Call("fix", writes=True),
    Call("fix", ("--dry-run",)),
    Call("fix", ("--rule", "control-characters", "--rule", "duplicate-row"), writes=True),
    Call("convert", ("--to", "sharegpt", "--skip-bad"), writes=True),
    Call("convert", ("--preview", "3")),
    Call("moderate", ("--dry-run",)),
    Call("split", ("--dry-run",)),
    Call("sample", writes=True),
    Call("shuffle", writes=True),
    Call("dedupe", ("--by", "json"), writes=True),
    Call("dedupe", ("--by", "near"), writes=True),
    Call("delete", ("--where", "messages[2]"), writes=True, has_process=True),
)
SLOW_CALLS = (
    Call("rows", ("--sort", "tokens")),
    Call("cut", ("--limit", "20"), writes=True),
)
"""Count in processes of their own: a second each."""


def run_and_prove(call: Call, file: Path, *, as_json: bool, disturbed: bool = False) -> CliResult:
    """Run a call and check all that must hold.

    Args:
        call: What to run.
        file: An existing file in a folder of its own.
        as_json: With --json.
        disturbed: The file changes meanwhile, so its bytes are not compared.
    """
    before = file.read_bytes()
    beside = {path.name for path in file.parent.iterdir()}
    result = run_cli(*call.arguments(file, as_json=as_json))
    assert result.code in _CODES, result
    assert "Traceback" not in result.stdout + result.stderr
    assert "tunedeck: " in result.stderr or "Usage" in result.stderr or result.code != 2
    assert not control_characters(result.stdout, as_text=not as_json), result.stdout
    assert not control_characters(result.stderr, as_text=True), result.stderr
    if as_json and call.has_json and result.code != 2:
        json.loads(result.stdout)
    if not disturbed:
        assert file.read_bytes() == before
    for path in {path for path in file.parent.iterdir() if path.name not in beside}:
        assert call.writes, path
        assert result.code != 2, path
        assert path.name.startswith("new."), path
        path.unlink()
    return result


def control_characters(text: str, *, as_text: bool) -> list[str]:
    """Return what would move a cursor, ring a bell or turn a line round."""
    return [
        char
        for char in text
        if (unicodedata.category(char) == "Cc" and char != "\n") or (as_text and char in _BIDI)
    ]


Disturbance = Callable[[Path], None]


def _append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b'{"messages": [\x1b\n')


def _truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _overwrite(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 3)
        file.write(b"\0" * 20)


def _replace(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(b'{"a": 1}\n')
    other.replace(path)


def _delete(path: Path) -> None:
    path.unlink()


DISTURBANCES: tuple[Disturbance, ...] = (_append, _truncate, _empty, _overwrite, _replace, _delete)


@contextmanager
def disturbed_after(path: Path, reads: int, disturb: Disturbance) -> Iterator[list[int]]:
    """Change a file once so many reads of it were made; gives a list that holds the reads made so far.

    Every reading of a dataset goes through `tui.datasets.files.open_file` or reads its descriptor.
    """
    made = [0]

    def count() -> None:
        made[0] += 1
        if made[0] == reads and path.exists():
            disturb(path)

    class Disturbed(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            block = super().read(-1 if size is None else size)
            count()
            return block or b""

        def readinto(self, buffer: Any, /) -> int:
            length = super().readinto(buffer)
            count()
            return length or 0

    def opened(name: Any, *_: Any, **__: Any) -> io.FileIO:
        return Disturbed(name, "rb")

    real_pread = os.pread

    def pread(descriptor: int, length: int, offset: int, /) -> bytes:
        block = real_pread(descriptor, length, offset)
        count()
        return block

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(files, "open", opened, raising=False)
        patch.setattr(os, "pread", pread)
        yield made
