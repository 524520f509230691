"""What a journal remembers of its file, to tell later whether it is still the same."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from tui.datasets.files import open_file

_SAMPLED_BYTES = 1 << 16


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Size, time and both ends of a file."""

    size: int
    modified_ns: int
    ends: str
    """Digest of the first and the last 64 KB."""

    @classmethod
    def of(cls, path: Path) -> Fingerprint:
        """Look at a file.

        Raises:
            TunedeckError: It can't be read.
        """
        with open_file(path) as stream:
            status = os.fstat(stream.fileno())
            digest = blake2b(stream.read(_SAMPLED_BYTES), digest_size=16)
            stream.seek(max(0, status.st_size - _SAMPLED_BYTES))
            digest.update(stream.read(_SAMPLED_BYTES))
        return cls(status.st_size, status.st_mtime_ns, digest.hexdigest())

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: Any) -> Fingerprint:
        """Return what `as_json` gave.

        Raises:
            ValueError: It is something else.
        """
        try:
            return cls(int(value["size"]), int(value["modified_ns"]), str(value["ends"]))
        except (KeyError, TypeError) as error:
            raise ValueError("no fingerprint") from error


def row_digest(line: bytes) -> str:
    """Return what tells a row from another one, as 16 hex digits."""
    return blake2b(line, digest_size=8).hexdigest()
