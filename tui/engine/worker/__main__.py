"""`python -m tui.engine.worker FOLDER` trains the job of one run folder."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Before numpy loads its BLAS: the shards are the threads here, and two pools would starve each other.
for _variable in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
    os.environ[_variable] = "1"


def main() -> int:
    """Run the worker and return its exit code."""
    if len(sys.argv) != 2 or not Path(sys.argv[1]).is_dir():
        sys.stderr.write("usage: python -m tui.engine.worker FOLDER\n")
        return 2
    from tui.engine.worker.run_job import run_job
    from tui.engine.worker.stop_request import StopRequest
    from tui.engine.worker.threads import NICENESS

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    folder = Path(sys.argv[1]).resolve()
    stop = StopRequest(folder, watch_parent=True)
    stop.listen()
    return run_job(folder, stop)


if __name__ == "__main__":
    sys.exit(main())
