"""Opens a big dataset in a fresh process and prints what that took, as JSON; used by `benchmarks.app`."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import psutil

from tui.datasets.source import Dataset

_SCREENFUL = 50


def main() -> None:
    """Measure the file named on the command line."""
    path = Path(sys.argv[1])
    process = psutil.Process()
    memory_before = process.memory_info().rss
    started = time.perf_counter()
    dataset = Dataset.open(path)
    rows = [dataset.row(number) for number in range(1, _SCREENFUL + 1)]
    first_rows = time.perf_counter() - started
    started = time.perf_counter()
    dataset.build_index()
    index = time.perf_counter() - started
    added = process.memory_info().rss - memory_before
    assert len(rows) == _SCREENFUL
    print(
        json.dumps(
            {
                "first_rows_ms": first_rows * 1000,
                "index_ms": index * 1000,
                "memory_mb": added / 1e6,
                "rows": dataset.row_count,
            }
        )
    )
    dataset.close()


if __name__ == "__main__":
    main()
