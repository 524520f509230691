"""SkyPilot as executor, by its command line: `sky jobs launch`, `queue`, `cancel`; files travel by a bucket.

States and options as in SkyPilot 0.14.1's own help and sources (read 2026-11-30).
"""

from __future__ import annotations

import json
import shlex
from typing import Any

from tui.engine.executors.bucket import Bucket
from tui.engine.executors.carried import MOUNT
from tui.engine.executors.on_bucket import BucketExecutor, BucketPlace
from tui.engine.executors.outside_command import Answer, Refused, Unreachable, has_command, run_command
from tui.engine.executors.places import known_places
from tui.engine.executors.watched import Sight, State, Work
from tui.errors import TunedeckError

_ASK_SECONDS, _LAUNCH_SECONDS = 120.0, 1800.0
"""A launch may first start the controller in the cloud, which takes minutes."""
_WAITING = frozenset({"PENDING", "SUBMITTED", "STARTING", "RECOVERING"})
_RUNNING = frozenset({"RUNNING", "WINDING_DOWN", "CANCELLING"})
_ENDED = frozenset(
    {
        "SUCCEEDED",
        "CANCELLED",
        "FAILED",
        "FAILED_SETUP",
        "FAILED_PRECHECKS",
        "FAILED_NO_RESOURCE",
        "FAILED_CONTROLLER",
    }
)
_KEEP = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GOOGLE_APPLICATION_CREDENTIALS")


class SkyExecutor(BucketExecutor):
    """Sends workers to whatever cloud SkyPilot finds."""

    name = "sky"
    pause_grace = 900.0

    def why_not(self) -> str | None:
        """Return which command or setting is missing."""
        if not has_command("sky"):
            return "sky is not installed: SkyPilot's command is needed (pipx install skypilot)."
        try:
            return _bucket().why_not()
        except TunedeckError as error:
            return str(error).replace("\n", " ")

    def does_not_answer(self) -> str | None:
        """Return None: `sky` may start its own server to answer, which takes minutes."""
        return None

    def what_it_costs(self) -> str:
        """Return what is known of the price, for people."""
        wanted = known_places().sky_accelerators
        what = f"machines with {wanted}" if wanted else "machines"
        return (
            f"SkyPilot starts {what} that bill at your own cloud account; their price is not known here: "
            f"`sky launch --dryrun --gpus {wanted or 'L4:1'}` shows it. A small controller bills too."
        )

    def bucket(self) -> Bucket:
        """Return the bucket of the settings."""
        return _bucket()

    def place(self, bucket: str) -> Sky:
        """Return SkyPilot with this bucket."""
        return Sky(bucket)


class Sky(BucketPlace):
    """SkyPilot's managed jobs, asked by its command."""

    name = "sky"
    called = "SkyPilot"
    waiting = _WAITING
    running = _RUNNING
    ended = _ENDED

    def __init__(self, bucket: str, *, poll_seconds: float = 30.0) -> None:
        super().__init__(bucket, poll_seconds)

    def submit(self, work: Work) -> None:
        """Carry the job to the bucket, write a task, and launch it."""
        run = self.sent(work)
        places = known_places()
        task: dict[str, Any] = {
            "name": _name(work),
            "file_mounts": {MOUNT: {"source": self.mounted, "mode": "MOUNT"}},
            "run": run,
        }
        if places.sky_accelerators:
            task["resources"] = {"accelerators": places.sky_accelerators}
        file = work.folder / f"{work.name}.yaml"
        file.write_text(json.dumps(task, indent=2), "utf-8")  # JSON is YAML
        options = _options(places.sky_options)
        answer = run_command(
            ("sky", "jobs", "launch", "--yes", "--detach-run", "--name", _name(work), *options, str(file)),
            seconds=_LAUNCH_SECONDS,
            keep=_KEEP,
        )
        if answer.code != 0:
            # Its exit code is the same before and after the job was made, so the queue has to tell.
            raise Unreachable(answer.words)

    def look(self, work: Work) -> Sight:
        """Look for the job in SkyPilot's queue by its name."""
        answer = run_command(
            ("sky", "jobs", "queue", "--all", "--output", "json"), seconds=_ASK_SECONDS, keep=_KEEP
        )
        found = [job for job in _jobs(answer) if job.get("job_name") == _name(work)]
        if not found:
            return Sight(State.ABSENT)
        reason = str(found[0].get("failure_reason") or "").strip().splitlines()
        return self.sight(str(found[0].get("status") or ""), reason[-1][:200] if reason else "")

    def end(self, work: Work) -> None:
        """Cancel the managed job, which also ends its machine."""
        answer = run_command(
            ("sky", "jobs", "cancel", "--yes", "--name", _name(work)), seconds=_ASK_SECONDS, keep=_KEEP
        )
        if answer.code != 0:
            raise Unreachable(answer.words)

    def forget(self, work: Work) -> None:
        """Delete what was kept here for carrying."""
        super().forget(work)
        (work.folder / f"{work.name}.yaml").unlink(missing_ok=True)


def _bucket() -> Bucket:
    text = known_places().sky_bucket
    if not text:
        raise TunedeckError(
            "No bucket is set for SkyPilot.", "Set sky_bucket in [clusters], such as s3://name or gs://name."
        )
    bucket = Bucket.parse(text, "sky_bucket")
    if bucket.tool == "hf":
        raise TunedeckError("sky_bucket must be s3:// or gs://.", "SkyPilot mounts no other here.")
    return bucket


def _options(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise Refused(f"sky_options can't be read: {error}") from error


def _name(work: Work) -> str:
    """Return a name that every cloud takes."""
    return work.name.lower().replace("_", "-")


def _jobs(answer: Answer) -> list[dict[str, Any]]:
    """Read the queue; whatever is printed around the JSON is passed over."""
    if answer.code != 0:
        raise Unreachable(answer.words)
    start = answer.output.find("[")
    try:
        value, _ = json.JSONDecoder().raw_decode(answer.output[start:]) if start >= 0 else (None, 0)
    except ValueError:
        value = None
    if not isinstance(value, list):
        raise Unreachable("`sky jobs queue` gave no JSON")
    return [job for job in value if isinstance(job, dict)]
