"""Fireworks on loopback, as its client's source and its documentation say that it behaves."""

from __future__ import annotations

import json
from typing import Any, ClassVar

from tests.unit.core.fake_service import FakeService, Json, _Handler

ACCOUNT = "accounts/me"
_BASE = f"/v1/{ACCOUNT}"


class FakeFireworks(FakeService):
    """Keeps datasets in `files` and jobs under their whole names in `jobs`."""

    def __init__(self) -> None:
        super().__init__()
        self.RequestHandlerClass = _FireworksHandler
        self.page_size = 200
        self.states = ["UPLOADING", "READY"]
        """Of a dataset that was sent, at each look; the last one stays."""
        self.dataset_trouble: Json | None = None
        self.metrics: dict[str, list[str]] = {}
        self.signed_headers: dict[str, str] = {}
        self.models = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}{_BASE}"

    @property
    def host(self) -> str:
        return self.url.removesuffix(_BASE)

    def add_job(self, **fields: Any) -> Json:
        job = {
            "createTime": "2026-11-29T20:00:00Z", "updateTime": "2026-11-29T20:01:00Z", "completedTime": None,
            "state": "JOB_STATE_CREATING", "status": None, "jobProgress": None, "estimatedCost": None,
            **fields,
        }  # fmt: skip
        self.jobs[job["name"]] = job
        return job


class _FireworksHandler(_Handler):
    server: FakeFireworks
    routes: ClassVar[list[tuple[str, str, str]]] = [
        ("GET", r"/v1/(accounts/\w+)/models", "_list_models"),
        ("DELETE", rf"{_BASE}/models/([^/]+)", "_delete_model"),
        ("GET", rf"{_BASE}/datasets", "_datasets"),
        ("POST", rf"{_BASE}/datasets", "_create_dataset"),
        ("GET", rf"{_BASE}/datasets/([^/:]+)", "_dataset"),
        ("POST", rf"{_BASE}/datasets/([^/:]+):upload", "_upload_dataset"),
        ("POST", rf"{_BASE}/datasets/([^/:]+):getUploadEndpoint", "_upload_endpoint"),
        ("POST", rf"{_BASE}/datasets/([^/:]+):validateUpload", "_validate_upload"),
        ("GET", rf"{_BASE}/datasets/([^/:]+):getDownloadEndpoint", "_download_endpoint"),
        ("PUT", r"/storage/([^/]+)", "_store"),
        ("GET", r"/storage/([^/]+)", "_content"),
        ("GET", r"/metrics/([^/]+)", "_metrics"),
        ("GET", rf"{_BASE}/(supervisedFineTuningJobs|dpoJobs)", "_list_jobs"),
        ("POST", rf"{_BASE}/(supervisedFineTuningJobs|dpoJobs)", "_create_job"),
        ("GET", rf"/v1/({ACCOUNT}/(?:supervisedFineTuningJobs|dpoJobs)/[^/:]+)", "_job"),
        ("GET", rf"/v1/({ACCOUNT}/dpoJobs/[^/:]+):getMetricsFileEndpoint", "_metrics_endpoint"),
        ("POST", rf"/v1/({ACCOUNT}/(?:supervisedFineTuningJobs|dpoJobs)/[^/:]+):(cancel|resume)", "_turn"),
        ("POST", r"/inference/v1/chat/completions", "_chat"),
    ]

    def do_PUT(self) -> None:
        self._handle("PUT")

    def do_DELETE(self) -> None:
        self._handle("DELETE")

    def trouble(self, status: int, code: str) -> None:
        self.send({"code": 5, "message": f"{code}: {self.path}", "details": []}, status)

    def _page_of(self, key: str, entries: list[Json]) -> None:
        start = int(self.query.get("pageToken") or 0)
        size = min(int(self.query.get("pageSize") or 50), self.server.page_size)
        rest = start + size < len(entries)
        self.send({key: entries[start : start + size], "nextPageToken": str(start + size) if rest else ""})

    def _list_models(self, account: str) -> None:
        mine = [model for model in self.server.models if model["name"].startswith(f"{account}/")]
        self._page_of("models", mine)

    def _delete_model(self, model_id: str) -> None:
        self.server.models = [one for one in self.server.models if not one["name"].endswith(f"/{model_id}")]
        self.send({})

    def _datasets(self) -> None:
        self._page_of("datasets", list(self.server.files.values()))

    def _create_dataset(self) -> None:
        body = json.loads(self.body)
        if body["datasetId"] in self.server.files:
            self.trouble(409, "ALREADY_EXISTS")
            return
        self.server.bodies.append(body)
        self.server.files[body["datasetId"]] = {
            "name": f"{ACCOUNT}/datasets/{body['datasetId']}", "state": "UPLOADING", "status": None,
            "createTime": "2026-11-29T19:00:00Z", **body["dataset"],
        }  # fmt: skip
        self.send(self.server.files[body["datasetId"]])

    def _dataset(self, dataset_id: str) -> None:
        dataset = self.server.files.get(dataset_id)
        if dataset is None:
            self.trouble(404, "NOT_FOUND")
            return
        if dataset_id in self.server.contents:
            states = self.server.states
            dataset["state"] = states.pop(0) if len(states) > 1 else states[0]
            dataset["status"] = self.server.dataset_trouble
        self.send(dataset)

    def _upload_dataset(self, dataset_id: str) -> None:
        part = next(one for one in self.body.split(b"\r\n--") if b'name="file"' in one)
        self.server.contents[dataset_id] = part.split(b"\r\n\r\n", 1)[1]
        self.send({})

    def _upload_endpoint(self, dataset_id: str) -> None:
        names = json.loads(self.body)["filenameToSize"]
        address = f"{self.server.host}/storage/{dataset_id}?signed=1"
        self.send({"filenameToSignedUrls": dict.fromkeys(names, address)})

    def _store(self, dataset_id: str) -> None:
        self.server.signed_headers = {key.lower(): value for key, value in self.headers.items()}
        self.server.contents[dataset_id] = self.body
        self.send_raw(b"")

    def _validate_upload(self, dataset_id: str) -> None:
        self.send({})

    def _download_endpoint(self, dataset_id: str) -> None:
        self.send({"filenameToSignedUrls": {"a": f"{self.server.host}/storage/{dataset_id}"}})

    def _list_jobs(self, route: str) -> None:
        self._page_of(
            route, [job for name, job in reversed(self.server.jobs.items()) if f"/{route}/" in name]
        )

    def _asked_id(self) -> str:
        made = f"made-{len(self.server.jobs)}"  # what nobody names is named by the service
        return next((value for name, value in self.query.items() if name.endswith("JobId")), made)

    def _create_job(self, route: str) -> None:
        if f"{ACCOUNT}/{route}/{self._asked_id()}" in self.server.jobs:
            self.trouble(409, "ALREADY_EXISTS")
            return
        self.send(self.accept_job())

    def accept_job(self) -> Json:
        body = json.loads(self.body)
        self.server.bodies.append(body)
        route = self.path.split("?")[0].split("/")[-1]
        job_id = self._asked_id()
        cost = {"currencyCode": "USD", "units": "3", "nanos": 250000000}
        return self.server.add_job(name=f"{ACCOUNT}/{route}/{job_id}", estimatedCost=cost, **body)

    def _job(self, name: str) -> None:
        job = self.server.jobs.get(name)
        if job is None:
            self.trouble(404, "NOT_FOUND")
            return
        short = name.split("/")[-1]
        if short in self.server.metrics and "/dpoJobs/" not in name:
            job = {**job, "metricsFileSignedUrl": f"{self.server.host}/metrics/{short}?signed=1"}
        self.send(job)

    def _metrics_endpoint(self, name: str) -> None:
        short = name.split("/")[-1]
        if short in self.server.metrics:
            self.send({"signedUrl": f"{self.server.host}/metrics/{short}?signed=1"})
        else:
            self.trouble(404, "NOT_FOUND")

    def _metrics(self, short: str) -> None:
        self.send_raw("\n".join(self.server.metrics[short]).encode())

    def _turn(self, name: str, verb: str) -> None:
        self.server.jobs[name]["state"] = {"cancel": "JOB_STATE_CANCELLING", "resume": "JOB_STATE_PENDING"}[
            verb
        ]
        self.send({})
