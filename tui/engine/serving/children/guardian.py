"""Run a command for as long as the process that asked for it lives; a file of the standard library alone.

`python guardian.py PID COMMAND…` is run by the Python of another environment, so it imports nothing of ours.
An engine that is killed takes no child with it, and a model server that nobody knows holds gigabytes: so the
guardian ends the command, and with it itself, once the process PID is no longer its parent.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time

LOOK_SECONDS = 0.5
GRACE_SECONDS = 10.0


def main(arguments: list[str]) -> int:
    """Run the command and return its exit code."""
    parent = int(arguments[0])
    child = subprocess.Popen(arguments[1:], stdin=subprocess.DEVNULL)
    stopping = False

    def stop(number: int, frame: object) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    while child.poll() is None:
        if stopping or _is_orphan(parent):
            child.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                return child.wait(GRACE_SECONDS)
            child.kill()
        time.sleep(LOOK_SECONDS)
    return child.returncode


def _is_orphan(parent: int) -> bool:
    return os.name == "posix" and os.getppid() != parent


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
