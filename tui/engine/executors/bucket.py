"""A bucket that carries a store to a cloud and back, by the bucket owner's own tool.

`aws s3 sync`, `gcloud storage rsync` and `hf buckets sync` copy what differs; none of them is installed by
us. Options as in their own help (aws-cli 2, gcloud 2026, huggingface_hub 2.4.0; read 2026-11-30).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tui.engine.executors.outside_command import Refused, Unreachable, has_command, run_command
from tui.engine.executors.parcel import BASES, CODE, JOBS
from tui.errors import TunedeckError

_UP_SECONDS, _DOWN_SECONDS, _SMALL_SECONDS = 3600.0, 900.0, 60.0
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
_TOOLS = {"s3": "aws", "gs": "gcloud", "hf": "hf"}
_KEEP = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GOOGLE_APPLICATION_CREDENTIALS",
    "HF_TOKEN",
)
"""What these tools sign in with."""
_STATE = "state"
"""The point to go on from; it is needed there, and is the largest thing a job writes."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bucket, by its address such as s3://name, gs://name or hf://buckets/owner/name."""

    address: str

    @classmethod
    def parse(cls, text: str, setting: str) -> Bucket:
        """Read an address as a person wrote it.

        Raises:
            TunedeckError: It is none.
        """
        address = text.strip().rstrip("/")
        scheme, separator, name = address.partition("://")
        if not separator or scheme not in _TOOLS or not _NAME.fullmatch(name):
            raise TunedeckError(
                f"{setting} {text!r} is no bucket.",
                "Write it as s3://name, gs://name or hf://buckets/owner/name.",
            )
        return cls(address)

    @property
    def tool(self) -> str:
        """The program that copies to and from it."""
        return _TOOLS[self.address.partition("://")[0]]

    def why_not(self) -> str | None:
        """Return what is missing."""
        if has_command(self.tool):
            return None
        return f"{self.tool} is not installed, which copies to and from {self.address}."

    def send(self, store: Path, job_id: str, base: str) -> None:
        """Copy what a job needs from the store here to the bucket.

        Raises:
            Unreachable: It did not all arrive.
        """
        for part in (f"{BASES}/{base}", CODE, f"{JOBS}/{job_id}"):
            self._run(self._sync(str(store / part), self._to(part), ()), _UP_SECONDS)

    def bring(self, store: Path, job_id: str) -> None:
        """Copy what the job wrote from the bucket to the store here, but for its state.

        Raises:
            Unreachable: It did not all arrive.
        """
        part = f"{JOBS}/{job_id}"
        (store / part).mkdir(parents=True, exist_ok=True)
        self._run(self._sync(self._to(part), str(store / part), (_STATE,)), _DOWN_SECONDS)

    def send_file(self, file: Path, job_id: str) -> None:
        """Copy one small file beside the job's others.

        Raises:
            Unreachable: It did not arrive.
        """
        target = self._to(f"{JOBS}/{job_id}/{file.name}")
        command = {
            "aws": ("aws", "s3", "cp", "--only-show-errors", str(file), target),
            "gcloud": ("gcloud", "storage", "cp", str(file), target),
            "hf": ("hf", "buckets", "cp", str(file), target),
        }[self.tool]
        self._run(command, _SMALL_SECONDS)

    def remove(self, names: Sequence[str], job_id: str) -> None:
        """Delete files of a job in the bucket; those that are not there are no matter.

        Raises:
            Unreachable: The tool is not there or does not end.
        """
        for name in names:
            target = self._to(f"{JOBS}/{job_id}/{name}")
            command = {
                "aws": ("aws", "s3", "rm", "--only-show-errors", target),
                "gcloud": ("gcloud", "storage", "rm", target),
                "hf": ("hf", "buckets", "rm", "--yes", target),
            }[self.tool]
            run_command(command, seconds=_SMALL_SECONDS, keep=_KEEP)

    def _to(self, part: str) -> str:
        return f"{self.address}/{part}"

    def _sync(self, source: str, target: str, without: Sequence[str]) -> tuple[str, ...]:
        match self.tool:
            case "aws":
                excluded = [f"--exclude={name}/*" for name in without]
                return ("aws", "s3", "sync", "--only-show-errors", *excluded, source, target)
            case "gcloud":
                excluded = [f"--exclude=^{name}/.*" for name in without]
                return ("gcloud", "storage", "rsync", "--recursive", *excluded, source, target)
        excluded = [f"--exclude={name}/*" for name in without]
        return ("hf", "buckets", "sync", *excluded, source, target)

    def _run(self, command: Sequence[str], seconds: float) -> None:
        answer = run_command(command, seconds=seconds, keep=_KEEP)
        if answer.code != 0:
            raise Unreachable(f"{' '.join(command[:3])}: {answer.words}")


def refuse_without(bucket: Bucket) -> None:
    """Raise unless the bucket's tool is there.

    Raises:
        Refused: It is not.
    """
    if reason := bucket.why_not():
        raise Refused(reason.rstrip("."))
