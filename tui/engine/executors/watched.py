"""A worker at a place that is slow to answer: one thread asks, everybody else reads what it knows.

Places answer slowly or not at all, so nothing here is asked from the scheduler's thread. A lost connection is
not a dead job: while nobody answers, the job is taken to go on, which is said once in its events. Starting is
never repeated blindly: work is started under a name of its own, and after an unclear start it is looked for
under that name.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from tui.engine.atomic_files import read_json_object, write_json_atomically
from tui.engine.executors.outside_command import Refused, Unreachable
from tui.engine.executors.protocol import Handle
from tui.engine.run_folder import DONE, PROGRESS, STOP_CANCEL, STOP_PAUSE, append_event, read_events

ATTEMPTS = "attempts.json"
"""In a run folder: how often its worker was started elsewhere; names are never used twice."""
LOOKS_FOR_ABSENT = 3
"""So many looks in a row must miss work before it counts as not there: lists lag behind what was started."""
_FINAL = ("succeeded", "failed", "cancelled")
"""Verdicts after which nothing goes on."""
_LOOKS_BEFORE_TIDYING = 60
_log = logging.getLogger(__name__)


class State(StrEnum):
    """How a piece of work is, as far as its place says."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class Sight:
    """What one look at a piece of work showed."""

    state: State
    word: str = ""
    """The place's own word for it."""
    how: str = ""
    """How it ended, a phrase such as "with exit code 1"."""
    blame: bool = True
    """Whether it ended on its own account."""


@dataclass(frozen=True, slots=True)
class Work:
    """One start of a job's worker."""

    name: str
    """Its name at the place: job id and number of the start."""
    folder: Path
    """The run folder here."""
    command: tuple[str, ...]


class Place(Protocol):
    """Where work is started by a program or service of somebody else. Every call may take seconds.

    All of them raise Unreachable when nothing certain is known, and OSError when this machine's disk refuses.
    """

    name: str
    """As in `run_on`."""
    called: str
    """For people: "Slurm", "the Ray cluster at ..."."""
    poll_seconds: float
    bills: bool
    """Whether a start costs money: then nothing is started a second time without being asked."""
    facts: Handle
    """What makes the same place again after a restart of the engine, whatever the settings say by then."""

    def submit(self, work: Work) -> None:
        """Start it; raises Refused when the place says no."""
        ...

    def look(self, work: Work) -> Sight:
        """Say how it is."""
        ...

    def fetch(self, work: Work) -> None:
        """Bring what it wrote into the run folder, `done.json` last."""
        ...

    def ask_to_stop(self, work: Work) -> None:
        """Bring the stop file to it, or a signal."""
        ...

    def end(self, work: Work) -> None:
        """End it now."""
        ...

    def forget(self, work: Work) -> None:
        """Clear away what is left of a job with a final verdict, all of which has been fetched."""
        ...


def next_work(folder: Path, command: tuple[str, ...]) -> Work:
    """Name the next start of a job's worker, and write the name down before anything is started."""
    number = (read_json_object(folder / ATTEMPTS) or {}).get("attempts")
    number = number + 1 if isinstance(number, int) else 1
    write_json_atomically(folder / ATTEMPTS, {"attempts": number})
    return Work(f"{folder.name}-{number}", folder, command)


def write_failure(folder: Path, code: str, message: str) -> None:
    """Write the verdict of a job whose worker can't write one itself."""
    tokens = (read_json_object(folder / PROGRESS) or {}).get("trained_tokens")
    verdict = {
        "status": "failed",
        "error": {"code": code, "message": message, "param": None},
        "trained_tokens": tokens if isinstance(tokens, int) else None,
        "finished_at": int(time.time()),
    }
    write_json_atomically(folder / DONE, verdict)


class WatchedWorker:
    """A worker at a `Place`; made by `start` or `attach`, watched by a thread until it ended."""

    def __init__(self, place: Place, work: Work, *, fresh: bool) -> None:
        self._place = place
        self._work = work
        self._fresh = fresh
        self._ended: Sight | None = None
        self._stop_wanted = self._kill_wanted = False
        self._wake = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch {work.name}", daemon=True)

    @classmethod
    def start(cls, place: Place, folder: Path, command: tuple[str, ...]) -> WatchedWorker:
        """Start a worker, and watch it."""
        worker = cls(place, next_work(folder, command), fresh=True)
        worker._thread.start()
        return worker

    @classmethod
    def attach(cls, place: Place, handle: Mapping[str, str | int | float]) -> WatchedWorker | None:
        """Watch what an earlier engine started; None when the handle names nothing."""
        name, folder = handle.get("name"), handle.get("folder")
        if not isinstance(name, str) or not isinstance(folder, str) or not Path(folder).is_dir():
            return None
        worker = cls(place, Work(name, Path(folder), ()), fresh=False)
        worker._thread.start()
        return worker

    @property
    def handle(self) -> Handle:
        """Name, run folder and place."""
        return {**self._place.facts, "name": self._work.name, "folder": str(self._work.folder)}

    def alive(self) -> bool:
        """Say whether it runs, as far as is known."""
        return self._ended is None

    def ask_to_stop(self) -> None:
        """Have the stop file brought to it."""
        self._stop_wanted = True
        self._wake.set()

    def kill(self) -> None:
        """Have it ended; it counts as alive until its place says that it is gone."""
        if not self._kill_wanted:
            self._kill_wanted = True
            self._wake.set()

    def how_it_ended(self) -> str:
        """Return a phrase for people."""
        return self._ended.how if self._ended and self._ended.how else "for an unknown reason"

    def is_to_blame(self) -> bool:
        """Say whether it left on its own account."""
        return bool(self._ended and self._ended.blame and not self._was_told_to_stop())

    def join(self, seconds: float) -> None:
        """Wait for the watching to end."""
        self._thread.join(seconds)

    def _was_told_to_stop(self) -> bool:
        folder = self._work.folder
        return self._kill_wanted or (folder / STOP_PAUSE).exists() or (folder / STOP_CANCEL).exists()

    def _watch(self) -> None:
        try:
            if not self._fresh or self._submit():
                self._follow()
        except Exception as error:  # the job must end with a reason, whatever broke in here
            _log.exception("watching %s broke", self._work.name)
            self._ended = Sight(State.ENDED, how=f"unwatched ({type(error).__name__})", blame=True)

    def _submit(self) -> bool:
        """Start it; False when that is certain to have failed."""
        try:
            self._place.submit(self._work)
        except Refused as error:
            message = f"{self._place.called} refused to start the job: {error}."
            write_failure(self._work.folder, "not_started", message)
            self._ended = Sight(State.ENDED, how="before it began", blame=False)
            return False
        except (Unreachable, OSError) as error:
            self._say(f"Whether {self._place.called} started the job is not known yet: {error}", level="warn")
        else:
            self._say(f"Handed to {self._place.called} as {self._work.name}")
        return True

    def _follow(self) -> None:
        absent, seen, lost, stop_told = 0, not self._fresh, False, False
        while True:
            try:
                stop_told = self._carry_wishes(stop_told)
                self._place.fetch(self._work)
                sight = self._place.look(self._work)
                if sight.state is State.ENDED:
                    self._place.fetch(self._work)  # what it wrote between the two
            except (Unreachable, Refused, OSError) as error:
                if not lost:
                    self._say(
                        f"No connection to {self._place.called}, the job is taken to go on there: {error}",
                        level="warn",
                    )
                lost = True
            else:
                if lost:
                    self._say(f"The connection to {self._place.called} is back")
                lost = False
                absent = absent + 1 if sight.state is State.ABSENT else 0
                seen = seen or sight.state is not State.ABSENT
                if sight.state is State.WAITING:
                    self._say_once(f"Waiting at {self._place.called} ({sight.word})")
                if sight.state is State.ENDED or absent >= LOOKS_FOR_ABSENT or self._has_verdict():
                    self._settle(sight, seen)
                    return
            self._wake.wait(self._place.poll_seconds)
            self._wake.clear()

    def _carry_wishes(self, stop_told: bool) -> bool:
        if self._kill_wanted:
            self._place.end(self._work)
        elif self._stop_wanted and not stop_told:
            self._place.ask_to_stop(self._work)
            return True
        return stop_told

    def _has_verdict(self) -> bool:
        return read_json_object(self._work.folder / DONE) is not None

    def _settle(self, sight: Sight, seen: bool) -> None:
        """Say how it ended; where a start costs money, a death without a verdict ends the job."""
        if sight.state is State.ABSENT:
            how = f"with {self._place.called}, which no longer knows it" if seen else "before it was started"
            sight = Sight(State.ENDED, how=how)
        if self._place.bills and not self._has_verdict() and not self._was_told_to_stop():
            message = (
                f"The work {self._work.name} ended {sight.how or 'for an unknown reason'} at "
                f"{self._place.called}. It is not started again by itself, since that costs money there."
            )
            write_failure(self._work.folder, "worker_died", message)
        self._ended = sight
        self._tidy()

    def _tidy(self) -> None:
        """Clear away after a final verdict, once the work has left what it stands on."""
        verdict = read_json_object(self._work.folder / DONE) or {}
        if verdict.get("status") not in _FINAL:
            return
        for _ in range(_LOOKS_BEFORE_TIDYING):
            with suppress(Unreachable, Refused, OSError):  # nothing is lost, whatever happens here
                if self._place.look(self._work).state in (State.ENDED, State.ABSENT):
                    self._place.forget(self._work)
                    return
            time.sleep(self._place.poll_seconds)

    def _say(self, message: str, *, level: str = "info") -> None:
        try:
            append_event(self._work.folder, message, level=level)
        except OSError:
            _log.exception("an event of %s could not be written", self._work.name)

    def _say_once(self, message: str) -> None:
        if not any(event.get("message") == message for event in read_events(self._work.folder)):
            self._say(message)
