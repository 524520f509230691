"""A chat request as the service wants it, and its stream as ChatDelta."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tui.providers.profiles import Profile
from tui.records.chats import ChatDelta, ChatMessage, ChatRequest, TokenLogprob, ToolCall, Usage


def chat_arguments(request: ChatRequest, profile: Profile) -> dict[str, Any]:
    """Return the arguments of a streaming chat call; parameters that are None are left to the service."""
    parameters = request.parameters
    arguments: dict[str, Any] = {
        "temperature": parameters.temperature,
        "top_p": parameters.top_p,
        profile.max_tokens_field: parameters.max_tokens,
        "seed": parameters.seed,
        "stop": list(parameters.stop) or None,
        "logprobs": None if parameters.logprobs is None else True,
        "top_logprobs": parameters.logprobs,
        "response_format": _format(parameters.response_format),
    }
    return {
        "model": request.model,
        "messages": [_message(one) for one in request.messages],
        "stream": True,
        "stream_options": {"include_usage": True},
        **({"tools": _encodable(list(request.tools))} if request.tools else {}),
        **{name: value for name, value in arguments.items() if value is not None},
    }


def _format(text: str | None) -> Any:
    return None if text is None else _encodable(json.loads(text))


def chat_deltas(chunks: Iterable[Any]) -> Iterator[ChatDelta]:
    """Yield pieces of text as they arrive, then one last delta with the finish reason and the usage."""
    finish_reason: str | None = None
    usage: Usage | None = None
    calls = _Calls()
    for chunk in chunks:
        usage = _usage(getattr(chunk, "usage", None)) or usage
        for choice in getattr(chunk, "choices", None) or []:
            finish_reason = getattr(choice, "finish_reason", None) or finish_reason
            delta = getattr(choice, "delta", None)
            text = getattr(delta, "content", None) or getattr(delta, "refusal", None)
            logprobs = _logprobs(getattr(choice, "logprobs", None))
            if text or logprobs:
                yield ChatDelta(text=text or "", logprobs=logprobs)
            calls.take(getattr(delta, "tool_calls", None))
    yield ChatDelta(finish_reason=finish_reason, usage=usage, tool_calls=calls.whole())


class _Calls:
    """Tool calls put together from pieces, by the number that each piece carries."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[list[str], list[str]]] = {}

    def take(self, pieces: Any) -> None:
        """Add the pieces of a chunk; of a foreign server, anything may be missing."""
        for piece in pieces or []:
            number = getattr(piece, "index", None)
            function = getattr(piece, "function", None)
            # Some send each call whole and none with a number.
            names, arguments = self._parts.setdefault(
                len(self._parts) if number is None else number, ([], [])
            )
            names.append(getattr(function, "name", None) or "")
            arguments.append(getattr(function, "arguments", None) or "")

    def whole(self) -> tuple[ToolCall, ...]:
        """Return the calls in order."""
        return tuple(
            ToolCall("".join(names), "".join(arguments))
            for _, (names, arguments) in sorted(self._parts.items())
        )


def _logprobs(raw: Any) -> tuple[TokenLogprob, ...]:
    """Read a choice's logprobs; what a foreign server left out or garbled is not among them."""
    return tuple(
        TokenLogprob(
            entry.token,
            float(entry.logprob),
            tuple((other.token, float(other.logprob)) for other in _entries(entry, "top_logprobs")),
        )
        for name in ("content", "refusal")
        for entry in _entries(raw, name)
    )


def _entries(raw: Any, name: str) -> list[Any]:
    listed = getattr(raw, name, None)
    return [
        entry
        for entry in (listed if isinstance(listed, list) else ())
        if isinstance(getattr(entry, "token", None), str)
        and isinstance(getattr(entry, "logprob", None), int | float)
        and math.isfinite(entry.logprob)
    ]


def _message(message: ChatMessage) -> Any:
    whole = message.whole if message.whole is not None else {"role": message.role, "content": message.content}
    return _encodable(dict(whole))


def _encodable(value: Any) -> Any:
    """Replace unpaired surrogates, which no request can carry, in a text or anywhere within a value."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, Mapping):
        return {_encodable(key): _encodable(one) for key, one in value.items()}
    return [_encodable(one) for one in value] if isinstance(value, list | tuple) else value


def _usage(raw: Any) -> Usage | None:
    if raw is None:
        return None
    details = getattr(raw, "prompt_tokens_details", None)
    return Usage(
        getattr(raw, "prompt_tokens", None) or 0,
        getattr(raw, "completion_tokens", None) or 0,
        getattr(details, "cached_tokens", None) or 0,
    )
