"""Messages, answers and usage of a chat, whichever service gave them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """One message of a conversation."""

    role: str
    content: str
    whole: Mapping[str, Any] | None = None
    """The message as a service takes it, where it has more than text: tool calls, images, a name."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants called."""

    name: str
    arguments: str
    """JSON as the model wrote it, which may be broken."""


@dataclass(frozen=True, slots=True)
class ChatImage:
    """A picture that goes with a question."""

    name: str
    media_type: str
    """Such as image/png."""
    content: bytes
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class ChatParameters:
    """How an answer is sampled; None leaves the choice to the service."""

    temperature: float | None = None
    top_p: float | None = None
    max_tokens: int | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    logprobs: int | None = None
    """How sure the model was of each token, with so many alternatives beside it; None does not ask."""
    response_format: str | None = None
    """JSON of the shape that the answer must have, as a service takes it; None leaves it free."""


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """What is asked of one model."""

    model: str
    messages: tuple[ChatMessage, ...]
    parameters: ChatParameters = ChatParameters()
    tools: tuple[Mapping[str, Any], ...] = ()
    """Tools that the model may call, as a service takes them."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens that a service says it counted."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A token of an answer with how sure the model was of it."""

    token: str
    logprob: float
    """Natural logarithm of its probability."""
    alternatives: tuple[tuple[str, float], ...] = ()
    """(token, logprob) of the likeliest at this place, which may hold the token itself."""


@dataclass(frozen=True, slots=True)
class ChatDelta:
    """A piece of an answer as it arrives; the last has a finish reason, and usage if the service tells it."""

    text: str = ""
    finish_reason: str | None = None
    usage: Usage | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    """Whole, with the last piece."""
    calling: bool = False
    """A piece of a tool call has come, which says something but is not shown yet."""
    logprobs: tuple[TokenLogprob, ...] = ()
    """Of the tokens of this piece, where they were asked for and the service gives them."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished (or stopped) answer of one model to one user message."""

    chat_id: str
    turn: int
    model: str
    account: str
    text: str
    finish_reason: str | None
    usage: Usage
    first_token_seconds: float | None
    seconds: float
    created_at: int
    error: str = ""
    """Why it failed or was cut off; empty otherwise."""
    tool_calls: tuple[ToolCall, ...] = ()
    logprobs: tuple[TokenLogprob, ...] = ()
