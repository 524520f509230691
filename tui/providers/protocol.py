"""What every service that trains and serves models looks like from inside the program."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from tui.errors import ExitCode, TunedeckError
from tui.records.chats import ChatDelta, ChatRequest
from tui.records.deployments import Deployment, DeploymentRequest
from tui.records.evaluations import EvalAnswer, RemoteBatch, TextScore
from tui.records.jobs import Checkpoint, Job, JobEvent
from tui.records.models import Account, Capability, ModelInfo, Permission
from tui.records.moderation import ModerationReply
from tui.records.previews import TokenPreview
from tui.records.requests import JobRequest, QueueChange, RemoteFile
from tui.records.uploads import UploadNotes

UploadProgress = Callable[[int, int], None]
"""Called with (bytes sent, bytes in all) while a file goes up."""


class Limit(StrEnum):
    """Which limit of an account a refusal is about."""

    REQUESTS = "requests"
    """Too many at once: waiting helps."""
    JOBS_PER_DAY = "jobs per day"
    """Tomorrow; trying again before uses up nothing and gains nothing."""
    JOBS_AT_ONCE = "jobs at once"
    """When another job has ended."""
    MONEY = "money"
    """Only a person can change it."""


class ProviderError(TunedeckError):
    """A service refused, failed or could not be reached.

    Args:
        message: What happened, in a sentence.
        remedy: What to do.
        code: The service's error code where it gave one.
        status: The HTTP status where there was an answer.
        request_id: The service's request id, to quote in a support case.
        retryable: True when the same call may succeed later.
        limit: Which limit it is about, if any.
        retry_after: Seconds for which the service asks to be left alone.
    """

    def __init__(
        self,
        message: str,
        remedy: str = "",
        *,
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retryable: bool = False,
        limit: Limit | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message, remedy, exit_code=ExitCode.WRONG_USE)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retryable = retryable
        self.limit = limit
        self.retry_after = retry_after


class Provider(Protocol):
    """A service reached through one account; calls block, may raise ProviderError, and are thread-safe."""

    @property
    def account(self) -> Account:
        """The account this provider acts for."""
        ...

    def can(self, capability: Capability) -> Permission:
        """Say whether the service can do this, and if not, why."""
        ...

    def list_models(self) -> Sequence[ModelInfo]:
        """Return base and fine-tuned models, newest first."""
        ...

    def upload_file(
        self, path: Path, *, purpose: str = "fine-tune", on_progress: UploadProgress | None = None,
        notes: UploadNotes | None = None,
    ) -> RemoteFile:  # fmt: skip
        """Send a file as it is on disk; safe to repeat, and in parts gone on with by `notes`."""
        ...

    def list_files(self, purpose: str | None = None) -> Sequence[RemoteFile]:
        """Return the service's files, newest first."""
        ...

    def file_content(self, file_id: str) -> bytes:
        """Return the bytes of a file that the service holds."""
        ...

    def fetch_weights(self, job: Job, folder: Path, on_progress: UploadProgress | None = None) -> Path:
        """Write the weights of a job into a folder and return their path; a part is gone on with."""
        ...

    def price_of(self, request: JobRequest) -> Decimal | None:
        """Return what the service itself estimates for a job in US dollars; None where it tells nothing."""
        ...

    def preview_tokens(self, model: str, file_id: str, rows: int) -> TokenPreview:
        """Return how the service reads the first rows of a file that it holds."""
        ...

    def validate_grader(self, grader: Mapping[str, Any]) -> None:
        """Ask the service whether it takes a grader; ProviderError with status 400 says why it does not."""
        ...

    def create_job(self, request: JobRequest) -> Job:
        """Start a job; never retried here, because a lost answer may hide a paid job."""
        ...

    def retrieve_job(self, job_id: str) -> Job:
        """Return the job as it is now."""
        ...

    def list_jobs(self, limit: int = 50, metadata: dict[str, str] | None = None) -> Sequence[Job]:
        """Return jobs, newest first."""
        ...

    def list_events(self, job_id: str, *, known_id: str | None = None) -> Sequence[JobEvent]:
        """Return events oldest first: all of them, or only those newer than `known_id`."""
        ...

    def list_checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """Return the job's checkpoints, newest step first."""
        ...

    def cancel_job(self, job_id: str) -> Job:
        """Ask the service to stop the job for good."""
        ...

    def pause_job(self, job_id: str) -> Job:
        """Ask the service to stop the job so that it can go on later."""
        ...

    def resume_job(self, job_id: str) -> Job:
        """Let a paused job go on."""
        ...

    def requeue_job(self, job_id: str, change: QueueChange) -> Job:
        """Give a job that waits another priority, time or place; see `Capability.QUEUE`."""
        ...

    def stream_chat(self, request: ChatRequest) -> Iterator[ChatDelta]:
        """Yield the answer as it arrives; closing the iterator stops the service's work."""
        ...

    def delete_model(self, model_id: str) -> None:
        """Delete a fine-tuned model at the service."""
        ...

    def deploy(self, request: DeploymentRequest) -> Deployment:
        """Ask for a deployment once; a lost answer may hide one that costs by the hour."""
        ...

    def list_deployments(self) -> Sequence[Deployment]:
        """Return what is deployed, or on its way."""
        ...

    def delete_deployment(self, name: str) -> None:
        """Take a deployment down; the model stays."""
        ...

    def moderate(self, texts: Sequence[str], *, image: str | None = None) -> ModerationReply:
        """Ask what the service's moderation says of texts, or of one image by its address; sent once."""
        ...

    def embed(self, model: str, texts: Sequence[str]) -> Sequence[Sequence[float]]:
        """Return a vector for each text; ProviderError with status 404 where the service has none."""
        ...

    def score_tokens(self, model: str, tokens: Sequence[int], learned: Sequence[bool]) -> TextScore:
        """Return how likely a model holds the tokens that `learned` marks, each after all before it."""
        ...

    def submit_batch(self, requests: Sequence[tuple[str, ChatRequest]], tag: str) -> RemoteBatch:
        """Hand in requests of one model, each under a name of its own; sent once, found again by its tag."""
        ...

    def find_batch(self, tag: str) -> RemoteBatch | None:
        """Return the batch that a submission made whose answer was lost; None when there is none."""
        ...

    def retrieve_batch(self, batch_id: str) -> RemoteBatch:
        """Return a batch as it is now."""
        ...

    def cancel_batch(self, batch_id: str) -> RemoteBatch:
        """Ask the service to answer no more of a batch."""
        ...

    def batch_answers(self, batch: RemoteBatch) -> Iterator[tuple[str, EvalAnswer | str]]:
        """Yield what a batch that ended holds: the name of a request, and its answer or why there is none."""
        ...

    def close(self) -> None:
        """Release connections."""
        ...
