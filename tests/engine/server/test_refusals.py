from __future__ import annotations

import socket

import httpx2
import pytest

from tests.engine.server.harness import EngineProcess
from tests.support import wait_until


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/moderations"),
        ("POST", "/v1/responses"),
        ("GET", "/v1/responses/resp_1"),
        ("POST", "/v1/batches"),
        ("GET", "/v1/batches"),
        ("POST", "/v1/embeddings"),
        ("POST", "/v1/images/generations"),
        ("POST", "/v1/audio/speech"),
        ("POST", "/v1/evals"),
        ("POST", "/v1/assistants"),
        ("POST", "/v1/vector_stores"),
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/chat/completions/chatcmpl-1"),
        ("POST", "/v1/fine_tuning/alpha/graders/run"),
        ("GET", "/v1/fine_tuning/checkpoints/ft:x/permissions"),
    ],
)
def test_what_is_not_supported_says_so_and_what_to_use(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path, json={} if method == "POST" else None)
    error = answer.json()["error"]
    assert answer.status_code == 404
    assert error["code"] == "unsupported_endpoint"
    assert "not supported by this local engine" in error["message"] or "not part" in error["message"]
    assert set(error) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "path", ["/v1/nothing", "/", "/v1", "/v1/files/", "/v2/files", "/v1/fine_tuning/jobs/a/b"]
)
def test_an_unknown_url_is_told_as_the_service_tells_it(http: httpx2.Client, path: str) -> None:
    answer = http.get(path)
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["message"].startswith(f"Unknown request URL: GET {path}. Please check the URL for typos")
    assert error["code"] == "unknown_url"


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/v1/files"), ("POST", "/v1/models"), ("GET", "/v1/uploads")]
)
def test_a_wrong_method_is_405(http: httpx2.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert answer.status_code == 405
    assert answer.json()["error"]["message"].startswith(f"Not allowed to {method} on {path}.")


@pytest.mark.parametrize(
    "body",
    [b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, '{"a":1}'.encode("utf-16")],
    ids=["torn", "bytes", "nan", "deep", "utf-16"],
)
@pytest.mark.parametrize("path", ["/v1/fine_tuning/jobs", "/v1/uploads"])
def test_a_body_that_is_no_json_is_400(http: httpx2.Client, path: str, body: bytes) -> None:
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["message"].startswith("We could not parse the JSON body of your request.")


@pytest.mark.parametrize("body", [b"[]", b'"x"', b"3", b"null"])
def test_a_body_that_is_no_object_is_400(http: httpx2.Client, body: bytes) -> None:
    answer = http.post("/v1/fine_tuning/jobs", content=body)
    assert answer.status_code == 400
    assert "expected a JSON object" in answer.json()["error"]["message"]


def test_a_json_body_over_its_limit_is_413(http: httpx2.Client) -> None:
    big = b'{"model": "' + b"x" * (33 * 2**20) + b'"}'
    assert http.post("/v1/fine_tuning/jobs", content=big).status_code == 413

    def pieces() -> object:
        for _ in range(33):
            yield b" " * 2**20

    assert http.post("/v1/fine_tuning/jobs", content=pieces()).status_code == 413  # type: ignore[arg-type]


def test_a_file_over_its_limit_is_refused_before_it_is_sent(engine: EngineProcess) -> None:
    url = httpx2.URL(engine.url)
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {engine.token}\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {514 * 2**20}\r\n\r\n"
    )
    with socket.create_connection((url.host, url.port or 80), timeout=10) as raw:
        raw.sendall(head.encode())
        assert b" 413 " in raw.recv(4096)


def test_a_client_that_leaves_while_sending_leaves_nothing(engine: EngineProcess) -> None:
    url = httpx2.URL(engine.url)
    head = (
        f"POST /v1/files HTTP/1.1\r\nHost: {url.host}\r\nAuthorization: Bearer {engine.token}\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 1000\r\n\r\n"
        '--x\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n{}'
    )
    incoming = engine.root / "incoming"
    with socket.create_connection((url.host, url.port or 80), timeout=10) as raw:
        raw.sendall(head.encode())
        wait_until(lambda: list(incoming.iterdir()), what="the file under way")
    wait_until(lambda: not list(incoming.iterdir()), what="the end of it")
    assert "Traceback" not in (engine.root / "log.txt").read_text()


def test_every_answer_is_stamped(http: httpx2.Client) -> None:
    for path in ("/v1/models", "/v1/nothing", "/health"):
        headers = http.get(path).headers
        assert headers["x-request-id"].startswith("req_")
        assert headers["openai-processing-ms"].isdigit()
        assert headers["openai-version"] == "2020-10-01"
    assert http.get("/v1/models").headers["x-request-id"] != headers["x-request-id"]
