"""From what the generation thread reports to OpenAI's text completion, whole or in chunks."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from tui.engine.serving.generation import ChoiceFinished, Event, PromptRead, TextWritten
from tui.engine.serving.text_stream import TokenLogprob
from tui.engine.serving.wire import answer_head, completion_logprobs, token_text, usage


@dataclass(frozen=True, slots=True)
class Prompt:
    """One of the request's prompts."""

    text: str
    """What `echo` repeats."""
    tokens: int


@dataclass(slots=True)
class _Written:
    """What has been sent of one answer."""

    offset: int = 0
    """Where its next token stands, in characters."""
    parts: list[dict[str, Any]] = field(default_factory=list)


class CompletionAnswer:
    """One completion request's answer.

    Args:
        model_id: What the request asked for.
        stream: The events; choices are numbered prompt by prompt.
        prompts: The request's prompts.
        choices: Number of answers to each prompt.
        echo: Whether each answer begins with its prompt.
        with_logprobs: Whether each token's logprob is reported, those of an echoed prompt included.
    """

    def __init__(
        self,
        model_id: str,
        stream: AsyncIterable[Event],
        prompts: Sequence[Prompt],
        *,
        choices: int,
        echo: bool,
        with_logprobs: bool,
    ) -> None:
        self._model_id = model_id
        self._stream = stream
        self._prompts = prompts
        self._choices = choices
        self._echo = echo
        self._with_logprobs = with_logprobs
        self._written = [_Written() for _ in range(len(prompts) * choices)]
        self._completion_tokens = 0
        self._cached_tokens = 0

    def usage(self) -> dict[str, Any]:
        """Return the tokens used so far."""
        prompt = sum(prompt.tokens for prompt in self._prompts)
        return usage(prompt, self._completion_tokens, self._cached_tokens)

    async def chunks(self, *, include_usage: bool) -> AsyncIterator[dict[str, Any]]:
        """Yield the chunks of a streamed answer."""
        head = answer_head("cmpl", "text_completion", self._model_id)
        no_usage = {"usage": None} if include_usage else {}
        async for event in self._stream:
            for part in self._parts(event):
                yield {**head, "choices": [part], **no_usage}
        if include_usage:
            yield {**head, "choices": [], "usage": self.usage()}

    async def whole(self) -> dict[str, Any]:
        """Return the complete answer."""
        async for event in self._stream:
            for part in self._parts(event):
                self._written[part["index"]].parts.append(part)
        head = answer_head("cmpl", "text_completion", self._model_id)
        choices = [self._merged(index, written.parts) for index, written in enumerate(self._written)]
        return {**head, "choices": choices, "usage": self.usage()}

    def _parts(self, event: Event) -> Iterator[dict[str, Any]]:
        match event:
            case PromptRead(first_choice=first, cached_tokens=cached, logprobs=logprobs):
                self._cached_tokens += cached
                if self._echo:
                    text = self._prompts[first // self._choices].text
                    for index in range(first, first + self._choices):
                        yield self._part(index, text, logprobs)
            case TextWritten(choice=index, piece=piece):
                yield self._part(index, piece.text, piece.logprobs)
            case ChoiceFinished(choice=index, reason=reason, tokens=tokens):
                self._completion_tokens += tokens
                yield self._part(index, "", (), finish_reason=reason)

    def _part(
        self, index: int, text: str, entries: Sequence[TokenLogprob], *, finish_reason: str | None = None
    ) -> dict[str, Any]:
        written = self._written[index]
        logprobs = None
        if self._with_logprobs and entries:
            logprobs = completion_logprobs(entries, written.offset)
            written.offset += sum(len(token_text(entry.token)) for entry in entries)
        return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish_reason}

    def _merged(self, index: int, parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Join the parts of one answer."""
        logprobs = None
        if self._with_logprobs:
            names = ("tokens", "token_logprobs", "top_logprobs", "text_offset")
            shown = [part["logprobs"] for part in parts if part["logprobs"]]
            logprobs = {name: [entry for part in shown for entry in part[name]] for name in names}
        return {
            "index": index,
            "text": "".join(part["text"] for part in parts),
            "logprobs": logprobs,
            "finish_reason": next((part["finish_reason"] for part in parts if part["finish_reason"]), None),
        }
