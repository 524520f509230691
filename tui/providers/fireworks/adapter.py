"""An account at Fireworks: their REST for datasets, jobs and models; the shared client for errors, chats."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from tui.providers import rest
from tui.providers.fireworks import answers
from tui.providers.fireworks.request import DPO, ID_PARAMETERS, SUPERVISED, job_body, job_id_of_run
from tui.providers.fireworks.upload import upload
from tui.providers.metric_rows import unix_seconds
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.providers.protocol import ProviderError, UploadProgress
from tui.providers.storage import get_content
from tui.records.chats import ChatDelta, ChatRequest
from tui.records.jobs import Checkpoint, Job, JobEvent
from tui.records.models import Capability, ModelInfo
from tui.records.requests import RUN_ID_KEY, JobRequest, RemoteFile
from tui.records.uploads import UploadNotes

if TYPE_CHECKING:
    from openai import OpenAI

_LARGEST_PAGE, _MOST_PAGES = 200, 200
_NOT_FOUND, _CONFLICT = 404, 409
_NO_SUCH_ROUTE = (404, 405, 501)
_PUBLIC_ACCOUNT = "fireworks"
"""Account there that owns the base models."""


class FireworksProvider(OpenAIShapeProvider):
    """One account at Fireworks; thread-safe. What is asked twice is only what changes nothing."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)
    """Waits between looks at a dataset that is being checked; tests set it."""

    @property
    def _account_name(self) -> str:
        """The account's name there, `accounts/ID`: the end of its base URL."""
        return "/".join(urlsplit(self.account.base_url or "").path.rstrip("/").split("/")[-2:])

    @property
    def _host(self) -> str:
        parts = urlsplit(self.account.base_url or "")
        return f"{parts.scheme}://{parts.netloc}"

    def list_models(self) -> Sequence[ModelInfo]:
        """Return the base models and those that jobs have made, newest first."""
        with self._calling() as client:
            quick = self._quick(client)
            public = f"{self._host}/v1/accounts/{_PUBLIC_ACCOUNT}/models"
            entries = [*_pages(quick, "/models", "models"), *_pages(quick, public, "models")]
        models = [self._model_from(raw) for raw in entries if isinstance(raw.get("name"), str)]
        return sorted(models, key=lambda model: -(model.created_at or 0))

    def _model_from(self, raw: Mapping[str, Any]) -> ModelInfo:
        details = raw.get("peftDetails")
        base = details.get("baseModel") if isinstance(details, Mapping) else None
        name = str(raw["name"])
        return ModelInfo(
            self.account.name, name, unix_seconds(raw.get("createTime")), name.split("/")[1:2][0],
            base if isinstance(base, str) else None, can_train=raw.get("tunable") is True,
        )  # fmt: skip

    def upload_file(
        self, path: Path, *, purpose: str = "fine-tune", on_progress: UploadProgress | None = None,
        notes: UploadNotes | None = None,
    ) -> RemoteFile:  # fmt: skip
        """Make a dataset of a file as it is on disk; safe to repeat."""
        with self._calling() as client:
            return answers.file_from(upload(client, path, on_progress, self.sleep))

    def list_files(self, purpose: str | None = None) -> Sequence[RemoteFile]:
        """Return the account's datasets, newest first."""
        with self._calling() as client:
            entries = list(_pages(self._quick(client), "/datasets", "datasets"))
        return sorted(map(answers.file_from, entries), key=lambda file: -(file.created_at or 0))

    def file_content(self, file_id: str) -> bytes:
        """Return the bytes of a dataset, from the address that the service signs for it."""
        with self._calling() as client:
            told = rest.get_json(
                self._quick(client), f"/datasets/{quote(file_id, safe='')}:getDownloadEndpoint"
            )
            addresses = told.get("filenameToSignedUrls")
            parts = [
                get_content("Fireworks", str(address))
                for address in (addresses.values() if isinstance(addresses, Mapping) else ())
            ]
        if not parts or None in parts:
            raise ProviderError(f"Fireworks gives out no content of {file_id}.", "", status=_NOT_FOUND)
        return b"".join(part for part in parts if part is not None)

    def create_job(self, request: JobRequest) -> Job:
        """Start a job under an id of ours; sent once only.

        Raises:
            ProviderError: With code "answer_lost" or a status of 500 and more, a job may exist all the same.
        """
        route, body = job_body(request, self._account_name)
        run_id = request.metadata.get(RUN_ID_KEY)
        place = f"/{route}"
        if run_id:
            place += f"?{ID_PARAMETERS[route]}={job_id_of_run(run_id)}"
        try:
            with self._explaining(model=request.model), self._calling(retry=False) as client:
                raw = rest.post_json(client, place, body)
        except ProviderError as error:
            # Only something between here and the service repeats a request; the job is the one asked for.
            if error.status != _CONFLICT or not run_id:
                raise
            return self.retrieve_job(_our_id(route, job_id_of_run(run_id)))
        return answers.job_from(raw, self.account.name)

    def retrieve_job(self, job_id: str) -> Job:
        """Return the job as it is now."""
        return answers.job_from(self._raw_job(job_id), self.account.name)

    def _raw_job(self, job_id: str) -> Mapping[str, Any]:
        with self._calling() as client:
            return rest.get_json(self._quick(client), _path(job_id))

    def cancel_job(self, job_id: str) -> Job:
        """Ask the service to stop the job for good."""
        return self._ask_once(job_id, "cancel")

    def resume_job(self, job_id: str) -> Job:
        """Let a job go on that the service has paused."""
        return self._ask_once(job_id, "resume")

    def _ask_once(self, job_id: str, verb: str) -> Job:
        with self._calling(retry=False) as client:
            rest.post_json(client, f"{_path(job_id)}:{verb}", {})
        return self.retrieve_job(job_id)

    def pause_job(self, job_id: str) -> Job:
        """Refuse: the service pauses by itself only."""
        raise ProviderError(self.can(Capability.PAUSE).reason, "", status=405)

    def delete_model(self, model_id: str) -> None:
        """Delete a fine-tuned model at the service."""
        with self._calling(retry=False) as client:
            once = client.with_options(max_retries=0)
            once.delete(f"/models/{quote(model_id.split('/')[-1], safe='')}", cast_to=object)

    def list_jobs(self, limit: int = 50, metadata: dict[str, str] | None = None) -> Sequence[Job]:
        """Return jobs, newest first; with a run id as metadata, the one that was created under it."""
        run_id = (metadata or {}).get(RUN_ID_KEY)
        if metadata:
            return self._job_of_run(run_id) if run_id else []
        with self._explaining(route=True), self._calling() as client:
            found = list(_pages(self._quick(client), f"/{SUPERVISED}", SUPERVISED, limit))
        try:
            with self._calling() as client:
                found += _pages(self._quick(client), f"/{DPO}", DPO, limit)
        except ProviderError as error:
            if error.status not in _NO_SUCH_ROUTE:
                raise
        jobs = [answers.job_from(raw, self.account.name) for raw in found]
        jobs.sort(key=lambda job: -(job.created_at or 0))
        return [job for job in jobs if job.id][:limit]

    def _job_of_run(self, run_id: str) -> list[Job]:
        for route in (SUPERVISED, DPO):
            try:
                return [self.retrieve_job(_our_id(route, job_id_of_run(run_id)))]
            except ProviderError as error:
                if error.status != _NOT_FOUND:
                    raise
        return []

    def list_events(self, job_id: str, *, known_id: str | None = None) -> Sequence[JobEvent]:
        """Return what a look at the job tells as events, and its measurements, oldest first.

        The service has no events; what changed between two looks is in neither.
        """
        raw = self._raw_job(job_id)
        events = answers.events_from(raw, job_id)
        address = raw.get("metricsFileSignedUrl") or self._metrics_address(job_id)
        content = get_content("Fireworks", address) if isinstance(address, str) else None
        begun = unix_seconds(raw.get("createTime")) or 0
        measured = answers.metric_events(content, job_id, begun) if content else []
        return sorted([*measured, *events], key=lambda event: event.created_at)

    def _metrics_address(self, job_id: str) -> object:
        if not job_id.startswith(f"{DPO}/"):
            return None
        try:
            with self._calling() as client:
                told = rest.get_json(self._quick(client), f"{_path(job_id)}:getMetricsFileEndpoint")
        except ProviderError as error:
            if error.status is not None and 400 <= error.status < 500 and not error.retryable:
                return None  # there is none yet
            raise
        return told.get("signedUrl")

    def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """Return nothing: the service publishes no list of a job's checkpoints."""
        return ()

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Yield the answer as it arrives, from the service's inference route."""
        return self._stream_chat_at(f"{self._host}/inference/v1", request)


def _our_id(route: str, short: str) -> str:
    return short if route == SUPERVISED else f"{route}/{short}"


def _path(job_id: str) -> str:
    route, _, short = job_id.rpartition("/")
    return f"/{route if route == DPO else SUPERVISED}/{quote(short, safe='')}"


def _pages(client: OpenAI, path: str, key: str, limit: int | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of a list, newest first; ends at an empty page and at a token seen before."""
    token: str | None = None
    seen: set[str] = set()
    count = 0
    for _ in range(_MOST_PAGES):
        page = rest.get_json(
            client, path, pageSize=min(limit or _LARGEST_PAGE, _LARGEST_PAGE), pageToken=token,
            orderBy="createTime desc" if limit else None,
        )  # fmt: skip
        entries = page.get(key)
        entries = [one for one in entries if isinstance(one, Mapping)] if isinstance(entries, list) else []
        yield from entries
        count += len(entries)
        token = page.get("nextPageToken")
        if not entries or not isinstance(token, str) or not token or token in seen:
            return
        if limit is not None and count >= limit:
            return
        seen.add(token)
