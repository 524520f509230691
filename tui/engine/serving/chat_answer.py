"""From what the generation thread reports to OpenAI's chat completion, whole or in chunks.

Both are made of the same deltas, so that an answer is the same either way.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from typing import Any

from tui.engine.serving.generation import ChoiceFinished, Event, PromptRead, TextWritten
from tui.engine.serving.text_stream import TokenLogprob
from tui.engine.serving.tool_calls import ToolCall, ToolCallScanner
from tui.engine.serving.wire import answer_head, chat_logprobs, usage

Delta = dict[str, Any]
"""One entry of a chunk's `choices`."""


class ChatAnswer:
    """One chat request's answer.

    Args:
        model_id: What the request asked for.
        stream: The events.
        prompt_tokens: Length of the prompt.
        choices: Number of answers.
        with_logprobs: Whether each token's logprob is reported.
        with_tools: Whether the model was offered tools, so that its text may hold calls.
    """

    def __init__(
        self,
        model_id: str,
        stream: AsyncIterable[Event],
        *,
        prompt_tokens: int,
        choices: int,
        with_logprobs: bool,
        with_tools: bool,
    ) -> None:
        self._model_id = model_id
        self._stream = stream
        self._prompt_tokens = prompt_tokens
        self._choices = choices
        self._with_logprobs = with_logprobs
        self._scanners = [ToolCallScanner() for _ in range(choices)] if with_tools else None
        self._called = [0] * choices
        self._completion_tokens = 0
        self._cached_tokens = 0

    def usage(self) -> dict[str, Any]:
        """Return the tokens used so far."""
        return usage(self._prompt_tokens, self._completion_tokens, self._cached_tokens)

    async def chunks(self, *, include_usage: bool) -> AsyncIterator[dict[str, Any]]:
        """Yield the chunks of a streamed answer."""
        head = answer_head("chatcmpl", "chat.completion.chunk", self._model_id)
        no_usage = {"usage": None} if include_usage else {}
        for choice in range(self._choices):
            opening = {"role": "assistant", "content": "", "refusal": None}
            yield {**head, "choices": [self._delta(choice, opening)], **no_usage}
        async for event in self._stream:
            for delta in self._deltas(event):
                yield {**head, "choices": [delta], **no_usage}
        if include_usage:
            yield {**head, "choices": [], "usage": self.usage()}

    async def whole(self) -> dict[str, Any]:
        """Return the complete answer."""
        deltas: list[list[Delta]] = [[] for _ in range(self._choices)]
        async for event in self._stream:
            for delta in self._deltas(event):
                deltas[delta["index"]].append(delta)
        head = answer_head("chatcmpl", "chat.completion", self._model_id)
        return {
            **head,
            "choices": [self._merged(choice, parts) for choice, parts in enumerate(deltas)],
            "usage": self.usage(),
            "service_tier": "default",
        }

    def _deltas(self, event: Event) -> Iterator[Delta]:
        match event:
            case PromptRead(cached_tokens=cached):
                self._cached_tokens += cached
            case TextWritten(choice=choice, piece=piece):
                text, calls = self._scan(choice, piece.text)
                yield from self._text_deltas(choice, text, piece.logprobs)
                yield from self._call_deltas(choice, calls)
            case ChoiceFinished(choice=choice, reason=reason, tokens=tokens):
                self._completion_tokens += tokens
                text, calls = self._scanners[choice].finish() if self._scanners else ("", [])
                yield from self._text_deltas(choice, text, ())
                yield from self._call_deltas(choice, calls)
                ended = "tool_calls" if self._called[choice] and reason == "stop" else reason
                yield self._delta(choice, {}, finish_reason=ended)

    def _scan(self, choice: int, text: str) -> tuple[str, list[ToolCall]]:
        return self._scanners[choice].feed(text) if self._scanners else (text, [])

    def _text_deltas(self, choice: int, text: str, logprobs: tuple[TokenLogprob, ...]) -> Iterator[Delta]:
        if text or logprobs:
            yield self._delta(choice, {"content": text}, logprobs=logprobs)

    def _call_deltas(self, choice: int, calls: list[ToolCall]) -> Iterator[Delta]:
        for call in calls:
            entry = {
                "index": self._called[choice],
                "id": f"call_{secrets.token_hex(12)}",
                "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            }
            self._called[choice] += 1
            yield self._delta(choice, {"tool_calls": [entry]})

    def _delta(
        self,
        choice: int,
        delta: dict[str, Any],
        *,
        logprobs: tuple[TokenLogprob, ...] = (),
        finish_reason: str | None = None,
    ) -> Delta:
        shown = chat_logprobs(logprobs) if self._with_logprobs and logprobs else None
        return {"index": choice, "delta": delta, "logprobs": shown, "finish_reason": finish_reason}

    def _merged(self, choice: int, deltas: list[Delta]) -> dict[str, Any]:
        """Join the deltas of one answer into its message."""
        text = "".join(delta["delta"].get("content") or "" for delta in deltas)
        calls = [call for delta in deltas for call in delta["delta"].get("tool_calls", ())]
        message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
        if calls:
            message["content"] = text or None
            message["tool_calls"] = [
                {key: value for key, value in call.items() if key != "index"} for call in calls
            ]
        entries = [entry for delta in deltas if delta["logprobs"] for entry in delta["logprobs"]["content"]]
        return {
            "index": choice,
            "message": message,
            "logprobs": {"content": entries, "refusal": None} if self._with_logprobs else None,
            "finish_reason": next((d["finish_reason"] for d in deltas if d["finish_reason"]), None),
        }
