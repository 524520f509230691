"""The bodies of /v1/uploads, checked field by field."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from tui.engine.server.upload_store import UPLOAD_LIMIT

Text = Annotated[str, Field(strict=True, min_length=1, max_length=1000)]


class _ExpiresAfter(BaseModel):
    model_config = ConfigDict(extra="forbid")
    anchor: Literal["created_at"]
    seconds: Annotated[int, Field(strict=True)]


class CreateUpload(BaseModel):
    """POST /v1/uploads."""

    model_config = ConfigDict(extra="forbid")
    bytes: Annotated[int, Field(strict=True, ge=1, le=UPLOAD_LIMIT)]
    filename: Text
    mime_type: Text
    purpose: Text
    expires_after: _ExpiresAfter | None = None


class CompleteUpload(BaseModel):
    """POST /v1/uploads/{id}/complete."""

    model_config = ConfigDict(extra="forbid")
    part_ids: list[Annotated[str, Field(strict=True)]]
    md5: Annotated[str, Field(strict=True)] | None = None
