"""Ray as executor: the same worker as a Ray job, its run folder on a storage that both sides see.

Ray moves the work and starts dead workers again; the run folder on the shared storage is what the run knows
of itself, so that a job goes on from its last state whoever starts it again: Ray, this engine, or a person.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tui.atomic import write_bytes
from tui.engine.atomic_files import read_json_object
from tui.engine.executors.outside_command import Refused, Unreachable
from tui.engine.executors.parcel import JOBS, LOG, SPEC, bring_back, forget_job, pack, place_stop_files
from tui.engine.executors.places import known_places
from tui.engine.executors.protocol import Handle
from tui.engine.executors.ray_client import RayClient, ray_token
from tui.engine.executors.watched import Sight, State, WatchedWorker, Work
from tui.errors import TunedeckError
from tui.safe_text import safe_line

DRIVER = "tui.engine.ray"
_LOG_SECONDS = 15.0
"""Between two readings of the job's printed lines, which the cluster sends whole each time."""
_LOG_BYTES = 1_000_000
_COLOURS = re.compile("\x1b\\[[0-9;?]*[A-Za-z]")
"""Ray colours the names of its processes even into a file."""


class RayExecutor:
    """Sends workers to the cluster whose dashboard answers at `ray_address`."""

    name = "ray"
    here = False
    bills = False
    several_workers = True
    has_own_trainers = True
    cancel_grace = 3.0
    pause_grace = 120.0

    def why_not(self) -> str | None:
        """Return which setting is missing or can't be used."""
        try:
            self._place()
        except TunedeckError as error:
            return str(error).replace("\n", " ")
        return None

    def does_not_answer(self) -> str | None:
        """Ask the cluster for its version."""
        place = self._place()
        try:
            place.client.version()
        except (Unreachable, Refused) as error:
            return f"{place.called} can't be used: {error}"
        return None

    def what_it_costs(self) -> str:
        """Return "": the cluster is the person's own."""
        return ""

    def start(self, folder: Path, command: Sequence[str]) -> WatchedWorker:
        """Submit the job; the command's trainer is run by our own driver on the cluster.

        Raises:
            TunedeckError: A setting is missing or wrong.
        """
        return WatchedWorker.start(self._place(), folder, tuple(command))

    def attach(self, handle: Mapping[str, str | int | float]) -> WatchedWorker | None:
        """Watch a submission of an earlier engine."""
        try:
            place = Ray(*(str(handle[key]) for key in ("address", "store", "there", "python", "gpus")))
        except KeyError:
            return None
        return WatchedWorker.attach(place, handle)

    def sync(self, folder: Path) -> None:
        """Do nothing: the watching thread brings what the workers wrote."""

    @staticmethod
    def _place() -> Ray:
        places = known_places()
        parts = urlsplit(places.ray_address)
        if not places.ray_address:
            raise TunedeckError(
                "No Ray cluster is set.",
                "Set ray_address and ray_storage in [clusters] of the settings, "
                "or TUNEDECK_RAY_ADDRESS and TUNEDECK_RAY_STORAGE.",
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise TunedeckError(
                f"ray_address {places.ray_address!r} is no address of a dashboard.",
                "Write it as http://HOST:8265.",
            )
        if parts.username or parts.password:
            raise TunedeckError(
                "ray_address holds a password.",
                "Take it out; a token comes from RAY_AUTH_TOKEN, with RAY_AUTH_MODE=token.",
            )
        if not places.ray_storage:
            raise TunedeckError(
                "No storage is set that the Ray cluster's nodes share with this machine.",
                "Set ray_storage; for a cluster on this machine any folder will do.",
            )
        store = Path(places.ray_storage).expanduser()
        if not store.is_absolute():
            raise TunedeckError(f"ray_storage {places.ray_storage!r} is no whole path.", "Begin it with /.")
        try:
            gpus = float(places.ray_gpus)
        except ValueError:
            gpus = -1.0
        if not 0 <= gpus <= 64:
            raise TunedeckError(f"ray_gpus {places.ray_gpus!r} is no number of GPUs.", "0 means none.")
        there = places.ray_storage_there or str(store)
        python = places.ray_python or _own_python(parts.hostname) or "python"
        return Ray(places.ray_address, str(store), there, python, places.ray_gpus)


class Ray:
    """One cluster with its storage."""

    name = "ray"
    bills = False

    def __init__(
        self, address: str, store: str, there: str, python: str, gpus: str, *, poll_seconds: float = 2.0
    ) -> None:
        self.client = RayClient(address, ray_token())
        self.called = f"the Ray cluster at {safe_line(address, 100)}"
        self.poll_seconds = poll_seconds
        self.facts: Handle = {
            "address": address,
            "store": store,
            "there": there,
            "python": python,
            "gpus": gpus,
        }
        self._store, self._there = Path(store), there.rstrip("/")
        self._python, self._gpus = python, gpus
        self._log_read_at = 0.0

    def submit(self, work: Work) -> None:
        """Check the version, put job and code in place, and submit."""
        from tui.engine.executors.code_package import code_zip  # it reads many of our modules

        self.client.version()
        pack(work.folder, self._store, self._there)
        package = self.client.upload(*code_zip(f"{DRIVER}.__main__"))
        spec = read_json_object(work.folder / SPEC) or {}
        there = f"{self._there}/{JOBS}/{work.folder.name}"
        workers = str(spec.get("num_workers") or 1)
        command = [self._python, "-m", DRIVER, there, "--workers", workers, "--gpus", self._gpus]
        self.client.submit(
            work.name,
            shlex.join(command),
            metadata={"job": work.folder.name, "by": "tunedeck"},
            runtime_env={"working_dir": package},
        )

    def look(self, work: Work) -> Sight:
        """Ask for the submission's state."""
        job = self.client.job(work.name)
        if job is None:
            return Sight(State.ABSENT)
        match job.status:
            case "PENDING":
                return Sight(State.WAITING, job.status)
            case "RUNNING":
                return Sight(State.RUNNING, job.status)
            case "STOPPED":
                self._fetch_log(work)
                return Sight(State.ENDED, job.status, "because it was stopped on the cluster")
            case "SUCCEEDED" | "FAILED":
                self._fetch_log(work)  # nobody looks again, and its last words are what matters
                how = f"with exit code {job.exit_code}" if job.exit_code else f"({job.message})"
                return Sight(State.ENDED, job.status, how)
        raise Unreachable(f"Ray gave a state that is not known here: {job.status!r}")

    def fetch(self, work: Work) -> None:
        """Bring what rank 0 wrote to the storage, and now and then what the job printed."""
        source = self._store / JOBS / work.folder.name
        if not source.is_dir():
            if not self._store.is_dir():
                raise Unreachable(f"the storage {self._store} is not there")
            return
        bring_back(source, work.folder)
        if time.monotonic() - self._log_read_at > _LOG_SECONDS:
            self._log_read_at = time.monotonic()
            self._fetch_log(work)

    def ask_to_stop(self, work: Work) -> None:
        """Lay the stop file into the storage; rank 0 looks for it after each step."""
        place_stop_files(work.folder, self._store / JOBS / work.folder.name)

    def end(self, work: Work) -> None:
        """Have the cluster stop the job."""
        self.client.stop(work.name)

    def forget(self, work: Work) -> None:
        """Take the job out of the storage; the cluster keeps its own list.

        Deleted right after its end, a submission came back there as failed (Ray 2.60, 2026-11-30).
        """
        self._fetch_log(work)
        forget_job(self._store, work.folder.name)

    def _fetch_log(self, work: Work) -> None:
        try:
            printed = self.client.logs(work.name)
        except Unreachable:
            return  # for display alone
        if printed:
            plain = _COLOURS.sub("", printed)
            write_bytes(work.folder / LOG, plain.encode("utf-8", "replace")[-_LOG_BYTES:])


def _own_python(host: str) -> str | None:
    """Return the Python that `tunedeck engine install ray` made, when the cluster is on this machine."""
    if host not in ("localhost", "127.0.0.1", "::1"):
        return None
    from tui.engine.environments.kept import find_environment  # only a cluster on this machine needs it

    own = find_environment("ray")
    return str(own.python) if own is not None else None
