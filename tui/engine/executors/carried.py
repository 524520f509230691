"""For places that see nothing of ours: the store is carried to a bucket, and results back from it."""

from __future__ import annotations

import shlex
from pathlib import Path

from tui import paths
from tui.engine.atomic_files import read_json_object
from tui.engine.bundle import REQUIREMENTS, bundle_folder
from tui.engine.environments.recipes import recipe_of
from tui.engine.executors.bucket import Bucket, refuse_without
from tui.engine.executors.parcel import CODE, JOBS, SPEC, bring_back, forget_job, pack, place_stop_files
from tui.engine.executors.watched import Work
from tui.engine.run_folder import DONE, STOP_CANCEL, STOP_PAUSE

ENTRY = "tui.engine.far.__main__"
MOUNT = "/tunedeck"
"""Where the bucket is mounted on the other side."""
_EMBEDDED = "embedded"


class Carrier:
    """Brings jobs to a bucket and their results back, by way of a store on this machine."""

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._store = paths.cache_dir() / "parcels" / bucket.address.replace("://", "-").replace("/", "-")

    def send(self, work: Work) -> str:
        """Put a job, its base model and our code into the bucket; return the far side's shell command.

        Raises:
            Refused: The bucket's tool is missing.
            Unreachable: It did not all arrive; nothing was started.
            OSError: This machine's disk is full.
        """
        refuse_without(self.bucket)
        job_id = work.folder.name
        target = pack(work.folder, self._store, MOUNT)
        code = bundle_folder(self._store / CODE, ENTRY)
        spec = read_json_object(target / SPEC) or {}
        self.bucket.remove((DONE, STOP_PAUSE, STOP_CANCEL), job_id)
        self.bucket.send(self._store, job_id, Path(str(spec["base_model_folder"])).name)
        embedded = spec.get("trainer", _EMBEDDED) == _EMBEDDED
        packages = REQUIREMENTS if embedded else recipe_of("gpu").asked(cpu=False)
        return " && ".join(
            (
                f"python -m pip install --quiet {shlex.join(packages)}",
                f"python {MOUNT}/{CODE}/{shlex.quote(code.name)} {MOUNT}/{JOBS}/{shlex.quote(job_id)}",
            )
        )

    def bring(self, work: Work) -> None:
        """Bring what the worker wrote into the run folder.

        Raises:
            Unreachable: The bucket does not answer.
            OSError: This machine's disk is full.
        """
        self.bucket.bring(self._store, work.folder.name)
        bring_back(self._store / JOBS / work.folder.name, work.folder)

    def tell(self, work: Work) -> None:
        """Bring stop files to the bucket.

        Raises:
            Unreachable: They did not arrive.
        """
        target = self._store / JOBS / work.folder.name
        target.mkdir(parents=True, exist_ok=True)
        for name in place_stop_files(work.folder, target):
            self.bucket.send_file(target / name, work.folder.name)

    def forget(self, work: Work) -> None:
        """Delete the job from the store here; what is in the bucket is its owner's, and stays."""
        forget_job(self._store, work.folder.name)
