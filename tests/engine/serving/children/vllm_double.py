"""Speaks as vLLM's OpenAI server does by its source (0.33): for tests of what stands in front of it.

Run as `python vllm_double.py -m vllm.entrypoints.openai.api_server --model … --port …`. What it was asked is
appended to the file that VLLM_DOUBLE_NOTES names, so that a test can see what came through.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

NOTES = Path(os.environ.get("VLLM_DOUBLE_NOTES", os.devnull))
PIECES = ["Hel", "lo", " wörld", " 🎉"]


def note(**what: Any) -> None:
    with NOTES.open("a", encoding="utf-8") as notes:
        notes.write(json.dumps(what) + "\n")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    base = ""
    adapters: dict[str, str] = {}  # noqa: RUF012 - one server in a process

    def do_GET(self) -> None:
        self._answer(200 if self.path == "/health" else 404, b"")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers["Authorization"] != f"Bearer {os.environ['VLLM_API_KEY']}":
            self._answer(401, b'{"error":"Unauthorized"}')
            return
        note(path=self.path, body=body)
        if self.path == "/v1/load_lora_adapter":
            self._load(body)
        elif self.path == "/v1/unload_lora_adapter":
            self.adapters.pop(body["lora_name"], None)
            self._answer(200, b"Success")
        elif body.get("model") not in (self.base, *self.adapters):
            self._refuse(404, f"The model `{body.get('model')}` does not exist.")
        elif body.get("die"):
            os._exit(3)
        elif body.get("stream"):
            self._stream(body)
        else:
            text = "".join(PIECES) + f" from {body['model']}"
            choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
            self._answer(200, json.dumps({"model": body["model"], "choices": [choice]}).encode())

    def _load(self, body: dict[str, str]) -> None:
        if body["lora_name"] in self.adapters:
            self._refuse(400, f"The lora adapter '{body['lora_name']}' has already been loaded.")
        elif not Path(body["lora_path"], "adapter_config.json").is_file():
            self._refuse(404, f"No adapter found for '{body['lora_path']}'")
        else:
            self.adapters[body["lora_name"]] = body["lora_path"]
            self._answer(200, b"Success: LoRA adapter added successfully.")

    def _stream(self, body: dict[str, Any]) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        endless = body.get("user") == "endless"
        number = 0
        try:
            while endless or number < len(PIECES):
                delta = {"content": PIECES[number % len(PIECES)]}
                chunk = {"model": body["model"], "choices": [{"index": 0, "delta": delta}]}
                self._chunk(f"data: {json.dumps(chunk, ensure_ascii=False)}\n\n".encode())
                number += 1
                if body.get("user") == "dies" and number == 2:
                    os._exit(3)
                time.sleep(0.02 if endless else 0)
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")
        except OSError:
            note(left_after=number)
            self.close_connection = True

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def _refuse(self, status: int, message: str) -> None:
        error = {"message": message, "type": "NotFoundError", "param": None, "code": status}
        self._answer(status, json.dumps({"error": error}).encode())

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("-m", dest="module")
    for name in ("--model", "--served-model-name", "--host", "--max-lora-rank"):
        parser.add_argument(name, required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--enable-lora", action="store_true", required=True)
    chosen = parser.parse_args()
    assert chosen.module == "vllm.entrypoints.openai.api_server"
    note(started=os.getpid(), arguments=sys.argv[1:], model=chosen.model)
    if Path(f"{NOTES}.broken").exists():
        raise SystemExit("ValueError: Free memory on device is less than desired GPU memory utilization")
    assert os.environ["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "True"
    Handler.base = chosen.served_model_name
    ThreadingHTTPServer((chosen.host, chosen.port), Handler).serve_forever()


if __name__ == "__main__":
    main()
