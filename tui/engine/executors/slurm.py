"""Slurm as executor: `sbatch` starts, `squeue` and `sacct` tell, `scancel` ends; the run folder is shared.

States and options as in the manual pages of these commands (slurm.schedmd.com, Slurm 25.05; 2026-11-30).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

from tui.engine.executors.outside_command import Answer, Refused, Unreachable, has_command, run_command
from tui.engine.executors.places import known_places
from tui.engine.executors.protocol import Handle
from tui.engine.executors.watched import Sight, State, WatchedWorker, Work
from tui.errors import TunedeckError

_ASK_SECONDS, _SUBMIT_SECONDS = 20.0, 60.0
_NOTICE_SECONDS = 120
"""So long before its time limit a job is told to save and leave, to go on in the next one."""
_TO_BE_CONTINUED = 75
_WAITING = frozenset(
    {
        "CONFIGURING",
        "PENDING",
        "REQUEUED",
        "REQUEUE_FED",
        "REQUEUE_HOLD",
        "RESV_DEL_HOLD",
        "SPECIAL_EXIT",
        "SUSPENDED",
        "STOPPED",
    }
)
_RUNNING = frozenset({"RUNNING", "COMPLETING", "RESIZING", "SIGNALING", "STAGE_OUT"})
_ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "LAUNCH_FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "RECONFIG_FAIL",
        "REVOKED",
        "TIMEOUT",
    }
)
_UNCLEAR = re.compile(
    r"unable to contact|socket timed out|communication (connection )?fail|zero bytes|connection refused"
    r"|temporarily unable",
    re.IGNORECASE,
)
"""Answers of sbatch after which the job may or may not be there."""
_COMMANDS = ("sbatch", "squeue", "scancel")


class SlurmExecutor:
    """Sends workers to the cluster whose login node this is."""

    name = "slurm"
    here = False
    bills = False
    several_workers = False
    has_own_trainers = False
    cancel_grace = 5.0
    pause_grace = 600.0
    """A queue looks at its jobs now and then, and a large state takes minutes to write."""

    def why_not(self) -> str | None:
        """Return which command is missing."""
        missing = [name for name in _COMMANDS if not has_command(name)]
        if missing:
            return (
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not on this machine: "
                "run the engine on the cluster's login node (`tunedeck engine deploy`)."
            )
        return None

    def does_not_answer(self) -> str | None:
        """Ask the queue for nothing."""
        try:
            _asked(run_command(("squeue", "--noheader", "--me", "--format=%i"), seconds=5))
        except Unreachable as error:
            return f"Slurm does not answer: {error}"
        return None

    def what_it_costs(self) -> str:
        """Return "": a cluster counts hours, and what they are worth is not known here."""
        return ""

    def start(self, folder: Path, command: Sequence[str]) -> WatchedWorker:
        """Submit a batch job that runs the command; the nodes must see the run folder under its path here.

        Raises:
            TunedeckError: A command is missing, or the options of sbatch can't be read.
        """
        reason = self.why_not()
        if reason:
            raise TunedeckError(f"Slurm can't be used: {reason}")
        options = _options(known_places().slurm_options)
        return WatchedWorker.start(Slurm(options), folder, tuple(command))

    def attach(self, handle: Mapping[str, str | int | float]) -> WatchedWorker | None:
        """Watch a batch job that an earlier engine submitted."""
        return WatchedWorker.attach(Slurm(()), handle)

    def sync(self, folder: Path) -> None:
        """Do nothing: the run folder is shared."""


class Slurm:
    """The batch system, asked by its commands."""

    name = "slurm"
    called = "Slurm"
    bills = False

    def __init__(self, options: Sequence[str], *, poll_seconds: float = 10.0) -> None:
        self.poll_seconds = poll_seconds
        self.facts: Handle = {}
        self._options = tuple(options)

    def submit(self, work: Work) -> None:
        """Write the job script and give it to sbatch."""
        script = work.folder / f"{work.name}.sh"
        # `exec`: the signal before the time limit then reaches the worker itself.
        script.write_text(f"#!/bin/sh\nexec {shlex.join(work.command)}\n", "utf-8")
        answer = run_command(
            (
                "sbatch",
                "--parsable",
                f"--job-name={work.name}",
                f"--chdir={work.folder}",
                f"--output={work.folder / 'worker.log'}",
                "--open-mode=append",
                f"--signal=B:TERM@{_NOTICE_SECONDS}",
                "--no-requeue",
                *self._options,
                str(script),
            ),
            seconds=_SUBMIT_SECONDS,
        )
        if answer.code == 0:
            return
        if _UNCLEAR.search(answer.errors):
            raise Unreachable(answer.words)
        raise Refused(answer.words)

    def look(self, work: Work) -> Sight:
        """Ask the queue, and the accounts once the queue has forgotten the job."""
        format_ = "--format=%T|%r"
        answer = _asked(
            run_command(
                ("squeue", "--noheader", "--states=all", f"--name={work.name}", format_), seconds=_ASK_SECONDS
            )
        )
        lines = [line for line in answer.output.splitlines() if line.strip()]
        if lines:
            word, _, reason = lines[-1].strip().partition("|")
            if not _is_over(word):
                return _sight(word, f"{word}: {reason}" if reason not in ("", "None") else word)
        if not has_command("sacct"):
            return _sight(word, word) if lines else Sight(State.ABSENT)
        return self._ended(work, word if lines else "")

    def _ended(self, work: Work, word: str) -> Sight:
        fields = "--format=State,ExitCode"
        command = ("sacct", "--noheader", "--allocations", "--parsable2", "--starttime=now-60days")
        answer = run_command((*command, f"--name={work.name}", fields), seconds=_ASK_SECONDS)
        lines = [line for line in answer.output.splitlines() if "|" in line]
        if answer.code == 0 and lines:
            state, _, code = lines[-1].partition("|")
            return _sight(state.strip(), state.strip(), code.strip())
        if word:  # many clusters keep no accounts; the queue remembers a job for some minutes
            return _sight(word, word)
        return Sight(State.ABSENT)

    def fetch(self, work: Work) -> None:
        """Do nothing: the run folder is shared."""

    def forget(self, work: Work) -> None:
        """Delete the job script."""
        (work.folder / f"{work.name}.sh").unlink(missing_ok=True)

    def ask_to_stop(self, work: Work) -> None:
        """Take it out of the queue where it still waits; a running worker sees the stop file by itself."""
        command = ("scancel", "--state=PENDING", f"--name={work.name}")
        _asked(run_command(command, seconds=_ASK_SECONDS))

    def end(self, work: Work) -> None:
        """Cancel the batch job."""
        _asked(run_command(("scancel", f"--name={work.name}"), seconds=_ASK_SECONDS))


def _options(text: str) -> list[str]:
    try:
        options = shlex.split(text)
    except ValueError as error:
        raise TunedeckError(
            f"slurm_options can't be read: {error}.", "Write it as on sbatch's command line."
        ) from error
    for option in options:
        if not option.startswith("-"):
            raise TunedeckError(
                f"slurm_options: {option!r} is no option.", "Write options as --name=value, without spaces."
            )
    return options


def _asked(answer: Answer) -> Answer:
    if answer.code != 0:
        raise Unreachable(answer.words)
    return answer


def _is_over(word: str) -> bool:
    return word.split(maxsplit=1)[:1] != [] and word.split(maxsplit=1)[0].rstrip("+") in _ENDED


def _sight(word: str, shown: str, code: str = "") -> Sight:
    """Put a state of Slurm into ours.

    Args:
        word: Such as "RUNNING", or "CANCELLED by 1000".
        shown: What people read.
        code: Exit code and signal as sacct prints them, "1:0".
    """
    state = word.split(maxsplit=1)[0].rstrip("+") if word.strip() else ""
    if state in _WAITING:
        return Sight(State.WAITING, shown)
    if state in _RUNNING:
        return Sight(State.RUNNING, shown)
    if state not in _ENDED:
        raise Unreachable(f"Slurm gave a state that is not known here: {word[:60]!r}")
    number, _, signal = code.partition(":")
    if number.isdecimal() and int(number) and state == "FAILED":
        return Sight(State.ENDED, shown, f"with exit code {number}", blame=int(number) != _TO_BE_CONTINUED)
    if signal.isdecimal() and int(signal) and state == "FAILED":
        return Sight(State.ENDED, shown, f"by signal {signal}")
    return Sight(State.ENDED, shown, f"in state {state} of Slurm")
