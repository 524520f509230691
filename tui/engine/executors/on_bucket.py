"""What places have in common that somebody else runs and bills, and that reach our files by a bucket."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tui.engine.executors.bucket import Bucket
from tui.engine.executors.carried import Carrier
from tui.engine.executors.outside_command import Refused, Unreachable
from tui.engine.executors.protocol import Handle
from tui.engine.executors.watched import Sight, State, WatchedWorker, Work
from tui.errors import TunedeckError


class BucketPlace:
    """A place that is asked by a command; subclasses submit, look and end.

    Args:
        bucket: Address of the bucket.
        poll_seconds: Time between two looks.
    """

    name = ""
    called = ""
    """In sentences."""
    bills = True
    waiting: Collection[str] = ()
    """The place's own words for work that has not begun."""
    running: Collection[str] = ()
    ended: Collection[str] = ()

    def __init__(self, bucket: str, poll_seconds: float) -> None:
        self.poll_seconds = poll_seconds
        self.facts: Handle = {"bucket": bucket}
        self._carrier = Carrier(Bucket(bucket))

    def submit(self, work: Work) -> None:
        """Start the work under its name."""
        raise NotImplementedError

    def look(self, work: Work) -> Sight:
        """Look for the work by its name."""
        raise NotImplementedError

    def end(self, work: Work) -> None:
        """End the work at once."""
        raise NotImplementedError

    def sent(self, work: Work) -> str:
        """Carry the work to the bucket and return the shell command that runs it there.

        Raises:
            Refused: It did not arrive, and nothing was started.
        """
        try:
            return self._carrier.send(work)
        except Unreachable as error:
            raise Refused(f"the files did not reach the bucket, and nothing was started: {error}") from error

    @property
    def mounted(self) -> str:
        """Address of the bucket that the work mounts."""
        return self._carrier.bucket.address

    def sight(self, word: str, reason: str = "") -> Sight:
        """Return what a word of the place's means.

        Args:
            word: Its state.
            reason: Why it ended so, where the place tells.

        Raises:
            Unreachable: The word is not known here, so nothing is known of the work.
        """
        if word in self.waiting:
            return Sight(State.WAITING, word)
        if word in self.running:
            return Sight(State.RUNNING, word)
        if word in self.ended:
            return Sight(State.ENDED, word, f"as {word} ({reason})" if reason else f"as {word}")
        raise Unreachable(f"{self.called} gave a state that is not known here: {word[:60]!r}")

    def fetch(self, work: Work) -> None:
        """Bring what the bucket holds."""
        self._carrier.bring(work)

    def ask_to_stop(self, work: Work) -> None:
        """Lay the stop file into the bucket."""
        self._carrier.tell(work)

    def forget(self, work: Work) -> None:
        """Delete what was kept here for carrying."""
        self._carrier.forget(work)


class BucketExecutor:
    """Runs workers at such a place; subclasses say which, and what it lacks and costs."""

    here = False
    bills = True
    several_workers = False
    has_own_trainers = True
    cancel_grace = 5.0

    def why_not(self) -> str | None:
        """Return which command or setting is missing or wrong."""
        raise NotImplementedError

    def bucket(self) -> Bucket:
        """Return the bucket of the settings.

        Raises:
            TunedeckError: It is missing or wrong.
        """
        raise NotImplementedError

    def place(self, bucket: str) -> BucketPlace:
        """Return the place with this bucket."""
        raise NotImplementedError

    def start(self, folder: Path, command: Sequence[str]) -> WatchedWorker:
        """Start the work.

        Raises:
            TunedeckError: A command or setting is missing.
        """
        reason = self.why_not()
        if reason:
            raise TunedeckError(reason)
        return WatchedWorker.start(self.place(self.bucket().address), folder, tuple(command))

    def attach(self, handle: Mapping[str, str | int | float]) -> WatchedWorker | None:
        """Watch the work of an earlier engine."""
        bucket = handle.get("bucket")
        return WatchedWorker.attach(self.place(bucket), handle) if isinstance(bucket, str) else None

    def sync(self, folder: Path) -> None:
        """Do nothing: the watching thread brings what the worker wrote."""
