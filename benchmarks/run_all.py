"""Measures every budget and prints one table: `python -m benchmarks.run_all`.

The app is measured first, while nothing else runs; then chat, scans of a generated file, every verb on
it, hard text, and training (beside PyTorch if it is there).
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks import app, big_file, scan, serving
from benchmarks.measurement import print_measurements


def main() -> int:
    """Print the tables; the exit code is 1 when a budget does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-training", action="store_true", help="Leave out what takes minutes.")
    parser.add_argument(
        "--scan-size", choices=scan.SIZES, default="100MB", help="Of the file for scans; budgets from 1GB on."
    )
    parser.add_argument("--torch-python", help="Interpreter that has torch, transformers and peft.")
    chosen = parser.parse_args()
    measurements = [*app.measure(), *serving.measure(with_training=not chosen.skip_training)]
    measurements += scan.measure(chosen.scan_size, rounds=3, part=None)
    measurements += big_file.measure(chosen.scan_size, with_check=True)
    print_measurements(measurements)
    code = 0 if all(one.holds for one in measurements) else 1
    for module, *options in (["benchmarks.verbs", "--size", chosen.scan_size], ["benchmarks.pathological"]):
        code |= subprocess.run([sys.executable, "-m", module, *options], check=False).returncode
    if not chosen.skip_training:
        # A process of its own: its threads and its memory must not be those of what was measured before.
        command = [sys.executable, "-m", "benchmarks.training"]
        if chosen.torch_python:
            command += ["--torch-python", chosen.torch_python]
        code |= subprocess.run(command, check=False).returncode
    return code


if __name__ == "__main__":
    sys.exit(main())
