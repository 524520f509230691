"""The one way from a request to the models: a queue, one generation thread, streams of events."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path

from tui.engine.api_errors import ApiError
from tui.engine.serving.blas_threads import BlasThreads
from tui.engine.serving.decoder import Segment
from tui.engine.serving.generation import (
    ChoiceFinished,
    Event,
    Generation,
    GenerationFailed,
    GenerationRequest,
)
from tui.engine.serving.key_value_cache import KeyValueCache
from tui.engine.serving.model_pool import LoadedModel, ModelPool, ResolvedModel
from tui.engine.serving.scheduler import MAX_RUNNING, Scheduler

RETRY_AFTER_SECONDS = 2
TOUCH_SECONDS = 1.0
"""How often `chat_active_file` is touched while text is being written."""

__all__ = ["BusyError", "GenerationService", "GenerationStream", "ResolvedModel"]

_log = logging.getLogger(__name__)


class BusyError(ApiError):
    """Too many requests are waiting already; the client may come again after `retry_after` seconds."""

    def __init__(self, waiting: int) -> None:
        super().__init__(
            429,
            f"The engine is busy: {waiting} requests are waiting for the model already. "
            "Please try again later.",
            type="requests",
            code="rate_limit_exceeded",
        )
        self.retry_after = RETRY_AFTER_SECONDS


class GenerationStream:
    """The events of one HTTP request's generations, in the order in which they happen.

    Args:
        loop: The event loop that reads the stream.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._events: asyncio.Queue[Event | None] = asyncio.Queue()
        self._generations: list[Generation] = []
        self.cancelled = False
        """Whether `cancel` was called before the last answer was complete."""

    def expect(self, request: GenerationRequest) -> Generation:
        """Return a generation whose events come through this stream."""
        generation = Generation(request, self._deliver)
        self._generations.append(generation)
        return generation

    def cancel(self) -> None:
        """Stop writing: nobody reads on. The stream ends; safe to call at any time."""
        self.cancelled = True
        for generation in self._generations:
            generation.cancelled = True
        self._events.put_nowait(None)

    async def __aiter__(self) -> AsyncIterator[Event]:
        """Yield events until every answer is complete or `cancel` was called.

        Raises:
            ApiError: The generation failed.
        """
        answers = sum(generation.request.choices for generation in self._generations)
        while answers:
            event = await self._events.get()
            if event is None:
                return
            if isinstance(event, GenerationFailed):
                raise event.error
            answers -= isinstance(event, ChoiceFinished)
            yield event

    def _deliver(self, event: Event) -> None:
        # The loop may have closed under a request that was cut off by the server's end.
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._events.put_nowait, event)


class GenerationService:
    """Answers requests for text, fairly and one step at a time.

    Args:
        resolve_model: Finds a model id's files; raises ApiError 404 for an unknown one.
        chat_active_file: Touched at most once a second while text is written, so that a training worker
            leaves a core free.
        max_waiting: Requests that may wait for a place; more are refused with 429.
        is_training: Tells whether a training worker runs on this machine now.
    """

    def __init__(
        self,
        resolve_model: Callable[[str], ResolvedModel],
        *,
        chat_active_file: Path | None = None,
        max_waiting: int = 32,
        is_training: Callable[[], bool] = lambda: False,
    ) -> None:
        self._resolve_model = resolve_model
        self._chat_active_file = chat_active_file
        self._capacity = max_waiting + MAX_RUNNING
        self._is_training = is_training
        self._pool = ModelPool()
        self._scheduler = Scheduler()
        self._condition = threading.Condition()
        self._inbox: deque[Callable[[], None]] = deque()
        self._active = 0
        self._touched_at = -TOUCH_SECONDS
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def active_count(self) -> int:
        """Return the number of generations accepted and not yet ended."""
        with self._condition:
            return self._active

    @property
    def loaded_folders(self) -> list[Path]:
        """Return the folders of the base models in memory."""
        return self._pool.base_folders

    @property
    def weights(self) -> dict[str, str]:
        """Return how the weights of each base model in memory are read, in words."""
        return self._pool.weights

    async def load_model(self, model_id: str) -> LoadedModel:
        """Return the model with this id, opened.

        Raises:
            ApiError: 404 for an unknown id, 503 when its files can't be used.
        """
        return await asyncio.to_thread(lambda: self._pool.load(self._resolve_model(model_id)))

    def submit(self, requests: Sequence[GenerationRequest]) -> GenerationStream:
        """Queue the generations of one HTTP request; call from the event loop.

        Raises:
            BusyError: Too many are waiting.
        """
        stream = GenerationStream(asyncio.get_running_loop())
        generations = [stream.expect(request) for request in requests]
        with self._condition:
            if self._closed:
                raise ApiError(503, "The engine is shutting down.", type="server_error")
            if self._active and self._active + len(generations) > self._capacity:
                raise BusyError(max(self._active - MAX_RUNNING, 0))
            self._active += len(generations)
        for generation in generations:
            self._post(partial(self._scheduler.add, generation))
        return stream

    def warm_up(self, base_folder: Path) -> None:
        """Bring a base model's weights into memory in the background, so that the first answer is quick."""
        self._post(lambda: self._read_one_token(base_folder))

    def forget(self, model_id: str, adapter_folder: Path | None = None) -> None:
        """Drop what is remembered of a deleted model."""
        if adapter_folder is not None:
            self._pool.forget_adapter(adapter_folder)
        self._post(lambda: self._scheduler.prompt_cache.forget(model_id))

    def close(self) -> None:
        """End the generation thread; requests under way fail with 503."""
        with self._condition:
            self._closed = True
            self._condition.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=10)

    def _post(self, task: Callable[[], None]) -> None:
        """Have the generation thread do `task`; starts the thread on first use."""
        with self._condition:
            self._inbox.append(task)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="generation", daemon=True)
                self._thread.start()
            self._condition.notify()

    def _run(self) -> None:
        threads = BlasThreads(self._is_training)
        while True:
            with self._condition:
                while self._scheduler.idle and not self._inbox and not self._closed:
                    self._condition.wait()
                tasks = list(self._inbox)
                self._inbox.clear()
                closed = self._closed
            threads.adjust()
            for task in tasks:
                task()
            if closed:
                refusal = ApiError(503, "The engine is shutting down.", type="server_error")
                self._count_down(len(self._scheduler.fail_all(refusal)))
                return
            if not self._scheduler.idle:
                self._touch()
                self._count_down(len(self._scheduler.step()))

    def _count_down(self, ended: int) -> None:
        with self._condition:
            self._active -= ended

    def _touch(self) -> None:
        now = time.monotonic()
        if self._chat_active_file is None or now - self._touched_at < TOUCH_SECONDS:
            return
        self._touched_at = now
        with contextlib.suppress(OSError):  # a full disk must not end a chat
            self._chat_active_file.touch()

    def _read_one_token(self, base_folder: Path) -> None:
        if self._closed:
            return
        try:
            base = self._pool.load(ResolvedModel(base_folder, None, base_folder.name)).base
            base.decoder.forward([Segment(KeyValueCache(base.model.config), [0])])
        except Exception:  # the first real request will tell its client what is wrong
            _log.exception("Warming up %s failed", base_folder)
