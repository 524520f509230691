"""Evaluates in a thread of the program, so that a run goes on while other screens are shown."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from decimal import Decimal

from tui.errors import TunedeckError
from tui.evals.plan import EvalPlan, questions_of
from tui.evals.ports import EvalServices
from tui.evals.result import EvalResult
from tui.evals.run import run_evaluation
from tui.money.usage_price import Amount


@dataclass(frozen=True, slots=True)
class ExaminerState:
    """How an evaluation stands."""

    is_running: bool = False
    plan: EvalPlan | None = None
    """Of the run that is under way, or of the last one."""
    what: str = ""
    """What is being done, in a word."""
    done: int = 0
    total: int = 0
    is_stopping: bool = False
    result: EvalResult | None = None
    """Of the last run, once it has ended."""
    problem: TunedeckError | None = None
    """Why the last one ended early; what was answered is kept."""

    @property
    def fraction(self) -> float:
        """How much of what is being done now is done, 0 to 1."""
        return self.done / self.total if self.total else 0.0


def dearest_end(services: EvalServices, plan: EvalPlan) -> Amount | None:
    """Return what a run costs at most, each answer as long as allowed.

    Returns:
        None where no price is published, or where a judge is asked: what it reads is not known before.
    """
    ends = [question.most for question in questions_of(plan, services)]
    if plan.price is None or plan.judge_asks or any(end is None for end in ends):
        return None
    total = sum((end for end in ends if end is not None), Decimal(0))
    return Amount(total, total, plan.price.currency)


class Examiner:
    """One evaluation at a time; thread-safe.

    Args:
        services: Providers, prices and the store.
        first_wait: Seconds before a request that failed is repeated.
    """

    def __init__(self, services: EvalServices, *, first_wait: float = 1.0) -> None:
        self._services = services
        self._first_wait = first_wait
        self._lock = threading.Lock()
        self._state = ExaminerState()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def state(self) -> ExaminerState:
        """How it stands now."""
        with self._lock:
            return self._state

    def start(self, plan: EvalPlan) -> None:
        """Begin what a person has agreed to.

        Args:
            plan: From `planned`.

        Raises:
            TunedeckError: Another evaluation is under way.
        """
        with self._lock:
            if self._state.is_running:
                raise TunedeckError("Another evaluation is under way.", "Wait until it is over, or stop it.")
            self._stopping.clear()
            self._state = ExaminerState(is_running=True, plan=plan, what="Asking", total=plan.unknown)
            self._thread = threading.Thread(target=self._run, args=(plan,), name="evaluation", daemon=True)
            self._thread.start()

    def cancel(self) -> None:
        """Stop asking; what was answered is kept and judged, and the same plan goes on where it was."""
        with self._lock:
            if self._state.is_running:
                self._stopping.set()
                self._state = replace(self._state, is_stopping=True)

    def close(self, seconds: float) -> None:
        """Stop, and wait so long for what is being written."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join(seconds)

    def _run(self, plan: EvalPlan) -> None:
        result: EvalResult | None = None
        problem: TunedeckError | None = None
        try:
            result = run_evaluation(
                self._services, plan, on_progress=self._note, cancelled=self._stopping.is_set,
                first_wait=self._first_wait,
            )  # fmt: skip
        except TunedeckError as error:
            problem = error
        except Exception as error:  # a library's own failure must not leave a run that never ends
            problem = TunedeckError(
                f"The evaluation broke off: {type(error).__name__}: {error}", "Start it again: it goes on."
            )
        with self._lock:
            self._state = replace(
                self._state, is_running=False, is_stopping=False, result=result, problem=problem
            )

    def _note(self, what: str, done: int, total: int) -> None:
        with self._lock:
            self._state = replace(self._state, what=what, done=done, total=total)
