"""Uploads in parts that are under way: each part is kept as soon as its service has taken it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tui.store.database import Database

if TYPE_CHECKING:  # few files go up in parts: Home paints without
    from tui.records.uploads import OpenUpload, SentPart, UploadNotes


class UploadQueries(Database):
    """The part of the store about files on their way up."""

    def upload_notes(self, account: str, sha256: str) -> UploadNotes:
        """Return where the upload of a content to an account is kept."""
        return _KeptUpload(self, account, sha256)


class _KeptUpload:
    """The notes of one content's upload to one account."""

    def __init__(self, database: Database, account: str, sha256: str) -> None:
        self._database = database
        self._key = (account, sha256)

    def open_upload(self) -> OpenUpload | None:
        """Return the upload that was begun and not completed, or None."""
        rows = self._database.query("SELECT * FROM uploads WHERE account = ? AND sha256 = ?", self._key)
        if not rows:
            return None
        from tui.records.uploads import OpenUpload, SentPart

        row = rows[0]
        parts = self._database.query(
            "SELECT * FROM upload_parts WHERE account = ? AND upload_id = ? ORDER BY number",
            (self._key[0], row["id"]),
        )
        return OpenUpload(
            row["id"], row["bytes"], row["part_bytes"], row["created_at"], row["expires_at"],
            tuple(SentPart(one["number"], one["sha256"], one["bytes"], one["id"]) for one in parts),
        )  # fmt: skip

    def begun(self, upload: OpenUpload) -> None:
        """Keep that an upload was begun, in place of any earlier one."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM upload_parts WHERE account = ? AND upload_id IN"
                " (SELECT id FROM uploads WHERE account = ? AND sha256 = ?)",
                (self._key[0], *self._key),
            )
            connection.execute(
                "INSERT OR REPLACE INTO uploads VALUES (?, ?, ?, ?, ?, ?, ?)",
                (*self._key, upload.id, upload.bytes, upload.part_bytes, upload.created_at,
                 upload.expires_at),
            )  # fmt: skip

    def part_sent(self, upload_id: str, part: SentPart) -> None:
        """Keep that the service has taken a part."""
        with self._database.transaction() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO upload_parts VALUES (?, ?, ?, ?, ?, ?)",
                (self._key[0], upload_id, part.number, part.sha256, part.bytes, part.id),
            )

    def ended(self, upload_id: str) -> None:
        """Forget an upload."""
        with self._database.transaction() as connection:
            connection.execute(
                "DELETE FROM upload_parts WHERE account = ? AND upload_id = ?", (self._key[0], upload_id)
            )
            connection.execute(
                "DELETE FROM uploads WHERE account = ? AND sha256 = ? AND id = ?", (*self._key, upload_id)
            )
