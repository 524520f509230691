"""A small service of OpenAI's shape on loopback, which can be told to fail in every way networks do."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
_AZURE_ROUTE = "/openai"
"""Before the paths of Azure's older route."""


class FakeService(ThreadingHTTPServer):
    """Keeps files, jobs and events in memory; tests read and change them, and put faults before routes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._connections: list[socket.socket] = []
        self.files: dict[str, Json] = {}
        self.contents: dict[str, bytes] = {}
        self.jobs: dict[str, Json] = {}
        self.batches: dict[str, Json] = {}
        self.events: dict[str, list[Json]] = defaultdict(list)
        self.checkpoints: dict[str, list[Json]] = defaultdict(list)
        self.models: list[Json] = [{"id": "gpt-4.1-mini-2025-04-14", "object": "model", "created": 1}]
        self.requests: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.queries: list[dict[str, str]] = []
        self.headers_seen: list[dict[str, str]] = []
        self.answer_headers: dict[str, str] = {}
        """Sent with every answer, such as rate limits."""
        self.faults: dict[tuple[str, str], list[Callable[[_Handler], bool]]] = defaultdict(list)
        """(method, path) -> faults, each used once; one that returns True has answered already."""
        self.omits_has_more = False
        self.ignores_after = False
        self.ignores_metadata = False
        self.never_ends = False
        """Every page has new ids and says that there is more."""
        self.pages = 0
        self.missing_routes: set[str] = set()
        """Beginnings of paths that this server does not know, such as "/fine_tuning"."""
        self.embeddings: Callable[[Json], Json] | None = None
        """What `/v1/embeddings` answers to a body; None for a service without."""
        self.upload_parts: list[bytes] = []
        self.answers_graders = False
        """Whether it has a route that looks at graders."""
        self.chat_chunks: list[Json] = []
        self.refusal_message = "this can't be answered"
        self.stream_broken_off = threading.Event()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def server_close(self) -> None:
        """End like a killed process: the port closes, and every open connection with it."""
        super().server_close()
        for connection in self._connections:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def chunks_for(self, body: Json) -> Iterable[Json] | int:
        """What a chat request is answered with, or the status with which it is refused; for subclasses."""
        return self.chat_chunks

    def count(self, method: str, path: str) -> int:
        return sum(1 for request in self.requests if request == (method, path))

    def add_job(self, **fields: Any) -> Json:
        job_id = fields.pop("id", f"ftjob-{len(self.jobs) + 1}")
        job = {
            "id": job_id, "object": "fine_tuning.job", "status": "running",
            "created_at": 1000 + len(self.jobs), "model": "gpt-4.1-mini-2025-04-14", **fields,
        }  # fmt: skip
        self.jobs[job_id] = job
        return job

    def add_event(self, job_id: str, message: str = "", **data: Any) -> Json:
        number = len(self.events[job_id]) + 1
        event = {
            "id": f"ftevent-{number:04d}", "object": "fine_tuning.job.event", "created_at": 2000 + number,
            "level": "info", "message": message or f"event {number}",
            "type": "metrics" if data else "message", "data": data,
        }  # fmt: skip
        self.events[job_id].append(event)
        return event


class _Handler(BaseHTTPRequestHandler):
    server: FakeService
    protocol_version = "HTTP/1.1"
    routes: ClassVar[list[tuple[str, str, str]]] = [
        ("GET", r"/v1/models", "_models"),
        ("DELETE", r"/v1/models/([^/]+)", "_delete_model"),
        ("GET", r"/v1/files", "_files"),
        ("POST", r"/v1/files", "_upload"),
        ("GET", r"/v1/files/([^/]+)/content", "_content"),
        ("POST", r"/v1/uploads", "_begin_upload"),
        ("POST", r"/v1/uploads/up/parts", "_add_part"),
        ("POST", r"/v1/uploads/up/complete", "_complete_upload"),
        ("POST", r"/v1/uploads/up/cancel", "_cancel_upload"),
        ("GET", r"/v1/fine_tuning/jobs", "_jobs"),
        ("POST", r"/v1/fine_tuning/jobs", "_create"),
        ("GET", r"/v1/fine_tuning/jobs/([^/]+)", "_job"),
        ("POST", r"/v1/fine_tuning/jobs/([^/]+)/(cancel|pause|resume)", "_control"),
        ("GET", r"/v1/fine_tuning/jobs/([^/]+)/events", "_events"),
        ("GET", r"/v1/fine_tuning/jobs/([^/]+)/checkpoints", "_checkpoints"),
        ("POST", r"/v1/chat/completions", "_chat"),
        ("POST", r"/v1/moderations", "_moderate"),
        ("POST", r"/v1/embeddings", "_embed"),
        ("GET", r"/v1/batches", "_list_batches"),
        ("POST", r"/v1/batches", "_create_batch"),
        ("GET", r"/v1/batches/([^/]+)", "_batch"),
        ("POST", r"/v1/batches/([^/]+)/cancel", "_cancel_batch"),
        ("POST", r"/v1/fine_tuning/alpha/graders/validate", "_validate_grader"),
    ]

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
        pass

    def do_GET(self) -> None:
        self._handle("GET")

    def do_POST(self) -> None:
        self._handle("POST")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def _handle(self, method: str) -> None:
        parts = urlsplit(self.path)
        self.query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        self.body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.server.requests.append((method, parts.path))
        self.server.queries.append(self.query)
        self.server.headers_seen.append({key.lower(): value for key, value in self.headers.items()})
        if parts.path.startswith(_AZURE_ROUTE):
            parts = parts._replace(path="/v1" + parts.path.removeprefix(_AZURE_ROUTE))
        faults = self.server.faults[method, parts.path]
        if faults and faults.pop(0)(self):
            return
        if any(parts.path.startswith(f"/v1{route}") for route in self.server.missing_routes):
            self.send_raw(b'{"detail":"Not Found"}', 404)
            return
        for wanted, pattern, name in self.routes:
            found = re.fullmatch(pattern, parts.path)
            if wanted == method and found:
                getattr(self, name)(*found.groups())
                return
        self.refuse(404, "no such route")

    def send(self, value: Any, status: int = 200) -> None:
        self.send_raw(json.dumps(value).encode(), status)

    def send_raw(self, content: bytes, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(content)))
        self.send_header("content-type", "application/json")
        self.send_header("x-request-id", "req_test")
        for name, value in {**self.server.answer_headers, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def refuse(self, status: int, message: str, code: str | None = None) -> None:
        self.send({"error": {"message": message, "type": "invalid_request_error", "code": code}}, status)

    def drop(self) -> None:
        """Close the connection hard, without an answer."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
        self.close_connection = True
        self.wfile = _Nowhere()  # type: ignore[assignment]

    def _page(self, entries: list[Json]) -> None:
        start = 0
        if self.server.never_ends:
            self.server.pages += 1
            made = [{**entry, "id": f"{entry['id']}-{self.server.pages}"} for entry in entries]
            self.send({"object": "list", "data": made, "has_more": True})
            return
        if "after" in self.query and not self.server.ignores_after:
            ids = [entry["id"] for entry in entries]
            start = ids.index(self.query["after"]) + 1
        limit = int(self.query.get("limit", 20))
        page: Json = {"object": "list", "data": entries[start : start + limit]}
        if not self.server.omits_has_more:
            page["has_more"] = start + limit < len(entries)
        self.send(page)

    def _models(self) -> None:
        self.send({"object": "list", "data": self.server.models})

    def _delete_model(self, name: str) -> None:
        name = unquote(name)
        if name not in [model["id"] for model in self.server.models]:
            self.refuse(404, f"The model {name!r} does not exist", "model_not_found")
            return
        self.server.models = [model for model in self.server.models if model["id"] != name]
        self.send({"id": name, "object": "model", "deleted": True})

    def _files(self) -> None:
        self._page(list(self.server.files.values()))

    def _upload(self) -> None:
        name = re.search(rb'filename="([^"]+)"', self.body)
        parts = self.body.split(b"\r\n--")
        content = next(part.split(b"\r\n\r\n", 1)[1] for part in parts if b'name="file"' in part)
        file_id = f"file-{len(self.server.files) + 1}"
        self.server.contents[file_id] = content
        self.server.files[file_id] = {
            "id": file_id, "object": "file", "bytes": len(content), "created_at": 10, "purpose": "fine-tune",
            "filename": name[1].decode() if name else "", "status": "processed",
        }  # fmt: skip
        self.send(self.server.files[file_id])

    def _begin_upload(self) -> None:
        self.server.bodies.append(json.loads(self.body))
        self.send({"id": "up", "object": "upload", "status": "pending"})

    def _add_part(self) -> None:
        part = next(one for one in self.body.split(b"\r\n--") if b'name="data"' in one)
        self.server.upload_parts.append(part.split(b"\r\n\r\n", 1)[1])
        self.send({"id": f"part-{len(self.server.upload_parts)}", "object": "upload.part"})

    def _complete_upload(self) -> None:
        self.server.bodies.append(json.loads(self.body))
        content = b"".join(self.server.upload_parts)
        self.server.contents["file-up"] = content
        self.send({"id": "up", "status": "completed", "file": {"id": "file-up", "bytes": len(content)}})

    def _cancel_upload(self) -> None:
        self.server.upload_parts.clear()
        self.send({"id": "up", "status": "cancelled"})

    def _content(self, file_id: str) -> None:
        if file_id in self.server.contents:
            self.send_raw(self.server.contents[file_id])
        else:
            self.refuse(404, "no such file")

    def _jobs(self) -> None:
        wanted = {key[9:-1]: value for key, value in self.query.items() if key.startswith("metadata[")}
        jobs = list(reversed(self.server.jobs.values()))
        if not self.server.ignores_metadata:
            jobs = [job for job in jobs if wanted.items() <= (job.get("metadata") or {}).items()]
        self._page(jobs)

    def _create(self) -> None:
        self.send(self.accept_job())

    def accept_job(self) -> Json:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        fields = {
            key: body[key]
            for key in ("model", "training_file", "validation_file", "metadata", "method")
            if key in body
        }
        return self.server.add_job(status="validating_files", **fields)

    def _job(self, job_id: str) -> None:
        if job_id in self.server.jobs:
            self.send(self.server.jobs[job_id])
        else:
            self.refuse(404, "no such job", "fine_tune_not_found")

    def _control(self, job_id: str, verb: str) -> None:
        job = self.server.jobs[job_id]
        job["status"] = {"cancel": "cancelled", "pause": "paused", "resume": "queued"}[verb]
        self.send(job)

    def _events(self, job_id: str) -> None:
        self._page(list(reversed(self.server.events[job_id])))

    def _checkpoints(self, job_id: str) -> None:
        self._page(self.server.checkpoints[job_id])

    def _chat(self) -> None:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        chunks = self.server.chunks_for(body)
        if isinstance(chunks, int):
            self.refuse(chunks, self.server.refusal_message)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        for name, value in self.server.answer_headers.items():
            self.send_header(name, value)
        self.send_header("connection", "close")
        self.end_headers()
        self.close_connection = True
        try:
            for chunk in chunks:
                self.wfile.write(f"data: {json.dumps(chunk)}\n\n".encode())
                time.sleep(0.002)
            self.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.server.stream_broken_off.set()

    def _validate_grader(self) -> None:
        if not self.server.answers_graders:
            self.refuse(404, "no such route")
            return
        body = json.loads(self.body)
        self.server.bodies.append(body)
        self.send(body)

    def _list_batches(self) -> None:
        self._page(list(reversed(self.server.batches.values())))

    def _create_batch(self) -> None:
        self.send(self.accept_batch())

    def accept_batch(self) -> Json:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        number = len(self.server.batches) + 1
        batch = {
            "id": f"batch_{number}", "object": "batch", "status": "validating", "created_at": 3000 + number,
            "input_file_id": body["input_file_id"], "metadata": body.get("metadata"),
        }  # fmt: skip
        self.server.batches[f"batch_{number}"] = batch
        return batch

    def _batch(self, batch_id: str) -> None:
        if batch_id in self.server.batches:
            self.send(self.server.batches[batch_id])
        else:
            self.refuse(404, "no such batch")

    def _cancel_batch(self, batch_id: str) -> None:
        self.server.batches[batch_id]["status"] = "cancelling"
        self.send(self.server.batches[batch_id])

    def _embed(self) -> None:
        """Answer as the test says; a service without embeddings has no such route."""
        if self.server.embeddings is None:
            self.refuse(404, "no such route")
        else:
            self.send(self.server.embeddings(json.loads(self.body)))

    def _moderate(self) -> None:
        """Flag what spells a category in capitals, and refuse what no moderation would read."""
        body = json.loads(self.body)
        asked = body["input"]
        if isinstance(asked[0], dict):
            asked = [asked[0]["image_url"]["url"]] if len(asked) == 1 else []
        if any("UNREADABLE" in text for text in asked):
            self.refuse(400, "an input can't be judged")
            return
        self.server.bodies.append(body)
        results = [
            {
                "flagged": bool(found),
                "categories": {name: name in found for name in ("hate", "hate/threatening", "violence")},
                "category_scores": {"hate": 0.5},
            }
            for found in ([name for name in ("hate", "violence") if name.upper() in text] for text in asked)
        ]
        self.send({"id": "modr-1", "model": "omni-moderation-2024-09-26", "results": results})


class _Nowhere:
    closed = False

    def write(self, _content: bytes) -> int:
        return 0

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def accept_and_drop(handler: _Handler) -> bool:
    """Do what was asked, then lose the answer."""
    handler.accept_job()
    handler.drop()
    return True


def drop(handler: _Handler) -> bool:
    """Lose the request."""
    handler.drop()
    return True


def refuse(status: int, message: str, code: str | None = None) -> Callable[[_Handler], bool]:
    """Answer with an error."""

    def fault(handler: _Handler) -> bool:
        handler.refuse(status, message, code)
        return True

    return fault


def answer_with(content: bytes, status: int = 200) -> Callable[[_Handler], bool]:
    """Answer with these bytes."""

    def fault(handler: _Handler) -> bool:
        handler.send_raw(content, status)
        return True

    return fault


def html(status: int, title: str = "502 Bad Gateway") -> Callable[[_Handler], bool]:
    """Answer as a proxy does: with a web page."""

    def fault(handler: _Handler) -> bool:
        page = f"<!DOCTYPE html><html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
        handler.send_raw(page.encode(), status)
        return True

    return fault


def refuse_with(status: int, envelope: Any, **headers: str) -> Callable[[_Handler], bool]:
    """Answer with an error of any shape, and headers (underscores become hyphens)."""

    def fault(handler: _Handler) -> bool:
        handler.send_raw(json.dumps(envelope).encode(), status,
                         {name.replace("_", "-"): value for name, value in headers.items()})  # fmt: skip
        return True

    return fault


def stall(release: threading.Event) -> Callable[[_Handler], bool]:
    """Send the beginning of an answer and then nothing until the event is set."""

    def fault(handler: _Handler) -> bool:
        handler.send_response(200)
        handler.send_header("content-length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"id": "x",')
        handler.wfile.flush()
        release.wait(20)
        handler.drop()
        return True

    return fault


def half_an_answer(handler: _Handler) -> bool:
    """Promise more bytes than come, and close."""
    handler.send_response(200)
    handler.send_header("content-length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"id": "x", "status": "run')
    handler.drop()
    return True


@contextmanager
def running(service: FakeService) -> Iterator[FakeService]:
    """Serve in a thread while the block runs."""
    thread = threading.Thread(target=service.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        service.shutdown()
        service.server_close()
        thread.join(5)
