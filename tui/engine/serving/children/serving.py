"""Who answers for a model: our own decoder, or a child; and the children that are kept."""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tui.engine.api_errors import ApiError
from tui.engine.server.model_directory import ModelPlace
from tui.engine.serving.children.child import Child
from tui.engine.serving.children.failures import ChildNotReady
from tui.engine.serving.children.passing import pass_on
from tui.engine.serving.children.plans import NOT_DONE, BackEnd, ChildPlan
from tui.errors import TunedeckError

MAX_CHILDREN = 2
"""Children kept, each with a model in memory; the one not used for longest is ended for a new one."""
IDLE_SECONDS = 900.0
"""A child that was not used for so long gives its memory back."""
_LOOK_SECONDS = 15.0
TOUCH_SECONDS = 1.0
_NOT_IN_A_FILE_NAME = re.compile(r"[^A-Za-z0-9._-]+")


class ChildServing:
    """Answers requests by children.

    Args:
        back_ends: The kinds of servers, in the order in which they are asked.
        needs: Says for a model whether a child must answer: our own decoder can't.
        prefers: Says whether a child shall answer though our own decoder could.
        logs: Folder of the children's output.
        chat_active_file: Touched while text is written, so that a training worker leaves a core free.
    """

    def __init__(
        self,
        back_ends: Sequence[BackEnd],
        *,
        needs: Callable[[ModelPlace], bool],
        prefers: Callable[[], bool],
        logs: Path,
        chat_active_file: Path | None = None,
    ) -> None:
        self._back_ends = back_ends
        self._needs = needs
        self._prefers = prefers
        self._logs = logs
        self._chat_active_file = chat_active_file
        self._touched_at = -TOUCH_SECONDS
        self._lock = threading.Lock()
        self._children: dict[str, Child] = {}
        self._closed = False
        self._leaving = threading.Event()
        self._sweeper: threading.Thread | None = None

    def back_end(self, place: ModelPlace) -> BackEnd | None:
        """Return who answers for a model; None when it is our own decoder.

        Raises:
            ApiError: 400 when neither can; the text says what is missing.
        """
        needed = self._needs(place)
        if not needed and not self._prefers():
            return None
        reasons = []
        for one in self._back_ends:
            reason = one.why_not(place)
            if reason is None:
                return one
            reasons.append(reason)
        if not needed:
            return None
        missing = " ".join(filter(None, reasons))
        raise ApiError(
            400,
            f"The embedded engine can't read the base model {place.base_model}. {missing}",
            param="model",
            code="model_cannot_answer",
        )

    async def answer(
        self, request: Request, path: str, body: dict[str, Any], place: ModelPlace
    ) -> Response | None:
        """Return a child's answer, or None when our own decoder answers.

        Raises:
            ApiError: 400 for what the child can't do, 503 while it is not there.
        """
        back_end = await run_in_threadpool(self.back_end, place)
        if back_end is None:
            return None
        try:
            asked = back_end.request_body(path, body, place)
        except ApiError as error:
            if error.code == NOT_DONE and not self._needs(place):
                return None  # our own decoder does it
            raise
        try:
            plan, adapter = await run_in_threadpool(back_end.plan, place)
        except (TunedeckError, OSError) as error:
            raise ApiError(
                503, f"The model '{place.id}' can't be opened: {error}", type="server_error"
            ) from error
        child = self._child(plan)
        try:
            await run_in_threadpool(child.ready, adapter)
            return await pass_on(request, child, path, asked, partial(self._touch, child))
        except ChildNotReady as error:
            headers = {} if error.retry_after is None else {"retry-after": str(error.retry_after)}
            return JSONResponse(error.body(), error.status, headers)

    def forget(self, place: ModelPlace) -> None:
        """Drop what the children keep of a deleted model."""
        with self._lock:
            children = list(self._children.values())
        for child in children:
            if child.plan.key.endswith(f":{place.id}"):
                self._end(child)
            else:
                child.forget_adapter(place.id)

    def described(self) -> list[dict[str, Any]]:
        """Return the children that run, for the engine's status."""
        with self._lock:
            children = list(self._children.values())
        return [
            {"what": child.plan.label, "pid": child.pid, "port": child.port}
            for child in children
            if child.pid is not None
        ]

    def close(self) -> None:
        """End every child; none is started any more."""
        with self._lock:
            self._closed = True
            children, self._children = list(self._children.values()), {}
        self._leaving.set()
        for child in children:
            child.close()

    def _child(self, plan: ChildPlan) -> Child:
        surplus: list[Child] = []
        with self._lock:
            if self._closed:
                raise ApiError(503, "The engine is shutting down.", type="server_error")
            if plan.key not in self._children:
                while len(self._children) >= MAX_CHILDREN:
                    oldest = min(self._children.values(), key=lambda one: one.used_at)
                    surplus.append(self._children.pop(oldest.plan.key))
                self._logs.mkdir(parents=True, exist_ok=True, mode=0o700)
                name = _NOT_IN_A_FILE_NAME.sub("-", plan.key).strip("-")[:100]
                self._children[plan.key] = Child(plan, self._logs / f"{name}.log")
            child = self._children[plan.key]
            child.used_at = time.monotonic()
            if self._sweeper is None:
                self._sweeper = threading.Thread(target=self._sweep, name="idle-children", daemon=True)
                self._sweeper.start()
        for one in surplus:
            threading.Thread(target=one.close, name="end-child", daemon=True).start()
        return child

    def _end(self, child: Child) -> None:
        with self._lock:
            self._children.pop(child.plan.key, None)
        child.close()

    def end_idle(self, now: float) -> None:
        """End the children that nobody has used for `IDLE_SECONDS` before `now` (monotonic seconds)."""
        with self._lock:
            idle = [one for one in self._children.values() if now - one.used_at > IDLE_SECONDS]
        for child in idle:
            self._end(child)

    def _sweep(self) -> None:
        while not self._leaving.wait(_LOOK_SECONDS):
            self.end_idle(time.monotonic())

    def _touch(self, child: Child) -> None:
        now = child.used_at = time.monotonic()
        if self._chat_active_file is None or now - self._touched_at < TOUCH_SECONDS:
            return
        self._touched_at = now
        with contextlib.suppress(OSError):
            self._chat_active_file.touch()
