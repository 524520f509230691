"""Tells jobs from whatever else a server may answer with where jobs are asked for.

A server that answers every address alike, or one that keeps other things under the same name, must not fill
the list of jobs with what is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tui.providers.protocol import ProviderError
from tui.providers.remedies import NO_FINE_TUNING
from tui.providers.translate import job_from
from tui.records.jobs import Job
from tui.safe_text import safe_line

_PARTS_OF_THE_WORD = ("fine", "tun", "job")
"""`fine_tuning.job`, Azure's `fine-tune`, `job`: one of these is in every word for it that is known."""
_FIELDS = ("status", "training_file", "fine_tuned_model")
"""A job that does not say what it is has one of these."""


def is_job(raw: Mapping[str, Any]) -> bool:
    """Say whether a JSON object may be a job: by what it says it is, or by what it has."""
    kind = raw.get("object")
    if isinstance(kind, str) and kind:
        return any(part in kind.lower() for part in _PARTS_OF_THE_WORD)
    return any(raw.get(name) for name in _FIELDS)


def told_job(raw: Mapping[str, Any], account: str, called: str) -> Job:
    """Return the job of an answer about one.

    Args:
        raw: The answer.
        account: Whose it is.
        called: What the service is called in a sentence.

    Raises:
        ProviderError: It is something else.
    """
    if not is_job(raw):
        raise _not_jobs(called, "a job", raw)
    return job_from(raw, account)


def told_jobs(entries: Sequence[Mapping[str, Any]], account: str, called: str) -> list[Job]:
    """Return the jobs of a list, without what is none among them.

    Args:
        entries: The list as it came.
        account: Whose it is.
        called: What the service is called in a sentence.

    Raises:
        ProviderError: There is something in the list, and nothing of it is a job; with the code of a server
            that has no fine-tuning jobs.
    """
    jobs = [job_from(raw, account) for raw in entries if is_job(raw)]
    if entries and not jobs:
        error = _not_jobs(called, "its jobs", entries[0])
        error.code = NO_FINE_TUNING
        raise error
    return jobs


def _not_jobs(called: str, asked: str, raw: Mapping[str, Any]) -> ProviderError:
    kind = raw.get("object")
    named = f" ({safe_line(kind, 40)!r})" if isinstance(kind, str) and kind else ""
    return ProviderError(
        f"{called} was asked for {asked} and answered with something else{named}.",
        "Check the base URL: it usually ends in /v1. A server that only chats has no jobs.",
    )
