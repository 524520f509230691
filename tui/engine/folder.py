"""The engine's root folder: what lies where, the token, and the lock that keeps a second engine out."""

from __future__ import annotations

import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path

from tui.atomic import write_bytes
from tui.errors import TunedeckError
from tui.file_lock import FileLock
from tui.paths import make_private

TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class EngineFolder:
    """Paths below one engine root; nothing here is made of text that a client sent."""

    root: Path

    @property
    def files(self) -> Path:
        """Uploaded and result files, one folder per file id."""
        return self.root / "files"

    @property
    def uploads(self) -> Path:
        """Multi-part uploads under way, one folder per upload id."""
        return self.root / "uploads"

    @property
    def jobs(self) -> Path:
        """Run folders, one per job id."""
        return self.root / "jobs"

    @property
    def incoming(self) -> Path:
        """Bodies being received; emptied at every start."""
        return self.root / "incoming"

    @property
    def token_file(self) -> Path:
        """The bearer token, readable by its owner alone."""
        return self.root / "token"

    @property
    def server_file(self) -> Path:
        """Where the running engine says its address and process."""
        return self.root / "server.json"

    @property
    def log_file(self) -> Path:
        """The engine's log."""
        return self.root / "log.txt"

    @property
    def chat_active_file(self) -> Path:
        """Touched while an answer is generated, so that a training worker makes room."""
        return self.root / "chat-active"

    @property
    def children(self) -> Path:
        """Logs of the servers that run as our children, and adapters converted for them."""
        return self.root / "children"

    def prepare(self) -> None:
        """Create the folders, private to the user, and throw away half-received bodies.

        Raises:
            TunedeckError: The folder can't be made or written.
        """
        self.prepare_root()
        try:
            shutil.rmtree(self.incoming, ignore_errors=True)
            for folder in (self.files, self.uploads, self.jobs, self.incoming):
                make_private(folder)
        except OSError as error:
            raise self._unusable(error) from error

    def prepare_root(self) -> None:
        """Create the root folder alone, private to the user.

        Raises:
            TunedeckError: It can't be made.
        """
        try:
            make_private(self.root)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> TunedeckError:
        return TunedeckError(
            f"The engine's folder {self.root} can't be used: {error.strerror or error}.",
            "Give another folder with --root, or set TUNEDECK_HOME.",
        )

    def lock(self) -> FileLock:
        """Return the held lock of this folder.

        Raises:
            TunedeckError: Another engine runs on this folder.
        """
        lock = FileLock(self.root / "engine.lock")
        if not lock.acquire():
            raise TunedeckError(
                f"Another engine is already running on {self.root}.",
                "Use it as it is, stop it with `tunedeck engine stop`, or give another folder with --root.",
            )
        return lock

    def token(self) -> str:
        """Return the bearer token, made on the first call."""
        try:
            token = self.token_file.read_text("ascii").strip()
        except (OSError, ValueError):
            token = ""
        if len(token) < TOKEN_BYTES:
            token = secrets.token_urlsafe(TOKEN_BYTES)
            write_bytes(self.token_file, token.encode("ascii"), mode=0o600)
        elif os.name == "posix":
            self.token_file.chmod(0o600)
        return token
