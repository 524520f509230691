#!/usr/bin/env python3
"""`hf`, `sky` and `aws` as far as jobs and buckets go, with the answers that the real ones were seen to give.

The folder in CLOUD_STAND_IN holds `bucket/` and one JSON file per job; a job's command is run there and then,
the installing of packages left out. A file `trouble` says what goes wrong: garbage (no JSON), offline (no
answer), lost (the job is made, its answer is not), no-copy (the bucket takes nothing), unknown (a new state).
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(os.environ["CLOUD_STAND_IN"])
BUCKET = ROOT / "bucket"
RUNNER = """
import os, subprocess, sys
code = subprocess.call([sys.argv[1], *sys.argv[3:]])
open(sys.argv[2] + ".part", "w").write(str(code))
os.rename(sys.argv[2] + ".part", sys.argv[2])
"""


def place(address: str) -> Path:
    """Return where an address of the bucket, or a path, lies here."""
    for scheme in ("hf://buckets/me/jobs", "s3://jobs"):
        if address.startswith(scheme):
            return BUCKET / address.removeprefix(scheme).lstrip("/")
    return Path(address)


def sync(arguments: list[str]) -> None:
    left_out = [one.partition("=")[2].partition("/")[0] for one in arguments if one.startswith("--exclude=")]
    source, target = (place(one) for one in arguments if not one.startswith("-"))
    if not source.is_dir():
        return
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*left_out, ".*"))


def copy(arguments: list[str]) -> None:
    source, target = (place(one) for one in arguments if not one.startswith("-"))
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def remove(arguments: list[str]) -> None:
    (target,) = (place(one) for one in arguments if not one.startswith("-"))
    if not target.exists():
        sys.exit(f"Error: {target.name} does not exist")
    target.unlink()


FILES = {"sync": sync, "cp": copy, "rm": remove}


def all_jobs() -> list[dict[str, Any]]:
    found = []
    for path in sorted(ROOT.glob("job-*.json")):
        job = json.loads(path.read_text())
        ended = path.with_suffix(".ended")
        if ended.exists() and job["state"] == "RUNNING":
            job["state"] = "DONE" if ended.read_text() == "0" else "BROKEN"
        found.append(job)
    return found


def keep(job: dict[str, Any]) -> None:
    (ROOT / f"{job['id']}.json").write_text(json.dumps(job))


def begin(name: str, run: str, arguments: list[str]) -> str:
    number = f"job-{len(all_jobs()) + 1}"
    words = run.rpartition(" && ")[2].split()
    assert words[0] == "python"
    with (ROOT / f"{number}.log").open("wb") as log:
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                RUNNER,
                os.environ["CLOUD_PYTHON"],
                str(ROOT / f"{number}.ended"),
                *words[1:],
            ],
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    keep(
        {"id": number, "name": name, "state": "RUNNING", "pid": child.pid, "arguments": arguments, "run": run}
    )
    return number


def end(job: dict[str, Any]) -> None:
    if job["state"] == "RUNNING":
        os.killpg(job["pid"], signal.SIGKILL)
        keep(job | {"state": "CANCELLED"})


def after(arguments: list[str], option: str) -> str:
    return arguments[arguments.index(option) + 1]


HF_STATES = {"RUNNING": "RUNNING", "DONE": "COMPLETED", "BROKEN": "ERROR", "CANCELLED": "CANCELED"}
SKY_STATES = {"RUNNING": "RUNNING", "DONE": "SUCCEEDED", "BROKEN": "FAILED", "CANCELLED": "CANCELLED"}


def hf(arguments: list[str], trouble: str) -> None:
    match arguments:
        case ["auth", "whoami"]:
            sys.stdout.write("me\n")
        case ["buckets", verb, *rest]:
            FILES[verb](rest)
        case ["jobs", "hardware", *_]:
            sys.stdout.write(json.dumps([{"name": "t4-small", "cost/min": "$0.0067", "cost/hour": "$0.40"}]))
        case ["jobs", "run", *rest]:
            assert "--detach" in rest
            assert rest[-3:-1] == ["bash", "-c"]
            name = after(rest, "--name")
            number = begin(name, rest[-1], rest)
            if trouble == "lost":
                sys.exit("httpx2.ReadTimeout: The read operation timed out")
            sys.stdout.write(json.dumps({"id": number, "name": name, "url": f"https://hub/jobs/me/{number}"}))
        case ["jobs", "ls", *rest]:
            jobs = [job for job in all_jobs() if job["name"] == after(rest, "--name")]
            shown = [{"id": job["id"], "status": HF_STATES[job["state"]], "labels": {}} for job in jobs]
            if trouble == "unknown":
                shown = [job | {"status": "DREAMING"} for job in shown]
            sys.stdout.write("<html>" if trouble == "garbage" else json.dumps(shown))
        case ["jobs", "cancel", number]:
            end(next(job for job in all_jobs() if job["id"] == number))
        case _:
            sys.exit(f"no such command: {arguments}")


def sky(arguments: list[str], trouble: str) -> None:
    match arguments:
        case ["jobs", "launch", *rest]:
            assert {"--yes", "--detach-run"} <= set(rest)
            task = json.loads(Path(rest[-1]).read_text())
            begin(after(rest, "--name"), task["run"], [*rest, json.dumps(task)])
            if trouble == "lost":
                sys.exit("sky.exceptions.RequestInterruptedError: Request interrupted by server")
            sys.stdout.write("Job submitted, ID: 1\n")
        case ["jobs", "queue", "--all", "--output", "json"]:
            jobs = [
                {"job_id": number, "job_name": job["name"], "status": SKY_STATES[job["state"]]}
                | ({"failure_reason": "exit code 1"} if job["state"] == "BROKEN" else {})
                for number, job in enumerate(all_jobs(), 1)
            ]
            if trouble == "unknown":
                jobs = [job | {"status": "DREAMING"} for job in jobs]
            sys.stdout.write(
                "Fetching...\n" + ("no list" if trouble == "garbage" else json.dumps(jobs, indent=2))
            )
        case ["jobs", "cancel", "--yes", "--name", name]:
            for job in all_jobs():
                if job["name"] == name:
                    end(job)
        case _:
            sys.exit(f"no such command: {arguments}")


def aws(arguments: list[str], _trouble: str) -> None:
    assert arguments[0] == "s3"
    FILES[arguments[1]](arguments[2:])


def main() -> None:
    called = Path(sys.argv[0]).name
    trouble = (ROOT / "trouble").read_text() if (ROOT / "trouble").exists() else ""
    if trouble == "offline" or (trouble == "no-copy" and {"sync", "cp"} & set(sys.argv)):
        sys.exit(f"{called}: error: Could not connect to the endpoint")
    {"hf": hf, "sky": sky, "aws": aws}[called](sys.argv[1:], trouble)


if __name__ == "__main__":
    main()
