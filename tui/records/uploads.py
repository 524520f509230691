"""An upload in parts that is under way, and the notes by which it is gone on with after a crash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class SentPart:
    """A part that a service has taken."""

    number: int
    """Place in the file, from 0."""
    sha256: str
    bytes: int
    id: str


@dataclass(frozen=True, slots=True)
class OpenUpload:
    """An upload that was begun and not completed, as far as is known."""

    id: str
    bytes: int
    """Of the whole, with what goes before the file."""
    part_bytes: int
    created_at: int | None = None
    """By the service's clock."""
    expires_at: int | None = None
    parts: tuple[SentPart, ...] = ()


class UploadNotes(Protocol):
    """What is kept of the upload of one content to one account."""

    def open_upload(self) -> OpenUpload | None:
        """Return the upload that was begun and not completed, or None."""
        ...

    def begun(self, upload: OpenUpload) -> None:
        """Keep that an upload was begun, in place of any earlier one."""
        ...

    def part_sent(self, upload_id: str, part: SentPart) -> None:
        """Keep that the service has taken a part."""
        ...

    def ended(self, upload_id: str) -> None:
        """Forget an upload: it was completed, or the service knows it no longer."""
        ...
