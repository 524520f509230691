"""POST /v1/chat/completions and POST /v1/completions."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tui.engine.server.requests import read_json_body
from tui.engine.serving.chat_answer import ChatAnswer
from tui.engine.serving.children.plans import CHAT, COMPLETIONS
from tui.engine.serving.completion_answer import CompletionAnswer
from tui.engine.serving.event_stream import EventStream, cancelled_on_disconnect
from tui.engine.serving.service import BusyError, GenerationService, GenerationStream

CLIENT_CLOSED_REQUEST = 499
"""nginx's status for a client that did not wait; nobody sees it but the log."""


Elsewhere = Callable[[Request, str, dict[str, Any]], Awaitable[Response | None]]
"""Answers a request for a model that a child process serves; None where our own decoder does."""


async def _nowhere_else(request: Request, path: str, body: dict[str, Any]) -> Response | None:
    return None


def serving_routes(service: GenerationService, elsewhere: Elsewhere = _nowhere_else) -> list[Route]:
    """Return the routes, to be mounted in an app that turns ApiError into OpenAI's envelope.

    Args:
        service: Our own decoder.
        elsewhere: Asked first.
    """

    async def chat_completions(request: Request) -> Response:
        # Checking bodies brings pydantic, which a starting engine can do without.
        from tui.engine.serving.chat_requests import plan_chat

        body = await read_json_body(request)
        passed = await elsewhere(request, CHAT, body)
        if passed is not None:
            return passed
        plan = await plan_chat(body, service)
        stream = service.submit([plan.request])
        answer = ChatAnswer(
            plan.request.model.id,
            stream,
            prompt_tokens=len(plan.request.prompt_ids),
            choices=plan.request.choices,
            with_logprobs=plan.request.top_logprobs is not None,
            with_tools=plan.with_tools,
        )
        if plan.stream:
            return EventStream(answer.chunks(include_usage=plan.include_usage), stream.cancel)
        return await _whole(request, stream, answer)

    async def completions(request: Request) -> Response:
        from tui.engine.serving.completion_requests import plan_completion

        body = await read_json_body(request)
        passed = await elsewhere(request, COMPLETIONS, body)
        if passed is not None:
            return passed
        plan = await plan_completion(body, service)
        stream = service.submit(plan.requests)
        first = plan.requests[0]
        answer = CompletionAnswer(
            first.model.id,
            stream,
            plan.prompts,
            choices=first.choices,
            echo=plan.echo,
            with_logprobs=first.top_logprobs is not None,
        )
        if plan.stream:
            return EventStream(answer.chunks(include_usage=plan.include_usage), stream.cancel)
        return await _whole(request, stream, answer)

    return [
        Route(CHAT, _refusing_when_busy(chat_completions), methods=["POST"]),
        Route(COMPLETIONS, _refusing_when_busy(completions), methods=["POST"]),
    ]


async def _whole(
    request: Request, stream: GenerationStream, answer: ChatAnswer | CompletionAnswer
) -> Response:
    try:
        with cancelled_on_disconnect(request.receive, stream.cancel):
            body = await answer.whole()
    except asyncio.CancelledError:
        stream.cancel()
        raise
    if stream.cancelled:
        return Response(status_code=CLIENT_CLOSED_REQUEST)
    return JSONResponse(body)


Endpoint = Callable[[Request], Awaitable[Response]]


def _refusing_when_busy(endpoint: Endpoint) -> Endpoint:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except BusyError as error:
            headers = {"retry-after": str(error.retry_after)}
            return JSONResponse(error.body(), error.status, headers)

    return answer
