"""`python -m tui.engine.ray FOLDER` trains the job of a run folder with Ray Train."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run the driver and return its exit code."""
    parser = argparse.ArgumentParser(prog="python -m tui.engine.ray")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--gpus", type=float, default=0.0)
    chosen = parser.parse_args()
    if not chosen.folder.is_dir():
        sys.stderr.write(f"{chosen.folder} is no folder that this node sees: is the storage shared?\n")
        return 2
    from tui.engine.ray.driver import drive

    return drive(chosen.folder, workers=chosen.workers, gpus=chosen.gpus)


if __name__ == "__main__":
    sys.exit(main())
