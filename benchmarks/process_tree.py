"""Runs a command and says what it and all its children took: wall time, CPU time, most memory at once."""

from __future__ import annotations

import os
import resource
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOK_SECONDS = 0.03
"""Between two looks at the memory: a peak that is shorter is missed."""


@dataclass(frozen=True, slots=True)
class Run:
    """What one command took."""

    wall: float
    """Seconds."""
    cpu: float
    """Seconds of all its processes, also of those it ended."""
    peak: int
    """Bytes: most of the sum over all processes; shared pages count once (PSS) where the system tells."""
    exit_code: int
    output: str
    """What it printed, at most its last 20 kB."""


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Run:
    """Run a command to its end, measured."""
    with tempfile.TemporaryFile() as output:
        before = _children_cpu()
        started = time.perf_counter()
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(environment or {})},
        )
        peak = _watch(process)
        wall = time.perf_counter() - started
        size = output.seek(0, os.SEEK_END)
        output.seek(max(0, size - 20_000))
        text = output.read().decode("utf-8", "replace")
    return Run(wall, _children_cpu() - before, peak, process.returncode, text)


def _children_cpu() -> float:
    """Return the CPU time of every child that was waited for, and of theirs."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _watch(process: subprocess.Popen[bytes]) -> int:
    peak = 0
    root = psutil.Process(process.pid)
    while True:
        with suppress(psutil.Error):
            peak = max(peak, sum(memory_of(one) for one in [root, *root.children(recursive=True)]))
        try:
            process.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return peak


def memory_of(process: psutil.Process) -> int:
    """Return a process's bytes in memory; pages shared by n processes count by an nth where Linux tells."""
    with suppress(OSError):
        for line in Path(f"/proc/{process.pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0
