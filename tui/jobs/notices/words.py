"""What a notice says: result, cost and what to do next, in words that are safe for a terminal and a mail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from tui.jobs.metrics import duration_text
from tui.jobs.ports import JobServices
from tui.jobs.stopping import action_words
from tui.money.amounts import money_range
from tui.providers.redaction import redact
from tui.records.jobs import Job, JobState
from tui.records.notices import Notice, NoticeEvent, Trouble
from tui.records.sweeps import SweepState
from tui.safe_text import safe_line

_LONGEST_TITLE, _LONGEST_LINE = 90, 400
_SCORES = ("full_valid_loss", "valid_loss", "train_loss")
"""By which checkpoints are compared, the first one that they have."""


@dataclass(frozen=True, slots=True)
class Message:
    """A notice in words; no line holds a control character."""

    title: str
    lines: tuple[str, ...]

    @property
    def body(self) -> str:
        """The lines as one text."""
        return "\n".join(self.lines)

    @property
    def one_line(self) -> str:
        """Everything in one line, for channels that have no more."""
        return " ".join((f"{self.title}:", *self.lines)) if self.lines else self.title


TEST_MESSAGE = Message(
    "tunedeck: a test", ("This is how you will be told of jobs. `tunedeck notify` lists the rules.",)
)


def message_of(services: JobServices, notice: Notice) -> Message:
    """Return what to tell of a notice.

    Raises:
        StoreError: The store can't be read.
    """
    title, lines = _told(services, notice)
    return Message(
        safe_line(redact(title), _LONGEST_TITLE),
        tuple(safe_line(redact(line), _LONGEST_LINE) for line in lines if line),
    )


def _told(services: JobServices, notice: Notice) -> tuple[str, list[str]]:
    if notice.event is NoticeEvent.SWEEP:
        return _of_sweep(services, notice)
    job = services.store.job(notice.account, notice.subject) if notice.subject else None
    if job is None:
        return _of_no_job(services, notice), [notice.words]
    name = _name(job)
    if notice.event is NoticeEvent.STOPPED:
        return f"{name}: a stop rule acted", [*_of_rule(services, notice), _where(job), *_next(job)]
    if notice.topic == Trouble.GONE:
        return f"{name} is no longer known to {job.account}", [notice.words, _where(job), *_next(job)]
    if notice.event is NoticeEvent.ATTENTION:
        title = f"{name}: a stop rule could not act"
        return title, [*_of_rule(services, notice), f"Next: `tunedeck jobs {job.id}`"]
    return f"{name} {notice.event}", [
        *_outcome(services, job),
        _where(job),
        _cost(services, job),
        *_next(job),
    ]


def _of_sweep(services: JobServices, notice: Notice) -> tuple[str, list[str]]:
    sweep = services.store.sweep(notice.subject)
    name = sweep.name if sweep is not None and sweep.name else notice.subject
    state = "is done" if notice.topic.startswith(SweepState.DONE) else "was stopped"
    return f"{name}: the sweep {state}", [notice.words, f"Next: `tunedeck sweep show {notice.subject}`"]


def _of_no_job(services: JobServices, notice: Notice) -> str:
    launch = services.store.launch(notice.subject) if notice.subject else None
    file = launch.dataset_path.name if launch is not None else notice.subject
    match notice.topic:
        case Trouble.QUEUE:
            return f"The queued launch of {file} on {notice.account} was not made"
        case Trouble.LOST:
            return f"A launch of {file} on {notice.account} waits to be settled"
        case Trouble.REFUSED:
            return f"{notice.account} is refused by its service"
    return f"{notice.subject or notice.account}: {notice.event}"


def _name(job: Job) -> str:
    return job.suffix or job.fine_tuned_model or job.id


def _where(job: Job) -> str:
    took = ""
    if job.created_at is not None and job.finished_at is not None and job.finished_at > job.created_at:
        took = f", {duration_text(job.finished_at - job.created_at)} after it was created"
    return f"Job {job.id} on {job.account}, from {job.model}{took}."


def _outcome(services: JobServices, job: Job) -> Iterator[str]:
    if job.error is not None:
        yield job.error.message
    if job.fine_tuned_model:
        yield f"Model: {job.fine_tuned_model}"
    scored = [
        (one.metrics[name], one.step, name)
        for one in services.store.checkpoints(job.account, job.id)
        for name in _SCORES
        if name in one.metrics
    ]
    for name in _SCORES:
        known = [(value, step) for value, step, score in scored if score == name]
        if known:
            value, step = min(known)
            yield f"Best checkpoint: step {step:,}, {name.replace('_', ' ')} {value:.4g}."
            return


def _cost(services: JobServices, job: Job) -> str:
    launch = services.store.launch_of_job(job.account, job.id)
    total = launch.price.get("total") if launch is not None else None
    if launch is None or not isinstance(total, int | float):
        return f"Trained {job.trained_tokens:,} tokens." if job.trained_tokens else ""
    amount = Decimal(str(total))
    confirmed = f"confirmed price {money_range(amount, amount, str(launch.price.get('currency') or 'USD'))}"
    trained = f"Trained {job.trained_tokens:,} tokens, " if job.trained_tokens else ""
    return f"{trained}{confirmed}." if trained else f"{confirmed.capitalize()}."


def _next(job: Job) -> Iterator[str]:
    if job.state is JobState.SUCCEEDED and job.fine_tuned_model:
        yield f"Next: `tunedeck chat {job.fine_tuned_model}`"
    elif job.state is JobState.PAUSED:
        yield f"Next: `tunedeck resume {job.id}`"
    else:
        yield f"Next: `tunedeck jobs {job.id}`"


def _of_rule(services: JobServices, notice: Notice) -> Iterator[str]:
    for action in services.store.job_actions(notice.account, notice.subject):
        if action.rule == notice.topic:
            yield action_words(action)
