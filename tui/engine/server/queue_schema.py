"""The body with which a waiting job is given another place."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LATEST = 253_402_300_799
"""Unix seconds of the end of the year 9999."""


class Requeue(BaseModel):
    """POST /tunedeck/jobs/{id}/queue; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")
    priority: Literal["low", "normal", "high"] | None = None
    start_after: Annotated[int, Field(strict=True, ge=0, le=LATEST)] | None = None
    """Unix seconds; null lets it start as soon as there is a place."""
    place: Literal["first", "up", "down", "last"] | None = None
    """Among the jobs of its priority."""
