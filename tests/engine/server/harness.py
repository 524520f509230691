"""A real engine process on a free loopback port, and the small things tests do with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx2
import psutil
from openai import OpenAI

from tests.support import wait_until

BASE_MODEL = "smollm2-135m-instruct"


def chat_rows(count: int, *, words: int = 3) -> bytes:
    """Return a sound chat dataset as JSON lines."""
    rows = []
    for number in range(count):
        answer = " ".join(f"w{number}x{word}" for word in range(words))
        messages = [{"role": "user", "content": f"say {number}"}, {"role": "assistant", "content": answer}]
        rows.append(json.dumps({"messages": messages}))
    return "\n".join(rows).encode() + b"\n"


class EngineProcess:
    """Starts, finds, kills and stops one engine."""

    def __init__(self, home: Path, base_models: Path, arguments: Sequence[str] = ()) -> None:
        self.root = home / "data" / "engine"
        self.home = home
        self._arguments = list(arguments)
        self._environment = {
            **os.environ,
            "TUNEDECK_HOME": str(home),
            "TUNEDECK_BASE_MODELS": str(base_models),
            "TUNEDECK_NO_FETCH": "1",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self, arguments: Sequence[str] = (), **options: Any) -> subprocess.Popen[bytes]:
        """Start the process and return it without waiting for its port."""
        return subprocess.Popen(
            [sys.executable, "-m", "tui.engine", *self._arguments, *arguments],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            **options,
        )

    def start(self, **options: Any) -> EngineProcess:
        """Start the engine and wait until it answers."""
        self.process = self.spawn(**options)
        wait_until(self._answers, what="an answering engine")
        return self

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            assert self.process.stdout is not None
            raise AssertionError(f"the engine ended: {self.process.stdout.read().decode()}")
        try:
            if self.server["pid"] != self.process.pid:
                return False
            return httpx2.get(f"{self.url}/health", trust_env=False).status_code == 200
        except (OSError, ValueError, httpx2.TransportError):
            return False

    @property
    def server(self) -> dict[str, Any]:
        value = json.loads((self.root / "server.json").read_bytes())
        assert isinstance(value, dict)
        return value

    @property
    def url(self) -> str:
        return str(self.server["url"])

    @property
    def token(self) -> str:
        return (self.root / "token").read_text()

    def client(self) -> OpenAI:
        return OpenAI(
            base_url=f"{self.url}/v1",
            api_key=self.token,
            max_retries=0,
            http_client=httpx2.Client(trust_env=False, timeout=30),
        )

    def http(self, headers: Mapping[str, str] | None = None) -> httpx2.Client:
        """Return a plain client with the token."""
        return httpx2.Client(
            base_url=self.url,
            trust_env=False,
            timeout=30,
            headers={"Authorization": f"Bearer {self.token}", **(headers or {})},
        )

    def worker_pids(self) -> list[int]:
        """Return the processes that train for this engine."""
        found = []
        for process in psutil.process_iter(["cmdline"]):
            command = process.info["cmdline"] or []
            if "tui.engine.worker" in command and any(str(self.root) in part for part in command):
                found.append(process.pid)
        return found

    def kill(self) -> None:
        """End the engine as a crash would."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self._forget()

    def _forget(self) -> None:
        assert self.process is not None
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()  # not read to its end: a worker may hold it open

    def stop(self) -> None:
        """End the engine politely, and whatever it left."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
        if self.process is not None:
            self._forget()
        for pid in self.worker_pids():
            os.kill(pid, signal.SIGKILL)
