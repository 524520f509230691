"""From the body of a completion request to what the generation thread is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.llama.tokenizer import ChatTokenizer
from tui.engine.server.body_errors import parse_body
from tui.engine.serving.completion_answer import Prompt
from tui.engine.serving.generation import GenerationRequest
from tui.engine.serving.model_pool import LoadedModel
from tui.engine.serving.request_bodies import CompletionBody
from tui.engine.serving.service import GenerationService
from tui.engine.serving.wire import check_context

DEFAULT_MAX_TOKENS = 16
"""The service's default of this route."""

MAX_PROMPTS = 128


@dataclass(frozen=True, slots=True)
class CompletionPlan:
    """A checked completion request: one generation for each prompt."""

    requests: Sequence[GenerationRequest]
    prompts: Sequence[Prompt]
    echo: bool
    stream: bool
    include_usage: bool


async def plan_completion(data: Mapping[str, Any], service: GenerationService) -> CompletionPlan:
    """Check a request's body and turn it into a plan.

    Raises:
        ApiError: 400 for anything wrong with the body, 404 for an unknown model.
    """
    body = parse_body(CompletionBody, data)
    _refuse_unsupported(body)
    include_usage = body.includes_usage()
    model = await service.load_model(body.model)
    return await asyncio.to_thread(_plan, body, model, include_usage)


def _plan(body: CompletionBody, model: LoadedModel, include_usage: bool) -> CompletionPlan:
    config, tokenizer = model.base.model.config, model.base.model.tokenizer
    prompts = _prompt_ids(body.prompt, tokenizer, config.vocabulary)
    choices = body.n or 1
    wanted = DEFAULT_MAX_TOKENS if body.max_tokens is None else body.max_tokens
    for ids in prompts:
        check_context(len(ids), wanted, config.context_length, chat=False)
    sampling, stops = body.sampling(config.vocabulary), body.stops()
    requests = [
        GenerationRequest(
            model=model,
            prompt_ids=ids,
            max_tokens=wanted,
            sampling=sampling,
            choices=choices,
            first_choice=number * choices,
            stops=stops,
            top_logprobs=body.logprobs,
            score_prompt=bool(body.echo) and body.logprobs is not None,
        )
        for number, ids in enumerate(prompts)
    ]
    shown = [Prompt(_text(ids, tokenizer), len(ids)) for ids in prompts]
    return CompletionPlan(requests, shown, bool(body.echo), bool(body.stream), include_usage)


def _refuse_unsupported(body: CompletionBody) -> None:
    if body.suffix is not None:
        raise ApiError(
            400, "This model does not support inserting text: 'suffix' must be left out.", param="suffix"
        )
    if body.best_of is not None and body.best_of != (body.n or 1):
        raise ApiError(400, "This engine does not rank answers: 'best_of' must equal 'n'.", param="best_of")


def _prompt_ids(
    prompt: str | list[str] | list[int] | list[list[int]] | None, tokenizer: ChatTokenizer, vocabulary: int
) -> list[list[int]]:
    """Return the tokens of every prompt; control tokens in text count, for this route hides nothing."""
    if isinstance(prompt, str) or prompt is None:
        given: list[Any] = [prompt or ""]
    elif prompt and isinstance(prompt[0], int):
        given = [prompt]
    else:
        given = list(prompt)
    if not 0 < len(given) <= MAX_PROMPTS:
        raise ApiError(400, f"Invalid 'prompt': expected 1 to {MAX_PROMPTS} prompts.", param="prompt")
    prompts = [tokenizer.encode(entry, special=True) if isinstance(entry, str) else entry for entry in given]
    for ids in prompts:
        if any(not 0 <= token < vocabulary for token in ids):
            raise ApiError(
                400, f"Invalid 'prompt': token ids must be from 0 to {vocabulary - 1}.", param="prompt"
            )
    # A model needs something to go on from: an empty prompt is the mark between two texts.
    return [ids or [tokenizer.end_token_ids[0]] for ids in prompts]


def _text(ids: Sequence[int], tokenizer: ChatTokenizer) -> str:
    return b"".join(tokenizer.token_bytes(token) for token in ids).decode("utf-8", "replace")
