"""One child: started, waited for, spoken to over HTTP, started again when it died, and ended."""

from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.serving.children import guardian
from tui.engine.serving.children.failures import ChildNotReady
from tui.engine.serving.children.plans import AdapterPlan, ChildPlan
from tui.safe_text import safe_line

WAIT_SECONDS = 60.0
"""How long a request waits for a child that is starting before it is told to come again."""
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 60.0
"""Seconds between a child's death and its next start, doubled with each death in a row."""
STEADY_SECONDS = 60.0
"""A child that lived so long has not died in a row."""
_STOP_SECONDS = 12.0
_POLL_SECONDS = 0.1
_LOG_LIMIT = 1_000_000
_log = logging.getLogger(__name__)


class Child:
    """A server process; thread-safe.

    Args:
        plan: What it serves.
        log_file: Where its output goes.
    """

    def __init__(self, plan: ChildPlan, log_file: Path) -> None:
        self.plan = plan
        self.used_at = time.monotonic()
        self.token = secrets.token_urlsafe(32)
        self.port = 0
        self._log_file = log_file
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._answers = False
        self._deaths = 0
        self._not_before = 0.0
        self._adapters: set[str] = set()
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process number of the guardian, while it runs."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else None

    @property
    def url(self) -> str:
        """Root URL of the server."""
        return f"http://127.0.0.1:{self.port}"

    def ready(self, adapter: AdapterPlan | None = None, *, wait: float = WAIT_SECONDS) -> None:
        """Return once the child answers and knows the adapter; starts it when it does not run. Blocks.

        Raises:
            ApiError: 503 while it is starting, when it died, or when it refuses the adapter.
        """
        deadline = time.monotonic() + wait
        while True:
            with self._lock:
                self.used_at = time.monotonic()
                if self._look():
                    if adapter is not None and adapter.name not in self._adapters:
                        self._load_adapter(adapter)
                    return
                waited = time.monotonic() - self._started_at
                late = waited > self.plan.start_seconds
                if late:
                    self._end()
                    self._note_death(f"it did not answer within {self.plan.start_seconds:.0f} s")
            if late or time.monotonic() > deadline:
                raise ChildNotReady(f"{self.plan.label} is starting ({waited:.0f} s so far).", retry_after=5)
            time.sleep(_POLL_SECONDS)

    def forget_adapter(self, name: str) -> None:
        """Have a deleted adapter dropped; a child that does not answer has dropped it already."""
        with self._lock:
            if name in self._adapters:
                self._adapters.discard(name)
                with contextlib.suppress(OSError, http.client.HTTPException):
                    self._request("POST", "/v1/unload_lora_adapter", {"lora_name": name})

    def close(self) -> None:
        """End the process; nothing starts it again."""
        with self._lock:
            self._closed = True
            self._end()

    def _look(self) -> bool:
        """Return whether it answers; starts it when it does not run. Called with the lock held.

        Raises:
            ApiError: 503 when it died and the pause is not over.
        """
        if self._closed:
            raise ChildNotReady(f"{self.plan.label} has just been ended; ask again.", retry_after=1)
        process = self._process
        if process is not None and process.poll() is not None:
            _log.warning("%s ended with exit code %s", self.plan.label, process.returncode)
            self._end()
            self._note_death(self._last_words() or f"exit code {process.returncode}")
        if self._process is None:
            pause = self._not_before - time.monotonic()
            if pause > 0:
                words = self._last_words()
                raise ChildNotReady(
                    f"{self.plan.label} ended unexpectedly ({self._deaths} times in a row)"
                    f"{': ' + words if words else ''}. It is started again in {pause:.0f} s.",
                    retry_after=pause,
                )
            self._start()
        if not self._answers:
            self._answers = self._healthy()
        return self._answers

    def _start(self) -> None:
        self.port = _free_port()
        self._answers, self._adapters = False, set()
        self._started_at = time.monotonic()
        command = [
            str(self.plan.python), guardian.__file__, str(os.getpid()),
            str(self.plan.python), *self.plan.command(self.port),
        ]  # fmt: skip
        too_long = self._log_file.exists() and self._log_file.stat().st_size > _LOG_LIMIT
        with self._log_file.open("wb" if too_long else "ab") as stream:
            stream.write(b"--- started\n")
            stream.flush()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                env={**os.environ, **self.plan.environment, self.plan.key_variable: self.token},
                start_new_session=True,
            )
        _log.info("%s started as process %d on port %d", self.plan.label, self._process.pid, self.port)

    def _end(self) -> None:
        process, self._process, self._answers = self._process, None, False
        if process is None:
            return
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
        # Whatever it started is in its group, and holds memory that the next one needs.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.name == "posix":
                os.killpg(process.pid, signal.SIGKILL)
            else:
                process.kill()
        process.wait()

    def _note_death(self, words: str) -> None:
        if time.monotonic() - self._started_at > STEADY_SECONDS and words:
            self._deaths = 0
        self._deaths += 1
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (self._deaths - 1))
        self._not_before = time.monotonic() + pause

    def _healthy(self) -> bool:
        try:
            return self._request("GET", "/health", None)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def _load_adapter(self, adapter: AdapterPlan) -> None:
        body = {"lora_name": adapter.name, "lora_path": str(adapter.folder)}
        try:
            status, words = self._request("POST", "/v1/load_lora_adapter", body, timeout=120)
        except (OSError, http.client.HTTPException) as error:
            raise ChildNotReady(f"{self.plan.label} does not answer: {error}.", retry_after=2) from error
        if status >= 400 and "already been loaded" not in words:
            raise ApiError(
                503,
                f"{self.plan.label} can't load the model '{adapter.name}': {safe_line(words, 300)}",
                type="server_error",
                code="adapter_refused",
            )
        self._adapters.add(adapter.name)

    def _request(self, method: str, path: str, body: Any, timeout: float = 5) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode("utf-8", "replace")
        finally:
            connection.close()

    def _last_words(self) -> str:
        try:
            text = self._log_file.read_bytes()[-4000:].decode("utf-8", "replace")
        except OSError:
            return ""
        lines = [line for line in text.rpartition("--- started\n")[2].splitlines() if line.strip()]
        told = [line for line in lines if "error" in line.lower()] or lines
        return safe_line(told[-1], 300) if told else ""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
