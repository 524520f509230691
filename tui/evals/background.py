"""A run in a thread that no screen owns: it goes on when its screen is left, tells where it is, can stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from tui.errors import TunedeckError

PlanT = TypeVar("PlanT")
ResultT = TypeVar("ResultT")
Told = Callable[[str, int, int], None]
"""Called with (what is being done, done, in all)."""
Work = Callable[[PlanT, Told, Callable[[], bool]], ResultT]
"""Does what a plan says; its last argument says whether to stop."""


@dataclass(frozen=True, slots=True)
class RunState(Generic[PlanT, ResultT]):
    """How a run stands, or how the last one ended."""

    is_running: bool = False
    plan: PlanT | None = None
    """Of the run that is under way, or of the last one."""
    what: str = ""
    """What is being done, in a word."""
    done: int = 0
    total: int = 0
    is_stopping: bool = False
    result: ResultT | None = None
    """Of the last run, once it has ended."""
    problem: TunedeckError | None = None
    """Why the last one ended early; what was answered is kept."""

    @property
    def fraction(self) -> float:
        """How much of what is being done now is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0


class BackgroundRun(Generic[PlanT, ResultT]):
    """One run at a time; thread-safe.

    Args:
        name: What it is called in messages: "evaluation".
        work: What is done; it asks its services at their pace, and keeps each answer as it comes.
        total: How many answers a plan asks for.
        what: Said of a run that has told nothing yet.
    """

    def __init__(
        self, name: str, work: Work[PlanT, ResultT], total: Callable[[PlanT], int], *, what: str = "Asking"
    ) -> None:
        self._name, self._work, self._total, self._what = name, work, total, what
        self._lock = threading.Lock()
        self._state: RunState[PlanT, ResultT] = RunState()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._listeners: list[Callable[[], None]] = []

    @property
    def state(self) -> RunState[PlanT, ResultT]:
        """How it stands now."""
        with self._lock:
            return self._state

    def start(self, plan: PlanT) -> None:
        """Begin what a person has agreed to.

        Raises:
            TunedeckError: Another one is under way.
        """
        with self._lock:
            if self._state.is_running:
                raise TunedeckError(
                    f"Another {self._name} is under way.", "Wait until it is over, or stop it."
                )
            self._stopping.clear()
            self._state = RunState(is_running=True, plan=plan, what=self._what, total=self._total(plan))
            self._thread = threading.Thread(target=self._run, args=(plan,), name=self._name, daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Ask nothing more; what was answered is kept, and the same plan goes on where it was."""
        with self._lock:
            if self._state.is_running:
                self._stopping.set()
                self._state = replace(self._state, is_stopping=True)

    def join(self, seconds: float) -> None:
        """Wait for the end, at most so long."""
        if self._thread is not None:
            self._thread.join(seconds)

    def close(self, seconds: float) -> None:
        """Stop, and wait so long for what is being written."""
        self.cancel()
        self.join(seconds)

    def take_end(self) -> RunState[PlanT, ResultT]:
        """Return how the last run ended, and forget it: what is told once is not told again."""
        with self._lock:
            ended = self._state
            if not ended.is_running:
                self._state = replace(ended, result=None, problem=None)
            return ended

    def subscribe(self, listener: Callable[[], None]) -> Callable[[], None]:
        """Call `listener`, in the run's thread, after each step and at the end; returns how to stop it."""
        self._listeners.append(listener)

        def unsubscribe() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return unsubscribe

    def _run(self, plan: PlanT) -> None:
        result: ResultT | None = None
        problem: TunedeckError | None = None
        try:
            result = self._work(plan, self._note, self._stopping.is_set)
        except TunedeckError as error:
            problem = error
        except Exception as error:  # a library's own failure must not leave a run that never ends
            problem = TunedeckError(
                f"The {self._name} broke off: {type(error).__name__}: {error}", "Start it again: it goes on."
            )
        with self._lock:
            self._state = replace(
                self._state, is_running=False, is_stopping=False, result=result, problem=problem
            )
        self._tell()

    def _note(self, what: str, done: int, total: int) -> None:
        with self._lock:
            self._state = replace(self._state, what=what, done=done, total=total)
        self._tell()

    def _tell(self) -> None:
        for listener in tuple(self._listeners):
            listener()
