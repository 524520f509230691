"""A service that lives in this process, an app around it, and a store with something in it."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from tui import paths
from tui.app import TunedeckApp
from tui.config import Settings
from tui.money.catalog import Catalog
from tui.providers.protocol import ProviderError, UploadProgress
from tui.records.chats import ChatDelta, ChatRequest, ToolCall, Usage
from tui.records.deployments import Deployment, DeploymentRequest, DeploymentState
from tui.records.evaluations import EvalAnswer, RemoteBatch, TextScore
from tui.records.jobs import Checkpoint, Job, JobEvent, JobState, Method
from tui.records.models import Account, Capability, ModelInfo, Permission
from tui.records.moderation import ModerationReply
from tui.records.previews import PreviewRow, TokenPreview
from tui.records.requests import JobRequest, QueueChange, RemoteFile
from tui.records.uploads import UploadNotes
from tui.services import Services
from tui.store.store import Store

NOW = 1_780_000_000
"""The moment all these tests happen at: 2026-05-28 20:26:40 UTC."""
BASE = "smollm2-135m-instruct"
TUNED = "ft:smollm2-135m-instruct:local:tone:abc12345"

Pilots = Pilot[None]


class FakeProvider:
    """Keeps jobs and answers in memory and writes down what it is asked."""

    def __init__(self, name: str = "local") -> None:
        self._account = Account(name, name, None, name, True)
        self.calls: list[str] = []
        self.jobs: dict[str, Job] = {}
        self.events: dict[str, list[JobEvent]] = {}
        self.checkpoints: dict[str, list[Checkpoint]] = {}
        self.requests: list[JobRequest] = []
        self.chats: list[ChatRequest] = []
        self.answers: dict[str, Sequence[str]] = {}
        self.forbidden: dict[Capability, str] = {
            Capability.ESTIMATE_PRICE: "It tells no price.", Capability.DEPLOY: "Models answer at once.",
            Capability.CHAT_SCHEMA_LENGTHS: "It holds nothing.",
        }  # fmt: skip
        self.deployments: list[Deployment] = []
        self.told_price: Decimal | None = None
        self.calls_of: dict[str, tuple[ToolCall, ...]] = {}
        """Model -> tools that it calls at the end of its answers."""
        self.hold = threading.Event()
        """Answers wait for it after their first piece."""
        self.hold.set()
        self.failure: ProviderError | None = None
        self.closed_streams = 0

    @property
    def account(self) -> Account:
        return self._account

    def can(self, capability: Capability) -> Permission:
        reason = self.forbidden.get(capability, "")
        return Permission(not reason, reason)

    def list_models(self) -> Sequence[ModelInfo]:
        name = self._account.name
        return [
            ModelInfo(name, TUNED, NOW - 60, "me", BASE),
            ModelInfo(name, BASE, NOW - 900, "tunedeck", can_train=True),
        ]

    def upload_file(
        self, path: Path, *, purpose: str = "fine-tune", on_progress: UploadProgress | None = None,
        notes: UploadNotes | None = None,
    ) -> RemoteFile:  # fmt: skip
        self.calls.append(f"upload {path.name}")
        size = path.stat().st_size
        if on_progress is not None:
            on_progress(size, size)
        return RemoteFile(f"file-{len(self.calls)}", path.name, size, purpose, NOW, "processed")

    def list_files(self, purpose: str | None = None) -> Sequence[RemoteFile]:
        return []

    def file_content(self, file_id: str) -> bytes:
        raise ProviderError("There is no such file.", status=404)

    def fetch_weights(self, job: Job, folder: Path, on_progress: UploadProgress | None = None) -> Path:
        raise ProviderError("no weights here", status=405)

    def price_of(self, request: JobRequest) -> Decimal | None:
        self.calls.append("price")
        return self.told_price

    def preview_tokens(self, model: str, file_id: str, rows: int) -> TokenPreview:
        self.calls.append(f"preview {model} {file_id} {rows}")
        row = PreviewRow(("Ask", "Ġme", "Yes", "!"), (1, 2, 3, 4), ((2, 4),), 4, 2, True)
        return TokenPreview(model, "conversation", 4096, False, (row,) * rows)

    def validate_grader(self, grader: Mapping[str, Any]) -> None:
        self.calls.append("validate grader")
        if self.failure is not None:
            raise self.failure

    def create_job(self, request: JobRequest) -> Job:
        self.calls.append("create")
        self.requests.append(request)
        job = Job(
            self._account.name, f"ftjob-{len(self.requests)}", JobState.QUEUED, "queued", request.model,
            method=request.method, created_at=NOW, suffix=request.suffix, metadata=dict(request.metadata),
        )  # fmt: skip
        self.jobs[job.id] = job
        return job

    def retrieve_job(self, job_id: str) -> Job:
        return self.jobs[job_id]

    def list_jobs(self, limit: int = 50, metadata: dict[str, str] | None = None) -> Sequence[Job]:
        return [
            job
            for job in self.jobs.values()
            if not metadata or all(job.metadata.get(key) == value for key, value in metadata.items())
        ]

    def list_events(self, job_id: str, *, known_id: str | None = None) -> Sequence[JobEvent]:
        return self.events.get(job_id, [])

    def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        return self.checkpoints.get(job_id, [])

    def cancel_job(self, job_id: str) -> Job:
        return self._turn("cancel", job_id, JobState.CANCELLED)

    def pause_job(self, job_id: str) -> Job:
        return self._turn("pause", job_id, JobState.PAUSED)

    def resume_job(self, job_id: str) -> Job:
        return self._turn("resume", job_id, JobState.RUNNING)

    def requeue_job(self, job_id: str, change: QueueChange) -> Job:
        self.calls.append(f"requeue {job_id} {change}")
        return self.jobs[job_id]

    def _turn(self, verb: str, job_id: str, state: JobState) -> Job:
        self.calls.append(f"{verb} {job_id}")
        if self.failure is not None:
            raise self.failure
        self.jobs[job_id] = replace(self.jobs[job_id], state=state, raw_status=state.value)
        return self.jobs[job_id]

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        self.chats.append(request)
        pieces = self.answers.get(request.model, ("A short ", "answer."))
        try:
            for piece in pieces:
                yield ChatDelta(piece)
                while not self.hold.wait(0.01):
                    yield ChatDelta("")
            if self.failure is not None:
                raise self.failure
            calls = self.calls_of.get(request.model, ())
            yield ChatDelta("", "tool_calls" if calls else "stop", Usage(12, 2 * len(pieces)), calls)
        finally:
            self.closed_streams += 1

    def delete_model(self, model_id: str) -> None:
        self.calls.append(f"delete {model_id}")

    def deploy(self, request: DeploymentRequest) -> Deployment:
        self.calls.append(f"deploy {request.name} on {request.tier}")
        made = Deployment(
            self.account.name, request.name, request.model, DeploymentState.STARTING, "Creating",
            request.tier, created_at=int(time.time()),
        )  # fmt: skip
        self.deployments.append(made)
        return made

    def list_deployments(self) -> Sequence[Deployment]:
        return list(self.deployments)

    def delete_deployment(self, name: str) -> None:
        self.calls.append(f"undeploy {name}")
        self.deployments = [one for one in self.deployments if one.name != name]

    def moderate(self, texts: Sequence[str], *, image: str | None = None) -> ModerationReply:
        self.calls.append(f"moderate {len(texts)}")
        if self.failure is not None:
            raise self.failure
        self.hold.wait(10)
        return ModerationReply(tuple(("hate",) if "HATE" in text else () for text in texts))

    def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        raise ProviderError("no embeddings here", status=404)

    def score_tokens(self, model: str, tokens: Sequence[int], learned: Sequence[bool]) -> TextScore:
        raise ProviderError("no scores here", status=404)

    def submit_batch(self, requests: Sequence[tuple[str, ChatRequest]], tag: str) -> RemoteBatch:
        raise ProviderError("no batches here", status=404)

    def find_batch(self, tag: str) -> RemoteBatch | None:
        return None

    def retrieve_batch(self, batch_id: str) -> RemoteBatch:
        raise ProviderError("no batches here", status=404)

    def cancel_batch(self, batch_id: str) -> RemoteBatch:
        raise ProviderError("no batches here", status=404)

    def batch_answers(self, batch: RemoteBatch) -> Iterator[tuple[str, EvalAnswer | str]]:
        return iter(())

    def close(self) -> None:
        return None


def make_services(*providers: FakeProvider) -> Services:
    """Return services over an empty store of this test's home, with these providers instead of real ones."""
    services = Services(Settings(), Store(paths.store_file()), Catalog.load())
    for provider in providers or (FakeProvider(),):
        services._providers[provider.account.name] = provider
    return services


def make_app(*providers: FakeProvider) -> TunedeckApp:
    """Return the app over `make_services`."""
    return TunedeckApp(make_services(*providers))


async def until(pilot: Pilots, condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the app work until `condition` holds; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this should have happened long ago"
        await pilot.pause(0.01)
        await asyncio.sleep(0)
    await pilot.pause()


def make_job(job_id: str = "ftjob-one", state: JobState = JobState.RUNNING, **changes: object) -> Job:
    """Return a job of the local account that began ten minutes before `NOW`."""
    values: dict[str, object] = {
        "account": "local",
        "id": job_id,
        "state": state,
        "raw_status": state.value,
        "model": BASE,
        "method": Method.SUPERVISED,
        "created_at": NOW - 600,
        "training_file": "file-train",
        "hyperparameters": {"n_epochs": 3, "batch_size": 4, "learning_rate_multiplier": 1.0},
        "seed": 42,
        "suffix": "tone",
    }
    if state is JobState.SUCCEEDED:
        values |= {"fine_tuned_model": TUNED, "finished_at": NOW - 60, "trained_tokens": 7_308}
    return Job(**{**values, **changes})  # type: ignore[arg-type]


def make_events(job_id: str = "ftjob-one", steps: int = 40, total: int = 66) -> list[JobEvent]:
    """Return the events of a job that has done `steps` of `total`, its loss falling."""
    start = NOW - 8 * steps - 10
    events = [
        JobEvent("ftevent-0", job_id, start, "info", "Created fine-tuning job: " + job_id, "message"),
        JobEvent("ftevent-1", job_id, start + 1, "info", "Validating training file: file-train", "message"),
        JobEvent("ftevent-2", job_id, start + 2, "info", "Fine-tuning job started", "message"),
    ]
    for step in range(1, steps + 1):
        loss = 0.4 + 2.2 * 0.93**step + (0.06 if step % 7 == 0 else 0.0)
        data: dict[str, float | int] = {
            "step": step,
            "total_steps": total,
            "train_loss": round(loss, 4),
            "train_mean_token_accuracy": round(1 - loss / 3, 4),
        }
        if step % 5 == 0:
            data["valid_loss"] = round(loss + 0.12, 4)
        if step % 22 == 0:
            data["full_valid_loss"] = round(loss + 0.1, 4)
        message = f"Step {step}/{total}: training loss={loss:.2f}"
        events.append(
            JobEvent(f"ftevent-s{step}", job_id, start + 3 + 8 * step, "info", message, "metrics", data)
        )
    return events


def make_checkpoints(job_id: str = "ftjob-one", count: int = 2) -> list[Checkpoint]:
    """Return checkpoints, newest first."""
    return [
        Checkpoint(
            f"ftckpt-{number}", job_id, f"{TUNED}:ckpt-step-{22 * number}", 22 * number,
            NOW - 400 + 100 * number,
            {"train_loss": 1.2 / number, "full_valid_loss": 1.3 / number},
        )
        for number in range(count, 0, -1)
    ]  # fmt: skip


def keep_job(store: Store, job: Job, steps: int = 40) -> None:
    """Put a job with events and checkpoints into the store, as the watcher would."""
    store.save_job(job)
    store.add_events(job.account, job.id, make_events(job.id, steps))
    store.save_checkpoints(job.account, job.id, make_checkpoints(job.id))


def text_of(app: TunedeckApp) -> str:
    """Return what the screen shows, line by line."""
    strips = app.screen._compositor.render_strips(app.size)
    return "\n".join("".join(segment.text for segment in strip) for strip in strips)


def freeze(monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """Make what is drawn the same on every machine and at every time: clock, cores, home folder."""
    monkeypatch.setattr("screens.job_words.now", lambda: NOW)
    monkeypatch.setattr("screens.job_view.now", lambda: NOW)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    monkeypatch.setattr(TunedeckApp, "watch_engine", lambda _app: None)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("USERPROFILE", str(home))


def dataset(home: Path, example: Path, name: str = "support.jsonl") -> Path:
    """Copy a shipped example to `~/data`, so that its path is short and the same everywhere."""
    folder = home / "data"
    folder.mkdir(exist_ok=True)
    target = folder / name
    target.write_bytes(example.read_bytes())
    return target
