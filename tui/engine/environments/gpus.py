"""Which NVIDIA GPUs this machine has, asked of the driver's own tool, without torch."""

from __future__ import annotations

import functools
import shutil
import subprocess

_SECONDS = 10
"""The driver can take a few seconds to wake up."""


@functools.cache
def nvidia_gpus() -> tuple[str, ...]:
    """Return the GPUs' names as nvidia-smi lists them; none where it is missing or fails."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ()
    try:
        told = subprocess.run(
            [tool, "-L"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = told.stdout.splitlines() if told.returncode == 0 else []
    return tuple(line.partition(": ")[2].partition(" (UUID")[0] for line in lines if line.startswith("GPU "))
