"""A Ray of a test's own, from the environment that TUNEDECK_TEST_RAY_ENV names: one machine, with a token."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import httpx2
import psutil

from tests.support import wait_until

ENVIRONMENT = "TUNEDECK_TEST_RAY_ENV"
TOKEN = "a-token-of-the-tests-own-that-is-long-enough"
WORKER = "ray::RayTrainWorker"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class RayHead:
    """Starts a head and ends it with everything that it started; never by `ray stop`, which ends any Ray."""

    def __init__(self, environment: Path) -> None:
        self.python = environment / "bin" / "python"
        # Sockets lie below this folder, and their paths may only have 107 characters.
        self._folder = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def variables(self) -> dict[str, str]:
        return {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}

    def start(self) -> RayHead:
        ports = {
            "--port": free_port(),
            "--dashboard-port": self._port,
            "--ray-client-server-port": free_port(),
            "--dashboard-agent-listen-port": free_port(),
            "--min-worker-port": 0,
            "--max-worker-port": 0,
            "--num-cpus": 3,
            "--object-store-memory": 200_000_000,
        }
        command = [self.python, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
        command += [
            "--dashboard-host",
            "127.0.0.1",
            "--node-ip-address",
            "127.0.0.1",
            "--disable-usage-stats",
        ]
        command += ["--temp-dir", self._folder, *(str(part) for pair in ports.items() for part in pair)]
        self._process = subprocess.Popen(
            [str(part) for part in command],
            env={**os.environ, **self.variables(), "OMP_NUM_THREADS": "1"},
            stdin=subprocess.DEVNULL,
            stdout=(self._folder / "start.log").open("wb"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        wait_until(self._answers, timeout=240, interval=0.5, what="a dashboard")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        if self._process.poll() is not None:
            raise AssertionError((self._folder / "start.log").read_text())
        headers = {"Authorization": f"Bearer {TOKEN}"}
        try:
            return (
                httpx2.get(f"{self.address}/api/version", headers=headers, trust_env=False).status_code == 200
            )
        except httpx2.TransportError:
            return False

    def workers(self) -> list[int]:
        """Return the processes of Ray Train's workers, in the order in which they were started."""
        found = [one for one in self._children() if " ".join(one.cmdline()).startswith(WORKER)]
        return [one.pid for one in sorted(found, key=lambda one: one.create_time())]

    def _children(self) -> list[psutil.Process]:
        assert self._process is not None
        try:
            return list(psutil.Process(self._process.pid).children(recursive=True))
        except psutil.NoSuchProcess:
            return []

    def stop(self) -> None:
        """End the head and its processes."""
        if self._process is not None:
            children = self._children()
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(30)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            for child in children:
                try:
                    child.kill()
                except psutil.NoSuchProcess:
                    continue
            psutil.wait_procs(children, timeout=30)
        shutil.rmtree(self._folder, ignore_errors=True)
