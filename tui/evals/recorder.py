"""Records in a thread of the program, so that a recording goes on while other screens are shown."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from tui.errors import TunedeckError
from tui.evals.ports import EvalServices
from tui.evals.record import RecordPlan, RecordResult, record


@dataclass(frozen=True, slots=True)
class RecorderState:
    """How a recording stands."""

    is_running: bool = False
    source: str = ""
    models: int = 0
    done: int = 0
    total: int = 0
    is_stopping: bool = False
    result: RecordResult | None = None
    """Of the last one, once it has ended."""
    problem: TunedeckError | None = None
    """Why the last one ended early; what was answered is kept."""

    @property
    def fraction(self) -> float:
        """How much is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0


class Recorder:
    """One recording at a time; thread-safe.

    Args:
        services: Providers, prices and the store.
        first_wait: Seconds before a request that failed is repeated.
    """

    def __init__(self, services: EvalServices, *, first_wait: float = 1.0) -> None:
        self._services = services
        self._first_wait = first_wait
        self._lock = threading.Lock()
        self._state = RecorderState()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> RecorderState:
        """How it stands now."""
        with self._lock:
            return self._state

    def start(self, plan: RecordPlan, on_end: Callable[[], None] = lambda: None) -> None:
        """Begin to record what a person has agreed to.

        Args:
            plan: From `plan_recording`.
            on_end: Called in the recording's thread once it is over.

        Raises:
            TunedeckError: Another recording is under way.
        """
        with self._lock:
            if self._state.is_running:
                raise TunedeckError("Another recording is under way.", "Wait until it is over, or stop it.")
            self._stopping.clear()
            self._state = RecorderState(
                is_running=True, source=plan.source, models=len(plan.lanes), total=plan.plan.unknown
            )
            self._thread = threading.Thread(
                target=self._run, args=(plan, on_end), name="recording", daemon=True
            )
            self._thread.start()

    def cancel(self) -> None:
        """Stop asking; what was answered is kept, and the same plan goes on where it was."""
        self._stopping.set()
        self._change(is_stopping=True)

    def close(self, seconds: float) -> None:
        """Stop, and wait so long for what is being written."""
        self._stopping.set()
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def _run(self, plan: RecordPlan, on_end: Callable[[], None]) -> None:
        result: RecordResult | None = None
        problem: TunedeckError | None = None
        try:
            result = record(
                self._services, plan, on_progress=self._note, cancelled=self._stopping.is_set,
                first_wait=self._first_wait,
            )  # fmt: skip
        except TunedeckError as error:
            problem = error
        except Exception as error:  # a library's own failure must not leave a recording that never ends
            problem = TunedeckError(f"The recording broke off: {type(error).__name__}: {error}", "Try again.")
        self._change(is_running=False, is_stopping=False, result=result, problem=problem)
        on_end()

    def _note(self, done: int, total: int) -> None:
        with self._lock:
            self._state = replace(self._state, done=done, total=total)

    def _change(self, **changes: object) -> None:
        with self._lock:
            self._state = replace(self._state, **changes)  # type: ignore[arg-type]
