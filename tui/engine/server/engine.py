"""The parts of one engine, put together; the HTTP application is a thin layer over this."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tui import __version__
from tui.engine.executors.choose import known_executors
from tui.engine.folder import EngineFolder
from tui.engine.server.base_model_shelf import BaseModelShelf, Fetch
from tui.engine.server.file_store import FileStore
from tui.engine.server.guard import Activity
from tui.engine.server.job_outcome import JobOutcome
from tui.engine.server.job_service import JobService
from tui.engine.server.job_store import JobStore
from tui.engine.server.model_directory import ModelDirectory
from tui.engine.server.scheduler import Scheduler
from tui.engine.server.serving_mount import ServingMount
from tui.engine.server.upload_store import UploadStore
from tui.engine.server.validator import Validator

ACTIVE = ("validating_files", "queued", "running")
"""States in which a job keeps the engine alive."""


@dataclass(frozen=True, slots=True)
class EngineOptions:
    """How an engine is run."""

    root: Path
    base_models: Path
    host: str = "127.0.0.1"
    port: int = 0
    """0 takes `preferred_port`, or any free one when somebody has that."""
    preferred_port: int = 0
    allow_remote: bool = False
    idle_exit_seconds: int = 0
    """0 never exits by itself."""
    fetch: bool = True
    """Whether a missing base model is fetched."""
    at_once: int = 1
    """Jobs that may train on this machine at a time; they share its cores and its memory."""
    prefers_llamacpp: bool = False
    """Whether llama.cpp answers, where it is installed, with models that we could compute too."""


class Engine:
    """Files, jobs, models and the threads that work on them."""

    def __init__(self, options: EngineOptions, fetch: Fetch | None) -> None:
        self.options = options
        self.folder = EngineFolder(options.root)
        self.activity = Activity()
        self.started_at = int(time.time())
        self.files = FileStore(self.folder.files)
        self.jobs = JobStore(self.folder.jobs)
        self.shelf = BaseModelShelf(options.base_models, fetch)
        self.models = ModelDirectory(self.shelf, self.jobs)
        self._outcome = JobOutcome(self.jobs, self.files, self.folder.incoming)
        self.executors = known_executors()
        self._scheduler = Scheduler(self.jobs, self._outcome, self.shelf, self.executors, options.at_once)
        self._validator = Validator(self.jobs, self._outcome)
        self.serving = ServingMount(
            self.folder, self.shelf, self.models, self._scheduler.is_training,
            prefers_llamacpp=options.prefers_llamacpp,
        )  # fmt: skip

    def job_service(self) -> JobService:
        """Return the verbs of jobs."""
        return JobService(self.jobs, self.files, self.models, self._scheduler, self._outcome, self.executors)

    def upload_store(self) -> UploadStore:
        """Return the multi-part uploads."""
        return UploadStore(self.folder.uploads, self.files, self.folder.incoming)

    def start(self) -> None:
        """Begin to work: call once the port is open."""
        self.shelf.on_ready = self.base_model_arrived
        self._scheduler.start()
        self._validator.start()
        if not self.shelf.names():
            self.shelf.start_fetch()
        else:
            self.serving.warm_up()

    def base_model_arrived(self) -> None:
        """Wake whoever waits for a base model."""
        with self.jobs.changed:
            self.jobs.changed.notify_all()
        self.serving.warm_up()

    def stop(self) -> None:
        """Let the running job save its state and end all threads."""
        self._validator.stop()
        self._scheduler.stop()
        self.serving.close()

    def is_busy(self) -> bool:
        """Say whether work is under way that must not be abandoned by an idle exit."""
        if self.shelf.state().state in ("downloading", "preparing"):
            return True
        return any(record.status in ACTIVE for record in self.jobs.all())

    def status(self) -> dict[str, Any]:
        """Return what /tunedeck/status shows."""
        records = self.jobs.all()
        return {
            "version": __version__,
            "pid": os.getpid(),
            "started_at": self.started_at,
            "folder": str(self.folder.root),
            "base_model": self.shelf.state_object(),
            "base_models": self.shelf.names(),
            "weights": self.serving.weights(),
            "children": self.serving.children(),
            "jobs": {
                "running": sum(record.status == "running" for record in records),
                "queued": sum(record.status in ("queued", "validating_files") for record in records),
            },
            "clients_seen_at": self.activity.seen_at,
            "idle_exit_seconds": self.options.idle_exit_seconds,
            "memory_bytes": psutil.Process().memory_info().rss,
        }
