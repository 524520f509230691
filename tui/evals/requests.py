"""What exactly is asked of a model for a case, and the digest by which its answer is found again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from hashlib import sha256
from typing import Any

from tui.chat.lanes import Lane
from tui.evals.cases import Case
from tui.records.chats import ChatMessage, ChatParameters, ChatRequest

_SYSTEM_ROLES = ("system", "developer")


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is put before the question of each case: questions with their right answers."""

    by_case: Mapping[str, tuple[ChatMessage, ...]]
    """Case id -> messages; a case without any gets none."""


@dataclass(frozen=True, slots=True)
class Contender:
    """A model with the instructions that it gets."""

    lane: Lane
    system: str | None = None
    """Takes the place of each row's own system prompt; empty for none, None leaves the row's."""
    examples: Examples | None = None
    """Stand before each question; None puts none there."""

    @property
    def label(self) -> str:
        """The model's name, and that its prompt is another one where it is."""
        words = {None: "", "": " without a prompt"}.get(self.system, " with its own prompt")
        return f"{self.lane.model}{words}{' with nearest examples' if self.examples is not None else ''}"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request with its digest."""

    request: ChatRequest
    digest: bytes


def ask_of(contender: Contender, case: Case, parameters: ChatParameters, repeat: int = 0) -> Ask:
    """Return what is asked of a model for a case.

    Args:
        contender: Who is asked.
        case: The row.
        parameters: How the answer is sampled.
        repeat: Counts askings of the same, which are answers of their own.
    """
    messages = case.messages
    if contender.system is not None:
        own = (ChatMessage("system", contender.system),) if contender.system else ()
        messages = (*own, *(one for one in messages if one.role not in _SYSTEM_ROLES))
    if contender.examples is not None:
        told = tuple(one for one in messages if one.role in _SYSTEM_ROLES)
        asked = tuple(one for one in messages if one.role not in _SYSTEM_ROLES)
        messages = (*told, *contender.examples.by_case.get(case.id, ()), *asked)
    return plain_ask(ChatRequest(contender.lane.model, messages, parameters, case.tools), repeat)


def plain_ask(request: ChatRequest, repeat: int = 0) -> Ask:
    """Return any request with its digest, which covers everything but the model."""
    return Ask(request, _digest(request, repeat))


def fresh(ask: Ask, salt: str) -> Ask:
    """Return the same request under a digest of its own, so that no kept answer stands for it."""
    return replace(ask, digest=sha256(ask.digest + salt.encode()).digest())


def _digest(request: ChatRequest, repeat: int) -> bytes:
    # What is not set is left out: a field that is added to these records must not make old answers unknown.
    # Logprobs are told beside the answer and change nothing in it.
    content = [
        [_set_fields(one) for one in request.messages],
        list(request.tools),
        _set_fields(replace(request.parameters, logprobs=None)),
        repeat,
    ]
    return sha256(json.dumps(content, sort_keys=True, default=str).encode()).digest()


def _set_fields(value: ChatMessage | ChatParameters) -> dict[str, Any]:
    # Not `asdict`, which copies whole conversations: most of the time that planning takes.
    pairs = ((one.name, getattr(value, one.name)) for one in fields(value))
    return {name: one for name, one in pairs if one is not None and one != ()}


def system_of(messages: Sequence[ChatMessage]) -> str:
    """Return the instructions of a conversation; empty where there are none."""
    return next((one.content for one in messages if one.role in _SYSTEM_ROLES), "")
