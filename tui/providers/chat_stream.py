"""A chat request as the service wants it, and its stream as ChatDelta."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tui.providers.profiles import Profile
from tui.records.chats import ChatDelta, ChatRequest, Usage


def chat_arguments(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """Return the arguments of a streaming chat call; parameters that are None are left to the service."""
    parameters = request.parameters
    arguments: dict[str, Any] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        profile.max_tokens_field: parameters.max_tokens,
        "seed": parameters.seed,
        "stop": list(parameters.stop) or None,
    }
    return {
        "model": request.model,
        "messages": [{"role": one.role, "content": _encodable(one.content)} for one in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **{name: value for name, value in arguments.items() if value is not None},
    }


def chat_deltas(chunks: Iterable[Any]) -> Iterator[ChatDelta]:
    """Yield pieces of text as they arrive, then one last delta with the finish reason and the usage."""
    finish_reason: str | None = None
    usage: Usage | None = None
    for chunk in chunks:
        usage = _usage(getattr(chunk, "usage", None)) or usage
        for choice in getattr(chunk, "choices", None) or []:
            finish_reason = getattr(choice, "finish_reason", None) or finish_reason
            delta = getattr(choice, "delta", None)
            text = getattr(delta, "content", None) or getattr(delta, "refusal", None)
            if text:
                yield ChatDelta(text=text)
    yield ChatDelta(finish_reason=finish_reason, usage=usage)


def _encodable(text: str) -> str:
    """Replace unpaired surrogates, which no request can carry."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _usage(raw: Any) -> Usage | None:
    if raw is None:
        return None
    details = getattr(raw, "prompt_tokens_details", None)
    return Usage(
        getattr(raw, "prompt_tokens", None) or 0,
        getattr(raw, "completion_tokens", None) or 0,
        getattr(details, "cached_tokens", None) or 0,
    )
