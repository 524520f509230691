"""Hugging Face Jobs as executor: `hf jobs run`, `ls`, `cancel`; files travel by a bucket.

Stages, options and JSON as huggingface_hub 2.4.0 has them, tried against a server on loopback (2026-11-30).
"""

from __future__ import annotations

import json
import re
from typing import Any

from tui.engine.executors.bucket import Bucket
from tui.engine.executors.carried import MOUNT
from tui.engine.executors.on_bucket import BucketExecutor, BucketPlace
from tui.engine.executors.outside_command import Unreachable, has_command, run_command
from tui.engine.executors.places import known_places
from tui.engine.executors.watched import Sight, State, Work
from tui.errors import TunedeckError
from tui.safe_text import safe_line

_ASK_SECONDS = 60.0
_WAITING = frozenset({"SCHEDULING"})
_RUNNING = frozenset({"RUNNING"})
_ENDED = frozenset({"COMPLETED", "CANCELED", "ERROR", "DELETED"})
_KEEP = ("HF_TOKEN",)
_WORD = re.compile(r"[A-Za-z0-9._/:@-]+")


class HfJobsExecutor(BucketExecutor):
    """Sends workers to Hugging Face's machines."""

    name = "hf-jobs"
    pause_grace = 300.0

    def why_not(self) -> str | None:
        """Return which command or setting is missing or wrong."""
        if not has_command("hf"):
            return "hf is not installed: Hugging Face's command is needed (pip install huggingface_hub)."
        try:
            HfJobs(_bucket().address)
            _checked_settings()
        except TunedeckError as error:
            return str(error).replace("\n", " ")
        return None

    def does_not_answer(self) -> str | None:
        """Ask who is signed in."""
        try:
            answer = run_command(("hf", "auth", "whoami"), seconds=10, keep=_KEEP)
        except Unreachable as error:
            return f"Hugging Face does not answer: {error}."
        if answer.code != 0:
            return (
                f"Hugging Face does not let you in: {answer.words.rstrip('.')}. Sign in with `hf auth login`."
            )
        return None

    def what_it_costs(self) -> str:
        """Return what is known of the price, for people; the command tells the price of the day."""
        places = known_places()
        start = f"Hugging Face Jobs bill at your own account there: flavour {safe_line(places.hf_flavor, 40)}"
        price = _price(places.hf_flavor)
        if price is None:
            return f"{start}, whose price could not be found out; `hf jobs hardware` lists it."
        return f"{start} costs {price} an hour, for at most {safe_line(places.hf_timeout, 20)}."

    def bucket(self) -> Bucket:
        """Return the bucket of the settings."""
        return _bucket()

    def place(self, bucket: str) -> HfJobs:
        """Return Hugging Face Jobs with this bucket."""
        return HfJobs(bucket)


class HfJobs(BucketPlace):
    """Hugging Face Jobs, asked by `hf`."""

    name = "hf-jobs"
    called = "Hugging Face Jobs"
    waiting = _WAITING
    running = _RUNNING
    ended = _ENDED

    def __init__(self, bucket: str, *, poll_seconds: float = 20.0) -> None:
        super().__init__(bucket, poll_seconds)

    def submit(self, work: Work) -> None:
        """Carry the job to the bucket, and run a job that mounts it."""
        run = self.sent(work)
        flavor, timeout, image = _checked_settings()
        answer = run_command(
            (
                *("hf", "jobs", "run", "--detach", "--format", "json", "--name", work.name),
                *("--flavor", flavor, "--timeout", timeout),
                *("--volume", f"{self.mounted}:{MOUNT}"),
                *(image, "bash", "-c", run),
            ),
            seconds=_ASK_SECONDS,
            keep=_KEEP,
        )
        if answer.code != 0:
            raise Unreachable(answer.words)  # it may have been made before the answer was lost

    def look(self, work: Work) -> Sight:
        """Look for the job by its name."""
        found = self._found(work)
        if not found:
            return Sight(State.ABSENT)
        return self.sight(str(found[0].get("status") or ""))

    def end(self, work: Work) -> None:
        """Cancel the job, of whatever id its name has."""
        for job in self._found(work):
            if str(job.get("status")) in _ENDED:
                continue
            answer = run_command(
                ("hf", "jobs", "cancel", str(job.get("id"))), seconds=_ASK_SECONDS, keep=_KEEP
            )
            if answer.code != 0:
                raise Unreachable(answer.words)

    @staticmethod
    def _found(work: Work) -> list[dict[str, Any]]:
        command = ("hf", "jobs", "ls", "--all", "--name", work.name, "--format", "json")
        value = _json_list(run_command(command, seconds=_ASK_SECONDS, keep=_KEEP).output)
        if value is None:
            raise Unreachable("`hf jobs ls` gave no JSON")
        return value


def _bucket() -> Bucket:
    name = known_places().hf_bucket.removeprefix("hf://buckets/")
    if not name:
        raise TunedeckError(
            "No bucket is set for Hugging Face Jobs.",
            "Make one with `hf buckets create`, and set hf_bucket = owner/name in [clusters].",
        )
    if name.count("/") != 1:
        raise TunedeckError(f"hf_bucket {name!r} is no bucket.", "Write it as owner/name.")
    return Bucket.parse(f"hf://buckets/{name}", "hf_bucket")


def _checked_settings() -> tuple[str, str, str]:
    """Return flavour, timeout and image; none of them may be taken for an option."""
    places = known_places()
    values = (places.hf_flavor, places.hf_timeout, places.hf_image)
    for key, value in zip(("hf_flavor", "hf_timeout", "hf_image"), values, strict=True):
        if not _WORD.fullmatch(value) or value.startswith("-"):
            raise TunedeckError(
                f"{key} {value!r} can't be used.", "Write one word, as `hf jobs run` takes it."
            )
    return values


def _price(flavor: str) -> str | None:
    """Return the price of an hour as `hf jobs hardware` tells it, or None."""
    try:
        answer = run_command(("hf", "jobs", "hardware", "--format", "json"), seconds=15, keep=_KEEP)
    except Unreachable:
        return None
    for entry in _json_list(answer.output) or ():
        if entry.get("name") == flavor and isinstance(entry.get("cost/hour"), str):
            return safe_line(entry["cost/hour"], 20)
    return None


def _json_list(text: str) -> list[dict[str, Any]] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else None
