"""The client of Ray's job API, against a server on loopback that answers as Ray 2.60 was seen to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tui.engine.executors.outside_command import Refused, Unreachable
from tui.engine.executors.ray_client import RayClient, ray_token

VERSION = {"version": "4", "ray_version": "2.60.0", "ray_commit": "b7f4259e", "session_name": "session_1"}


class Dashboard(ThreadingHTTPServer):
    """Keeps submissions and packages, and what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.packages: dict[str, bytes] = {}
        self.seen: list[tuple[str, str]] = []
        self.token = ""
        self.answer: tuple[int, bytes] | None = None
        """Given to every request when set."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    server: Dashboard

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PUT(self) -> None:
        self._serve("PUT")

    def _serve(self, method: str) -> None:
        board = self.server
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        board.seen.append((method, self.path))
        if board.answer is not None:
            self._send(*board.answer)
        elif board.token and self.headers.get("Authorization") != f"Bearer {board.token}":
            self._send(401, b"Unauthorized: Missing or invalid authentication token")
        elif self.path == "/api/version":
            self._json(VERSION)
        elif self.path.startswith("/api/packages/gcs/"):
            self._package(method, self.path.rsplit("/", 1)[1], body)
        elif method == "POST" and self.path == "/api/jobs/":
            self._submit(json.loads(body))
        else:
            self._job(*self.path.removeprefix("/api/jobs/").split("/"))

    def _package(self, method: str, name: str, body: bytes) -> None:
        if method == "PUT":
            self.server.packages[name] = body
        found = name in self.server.packages
        self._send(200 if found else 404, b"" if found else f"Package gcs://{name} does not exist".encode())

    def _submit(self, body: dict[str, Any]) -> None:
        name = body["submission_id"]
        if name in self.server.jobs:
            trace = "Traceback (most recent call last):\n  File ...\n"
            words = f"ValueError: Job with submission_id {name} already exists. Please use a different one."
            self._send(400, (trace + words).encode())
            return
        self.server.jobs[name] = {**body, "status": "PENDING", "message": "Job has not started yet."}
        self._json({"job_id": name, "submission_id": name})

    def _job(self, name: str, verb: str = "") -> None:
        job = self.server.jobs.get(name)
        if job is None:
            self._send(404, f"Job {name} does not exist".encode())
        elif verb == "stop":
            job["status"] = "STOPPED"
            self._json({"stopped": True})
        elif verb == "logs":
            self._json({"logs": "one\ntwo\n"})
        else:
            self._json({"type": "SUBMISSION", "driver_exit_code": None, **job})

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def dashboard() -> Iterator[Dashboard]:
    server = Dashboard()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def submit(client: RayClient, name: str = "job-1") -> None:
    client.submit(name, "python -m x", metadata={"job": "job"}, runtime_env={"working_dir": "gcs://a.zip"})


def test_a_job_is_submitted_looked_at_and_stopped(dashboard: Dashboard) -> None:
    client = RayClient(dashboard.url + "/")
    assert client.version() == "2.60.0"
    submit(client)
    assert dashboard.jobs["job-1"]["runtime_env"] == {"working_dir": "gcs://a.zip"}
    assert dashboard.jobs["job-1"]["metadata"] == {"job": "job"}
    found = client.job("job-1")
    assert found is not None
    assert (found.status, found.exit_code) == ("PENDING", None)
    client.stop("job-1")
    assert client.logs("job-1") == "one\ntwo\n"
    stopped = client.job("job-1")
    assert stopped is not None
    assert stopped.status == "STOPPED"


def test_a_job_that_the_cluster_does_not_know_is_none_and_needs_no_stop(dashboard: Dashboard) -> None:
    client = RayClient(dashboard.url)
    assert client.job("job-1") is None
    client.stop("job-1")


def test_the_same_name_is_refused_a_second_time(dashboard: Dashboard) -> None:
    client = RayClient(dashboard.url)
    submit(client)
    with pytest.raises(Refused, match="already exists"):
        submit(client)


def test_code_is_uploaded_once(dashboard: Dashboard) -> None:
    client = RayClient(dashboard.url)
    assert client.upload("code-1.zip", b"zip") == "gcs://code-1.zip"
    assert client.upload("code-1.zip", b"zip") == "gcs://code-1.zip"
    assert dashboard.packages == {"code-1.zip": b"zip"}
    assert [method for method, _ in dashboard.seen] == ["GET", "PUT", "GET"]


def test_a_missing_token_is_said_and_a_right_one_is_sent(dashboard: Dashboard) -> None:
    dashboard.token = "s3cret"
    with pytest.raises(Refused, match="RAY_AUTH_MODE=token"):
        RayClient(dashboard.url).version()
    assert RayClient(dashboard.url, "s3cret").version() == "2.60.0"


def test_a_token_appears_in_no_error(dashboard: Dashboard) -> None:
    dashboard.token = "another"
    client = RayClient(dashboard.url, "t0ken")
    with pytest.raises(Refused) as refused:
        client.version()
    dashboard.answer = (500, b"")
    with pytest.raises(Unreachable) as silent:
        client.version()
    assert "t0ken" not in f"{refused.value!r} {silent.value!r} {client!r}"


@pytest.mark.parametrize(
    "answer",
    [(200, b"<html>"), (200, b"[]"), (200, b"{}"), (500, b""), (404, b"nothing here"), (302, b"")],
)
def test_what_is_no_dashboard_says_nothing_certain(dashboard: Dashboard, answer: tuple[int, bytes]) -> None:
    dashboard.answer = answer
    with pytest.raises(Unreachable):
        RayClient(dashboard.url).version()


def test_an_internal_error_at_a_submission_leaves_open_whether_it_began(dashboard: Dashboard) -> None:
    dashboard.answer = (500, b"No available agent to submit job, please try again later.")
    with pytest.raises(Unreachable, match="No available agent"):
        submit(RayClient(dashboard.url))


def test_an_older_api_is_refused(dashboard: Dashboard) -> None:
    dashboard.answer = (200, json.dumps(VERSION | {"version": "3", "ray_version": "2.2.0"}).encode())
    with pytest.raises(Refused, match=r"Ray 2\.2\.0"):
        RayClient(dashboard.url).version()


def test_a_hanging_cluster_is_left_after_its_time(dashboard: Dashboard) -> None:
    dashboard.shutdown()  # connections are taken by the system, and nobody answers
    with pytest.raises(Unreachable):
        RayClient(dashboard.url, seconds=0.2).version()


def test_the_token_is_found_where_ray_itself_looks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("from-home\n")
    (tmp_path / "named").write_text("from-file\n")
    mode = {"RAY_AUTH_MODE": "token"}
    assert ray_token({"RAY_AUTH_TOKEN": "ignored"}) == ""
    assert ray_token(mode | {"RAY_AUTH_TOKEN": "given"}) == "given"
    assert ray_token(mode | {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "named")}) == "from-file"
    assert ray_token(mode) == "from-home"
    (tmp_path / ".ray" / "auth_token").unlink()
    assert ray_token(mode) == ""
