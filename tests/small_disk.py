"""A disk of one megabyte, to fill: a tmpfs mount, which needs root on Linux."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_MEGABYTE = 1 << 20


class SmallDisk:
    """A folder on a disk of its own that can be filled to the last byte, and freed again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte free."""
        with self._filler.open("ab", buffering=0) as filler:
            for size in (65536, 4096, 1):
                while True:
                    try:
                        if filler.write(bytes(size)) < size:
                            break
                    except OSError:
                        break
        assert shutil.disk_usage(self.folder).free == 0

    def free(self) -> None:
        """Give back what `fill` took."""
        self._filler.unlink()


@contextmanager
def small_disk(folder: Path, size: int = _MEGABYTE) -> Iterator[SmallDisk]:
    """Mount a disk of `size` bytes at `folder` for the block; skips the test where that can't be done."""
    if not sys.platform.startswith("linux") or os.geteuid() != 0:
        pytest.skip("a disk that is full for real needs a tmpfs mount, which needs root on Linux")
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this machine mounts no tmpfs: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)
