"""What a child process is to serve, and how it is started; written by the file of each server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from tui.engine.server.model_directory import ModelPlace

CHAT, COMPLETIONS = "/v1/chat/completions", "/v1/completions"
NOT_DONE = "unsupported_parameter"
"""Code of the refusal of something that a server does not do."""


@dataclass(frozen=True, slots=True)
class ChildPlan:
    """A server for one base model."""

    key: str
    """Children of the same key are the same child."""
    label: str
    """For people: which server, with what."""
    python: Path
    """Of the server's own environment."""
    command: Callable[[int], list[str]]
    """Arguments of that Python by the port to listen on; no secret may stand in them."""
    key_variable: str
    """Environment variable by which the server is told the key that it wants to hear."""
    environment: Mapping[str, str] = field(default_factory=dict)
    start_seconds: float = 120.0
    """How long it may take until it answers."""


@dataclass(frozen=True, slots=True)
class AdapterPlan:
    """An adapter that a running child is told of by name."""

    name: str
    folder: Path


class BackEnd(Protocol):
    """One kind of server."""

    name: str
    """llamacpp or vllm, as its environment is called."""

    def why_not(self, place: ModelPlace) -> str | None:
        """Return why it can't answer for a model, or None when it can; empty of a kind it never reads."""
        ...

    def plan(self, place: ModelPlace) -> tuple[ChildPlan, AdapterPlan | None]:
        """Return the child that answers, and the adapter that it needs by name; may write files.

        Raises:
            TunedeckError: The model's files can't be read or written for it.
        """
        ...

    def request_body(self, path: str, body: dict[str, Any], place: ModelPlace) -> dict[str, Any]:
        """Return the body as the server takes it.

        Raises:
            ApiError: 400 for a wrong body, or with the code `NOT_DONE` for what it does not do.
        """
        ...
