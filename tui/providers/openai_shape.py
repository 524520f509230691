"""Any service that speaks OpenAI's fine-tuning and chat API, through the `openai` package.

Answers are read as raw JSON, not as the package's types, so that a foreign server's missing fields and
unknown words come through as they are. The package costs 0.4 s to import, which only calls pay.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from tui import clock
from tui.providers import batches, rest, translate
from tui.providers.chat_stream import chat_arguments, chat_deltas
from tui.providers.deploying import Deployer, Deploys, can_deploy
from tui.providers.explain import (
    called,
    explain_busy,
    explain_missing_route,
    explain_model,
    explain_no_models,
    explain_training,
    name_service,
)
from tui.providers.failures import NO_FINE_TUNING, TRAINING_REFUSED, told_as_provider_errors
from tui.providers.job_request import job_arguments, queue_body, queue_path
from tui.providers.moderations import ask_moderation
from tui.providers.paging import all_pages, read_json
from tui.providers.profiles import ModelFacts, Profile
from tui.providers.protocol import ProviderError, UploadProgress
from tui.providers.text_questions import AsksOfTexts
from tui.providers.told_jobs import is_job, told_job, told_jobs
from tui.providers.upload_parts import upload_in_parts
from tui.providers.uploads import prefix_for, upload_whole
from tui.records.chats import ChatDelta, ChatRequest
from tui.records.evaluations import EvalAnswer, RemoteBatch
from tui.records.jobs import Checkpoint, Job, JobEvent, Method
from tui.records.models import Account, Capability, ModelInfo, Permission
from tui.records.moderation import ModerationReply
from tui.records.previews import TokenPreview
from tui.records.requests import JobRequest, QueueChange, RemoteFile
from tui.records.uploads import UploadNotes

if TYPE_CHECKING:
    from openai import OpenAI

ClientFactory = Callable[[], "OpenAI"]
Result = TypeVar("Result")

_TRAINING = {
    Capability.TRAIN_SUPERVISED: Method.SUPERVISED,
    Capability.TRAIN_DPO: Method.DPO,
    Capability.TRAIN_REINFORCEMENT: Method.REINFORCEMENT,
}
_EVENTS_PER_PAGE = 100
_QUESTION_SECONDS = 60.0
"""Longest silence of a service that was asked something small."""
_LARGEST_JOB_PAGE = 100


class OpenAIShapeProvider(Deploys, AsksOfTexts):
    """One account at a service of OpenAI's shape; thread-safe.

    Args:
        account: Whom it acts for.
        profile: What is special about the service.
        client_factory: Makes the client at the first call; it may block.
        parts_client_factory: Makes the client for files that go up in parts, where that is another route.
        deployer: Deploys tuned models, where that is a step of its own that can be taken from here.
        facts: Dates and methods of models.
        secrets: Texts that no error may show; a key that is found later is added to it.
        today: The date, for what has ended; tests set it.
    """

    def __init__(
        self,
        account: Account,
        profile: Profile,
        client_factory: ClientFactory,
        facts: ModelFacts,
        *,
        parts_client_factory: ClientFactory | None = None,
        deployer: Deployer | None = None,
        secrets: list[str] | None = None,
        today: Callable[[], date] = clock.today,
    ) -> None:
        self._account = account
        self._profile = profile
        self._called = called(account, profile)
        self._client_factory = client_factory
        self._parts_client_factory = parts_client_factory
        self._deployer = deployer
        self._facts = facts
        self._secrets = [] if secrets is None else secrets
        self._today = today
        self._client: OpenAI | None = None
        self._client_lock = threading.Lock()
        self._training_refusal: str | None = None

    @property
    def account(self) -> Account:
        """The account this provider acts for."""
        return self._account

    def can(self, capability: Capability) -> Permission:
        """Say whether the service can do this, and if not, why."""
        if not self._account.ready:
            return Permission(False, self._account.state)
        if capability is Capability.RESUME and capability not in self._profile.cannot:
            # Who can pause can let go on, unless the profile says that resuming alone is there.
            capability = Capability.RESUME if self._profile.resumes_alone else Capability.PAUSE
        if capability is Capability.MODERATE and self._profile.moderation_model is None:
            return Permission(False, f"{self._profile.label} has no moderation to ask.")
        offered = {
            Capability.SCORE_TEXT: self._profile.scores_text,
            Capability.BATCH: self._profile.batches,
            Capability.CHAT_SCHEMA_LENGTHS: self._profile.holds_lengths,
        }
        if not offered.get(capability, True):
            return Permission(False, f"Not offered by {self._profile.label}.")
        if capability is Capability.QUEUE and not self._profile.keeps_queue:
            return Permission(False, f"{self._profile.label} starts jobs in its own order.")
        if capability is Capability.ESTIMATE_PRICE and not self._profile.estimates_price:
            return Permission(False, f"{self._profile.label} tells no price beforehand.")
        if capability is Capability.PREVIEW_TOKENS and not self._profile.previews_tokens:
            return Permission(False, f"{self._profile.label} shows nobody how it reads a file.")
        if capability is Capability.DEPLOY:
            return can_deploy(self._deployer, self._profile)
        if capability in self._profile.cannot:
            return Permission(False, self._profile.cannot[capability])
        return self._can_train() if capability in _TRAINING else Permission(True)

    def _can_train(self) -> Permission:
        if self._training_refusal:
            return Permission(False, self._training_refusal)
        ends = self._facts.provider_dates(self._profile.name).training_ends
        if ends and self._today().isoformat() > ends:
            return Permission(False, f"{self._profile.label} takes no new fine-tuning jobs since {ends}.")
        return Permission(True)

    def list_models(self) -> Sequence[ModelInfo]:
        """Return base and fine-tuned models, newest first."""
        with self._explaining(models=True), self._calling() as client:
            entries = all_pages(
                lambda **_: read_json(self._quick(client).models.with_raw_response.list()), paged=False
            )
        models = [
            translate.model_from(raw, self._account.name, self._profile.name, self._facts) for raw in entries
        ]
        return sorted(models, key=lambda model: -(model.created_at or 0))

    def upload_file(
        self, path: Path, *, purpose: str = "fine-tune", on_progress: UploadProgress | None = None,
        notes: UploadNotes | None = None,
    ) -> RemoteFile:  # fmt: skip
        """Send a file as it is on disk, in parts when it is large; safe to repeat."""
        prefix = prefix_for(path, self._profile.byte_order_mark)
        with self._calling() as client:
            if path.stat().st_size <= self._profile.parts_from_bytes:
                return translate.file_from(upload_whole(client, path, purpose, on_progress, prefix))
            other = self._parts_client_factory
            with nullcontext(client) if other is None else other() as parts_client:
                sent = upload_in_parts(parts_client, path, purpose, on_progress, prefix, notes)
                return translate.file_from(sent)

    def list_files(self, purpose: str | None = None) -> Sequence[RemoteFile]:
        """Return the service's files, newest first."""
        chosen: dict[str, Any] = {"purpose": purpose} if purpose else {}
        with self._calling() as client:
            entries = all_pages(
                lambda **page: read_json(self._quick(client).files.with_raw_response.list(**chosen, **page)),
                page_size=1000,
            )
        files = [translate.file_from(raw) for raw in entries]
        return sorted(files, key=lambda file: -(file.created_at or 0))

    def file_content(self, file_id: str) -> bytes:
        """Return the bytes of a file that the service holds."""
        with self._calling() as client:
            return client.files.content(file_id).read()

    def fetch_weights(self, job: Job, folder: Path, on_progress: UploadProgress | None = None) -> Path:
        """Refuse: the shape has no route for weights."""
        raise ProviderError(f"{self._profile.label} does not give them out.", "", status=405)

    def price_of(self, request: JobRequest) -> Decimal | None:
        """Return None: the shape has no route for a price."""
        return None

    def preview_tokens(self, model: str, file_id: str, rows: int) -> TokenPreview:
        """Refuse: the shape has no route for it."""
        raise ProviderError(self.can(Capability.PREVIEW_TOKENS).reason, "", status=405)

    def validate_grader(self, grader: Mapping[str, Any]) -> None:
        """Ask the service whether it takes a grader; ProviderError with status 400 says why it does not."""
        with self._calling() as client:
            asked: Any = dict(grader)  # the package's type knows of a multi grader's map only one grader
            self._quick(client).fine_tuning.alpha.graders.with_raw_response.validate(grader=asked)

    def create_job(self, request: JobRequest) -> Job:
        """Start a job; sent once only, because a lost answer may hide a paid job.

        Raises:
            ProviderError: With code "answer_lost" or a status of 500 and more, a job may exist all the same.
        """
        with self._explaining(model=request.model, job=True), self._calling(retry=False) as client:
            once = client.with_options(max_retries=0)
            arguments = job_arguments(request, self._profile)
            raw = read_json(once.fine_tuning.jobs.with_raw_response.create(**arguments))
        # An answer that is no job has no id either: the launch looks for what became of it.
        return translate.job_from(raw if is_job(raw) else {}, self._account.name)

    def retrieve_job(self, job_id: str) -> Job:
        """Return the job as it is now."""
        return self._job_call(
            lambda client: self._quick(client).fine_tuning.jobs.with_raw_response.retrieve(job_id)
        )

    def cancel_job(self, job_id: str) -> Job:
        """Ask the service to stop the job for good."""
        return self._job_call(lambda client: client.fine_tuning.jobs.with_raw_response.cancel(job_id))

    def pause_job(self, job_id: str) -> Job:
        """Ask the service to stop the job so that it can go on later."""
        return self._job_call(lambda client: client.fine_tuning.jobs.with_raw_response.pause(job_id))

    def resume_job(self, job_id: str) -> Job:
        """Let a paused job go on."""
        return self._job_call(lambda client: client.fine_tuning.jobs.with_raw_response.resume(job_id))

    def requeue_job(self, job_id: str, change: QueueChange) -> Job:
        """Give a job that waits another priority, time or place, where the service keeps such a queue."""
        if not self.can(Capability.QUEUE):
            raise ProviderError(self.can(Capability.QUEUE).reason, "", status=405)
        with self._calling() as client:
            raw = rest.post_json(client, queue_path(job_id), queue_body(change))
        return told_job(raw, self._account.name, self._called)

    def _job_call(self, call: Callable[[OpenAI], Any]) -> Job:
        with self._calling() as client:
            return told_job(read_json(call(client)), self._account.name, self._called)

    def list_jobs(self, limit: int = 50, metadata: dict[str, str] | None = None) -> Sequence[Job]:
        """Return jobs, newest first; with `metadata`, those that carry all of it."""
        chosen: dict[str, Any] = {"metadata": metadata} if metadata else {}
        with self._explaining(route=True), self._calling() as client:
            entries = all_pages(
                lambda **page: read_json(
                    self._quick(client).fine_tuning.jobs.with_raw_response.list(**chosen, **page)
                ),
                page_size=min(limit, _LARGEST_JOB_PAGE),
                limit=limit,
            )
        jobs = told_jobs(entries, self._account.name, self._called)
        wanted = (metadata or {}).items()
        return [job for job in jobs if job.id and wanted <= job.metadata.items()]

    def list_events(self, job_id: str, *, known_id: str | None = None) -> Sequence[JobEvent]:
        """Return events oldest first: all of them, or only those newer than `known_id`."""
        with self._calling() as client:
            entries = all_pages(
                lambda **page: read_json(
                    self._quick(client).fine_tuning.jobs.with_raw_response.list_events(job_id, **page)
                ),
                page_size=_EVENTS_PER_PAGE,
                until_id=known_id,
            )
        return [translate.event_from(raw, job_id) for raw in reversed(entries)]

    def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """Return the job's checkpoints, newest step first."""
        with self._calling() as client:
            entries = all_pages(
                lambda **page: read_json(
                    self._quick(client).fine_tuning.jobs.checkpoints.with_raw_response.list(job_id, **page)
                ),
                page_size=_EVENTS_PER_PAGE,
            )
        checkpoints = [translate.checkpoint_from(raw, job_id) for raw in entries]
        return sorted(checkpoints, key=lambda checkpoint: -checkpoint.step)

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Yield the answer as it arrives; closing the iterator stops the service's work."""
        return self._stream_chat_at(self._profile.chat_url, request)

    def _stream_chat_at(self, url: str | None, request: ChatRequest) -> Iterator[ChatDelta]:
        with self._explaining(model=request.model), self._calling() as client:
            answering = replace(request, model=self._answering_name(request.model))
            arguments = chat_arguments(answering, self._profile)
            if url:
                client = client.with_options(base_url=url)
            stream = client.chat.completions.create(**arguments)
        try:
            with self._telling_errors():
                yield from chat_deltas(stream)
        finally:
            stream.close()

    def delete_model(self, model_id: str) -> None:
        """Delete a fine-tuned model at the service."""
        with self._calling(retry=False) as client:
            client.with_options(max_retries=0).models.delete(model_id)

    def moderate(self, texts: Sequence[str], *, image: str | None = None) -> ModerationReply:
        """Ask what the service's moderation says of texts, or of one image by its address; sent once."""
        with self._calling(retry=False) as client:
            return ask_moderation(client, self._profile.moderation_model or "", texts, image)

    def submit_batch(self, requests: Sequence[tuple[str, ChatRequest]], tag: str) -> RemoteBatch:
        """Hand in requests of one model, each under a name of its own; sent once, found again by its tag."""
        with batches.request_file(requests, self._profile) as path:
            file = self.upload_file(path, purpose="batch")
        with self._calling(retry=False) as client:
            return batches.create(client, file.id, tag)

    def find_batch(self, tag: str) -> RemoteBatch | None:
        """Return the batch that a submission made whose answer was lost; None when there is none."""
        with self._calling() as client:
            return batches.find(self._quick(client), tag)

    def retrieve_batch(self, batch_id: str) -> RemoteBatch:
        """Return a batch as it is now."""
        with self._calling() as client:
            return batches.batch_from(
                read_json(self._quick(client).batches.with_raw_response.retrieve(batch_id))
            )

    def cancel_batch(self, batch_id: str) -> RemoteBatch:
        """Ask the service to answer no more of a batch."""
        with self._calling() as client:
            return batches.batch_from(read_json(client.batches.with_raw_response.cancel(batch_id)))

    def batch_answers(self, batch: RemoteBatch) -> Iterator[tuple[str, EvalAnswer | str]]:
        """Yield what a batch that ended holds: the name of a request, and its answer or why there is none."""
        for file_id in (batch.output_file, batch.error_file):
            if file_id is not None:
                yield from batches.answers_in(self.file_content(file_id))

    def close(self) -> None:
        """Release connections; the next call opens new ones."""
        # Without the lock: whoever opens a client holds it until a service that hangs has answered.
        client, self._client = self._client, None
        if client is not None:
            client.close()

    def _quick(self, client: OpenAI) -> OpenAI:
        """Return a client for questions, whose answers are small: one that hangs must not hold the poller."""
        return client.with_options(timeout=_QUESTION_SECONDS)

    @contextmanager
    def _calling(self, *, retry: bool = True) -> Iterator[OpenAI]:
        """Give the client, and tell its failures as ProviderError; `retry` is for subclasses."""
        with self._telling_errors():
            yield self._open_client()

    @contextmanager
    def _explaining(
        self, *, model: str | None = None, route: bool = False, job: bool = False, models: bool = False
    ) -> Iterator[None]:
        """Say more about a refusal: of a model, of the list of jobs or models itself, or of one more job."""
        try:
            yield
        except ProviderError as error:
            told = error
            if model is not None:
                told = explain_model(told, model, self._profile, self._facts, self._today())
            if job:
                told = explain_busy(told, self._profile)
            if route:
                told = explain_missing_route(told, self._called)
            if models:
                told = explain_no_models(told, self._called)
            if told.code == NO_FINE_TUNING:
                self._training_refusal = f"{told.message} {told.remedy}"
            raise told from None

    @contextmanager
    def _telling_errors(self) -> Iterator[None]:
        try:
            with told_as_provider_errors(self._called, self._secrets):
                yield
        except ProviderError as error:
            told = explain_training(name_service(error, self._called), self._profile)
            if told.code == TRAINING_REFUSED:
                self._training_refusal = f"{told.message} {told.remedy}"
            raise told from None

    def _open_client(self) -> OpenAI:
        with self._client_lock:
            client = self._client
            if client is None:
                client = self._client = self._client_factory()
            return client
