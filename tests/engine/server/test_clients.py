"""Programs people have already: the async client, curl and the Node client, unchanged but for URL and key."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import AsyncOpenAI

from tests.engine.server.harness import BASE_MODEL, EngineProcess, chat_rows
from tests.engine.server.test_jobs import supervised
from tests.support import wait_until


async def test_the_async_client_does_the_whole_job(engine: EngineProcess) -> None:
    http = httpx2.AsyncClient(trust_env=False, timeout=30)
    async with AsyncOpenAI(base_url=f"{engine.url}/v1", api_key=engine.token, http_client=http) as client:
        file = await client.files.create(file=("rows.jsonl", chat_rows(10)), purpose="fine-tune")
        assert (await client.files.wait_for_processing(file.id)).status == "processed"
        job = await client.fine_tuning.jobs.create(
            model=BASE_MODEL, training_file=file.id, method=supervised(n_epochs=1)
        )
        seen: list[str] = []
        while "The job has successfully completed" not in seen:
            seen = [event.message async for event in client.fine_tuning.jobs.list_events(job.id, limit=3)]
        model = (await client.fine_tuning.jobs.retrieve(job.id)).fine_tuned_model
        assert model
        pieces = [
            chunk
            async for chunk in await client.chat.completions.create(
                model=model,
                messages=[{"role": "user", "content": "hello"}],
                max_tokens=3,
                stream=True,
                stream_options={"include_usage": True},
            )
        ]
        assert pieces[-1].usage is not None
        assert (await client.models.delete(model)).deleted


def curl(engine: EngineProcess, *arguments: str) -> Any:
    program = shutil.which("curl")
    if program is None:
        pytest.skip("curl is not installed")
    command = [program, "-sS", "--noproxy", "*", "-H", f"Authorization: Bearer {engine.token}", *arguments]
    return json.loads(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout)


def test_curl_does_the_whole_job(engine: EngineProcess, tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(chat_rows(10))
    base = f"{engine.url}/v1"
    file = curl(engine, f"{base}/files", "-F", "purpose=fine-tune", "-F", f"file=@{rows}")
    body = json.dumps({"model": BASE_MODEL, "training_file": file["id"], "hyperparameters": {"n_epochs": 1}})
    kind = ("-H", "Content-Type: application/json")
    job = curl(engine, f"{base}/fine_tuning/jobs", *kind, "-d", body)
    assert job["object"] == "fine_tuning.job"
    wait_until(lambda: curl(engine, f"{base}/fine_tuning/jobs/{job['id']}")["status"] == "succeeded")
    events = curl(engine, f"{base}/fine_tuning/jobs/{job['id']}/events?limit=1")
    assert events["has_more"]
    assert events["data"][0]["message"] == "The job has successfully completed"
    assert curl(engine, f"{base}/fine_tuning/jobs/{job['id']}/checkpoints")["data"]
    model = curl(engine, f"{base}/fine_tuning/jobs/{job['id']}")["fine_tuned_model"]
    chat = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2})
    assert curl(engine, f"{base}/chat/completions", *kind, "-d", chat)["choices"]


NODE_MODULES = os.environ.get("TUNEDECK_TEST_NODE_MODULES")
"""A node_modules folder with the openai package; read before tests hide our own variables."""
NODE_SCRIPT = """
import OpenAI, { toFile } from "openai";
const client = new OpenAI();
const file = await client.files.create({
  file: await toFile(Buffer.from(process.env.ROWS), "rows.jsonl"), purpose: "fine-tune" });
let job = await client.fineTuning.jobs.create({
  model: process.env.MODEL, training_file: file.id, hyperparameters: { n_epochs: 1 } });
while (!["succeeded", "failed"].includes(job.status)) {
  await new Promise((resolve) => setTimeout(resolve, 100));
  job = await client.fineTuning.jobs.retrieve(job.id);
}
const messages = [];
for await (const event of client.fineTuning.jobs.listEvents(job.id, { limit: 2 }))
  messages.push(event.message);
const stream = await client.chat.completions.create({
  model: job.fine_tuned_model, messages: [{ role: "user", content: "hi" }], max_tokens: 2, stream: true });
let chunks = 0;
for await (const chunk of stream) chunks += 1;
console.log(JSON.stringify({ status: job.status, messages, chunks }));
"""


def test_the_node_client_does_the_whole_job(engine: EngineProcess, tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node is not installed")
    roots = subprocess.run(
        [npm, "root", "-g"], capture_output=True, text=True, timeout=60, check=False
    ).stdout
    places = [Path(place) for place in (NODE_MODULES, roots.strip()) if place]
    modules = next((place for place in places if (place / "openai").is_dir()), None)
    if modules is None:
        pytest.skip("Node has no openai package (npm install -g openai, or name TUNEDECK_TEST_NODE_MODULES)")
    script = tmp_path / "job.mjs"
    script.write_text(NODE_SCRIPT)
    (tmp_path / "node_modules").symlink_to(modules)
    environment = {
        **os.environ,
        "OPENAI_BASE_URL": f"{engine.url}/v1",
        "OPENAI_API_KEY": engine.token,
        "ROWS": chat_rows(10).decode(),
        "MODEL": BASE_MODEL,
    }
    ended = subprocess.run(
        [node, str(script)], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr
    result = json.loads(ended.stdout)
    assert result["status"] == "succeeded"
    assert result["messages"][0] == "The job has successfully completed"
    assert result["messages"][-1].startswith("Created fine-tuning job")
    assert result["chunks"] > 0
