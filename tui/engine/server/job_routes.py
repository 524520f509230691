"""/v1/fine_tuning/jobs and what lies below."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.engine.server.job_store import JobStore
from tui.engine.server.model_directory import ModelDirectory
from tui.engine.server.queue_service import QueueService
from tui.engine.server.requests import page_of, read_json_body

if TYPE_CHECKING:
    from tui.engine.server.job_service import JobService

_METADATA_KEY = re.compile(r"metadata\[(.*)\]\Z", re.DOTALL)
_LONGEST_PAGE = 1000


class JobRoutes:
    """The handlers, bound to one engine's jobs."""

    def __init__(self, service: JobService, jobs: JobStore, models: ModelDirectory) -> None:
        self._service = service
        self._jobs = jobs
        self._models = models
        self._queue = QueueService(jobs)

    def routes(self) -> list[Route]:
        """Return the routes to mount."""
        one = "/v1/fine_tuning/jobs/{job_id}"
        return [
            Route("/v1/fine_tuning/jobs", self.create, methods=["POST"]),
            Route("/v1/fine_tuning/jobs", self.list_jobs, methods=["GET"]),
            Route(one, self.retrieve, methods=["GET"]),
            Route(f"{one}/cancel", self.cancel, methods=["POST"]),
            Route(f"{one}/pause", self.pause, methods=["POST"]),
            Route(f"{one}/resume", self.resume, methods=["POST"]),
            Route(f"{one}/queue", self.requeue, methods=["POST"]),
            Route(f"{one}/events", self.events, methods=["GET"]),
            Route(f"{one}/checkpoints", self.checkpoints, methods=["GET"]),
        ]

    async def create(self, request: Request) -> Response:
        """Start a job."""
        raw = await read_json_body(request)
        return JSONResponse(await run_in_threadpool(self._create, raw))

    def _create(self, raw: dict[str, Any]) -> dict[str, Any]:
        from tui.engine.server.body_errors import parse_body  # pydantic, after the port is open
        from tui.engine.server.job_schema import CreateJob

        return self._service.create(parse_body(CreateJob, raw), raw)

    def list_jobs(self, request: Request) -> Response:
        """List jobs, newest first, by metadata if asked."""
        wanted = _metadata_filter(request)
        records = self._jobs.all()
        if request.query_params.get("metadata") == "null":
            records = [record for record in records if not record.metadata]
        for key, value in wanted.items():
            records = [record for record in records if (record.metadata or {}).get(key) == value]
        objects = [{"id": record.id} for record in records]
        page = page_of(objects, request, default_limit=20, max_limit=_LONGEST_PAGE, with_ends=False)
        page["data"] = [self._service.show(entry["id"]) for entry in page["data"]]
        return JSONResponse(page)

    def retrieve(self, request: Request) -> Response:
        """Return one job."""
        return JSONResponse(self._service.show(request.path_params["job_id"]))

    def cancel(self, request: Request) -> Response:
        """Cancel a job."""
        return JSONResponse(self._service.cancel(request.path_params["job_id"]))

    def pause(self, request: Request) -> Response:
        """Pause a job."""
        return JSONResponse(self._service.pause(request.path_params["job_id"]))

    def resume(self, request: Request) -> Response:
        """Resume a paused job."""
        return JSONResponse(self._service.resume(request.path_params["job_id"]))

    async def requeue(self, request: Request) -> Response:
        """Give a waiting job another place: beyond what the service offers."""
        raw = await read_json_body(request)
        return JSONResponse(await run_in_threadpool(self._requeue, request.path_params["job_id"], raw))

    def _requeue(self, job_id: str, raw: dict[str, Any]) -> dict[str, Any]:
        from tui.engine.server.body_errors import parse_body  # pydantic, after the port is open
        from tui.engine.server.queue_schema import Requeue

        return self._queue.requeue(job_id, parse_body(Requeue, raw))

    def events(self, request: Request) -> Response:
        """List a job's events, newest first."""
        events = self._jobs.events(request.path_params["job_id"])[::-1]
        return JSONResponse(
            page_of(events, request, default_limit=20, max_limit=_LONGEST_PAGE, with_ends=False)
        )

    def checkpoints(self, request: Request) -> Response:
        """List a job's checkpoints, newest step first."""
        found = self._models.checkpoints(request.path_params["job_id"])
        return JSONResponse(
            page_of(found, request, default_limit=10, max_limit=_LONGEST_PAGE, with_ends=True)
        )


def _metadata_filter(request: Request) -> dict[str, str]:
    wanted = {}
    for name, value in request.query_params.multi_items():
        match = _METADATA_KEY.match(name)
        if match:
            wanted[match.group(1)] = value
    return wanted
