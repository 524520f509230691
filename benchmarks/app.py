"""Measures the app against its budgets: start, memory, big files, a long chat, silence, bytes of a live job.

Run it from the repository: `python -m benchmarks.app`. CPU time is given where it can be: wall time on a
busy machine says little. A bare Textual app is measured in the same run, in turns, for comparison.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.first_paint import REST_SECONDS, measure_start, start_tunedeck
from benchmarks.live_job import WATCHED_SECONDS, measure_live_job
from benchmarks.measurement import Measurement, print_measurements
from tests.e2e.terminal import TerminalApp
from tui import paths

ROUNDS = 5
IDLE_SECONDS = 10
BIG_ROWS = 1_000_000


@contextmanager
def temporary_home() -> Iterator[Path]:
    """Give the programs that are measured a fresh home."""
    before = os.environ.get("TUNEDECK_HOME")
    with tempfile.TemporaryDirectory(prefix="tunedeck-bench-") as folder:
        os.environ["TUNEDECK_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            # What is measured next must find the base models where the user keeps them.
            if before is None:
                del os.environ["TUNEDECK_HOME"]
            else:
                os.environ["TUNEDECK_HOME"] = before


def measure_command(*arguments: str, rounds: int) -> float:
    """Return the least CPU time in milliseconds that a command of the interpreter took."""
    taken = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken) * 1000


def measure_commands(rounds: int) -> list[Measurement]:
    """Return CPU time of --help and --version, beside an interpreter that does nothing."""
    nothing = measure_command("-c", "pass", rounds=rounds)
    return [
        Measurement(
            f"tunedeck {option}, CPU", measure_command("-m", "tui", option, rounds=rounds), "ms", 80, nothing
        )
        for option in ("--help", "--version")
    ]


def measure_silence(seconds: float) -> list[Measurement]:
    """Return the bytes that the app at rest writes to the terminal."""
    with TerminalApp(140, 40) as terminal:
        start_tunedeck(terminal)
        terminal.settle(quiet=REST_SECONDS, timeout=30)
        written = len(terminal.output)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            terminal.read(0.1)
        return [Measurement(f"idle for {seconds:g} s", len(terminal.output) - written, "bytes", 0)]


def write_big_file(path: Path, rows: int) -> None:
    """Write a chat dataset of about 1.2 kB a row."""
    answer = "All of this is one answer that is long enough to look like the real thing. " * 14
    block_rows = 10_000
    with path.open("w", encoding="utf-8") as file:
        for start in range(0, rows, block_rows):
            block = [
                json.dumps(
                    {
                        "messages": [
                            {"role": "user", "content": f"Question number {number}?"},
                            {"role": "assistant", "content": answer},
                        ]
                    }
                )
                for number in range(start, min(rows, start + block_rows))
            ]
            file.write("\n".join(block) + "\n")


def measure_big_file(path: Path) -> list[Measurement]:
    """Return how long first rows and the whole index of a file take, and the memory they add."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.open_dataset", str(path)],
        check=True,
        capture_output=True,
        text=True,
    )
    values = json.loads(finished.stdout)
    size = f"{path.stat().st_size / 1e9:.1f} GB"
    return [
        Measurement(f"first rows of {size}", values["first_rows_ms"], "ms", 150),
        Measurement(f"full index of {size}", values["index_ms"], "ms", 1000),
        Measurement(f"memory added by open {size}", values["memory_mb"], "MB", 40),
    ]


def measure_screens(path: Path) -> list[Measurement]:
    """Return CPU time of a key on the rows of a file, and of focus and resize with a long chat."""
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.screens", str(path)], check=True, capture_output=True, text=True
    )
    values = json.loads(finished.stdout)
    rows, messages = values["rows"], values["messages"]
    key, bare_key = values["key_ms"], values["bare_key_ms"]
    resize, bare_resize = values["resize_ms"], values["bare_resize_ms"]
    return [
        Measurement(f"a key on {rows:,} rows, CPU", key, "ms", 16, bare_key),
        Measurement("the same beside a bare DataTable of 2,000 rows", key / bare_key, "times", 0.75),
        Measurement(f"a page on {rows:,} rows, CPU", values["page_ms"], "ms", None),
        Measurement(f"focus with {messages} messages, CPU", values["focus_ms"], "ms", 50),
        Measurement(f"resize with {messages} messages, CPU", resize, "ms", 50, bare_resize),
        Measurement("the same beside bare Static widgets", resize / bare_resize, "times", 0.5),
    ]


def measure(
    rounds: int = ROUNDS,
    rows: int = BIG_ROWS,
    idle_seconds: float = IDLE_SECONDS,
    job_seconds: float = WATCHED_SECONDS,
) -> list[Measurement]:
    """Return everything about the app."""
    base_models = paths.base_models_dir()  # before the home is another one
    with temporary_home() as home:
        path = home / "big.jsonl"
        write_big_file(path, rows)
        return [
            *measure_start(rounds),
            *measure_commands(rounds),
            *measure_silence(idle_seconds),
            *measure_big_file(path),
            *measure_screens(path),
            *measure_live_job(base_models, job_seconds),
        ]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--rows", type=int, default=BIG_ROWS)
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS)
    parser.add_argument("--job", type=float, default=WATCHED_SECONDS, help="seconds to watch a live job")
    chosen = parser.parse_args(arguments)
    print_measurements(measure(chosen.rounds, chosen.rows, chosen.idle, chosen.job))


if __name__ == "__main__":
    main()
