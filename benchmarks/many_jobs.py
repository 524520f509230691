"""Home, Jobs and moving with 500 jobs of 5,000 events each in the store: `python -m benchmarks.many_jobs`.

The store is made below the temporary folder (0.8 GB, about two minutes) and removed at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from benchmarks.measurement import Measurement, print_measurements
from tui.records.jobs import Job, JobEvent, JobState
from tui.store.store import Store

JOBS, EVENTS = 500, 5_000
RUNNING_EVERY = 100
"""One of so many jobs is still running."""
SIZE = (140, 40)
PRESSES = 50
_START = 1_780_000_000
_OPEN_MS, _KEY_MS, _MEGABYTES = 200.0, 16.0, 1000.0


def fill(store: Store, jobs: int, events: int) -> None:
    """Keep jobs as the watcher would have: created, their events, and most of them ended."""
    for number in range(jobs):
        job_id = f"ftjob-{number:05d}-of-the-benchmark"
        running = number % RUNNING_EVERY == 0
        job = Job(
            "local", job_id, JobState.RUNNING, "running", "smollm2-135m-instruct",
            created_at=_START + number, training_file="file-abcdefghijklmnop",
        )  # fmt: skip
        store.save_job(job)
        store.add_events("local", job_id, _events(job_id, events))
        if not running:
            ended = replace(
                job,
                state=JobState.SUCCEEDED,
                raw_status="succeeded",
                finished_at=_START + number + events,
                trained_tokens=1_000_000,
                fine_tuned_model=f"ft:smollm2-135m-instruct:local:bench:{number:08d}",
            )
            store.save_job(ended)
        store.mark_archived("local", job_id)  # nothing is to be asked of any service


def _events(job_id: str, count: int) -> Iterator[JobEvent]:
    for step in range(1, count + 1):
        loss = 2 * 0.999**step + (step * 7919 % 100) / 1000
        data = {
            "step": step, "total_steps": count + 10, "train_loss": round(loss, 6),
            "train_mean_token_accuracy": round(1 - loss / 3, 6),
        }  # fmt: skip
        message = f"Step {step}/{count + 10}: training loss={loss:.2f}"
        if step % 10 == 0:
            data |= {"valid_loss": round(loss + 0.1, 6), "valid_mean_token_accuracy": round(1 - loss / 3, 6)}
            message += f", validation loss={loss + 0.1:.2f}"
        yield JobEvent(
            f"ftevent-{job_id[6:11]}{step:07d}abcdefghijkl", job_id, _START + step, "info", message,
            "metrics", data,
        )  # fmt: skip


def read_screens(store: Store) -> dict[str, float]:
    """Read what Home and Jobs show, as their workers do; returns CPU milliseconds of this thread."""
    from screens.jobs import MOST_JOBS, read_row
    from tui.jobs.overview import OverviewReader

    found: dict[str, float] = {}
    begun = time.thread_time()
    for job in store.jobs(limit=MOST_JOBS):
        read_row(store, job, None)
    found["jobs"] = 1000 * (time.thread_time() - begun)
    begun = time.thread_time()
    OverviewReader(store).read(_START + EVENTS)
    found["home"] = 1000 * (time.thread_time() - begun)
    return found


async def open_screens(jobs: int) -> dict[str, float]:
    """Draw Home and Jobs twice each and move in the list; returns CPU milliseconds of the app's own thread.

    Other threads ask the services meanwhile, which takes the same with one job.
    """
    from tui.app import TunedeckApp
    from tui.services import Services
    from tui.widgets.table import Table

    app = TunedeckApp(Services.open())
    found: dict[str, float] = {}
    async with app.run_test(size=SIZE) as pilot:

        async def opened(key: str, rows: int) -> float:
            begun = time.thread_time()
            await pilot.press(key)
            while len(app.screen.query(Table)) < 1 or len(app.screen.query_one(Table).keys) < rows:
                await pilot.pause(0.02)
            await pilot.pause(0.2)
            return 1000 * (time.thread_time() - begun)

        for round_name in ("first", "again"):
            found[f"jobs {round_name}"] = await opened("5", jobs)
            begun = time.thread_time()
            await pilot.press("1")
            await pilot.pause(0.3)
            found[f"home {round_name}"] = 1000 * (time.thread_time() - begun)
        await opened("5", jobs)
        begun = time.thread_time()
        for _ in range(PRESSES):
            await pilot.press("down")
        found["key"] = 1000 * (time.thread_time() - begun) / PRESSES
    return found


def measure(jobs: int = JOBS, events: int = EVENTS) -> list[Measurement]:
    """Return size, time to open and time of a key over a store of many jobs."""
    home = Path(tempfile.mkdtemp(prefix="tunedeck-many-jobs-"))
    before = os.environ.get("TUNEDECK_HOME")
    os.environ["TUNEDECK_HOME"] = str(home)
    try:
        from tui import paths

        with Store(paths.store_file()) as store:
            fill(store, jobs, events)
            store.query("PRAGMA wal_checkpoint(TRUNCATE)")
            begun = time.process_time()
            for job in store.jobs(limit=jobs):
                store.job_outline(job.account, job.id)
            outlines = 1000 * (time.process_time() - begun)
        size = paths.store_file().stat().st_size / 1e6
        with Store(paths.store_file()) as store:
            read = read_screens(store)
        found = asyncio.run(open_screens(jobs))
    finally:
        shutil.rmtree(home, ignore_errors=True)
        if before is None:
            del os.environ["TUNEDECK_HOME"]
        else:
            os.environ["TUNEDECK_HOME"] = before
    what = f"{jobs:,} jobs of {events:,} events"
    lines = [
        Measurement(f"store of {what}", size, "MB", _MEGABYTES),
        Measurement("their outlines, made once", outlines, "ms CPU"),
    ]
    for name, drawn in found.items():
        if name == "key":
            lines.append(Measurement(f"a key in the list, {what}", drawn, "ms CPU", _KEY_MS))
        else:
            value = drawn + read[name.split()[0]]
            lines.append(Measurement(f"{name}, read and drawn, {what}", value, "ms CPU", _OPEN_MS))
    return lines


def main() -> int:
    """Print the table; the exit code is 1 when a budget does not hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=JOBS)
    parser.add_argument("--events", type=int, default=EVENTS)
    chosen = parser.parse_args()
    measurements = measure(chosen.jobs, chosen.events)
    print_measurements(measurements)
    return 0 if all(one.holds for one in measurements) else 1


if __name__ == "__main__":
    sys.exit(main())
