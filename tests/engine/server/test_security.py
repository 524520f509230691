from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from tests.engine.server.harness import EngineProcess, chat_rows

NewEngine = Callable[..., EngineProcess]
PATHS = ("/v1/models", "/v1/files", "/v1/fine_tuning/jobs", "/tunedeck/status", "/v1/nothing")


@pytest.mark.parametrize("path", PATHS)
def test_nothing_is_answered_without_the_token(engine: EngineProcess, path: str) -> None:
    with httpx2.Client(base_url=engine.url, trust_env=False) as client:
        answer = client.get(path)
        assert answer.status_code == 401
        assert answer.json()["error"]["message"].startswith("You didn't provide an API key.")
        for wrong in (
            "Bearer x",
            "Bearer " + engine.token + "x",
            f"Bearer {engine.token[:-1]}",
            "Bearer \xff",
        ):
            answer = client.get(path, headers={b"Authorization": wrong.encode("latin-1")})
            assert answer.status_code == 401
            assert answer.json()["error"]["code"] == "invalid_api_key"
            assert engine.token not in answer.text


def test_only_health_needs_no_token(engine: EngineProcess) -> None:
    answer = httpx2.get(f"{engine.url}/health", trust_env=False)
    assert answer.json() == {"status": "ok"}


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "192.168.1.5", "[::"]
)
def test_a_foreign_host_name_is_refused(engine: EngineProcess, host: str) -> None:
    with engine.http({"Host": host}) as client:
        for path in ("/health", "/v1/models"):
            answer = client.get(path)
            assert answer.status_code in (400, 403)
            assert "system" not in answer.text


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:80", "[::1]:5"])
def test_a_loopback_host_name_is_accepted(engine: EngineProcess, host: str) -> None:
    with engine.http({"Host": host}) as client:
        assert client.get("/v1/models").status_code == 200


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://127.0.0.1", "file://", "http://[::"]
)
def test_a_foreign_origin_is_refused(engine: EngineProcess, origin: str) -> None:
    with engine.http({"Origin": origin}) as client:
        assert client.get("/v1/models").status_code == 403
        assert client.post("/v1/files", content=b"").status_code == 403


def test_the_engines_own_origin_is_accepted(engine: EngineProcess) -> None:
    with engine.http({"Origin": engine.url}) as client:
        assert client.get("/v1/models").status_code == 200
    other_port = engine.url.rpartition(":")[0] + ":1"
    with engine.http({"Origin": other_port}) as client:
        assert client.get("/v1/models").status_code == 403


@pytest.mark.skipif(os.name != "posix", reason="POSIX modes")
def test_the_token_is_long_and_only_its_owners(engine: EngineProcess) -> None:
    assert len(engine.token) >= 43  # 32 bytes in base64
    assert stat.S_IMODE((engine.root / "token").stat().st_mode) == 0o600
    assert stat.S_IMODE(engine.root.stat().st_mode) == 0o700
    with engine.client() as client:
        client.files.create(file=("a.jsonl", chat_rows(1)), purpose="fine-tune")
    for path in (engine.root / "files").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_the_token_stays_the_same_and_never_reaches_the_log(new_engine: NewEngine) -> None:
    engine = new_engine().start()
    first = engine.token
    with engine.http() as client:
        client.get("/v1/models?x=y")
    engine.stop()
    engine.start()
    assert engine.token == first
    assert first not in (engine.root / "log.txt").read_text()


def test_the_engine_listens_on_loopback_alone(engine: EngineProcess) -> None:
    import psutil

    assert engine.process is not None
    listening = [
        c.laddr.ip for c in psutil.Process(engine.process.pid).net_connections() if c.status == "LISTEN"
    ]
    assert listening == ["127.0.0.1"]


def test_another_address_needs_a_second_word(new_engine: NewEngine) -> None:
    refused = new_engine().spawn(["--host", "0.0.0.0"])
    output, _ = refused.communicate(timeout=20)
    assert refused.returncode == 2
    assert b"--allow-remote" in output
    assert b"not encrypted" in output


def test_a_remote_engine_takes_addresses_but_no_foreign_names(new_engine: NewEngine) -> None:
    engine = new_engine("--host", "0.0.0.0", "--allow-remote").start()
    for host, status in (("192.168.1.5:80", 200), (socket.gethostname(), 200), ("evil.example", 403)):
        with engine.http({"Host": host}) as client:
            assert client.get("/v1/models").status_code == status


def test_an_engine_imports_neither_pickle_users_nor_the_client(tmp_path: Path) -> None:
    code = (
        "import sys, tui.engine.server.run, tui.engine.server.job_service; "
        "bad = {'openai', 'textual', 'numpy', 'tokenizers', 'gguf', 'torch', 'pydantic'} & set(sys.modules); "
        "sys.exit(', '.join(bad) or 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=tmp_path)
