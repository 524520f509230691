"""Pieces of OpenAI's answers that both text routes share."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Sequence
from typing import Any

from tui.engine.api_errors import ApiError
from tui.engine.serving.text_stream import TokenLogprob


def answer_head(prefix: str, kind: str, model_id: str) -> dict[str, Any]:
    """Return the fields with which every answer and every chunk of it begins."""
    return {
        "id": f"{prefix}-{secrets.token_hex(12)}",
        "object": kind,
        "created": int(time.time()),
        "model": model_id,
        "system_fingerprint": "fp_" + hashlib.sha256(model_id.encode()).hexdigest()[:10],
    }


def usage(prompt: int, completion: int, cached: int) -> dict[str, Any]:
    """Return the `usage` object, in tokens."""
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": cached, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def token_text(token: bytes) -> str:
    """Return a token as text; one that is a part of a character is written byte by byte (`\\xe2\\x82`)."""
    try:
        return token.decode()
    except UnicodeDecodeError:
        return "".join(f"\\x{byte:02x}" for byte in token)


def chat_logprobs(entries: Sequence[TokenLogprob]) -> dict[str, Any]:
    """Return the `logprobs` object of a chat choice."""
    content = [
        {
            **_chat_entry(entry.token, entry.logprob or 0.0),
            "top_logprobs": [_chat_entry(token, logprob) for token, logprob in entry.alternatives],
        }
        for entry in entries
    ]
    return {"content": content, "refusal": None}


def _chat_entry(token: bytes, logprob: float) -> dict[str, Any]:
    return {"token": token_text(token), "logprob": logprob, "bytes": list(token)}


def completion_logprobs(entries: Sequence[TokenLogprob], offset: int) -> dict[str, Any]:
    """Return the `logprobs` object of a completion choice whose first token stands at `offset`."""
    offsets = []
    for entry in entries:
        offsets.append(offset)
        offset += len(token_text(entry.token))
    return {
        "tokens": [token_text(entry.token) for entry in entries],
        "token_logprobs": [entry.logprob for entry in entries],
        "top_logprobs": [_alternatives(entry) for entry in entries],
        "text_offset": offsets,
    }


def _alternatives(entry: TokenLogprob) -> dict[str, float] | None:
    if entry.logprob is None:
        return None
    listed = {token_text(token): logprob for token, logprob in entry.alternatives}
    # The service lists the chosen token too, even when it is not among the likeliest.
    return {**listed, token_text(entry.token): entry.logprob}


def check_context(prompt: int, wanted: int | None, limit: int, *, chat: bool) -> int:
    """Return how many tokens may be written behind a prompt of `prompt` tokens.

    Raises:
        ApiError: 400 when prompt and answer do not fit, in the service's words.
    """
    if prompt + (wanted or 0) <= limit and (prompt < limit or wanted == 0):
        return limit - prompt if wanted is None else wanted
    if not chat:
        message = (
            f"This model's maximum context length is {limit} tokens, however you requested "
            f"{prompt + (wanted or 0)} tokens ({prompt} in your prompt; {wanted or 0} for the completion). "
            "Please reduce your prompt; or completion length."
        )
    elif prompt >= limit:
        message = (
            f"This model's maximum context length is {limit} tokens. However, your messages resulted in "
            f"{prompt} tokens. Please reduce the length of the messages."
        )
    else:
        message = (
            f"This model's maximum context length is {limit} tokens. However, you requested "
            f"{prompt + (wanted or 0)} tokens ({prompt} in the messages, {wanted} in the completion). "
            "Please reduce the length of the messages or completion."
        )
    raise ApiError(400, message, param="messages" if chat else "prompt", code="context_length_exceeded")
