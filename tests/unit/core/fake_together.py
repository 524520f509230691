"""Together on loopback, as its client's source and its documentation say that it behaves."""

from __future__ import annotations

import json
import re
import socket
from typing import Any, ClassVar

from tests.unit.core.fake_service import FakeService, Json, _Handler

LIMITS: Json = {
    "model_name": "Qwen/Qwen3-8B", "min_learning_rate": 1e-7, "max_learning_rate": 1e-3,
    "max_num_epochs": 20, "max_num_evals": 100, "max_num_checkpoints": 100, "min_max_seq_length": 128,
    "max_seq_length_sft": 32768, "max_seq_length_dpo": 16384, "supports_full_training": False,
    "lora_training": {"default_rank": 16, "max_rank": 64, "min_batch_size": 8, "max_batch_size": 96,
                      "max_batch_size_dpo": 48, "target_modules": ["q_proj"]},
    "full_training": None,
}  # fmt: skip


class FakeTogether(FakeService):
    """Keeps what a fake service keeps; beside it prices, metrics and stages of a file's check."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _TogetherHandler
        self.limits: dict[str, Json] = {"Qwen/Qwen3-8B": dict(LIMITS)}
        self.price: Json = {
            "estimation_available": True, "allowed_to_proceed": True, "estimated_total_price": 4.0,
            "user_limit": 100.0,
        }  # fmt: skip
        self.metrics: dict[str, list[Json]] = {}
        self.check_stages: list[str] = ["PENDING", "RUNNING", "COMPLETED"]
        self.check_error: str | None = None
        self.file_by_checksum: dict[str, str] = {}
        self.storage_redirects = 0
        self.adapter = bytes(range(256)) * 20_000
        self.knows_ranges = True
        self.download_breaks: list[int] = []
        """Of each download, the bytes after which it breaks off."""
        self.models = []
        self.together_batches: dict[str, Json] = {}

    def finish_batch(self, batch_id: str, *, refuse: int | None = None) -> None:
        """Answer every request with its question, but for one, which goes into the file of errors."""
        batch = self.together_batches[batch_id]
        output, errors = [], []
        for number, line in enumerate(self.contents[batch["input_file_id"]].splitlines()):
            asked = json.loads(line)
            if number == refuse:
                error = {"message": "no such model", "code": "invalid_model"}
                errors.append({"custom_id": asked["custom_id"], "error": error})
                continue
            said = {"role": "assistant", "content": asked["body"]["messages"][-1]["content"]}
            answer = {
                "choices": [{"message": said, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 5, "completion_tokens": 2},
            }
            # Half of them bare: the form of the output is not written down.
            whole = answer if number % 2 else {"status_code": 200, "body": answer}
            output.append({"custom_id": asked["custom_id"], "response": whole})
        for name, lines in (("output_file_id", output), ("error_file_id", errors)):
            if lines:
                batch[name] = f"{batch_id}-{name}"
                self.contents[batch[name]] = b"".join(json.dumps(one).encode() + b"\n" for one in lines)
        batch |= {"status": "COMPLETED", "progress": 100.0}

    def add_job(self, **fields: Any) -> Json:
        job_id = fields.pop("id", f"ft-{len(self.jobs) + 1:04d}")
        job = {
            "id": job_id, "status": "pending", "user_id": "u", "created_at": "2026-11-29T20:00:00.000Z",
            "updated_at": "2026-11-29T20:05:00Z", "model": "Qwen/Qwen3-8B", "events": None, "token_count": 0,
            "progress": None, "total_price": None, "validation_file": "", **fields,
        }  # fmt: skip
        self.jobs[job_id] = job
        return job


class _TogetherHandler(_Handler):
    server: FakeTogether
    routes: ClassVar[list[tuple[str, str, str]]] = [
        ("GET", r"/v1/models", "_models"),
        ("GET", r"/v1/files", "_files"),
        ("POST", r"/v1/files", "_begin_file"),
        ("GET", r"/v1/files/([^/]+)", "_file"),
        ("GET", r"/v1/files/([^/]+)/content", "_content"),
        ("POST", r"/v1/files/([^/]+)/preprocess", "_preprocess"),
        ("PUT", r"/storage/([^/]+)", "_store"),
        ("GET", r"/v1/fine-tunes", "_jobs"),
        ("POST", r"/v1/fine-tunes", "_create"),
        ("POST", r"/v1/fine-tunes/estimate-price", "_estimate"),
        ("POST", r"/v1/fine-tunes/preview", "_preview"),
        ("GET", r"/v1/fine-tunes/models/limits", "_limits"),
        ("GET", r"/v1/fine-tunes/([^/]+)", "_job"),
        ("POST", r"/v1/fine-tunes/([^/]+)/cancel", "_cancel"),
        ("GET", r"/v1/fine-tunes/([^/]+)/events", "_events"),
        ("GET", r"/v1/fine-tunes/([^/]+)/metrics", "_metrics"),
        ("GET", r"/v1/fine-tunes/([^/]+)/checkpoints", "_checkpoints"),
        ("GET", r"/v1/finetune/download", "_download"),
        ("GET", r"/v1/batches", "_batches"),
        ("POST", r"/v1/batches", "_create_batch"),
        ("GET", r"/v1/batches/([^/]+)", "_batch"),
        ("POST", r"/v1/batches/([^/]+)/cancel", "_cancel_batch"),
        ("POST", r"/v1/chat/completions", "_chat"),
    ]

    def do_PUT(self) -> None:
        self._handle("PUT")

    def _models(self) -> None:
        self.send(self.server.models)  # a bare list, not an object

    def _files(self) -> None:
        self.send({"data": list(self.server.files.values())})

    def _begin_file(self) -> None:
        def field(name: str) -> str:
            found = re.search(rf'name="{name}"\r\n\r\n([^\r]*)'.encode(), self.body)
            assert found is not None, self.body
            return found[1].decode()

        known = self.server.file_by_checksum.get(field("checksum"))
        if known is not None:
            self.send({"file_id": known, "message": "the file exists"}, 409)
            return
        file_id = f"file-{len(self.server.files) + 1}"
        self.server.files[file_id] = {
            "id": file_id, "object": "file", "bytes": 0, "created_at": 10, "filename": field("file_name"),
            "purpose": field("purpose"), "FileType": field("file_type"), "processing_status": None,
        }  # fmt: skip
        self.server.file_by_checksum[field("checksum")] = file_id
        self.send_raw(b"", 302, {"Location": f"/storage/{file_id}?signed=yes", "X-Together-File-Id": file_id})

    def _store(self, file_id: str) -> None:
        if self.server.storage_redirects:
            self.server.storage_redirects -= 1
            self.send_raw(b"", 307, {"Location": f"/storage/{file_id}?signed=again"})
            return
        self.server.contents[file_id] = self.body
        self.server.files[file_id]["bytes"] = len(self.body)
        self.send_raw(b"")

    def _preprocess(self, file_id: str) -> None:
        self._file(file_id)

    def _file(self, file_id: str) -> None:
        file = self.server.files[file_id]
        if self.server.check_stages:
            file["processing_status"] = self.server.check_stages.pop(0)
        if file["processing_status"] == "INVALID_FORMAT":
            file["validation_report"] = {"valid": False, "error": self.server.check_error}
        self.send(file)

    def _jobs(self) -> None:
        self.send({"data": list(self.server.jobs.values())})  # oldest first, all at once

    def accept_job(self) -> Json:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        output = f"me/Qwen3-8B-{body.get('suffix') or 'x'}-1a2b3c4d"
        return self.server.add_job(**body, model_output_name=output)

    def _estimate(self) -> None:
        self.server.bodies.append(json.loads(self.body))
        self.send(self.server.price)

    def _preview(self) -> None:
        """Take each word for a token, and train on what follows the last question mark."""
        body = json.loads(self.body)
        self.server.bodies.append(body)
        if body["model"] not in self.server.limits or body["training_method"] != "sft":
            self.refuse(400, "this can't be previewed")
            return
        rows = []
        for line in self.server.contents[body["training_file"]].splitlines()[: body.get("top_k", 3)]:
            asked, answer = (one["content"].split() for one in json.loads(line)["messages"])
            tokens = [asked[0], *(f"Ġ{word}" for word in (*asked[1:], *answer))]
            span = [len(asked), len(tokens)]
            labels = [-100] * span[0] + list(range(*span))
            rows.append({
                "input_ids": list(range(len(tokens))), "labels": labels, "num_tokens": len(tokens),
                "num_trained_tokens": len(answer), "tokens": tokens, "trained_spans": [span],
                "truncated": False,
            })  # fmt: skip
        self.send({
            "dataset_format": "conversation", "max_seq_length": 32768, "model": body["model"], "rows": rows,
            "train_on_inputs": False,
        })  # fmt: skip

    def _limits(self) -> None:
        known = self.server.limits.get(self.query["model_name"])
        if known is None:
            self.send({"error": {"message": "model is not supported for fine-tuning", "type": None}}, 404)
        else:
            self.send(known)

    def _cancel(self, job_id: str) -> None:
        self.server.jobs[job_id]["status"] = "cancel_requested"
        self.send(self.server.jobs[job_id])

    def _events(self, job_id: str) -> None:
        self.send({"data": self.server.events[job_id]})

    def _metrics(self, job_id: str) -> None:
        since = int(self.query.get("global_step_from", 0))
        rows = self.server.metrics.get(job_id)
        kept = [row for row in rows or [] if _step(row) >= since]
        self.send({"metrics": kept if rows is not None else None})

    def _download(self) -> None:
        if (
            self.query.get("checkpoint") != "adapter"
            or self.server.jobs[self.query["ft_id"]]["status"] != "completed"
        ):
            self.send({"error": {"message": "not downloadable"}}, 400)
            return
        whole, start = self.server.adapter, 0
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("range") or "")
        if asked and self.server.knows_ranges:
            start = int(asked[1])
            if start >= len(whole):
                self.send_raw(b"", 416)
                return
        rest = whole[start:]
        self.send_response(206 if start else 200)
        self.send_header("content-type", "application/zstd")
        self.send_header("content-length", str(len(rest)))
        if start:
            self.send_header("content-range", f"bytes {start}-{len(whole) - 1}/{len(whole)}")
        self.end_headers()
        stop = self.server.download_breaks.pop(0) if self.server.download_breaks else len(rest)
        self.wfile.write(rest[:stop])
        self.wfile.flush()
        if stop < len(rest):
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def accept_batch(self) -> Json:
        body = json.loads(self.body)
        batch_id = f"batch-{len(self.server.together_batches) + 1}"
        job = {"id": batch_id, "status": "VALIDATING", "progress": 0, "created_at": batch_id, **body}
        self.server.together_batches[batch_id] = job
        return job

    def _batches(self) -> None:
        self.send(list(self.server.together_batches.values()))

    def _create_batch(self) -> None:
        self.send({"job": self.accept_batch(), "warning": None}, 201)

    def _batch(self, batch_id: str) -> None:
        self.send(self.server.together_batches[batch_id])

    def _cancel_batch(self, batch_id: str) -> None:
        self.server.together_batches[batch_id]["status"] = "CANCELLED"
        self._batch(batch_id)

    def _checkpoints(self, job_id: str) -> None:
        self.send({"data": self.server.checkpoints[job_id]})


def _step(row: Json) -> int:
    return int(next(value for name, value in row.items() if name.endswith("global_step")))
