"""Models of the hub: fetched through huggingface_hub from a loopback server that answers as the hub does."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.engine.trainer.test_base_model import hugging_face_folder

pytest.importorskip("huggingface_hub", reason="the extra `hub` is not installed")

COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """The routes a download needs: a model, the list of its files, and a file with its hash."""

    folder: Path

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/own/tiny/tree/"):
            tree = [
                {"type": "file", "path": file.name, "size": file.stat().st_size, "oid": "0" * 40}
                for file in sorted(self.folder.iterdir())
            ]
            self._send(json.dumps(tree).encode(), body=body)
        elif path.startswith("/api/models/own/tiny"):
            files = [{"rfilename": file.name} for file in sorted(self.folder.iterdir())]
            self._send(json.dumps({"id": "own/tiny", "sha": COMMIT, "siblings": files}).encode(), body=body)
        elif path.startswith("/own/tiny/resolve/") and (self.folder / path.rpartition("/")[2]).is_file():
            self._send((self.folder / path.rpartition("/")[2]).read_bytes(), body=body)
        elif "gated" in path:
            self._send(b"{}", body=body, status=401, code="GatedRepo")
        else:
            self._send(b"{}", body=body, status=404, code="RepoNotFound")

    def _send(self, content: bytes, *, body: bool, status: int = 200, code: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if code:
            self.send_header("X-Error-Code", code)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[str]:
    folder = hugging_face_folder(tmp_path / "hf")
    handler = type("OneModel", (Hub,), {"folder": folder})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def add(source: str, hub: str, home: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "TUNEDECK_HOME": str(home),
        "HF_ENDPOINT": hub,
        "HF_HOME": str(home / "hf"),
        "HF_HUB_DISABLE_XET": "1",
    }
    environment.pop("TUNEDECK_BASE_MODELS", None)
    command = [sys.executable, "-m", "tui", "engine", "add", source, "--name", "from-hub"]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_a_model_of_the_hub_is_fetched_and_prepared(hub: str, tmp_path: Path) -> None:
    done = add("own/tiny", hub, tmp_path / "home")
    assert done.returncode == 0, done.stderr
    prepared = tmp_path / "home" / "cache" / "base-models" / "from-hub"
    assert (prepared / "weights.safetensors").is_file()


@pytest.mark.parametrize("source", ["own/missing", "own/gated"])
def test_a_model_that_can_not_be_had_is_refused_in_a_sentence(hub: str, tmp_path: Path, source: str) -> None:
    done = add(source, hub, tmp_path / "home")
    assert done.returncode == 2
    assert f"{source} could not be fetched from the model hub" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_hub_that_can_not_be_reached_is_told_in_a_sentence(tmp_path: Path) -> None:
    done = add("own/tiny", "http://127.0.0.1:9", tmp_path / "home")
    assert done.returncode == 2
    assert "could not be fetched from the model hub" in done.stderr
    assert "Traceback" not in done.stderr
