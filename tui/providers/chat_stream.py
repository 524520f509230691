"""A chat request as the service wants it, and its stream as ChatDelta."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tui.providers.profiles import Profile
from tui.providers.protocol import ProviderError
from tui.records.chats import ChatDelta, ChatMessage, ChatRequest, TokenLogprob, ToolCall, Usage

MOST_CALL_CHARACTERS = 1_000_000
"""Of all tool calls of an answer; a stream that is longer is left."""


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
    """Yield pieces of text as they arrive, then one last delta with the finish reason and the usage.

    A chunk without text yields an empty delta, so that whoever reads can stop between any two chunks. Of a
    foreign server anything may be missing or of another type.

    Raises:
        ProviderError: Tool calls have no end. What had come of them by a failure is yielded before it.
    """
    finish_reason: str | None = None
    usage: Usage | None = None
    calls = _Calls()
    try:
        for chunk in chunks:
            usage = _usage(getattr(chunk, "usage", None)) or usage
            choices = getattr(chunk, "choices", None)
            if not isinstance(choices, list) or not choices:
                yield ChatDelta()
                continue
            for choice in choices:
                finish_reason = _text(getattr(choice, "finish_reason", None)) or finish_reason
                delta = getattr(choice, "delta", None)
                text = _text(getattr(delta, "content", None)) or _text(getattr(delta, "refusal", None))
                calling = calls.take(getattr(delta, "tool_calls", None))
                sure = _logprobs(getattr(choice, "logprobs", None))
                yield ChatDelta(text=text, logprobs=sure, calling=calling)
    except Exception:
        yield ChatDelta(tool_calls=calls.whole())
        raise
    yield ChatDelta(finish_reason=finish_reason, usage=usage, tool_calls=calls.whole())


class _Calls:
    """Tool calls put together from pieces, by the number that each piece carries."""

    def __init__(self) -> None:
        self._parts: dict[int, tuple[list[str], list[str]]] = {}
        self._length = 0

    def take(self, pieces: Any) -> bool:
        """Add the pieces of a chunk; returns whether there were any.

        Raises:
            ProviderError: They are longer than any call that is meant.
        """
        before = self._length
        for piece in pieces if isinstance(pieces, list) else ():
            number = getattr(piece, "index", None)
            function = getattr(piece, "function", None)
            name, arguments = (_text(getattr(function, part, None)) for part in ("name", "arguments"))
            # Some send each call whole and none with a number.
            place = number if isinstance(number, int) else len(self._parts)
            names, written = self._parts.setdefault(place, ([], []))
            names.append(name)
            written.append(arguments)
            self._length += len(name) + len(arguments) + 1
            if self._length > MOST_CALL_CHARACTERS:
                raise ProviderError(
                    f"Its tool calls are over {MOST_CALL_CHARACTERS:,} characters; the rest was not read.",
                    "Ask again, or ask another model.",
                )
        return self._length > before

    def whole(self) -> tuple[ToolCall, ...]:
        """Return the calls in order; pieces that say nothing make none."""
        calls = (
            ToolCall("".join(names), "".join(arguments))
            for _, (names, arguments) in sorted(self._parts.items())
        )
        return tuple(call for call in calls if call.name or call.arguments)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


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
        _count(raw, "prompt_tokens"), _count(raw, "completion_tokens"), _count(details, "cached_tokens")
    )  # fmt: skip


def _count(raw: Any, name: str) -> int:
    value = getattr(raw, name, None)
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0  # what the store can hold
