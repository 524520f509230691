"""What a person is told of while looking elsewhere: the events, and one piece of news."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class NoticeEvent(StrEnum):
    """Kinds of news; each has a rule that says where it is told."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    STOPPED = "stopped"
    """A stop rule acted."""
    ATTENTION = "attention"
    """Something waits for a person: a refused launch, a rejected account, an answer that was lost."""
    SWEEP = "sweep"
    """A sweep is done, or was stopped: by a person, by a cap, or by what needs a person."""

    @property
    def meaning(self) -> str:
        """What happened, for a list of rules."""
        return _MEANINGS[self]


_MEANINGS = {
    NoticeEvent.SUCCEEDED: "A job succeeded",
    NoticeEvent.FAILED: "A job failed",
    NoticeEvent.CANCELLED: "A job was cancelled",
    NoticeEvent.STOPPED: "A stop rule acted",
    NoticeEvent.ATTENTION: "Something waits for you",
    NoticeEvent.SWEEP: "A sweep ended",
}


class Trouble(StrEnum):
    """What waits for a person, as `Notice.topic`; a stop rule that could not act has its own name there."""

    QUEUE = "queued launch"
    """A launch that waited for a limit will not be sent."""
    LOST = "lost launch"
    """Only a person can find out what became of a launch."""
    REFUSED = "account refused"
    """A service does not take an account's key any more, or wants money."""
    GONE = "job gone"
    """A service no longer knows a job that had not ended."""


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news, written down with what caused it."""

    number: int
    account: str
    subject: str
    """Id of the job or sweep, run id of the launch, or empty for the account itself."""
    event: NoticeEvent
    topic: str
    """What tells two of the same event apart: the stop rule's name, or which trouble it is."""
    words: str
    """What is not kept elsewhere; empty for a job's end, which the job itself tells."""
    at: int
    """Unix seconds."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notice on its way through one channel, or what became of it."""

    notice: Notice
    channel: str
    state: str
    """due, sending, done, failed or dropped."""
    tries: int
    due_at: int
    """Unix second of the next attempt, or at which the present one counts as lost."""
    problem: str | None = None
    """Why the last attempt failed, in words and without secrets."""
