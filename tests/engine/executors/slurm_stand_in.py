#!/usr/bin/env python3
"""sbatch, squeue, sacct and scancel as their manual pages describe them, on one machine without a queue.

Installed under the four names. The folder in SLURM_STAND_IN holds one JSON file per job; a file `hold` there
keeps new jobs in the queue, and a file `trouble` says what goes wrong: controller (none answers), garbage (a
state that nobody knows), hang (no answer at all), forgetful (the queue forgets ended jobs), no-accounts (no
sacct), refuse (an invalid partition), lost (sbatch hears no answer, and the job is there).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

JOBS = Path(os.environ["SLURM_STAND_IN"])
RUNNER = """
import os, subprocess, sys
code = subprocess.call(["sh", sys.argv[1]])
open(sys.argv[2] + ".part", "w").write(str(code))
os.rename(sys.argv[2] + ".part", sys.argv[2])
"""


def options(arguments: list[str]) -> dict[str, str]:
    pairs = [argument.lstrip("-").partition("=") for argument in arguments if argument.startswith("-")]
    return {name: value for name, _, value in pairs}


def jobs_named(name: str) -> list[dict[str, Any]]:
    jobs = [json.loads(path.read_text()) for path in sorted(JOBS.glob("*.json"))]
    return [looked_at(job) for job in jobs if job["name"] == name]


def looked_at(job: dict[str, Any]) -> dict[str, Any]:
    """Bring a job's state up to date from what its runner wrote."""
    ended = JOBS / f"{job['id']}.ended"
    if ended.exists() and job["state"] == "RUNNING":
        code = int(ended.read_text())
        job["state"] = "COMPLETED" if code == 0 else "FAILED"
        job["code"] = f"0:{-code}" if code < 0 else f"{code}:0"
    return job


def keep(job: dict[str, Any]) -> None:
    (JOBS / f"{job['id']}.json").write_text(json.dumps(job))


def sbatch(arguments: list[str], trouble: str) -> None:
    chosen = options(arguments)
    if trouble == "refuse":
        sys.exit("sbatch: error: Batch job submission failed: Invalid partition name specified")
    assert "parsable" in chosen
    number = 1000 + len(list(JOBS.glob("*.json")))
    job: dict[str, Any] = {"id": number, "name": chosen["job-name"], "state": "PENDING", "code": "0:0"}
    job |= {"pid": None, "arguments": arguments, "environment": sorted(os.environ)}
    if not (JOBS / "hold").exists():
        with open(chosen["output"], "ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-c", RUNNER, arguments[-1], str(JOBS / f"{number}.ended")],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                cwd=chosen["chdir"],
                start_new_session=True,
            )
        job |= {"state": "RUNNING", "pid": child.pid}
    keep(job)
    if trouble == "lost":
        sys.exit("sbatch: error: Batch job submission failed: Socket timed out on send/recv operation")
    sys.stdout.write(f"{number}\n")


def squeue(arguments: list[str], trouble: str) -> None:
    chosen = options(arguments)
    assert "noheader" in chosen
    if trouble == "garbage":
        sys.stdout.write("WOBBLING|None\n")
        return
    for job in jobs_named(chosen["name"]) if "name" in chosen else []:
        if trouble != "forgetful" or job["state"] in ("RUNNING", "PENDING"):
            reason = "Resources" if job["state"] == "PENDING" else "None"
            sys.stdout.write(f"{job['state']}|{reason}\n")


def sacct(arguments: list[str], trouble: str) -> None:
    chosen = options(arguments)
    if trouble == "no-accounts":
        sys.exit("Slurm accounting storage is disabled")
    for job in jobs_named(chosen["name"]):
        state = "CANCELLED by 1000" if job["state"] == "CANCELLED" else job["state"]
        sys.stdout.write(f"{state}|{job['code']}\n")


def scancel(arguments: list[str], _trouble: str) -> None:
    chosen = options(arguments)
    for job in jobs_named(chosen["name"]):
        if chosen.get("state", job["state"]) != job["state"] or job["state"] not in ("RUNNING", "PENDING"):
            continue
        if job["pid"] is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job["pid"], signal.SIGKILL)
        keep(job | {"state": "CANCELLED"})


def main() -> None:
    called = Path(sys.argv[0]).name
    trouble = (JOBS / "trouble").read_text() if (JOBS / "trouble").exists() else ""
    if trouble == "hang":
        time.sleep(3600)
    if trouble == "controller":
        sys.exit(f"{called}: error: Unable to contact slurm controller (connect failure)")
    commands = {"sbatch": sbatch, "squeue": squeue, "sacct": sacct, "scancel": scancel}
    commands[called](sys.argv[1:], trouble)


if __name__ == "__main__":
    main()
