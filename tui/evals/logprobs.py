"""Asks again without logprobs where a service takes no request for them: what is kept is the answer."""

from __future__ import annotations

from dataclasses import replace

from tui.providers.protocol import ProviderError
from tui.records.chats import ChatRequest

_REFUSED_INPUT = (400, 422)


def refuses_logprobs(error: ProviderError, request: ChatRequest) -> bool:
    """Return whether a request was refused because it asks for logprobs."""
    is_about = "logprob" in error.message.casefold() and error.status in _REFUSED_INPUT
    return request.parameters.logprobs is not None and is_about


def without_logprobs(request: ChatRequest) -> ChatRequest:
    """Return the same request without them; its digest leaves them out, so it stays the same."""
    return replace(request, parameters=replace(request.parameters, logprobs=None))
