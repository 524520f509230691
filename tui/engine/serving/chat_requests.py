"""From the body of a chat request to what the generation thread is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.server.body_errors import parse_body
from tui.engine.serving.chat_messages import check_messages, offered_tools, refuse_unsupported, wanted_shape
from tui.engine.serving.generation import GenerationRequest
from tui.engine.serving.model_pool import LoadedModel
from tui.engine.serving.request_bodies import ChatBody
from tui.engine.serving.service import GenerationService
from tui.engine.serving.wire import check_context
from tui.errors import TunedeckError


@dataclass(frozen=True, slots=True)
class ChatPlan:
    """A checked chat request."""

    request: GenerationRequest
    stream: bool
    include_usage: bool
    with_tools: bool


async def plan_chat(data: Mapping[str, Any], service: GenerationService) -> ChatPlan:
    """Check a request's body and turn it into a plan.

    Raises:
        ApiError: 400 for anything wrong with the body, 404 for an unknown model.
    """
    body = parse_body(ChatBody, data)
    refuse_unsupported(body)
    include_usage = body.includes_usage()
    model = await service.load_model(body.model)
    # Rendering and tokenizing a long conversation would hold up every other request.
    return await asyncio.to_thread(_plan, body, model, include_usage)


def _plan(body: ChatBody, model: LoadedModel, include_usage: bool) -> ChatPlan:
    messages = check_messages(body.messages)
    tools = offered_tools(body)
    shape = wanted_shape(body, messages)
    config, tokenizer = model.base.model.config, model.base.model.tokenizer
    try:
        ids = tokenizer.encode_chat(messages, tools)
    except TunedeckError as error:
        raise ApiError(400, str(error), param="messages") from error
    wanted = body.max_completion_tokens or body.max_tokens
    max_tokens = check_context(len(ids), wanted, config.context_length, chat=True)
    if shape is not None:
        model.base.token_bytes()  # prepared here, so that the generation thread need not wait for it
    request = GenerationRequest(
        model=model,
        prompt_ids=ids,
        max_tokens=max_tokens,
        sampling=body.sampling(config.vocabulary),
        choices=body.n or 1,
        stops=body.stops(),
        top_logprobs=(body.top_logprobs or 0) if body.logprobs else None,
        shape=shape,
    )
    return ChatPlan(request, bool(body.stream), include_usage, tools is not None)
