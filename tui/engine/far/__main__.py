"""`python -m tui.engine.far FOLDER` trains the job of a folder in a mounted bucket."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def main() -> int:
    """Run the mirror, or with --trainer the worker inside it, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tui.engine.far")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--trainer", choices=("embedded", "trl"))
    chosen = parser.parse_args()
    if not chosen.folder.is_dir():
        sys.stderr.write(f"{chosen.folder} is not there: is the bucket mounted?\n")
        return 2
    if chosen.trainer is None:
        from tui.engine.far.mirror import train_mirrored

        return train_mirrored(chosen.folder)
    sys.argv = [sys.argv[0], str(chosen.folder)]
    if chosen.trainer == "trl":
        from tui.engine.trl.__main__ import main as train
    else:
        from tui.engine.worker.__main__ import main as train
    return train()


if __name__ == "__main__":
    sys.exit(main())
