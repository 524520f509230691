"""An account at Together: their REST for files, jobs and models, the shared client for errors and chats."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tui.providers import rest
from tui.providers.failures import LOST_ANSWER, NOT_REACHED
from tui.providers.metric_rows import unix_seconds
from tui.providers.openai_shape import OpenAIShapeProvider
from tui.providers.protocol import Limit, ProviderError, UploadProgress
from tui.providers.together import answers, batches
from tui.providers.together.preview import preview_from
from tui.providers.together.request import carries_run, job_body, price_question, problems
from tui.providers.together.upload import upload
from tui.providers.together.weights import fetch_adapter
from tui.records.chats import ChatRequest
from tui.records.evaluations import RemoteBatch
from tui.records.jobs import Checkpoint, Job, JobEvent
from tui.records.models import Capability, ModelInfo
from tui.records.previews import TokenPreview
from tui.records.requests import RUN_ID_KEY, JobRequest, RemoteFile
from tui.records.uploads import UploadNotes
from tui.safe_text import safe_text

_PLAIN_REFUSALS = set(range(400, 500)) - {408}
_CHAT_TYPES = ("chat", "language", "code")
_MORE_THAN_AGREED = Decimal("1.10")
"""Their estimate may be so much above the confirmed price: the catalog's counts of tokens are rough."""
_LARGEST_PRICE = 1e9
_STEPS_ASKED_AGAIN = 50
"""A measurement on the validation file may come after the training steps that follow it."""


class TogetherProvider(OpenAIShapeProvider):
    """One account at Together; thread-safe. What is asked twice is only what changes nothing."""

    sleep: Callable[[float], None] = staticmethod(time.sleep)
    """Waits between looks at a file that is being checked; tests set it."""

    def list_models(self) -> Sequence[ModelInfo]:
        """Return the models that can be chatted with and those that jobs have made, newest first."""
        with self._calling() as client:
            entries = rest.get_list(self._quick(client), "/models")
        made = {job.fine_tuned_model: job for job in self.list_jobs(limit=1000) if job.fine_tuned_model}
        found = {}
        for raw in entries:
            model_id = raw.get("id")
            if not isinstance(model_id, str) or raw.get("type", "chat") not in _CHAT_TYPES:
                continue
            found[model_id] = ModelInfo(
                self.account.name, model_id, unix_seconds(raw.get("created")) or None,
                safe_text(str(raw.get("organization") or "")), can_train=model_id not in made,
            )  # fmt: skip
        for name, job in made.items():
            if name is not None:
                found[name] = ModelInfo(
                    self.account.name, name, job.finished_at or job.created_at, base_model=job.model
                )
        return sorted(found.values(), key=lambda model: -(model.created_at or 0))

    def upload_file(
        self, path: Path, *, purpose: str = "fine-tune", on_progress: UploadProgress | None = None,
        notes: UploadNotes | None = None,
    ) -> RemoteFile:  # fmt: skip
        """Send a file as it is on disk and wait for Together's own check of it; safe to repeat."""
        with self._calling() as client:
            return answers.file_from(upload(client, path, purpose, on_progress, self.sleep))

    def list_files(self, purpose: str | None = None) -> Sequence[RemoteFile]:
        """Return the service's files, newest first."""
        with self._calling() as client:
            entries = rest.get_list(self._quick(client), "/files")
        files = [answers.file_from(raw) for raw in entries]
        kept = [file for file in files if purpose in (None, file.purpose)]
        return sorted(kept, key=lambda file: -(file.created_at or 0))

    def fetch_weights(self, job: Job, folder: Path, on_progress: UploadProgress | None = None) -> Path:
        """Write the adapter that a job made into a folder; a model trained in full is left to a person."""
        if job.hyperparameters.get("type") == "Full":
            raise ProviderError(
                "All weights were trained, which makes a file as large as the model.",
                f"`tg fine-tuning download {job.id}` fetches it.", status=405,
            )  # fmt: skip
        with self._calling() as client:
            return fetch_adapter(client, job.id, folder, on_progress, self.sleep)

    def price_of(self, request: JobRequest) -> Decimal | None:
        """Return what the service estimates for a job in US dollars; None where it can't."""
        return self._agreed(request)[1]

    def preview_tokens(self, model: str, file_id: str, rows: int) -> TokenPreview:
        """Return how Together reads the first rows of a file that it holds, for a supervised job."""
        body = {"model": model, "training_file": file_id, "top_k": rows, "training_method": "sft"}
        with self._explaining(model=model), self._calling() as client:
            return preview_from(rest.post_json(self._quick(client), "/fine-tunes/preview", body))

    def create_job(self, request: JobRequest) -> Job:
        """Start a job; sent once only, after the service was asked for its limits and price, which is free.

        Raises:
            ProviderError: With code "answer_lost" or a status of 500 and more, a job may exist all the same.
        """
        body, _ = self._agreed(request)
        with self._explaining(model=request.model), self._calling(retry=False) as client:
            raw = rest.post_json(client, "/fine-tunes", body)
        return answers.job_from(raw, self.account.name, request.metadata)

    def _agreed(self, request: JobRequest) -> tuple[dict[str, Any], Decimal | None]:
        """Return the creation's JSON and its price, or say why it would be refused or cost too much."""
        try:
            request = self._from_base(request)
            limits = self.model_limits(request.model)
            body = job_body(request, limits)
            told = list(problems(body, limits, request.method))
            if told:
                raise ProviderError(
                    f"{self.account.label}: {' '.join(told)}", "Choose other values.", status=400
                )
            price = self._ask_price(request, body)
        except ProviderError as error:
            if error.code == LOST_ANSWER or error.status not in _PLAIN_REFUSALS:
                # Nothing that creates anything was sent yet, so there is nothing to look for.
                error.code, error.status = NOT_REACHED, None
            raise
        return body, price

    def _from_base(self, request: JobRequest) -> JobRequest:
        """Return a request for a model that a job made as one for its base, gone on from that model."""
        made = {job.fine_tuned_model: job.model for job in self.list_jobs(limit=1000)}
        base = made.get(request.model)
        if not base:
            return request
        chosen = {"from_checkpoint": request.model, **request.hyperparameters}
        return replace(request, model=base, hyperparameters=chosen)

    def model_limits(self, model: str) -> Mapping[str, Any]:
        """Return what the service says can be chosen for a base model.

        Raises:
            ProviderError: It can't be trained, or the service can't be asked.
        """
        with self._explaining(model=model), self._calling() as client:
            return rest.get_json(self._quick(client), "/fine-tunes/models/limits", model_name=model)

    def _ask_price(self, request: JobRequest, body: Mapping[str, Any]) -> Decimal | None:
        with self._calling() as client:
            told = rest.post_json(self._quick(client), "/fine-tunes/estimate-price", price_question(body))
        price = told.get("estimated_total_price")
        if told.get("estimation_available") is False or isinstance(price, bool):
            return None
        if told.get("allowed_to_proceed") is False:
            limit = told.get("user_limit")
            raise ProviderError(
                f"{self.account.label} would not run the job: it estimates ${price}, and the account's "
                f"limit is ${limit}.", "Add credit there; nothing was created.",
                code="insufficient_quota", status=402, limit=Limit.MONEY,
            )  # fmt: skip
        if not isinstance(price, int | float) or not 0 <= price < _LARGEST_PRICE:
            return None
        dollars = Decimal(str(price))
        if request.price_limit is not None and dollars > request.price_limit * _MORE_THAN_AGREED:
            raise ProviderError(
                f"{self.account.label} estimates ${price:,.2f}, more than the "
                f"${request.price_limit:,.2f} that were confirmed.",
                "Nothing was created. Put the price into your own catalog file, then confirm again.",
                code="price_above_agreed", status=402, limit=Limit.MONEY,
            )  # fmt: skip
        return dollars

    def submit_batch(self, requests: Sequence[tuple[str, ChatRequest]], tag: str) -> RemoteBatch:
        """Hand in requests of one model, each under a name of its own; sent once, found again by its tag."""
        with batches.request_file(requests, self._profile, tag) as path:
            file = self.upload_file(path, purpose=batches.PURPOSE)
        with self._calling(retry=False) as client:
            return batches.create(client, file.id)

    def find_batch(self, tag: str) -> RemoteBatch | None:
        """Return the batch that a submission made whose answer was lost; None when there is none."""
        with self._calling() as client:
            return batches.find(self._quick(client), tag)

    def retrieve_batch(self, batch_id: str) -> RemoteBatch:
        """Return a batch as it is now."""
        with self._calling() as client:
            return batches.retrieve(self._quick(client), batch_id)

    def cancel_batch(self, batch_id: str) -> RemoteBatch:
        """Ask the service to answer no more of a batch."""
        with self._calling(retry=False) as client:
            return batches.cancel(client, batch_id)

    def _job_call_at(self, path: str, *, cancel: bool = False) -> Job:
        with self._calling(retry=not cancel) as client:
            raw = rest.post_json(client, path) if cancel else rest.get_json(self._quick(client), path)
        return answers.job_from(raw, self.account.name)

    def retrieve_job(self, job_id: str) -> Job:
        """Return the job as it is now."""
        return self._job_call_at(_path(job_id))

    def cancel_job(self, job_id: str) -> Job:
        """Ask the service to stop the job for good."""
        return self._job_call_at(_path(job_id, "cancel"), cancel=True)

    def pause_job(self, job_id: str) -> Job:
        """Refuse: the service has no such thing."""
        raise self._cannot(Capability.PAUSE)

    def resume_job(self, job_id: str) -> Job:
        """Refuse: the service has no such thing."""
        raise self._cannot(Capability.PAUSE)

    def delete_model(self, model_id: str) -> None:
        """Refuse: the service has no such thing."""
        raise self._cannot(Capability.DELETE_MODEL)

    def _cannot(self, capability: Capability) -> ProviderError:
        return ProviderError(self.can(capability).reason, "", status=405)

    def list_jobs(self, limit: int = 50, metadata: dict[str, str] | None = None) -> Sequence[Job]:
        """Return jobs, newest first; with a run id as metadata, those whose suffix carries its mark."""
        with self._explaining(route=True), self._calling() as client:
            entries = rest.get_list(self._quick(client), "/fine-tunes")
        run_id = (metadata or {}).get(RUN_ID_KEY)
        if metadata:
            entries = [raw for raw in entries if run_id and carries_run(raw, run_id)]
        jobs = [answers.job_from(raw, self.account.name, metadata) for raw in entries]
        jobs.sort(key=lambda job: -(job.created_at or 0))
        return [job for job in jobs if job.id][:limit]

    def list_events(self, job_id: str, *, known_id: str | None = None) -> Sequence[JobEvent]:
        """Return events and measurements oldest first; of the latter only those from `known_id`'s step on.

        Events have no ids there, so all of them come each time; ours are the same for the same event.
        """
        known_step = answers.step_of_metric(known_id)
        since = max(0, known_step - _STEPS_ASKED_AGAIN) if known_step is not None else None
        with self._calling() as client:
            quick = self._quick(client)
            events = answers.events_from(rest.get_list(quick, _path(job_id, "events")), job_id)
            rows = rest.get_list(quick, _path(job_id, "metrics"), "metrics", global_step_from=since)
        measured = answers.metric_events(rows, events, job_id)
        return sorted([*events, *measured], key=lambda event: event.created_at)

    def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """Return the job's checkpoints, newest step first."""
        with self._calling() as client:
            entries = rest.get_list(self._quick(client), _path(job_id, "checkpoints"))
        return answers.checkpoints_from(entries, job_id)


def _path(job_id: str, what: str = "") -> str:
    return f"/fine-tunes/{quote(job_id, safe='')}" + (f"/{what}" if what else "")
