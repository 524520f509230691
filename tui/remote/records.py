"""What is known here of each engine on another machine: a small file each, without any secret."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields

from tui import atomic, paths
from tui.errors import TunedeckError
from tui.remote.destination import Destination


@dataclass(frozen=True, slots=True)
class RemoteEngine:
    """An engine that was deployed, under its account's name."""

    name: str
    target: str
    folder: str
    """Absolute path there, with everything of ours: installation, engine's files and jobs."""
    python: str
    """Absolute path there of the Python that made the installation."""
    installation: str = ""
    """Name of the virtual environment in use; empty while none was finished."""
    version: str = ""
    ssh_port: int | None = None
    ssh_config: str | None = None
    idle_exit_seconds: int = 3600
    fetches: bool = True
    """Whether the engine there may fetch the base model."""
    local_port: int = 0
    """Where the tunnel was last; taken again when it is free."""
    is_wanted: bool = True
    """False once a person has disconnected: then nothing opens the tunnel by itself."""

    @property
    def destination(self) -> Destination:
        """The machine."""
        return Destination(self.target, self.ssh_port, self.ssh_config)

    @property
    def home(self) -> str:
        """`TUNEDECK_HOME` of the engine there."""
        return f"{self.folder}/home"

    @property
    def program(self) -> str:
        """The Python there that runs the engine."""
        return f"{self.folder}/venvs/{self.installation}/bin/python"


def all_records() -> list[RemoteEngine]:
    """Return every engine that is known, by name; a file that can't be read is left out."""
    folder = paths.remotes_dir()
    if not folder.is_dir():
        return []
    found = (read_record(path.stem) for path in sorted(folder.glob("*.json")))
    return [record for record in found if record is not None]


def read_record(name: str) -> RemoteEngine | None:
    """Return what is known of one engine, or None."""
    try:
        values = json.loads((paths.remotes_dir() / f"{name}.json").read_bytes())
        known = {entry.name: values[entry.name] for entry in fields(RemoteEngine) if entry.name in values}
        return RemoteEngine(**{**known, "name": name})
    except (OSError, ValueError, TypeError):
        return None


def known_record(name: str) -> RemoteEngine:
    """Return what is known of an engine.

    Raises:
        TunedeckError: There is none of that name.
    """
    record = read_record(name)
    if record is None:
        known = ", ".join(one.name for one in all_records()) or "none"
        raise TunedeckError(
            f"There is no engine {name!r} on another machine.",
            f"Known: {known}. `tunedeck engine deploy user@host` makes one.",
        )
    return record


def keep_record(record: RemoteEngine) -> None:
    """Write what is known of an engine, in place of what was.

    Raises:
        TunedeckError: The file can't be written.
    """
    try:
        folder = paths.make_private(paths.remotes_dir())
        atomic.write_bytes(folder / f"{record.name}.json", json.dumps(asdict(record), indent=2).encode())
    except OSError as error:
        raise TunedeckError(
            f"{paths.remotes_dir()} can't be written: {error.strerror or error}.", "Free some space there."
        ) from None


def forget_record(name: str) -> None:
    """Delete what is known of an engine; nothing happens on the other machine."""
    (paths.remotes_dir() / f"{name}.json").unlink(missing_ok=True)
