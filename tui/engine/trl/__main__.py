"""`python -m tui.engine.trl FOLDER` trains the job of one run folder with TRL.

It runs with the Python of the `gpu` environment, and a bundle of ours on its path.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

_SETTINGS = {
    "HF_HUB_OFFLINE": "1",  # base models are on the shelf; a job asks nobody
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin on a busy machine made a step take minutes (2026-11-21)
    "HF_HUB_DISABLE_TELEMETRY": "1",
}


def main() -> int:
    """Run the worker and return its exit code."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("usage: python -m tui.engine.trl FOLDER\n")
        return 2
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    from tui.engine.trl.run import train
    from tui.engine.worker.stop_request import StopRequest
    from tui.engine.worker.threads import NICENESS

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    folder = Path(sys.argv[1]).resolve()
    stop = StopRequest(folder, watch_parent=True)
    stop.listen()
    return train(folder, stop)


if __name__ == "__main__":
    sys.exit(main())
