"""How soon a large file can be worked with: `python -m benchmarks.big_file --size 8GB`.

First page, estimate, whole index, and opening again what has been checked before. The file's bytes are in the
page cache, as they are after it was written or copied. With `--size 8GB` the check itself takes a minute or
more; `--no-check` leaves it and the report kept by it out.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.app import temporary_home
from benchmarks.chat_corpus import SIZES, corpus_file
from benchmarks.measurement import Measurement, print_measurements
from benchmarks.scan import SCRATCH, make_vocabulary
from tui.datasets.estimate_apart import estimate_apart, warm_up
from tui.datasets.report import Report
from tui.datasets.tokens import training_limit

MODEL, ENCODING = "gpt-4.1-2025-04-14", "o200k_base"
_FIRST_PAGE_MS, _ESTIMATE_S, _REOPEN_MS = 50, 0.3, 100
_INDEX_S_PER_GB = 3 / 8
_WARM_SECONDS = 3.0
ROUNDS = 5


def seconds_of(work: Callable[[], object]) -> float:
    """Return the wall time of one run."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def measure_opening(file: Path, name: str) -> list[Measurement]:
    """Return first page, index and the memory it takes, each in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.open_dataset", str(file)]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(ROUNDS)
    ]
    size = file.stat().st_size / 1e9
    return [
        Measurement(f"first page of {name}", min(one["first_rows_ms"] for one in runs), "ms", _FIRST_PAGE_MS),
        Measurement(
            f"full index of {name}", min(one["index_ms"] for one in runs) / 1000, "s",
            max(1.0, size * _INDEX_S_PER_GB),
        ),
        Measurement(f"memory of the open {name}", max(one["memory_mb"] for one in runs), "MB"),
    ]  # fmt: skip


def measure_estimate(file: Path, name: str) -> list[Measurement]:
    """Return how long an estimate takes: with its process waiting, as in the app, and from nothing."""
    limit = training_limit(MODEL)
    cold = min(seconds_of(lambda: estimate_apart(file, ENCODING, limit)) for _ in range(ROUNDS))
    warm = []
    for _ in range(ROUNDS):
        warm_up(ENCODING)
        time.sleep(_WARM_SECONDS)
        warm.append(seconds_of(lambda: estimate_apart(file, ENCODING, limit)))
    return [
        Measurement(f"estimate of {name}, process waiting", min(warm), "s", _ESTIMATE_S),
        Measurement(f"estimate of {name}, from nothing", cold, "s"),
    ]


def measure_report(file: Path, name: str) -> list[Measurement]:
    """Return how long a check takes, and the same file opened again."""
    from tui.jobs.reports import report_for
    from tui.services import Services

    reports: list[Report] = []
    with Services.open() as services:
        model = services.catalog.model(MODEL)
        first = seconds_of(lambda: reports.append(report_for(services, file, model)))
    with Services.open() as services:
        again = min(
            seconds_of(lambda: reports.append(report_for(services, file, model))) for _ in range(ROUNDS)
        )
    if any(one.sha256 != reports[0].sha256 for one in reports):
        raise SystemExit("The report that was kept is another one.")
    return [
        Measurement(f"check of {name}", first, "s"),
        Measurement(f"checked {name} opened again", again * 1000, "ms", _REOPEN_MS),
        *_honesty(file, name, reports[0]),
    ]


def _honesty(file: Path, name: str, report: Report) -> list[Measurement]:
    """Return how far estimates are off the exact figures, and how often their ranges hold them."""
    from tui.datasets.estimate import estimate_file

    limit = report.tokens.limit
    off, held = [], 0
    seeds = 40
    for seed in range(seeds):
        found = estimate_file(file, ENCODING, limit=limit, seed=seed).tokens_per_epoch
        off.append(abs(found.value / report.tokens.per_epoch - 1) * 100)
        held += found.low <= report.tokens.per_epoch <= found.high
    off.sort()
    return [
        Measurement(f"estimate of {name}, median error of tokens", off[seeds // 2], "%"),
        Measurement(f"estimate of {name}, worst error of {seeds}", off[-1], "%"),
        Measurement(f"ranges of {seeds} that hold the truth", held / seeds * 100, "%", 88, at_least=True),
    ]


def measure(name: str, *, with_check: bool, folder: Path = SCRATCH) -> list[Measurement]:
    """Return everything about the file of a size."""
    folder.mkdir(parents=True, exist_ok=True)
    file = corpus_file(folder, name)
    with temporary_home():
        make_vocabulary()
        found = [*measure_opening(file, name), *measure_estimate(file, name)]
        if with_check:
            found += measure_report(file, name)
        return found


def main() -> int:
    """Print the table; the exit code is 1 when a budget does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="1GB")
    parser.add_argument("--no-check", action="store_true")
    parser.add_argument("--folder", type=Path, default=SCRATCH)
    chosen = parser.parse_args()
    found = measure(chosen.size, with_check=not chosen.no_check, folder=chosen.folder)
    print_measurements(found)
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
