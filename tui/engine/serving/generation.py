"""One request for text as the generation thread sees it, and what it reports while it works."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tui.engine.api_errors import ApiError
from tui.engine.serving.json_constraint import JsonConstraint
from tui.engine.serving.key_value_cache import KeyValueCache
from tui.engine.serving.model_pool import LoadedModel
from tui.engine.serving.sampling import Sampler, SamplingOptions, log_probabilities
from tui.engine.serving.schema_machine import Shape
from tui.engine.serving.text_stream import Piece, TextStream, TokenLogprob

FinishReason = Literal["stop", "length"]


@dataclass(frozen=True, slots=True)
class GenerationRequest:
    """What to write: `choices` answers to one prompt."""

    model: LoadedModel
    prompt_ids: Sequence[int]
    max_tokens: int
    sampling: SamplingOptions = field(default_factory=SamplingOptions)
    choices: int = 1
    first_choice: int = 0
    """Index of the first answer, when several prompts came in one HTTP request."""
    stops: Sequence[str] = ()
    top_logprobs: int | None = None
    """How many alternatives to report beside each token's logprob; None for no logprobs."""
    shape: Shape | None = None
    """What the answer is held to; None leaves it free."""
    score_prompt: bool = False
    """Report the logprobs of the prompt's own tokens."""


@dataclass(frozen=True, slots=True)
class PromptRead:
    """The prompt has been read; the first token follows at once."""

    first_choice: int
    cached_tokens: int
    """Tokens that did not have to be read again."""
    logprobs: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True, slots=True)
class TextWritten:
    """A piece of one answer."""

    choice: int
    piece: Piece


@dataclass(frozen=True, slots=True)
class ChoiceFinished:
    """One answer is complete."""

    choice: int
    reason: FinishReason
    tokens: int
    """Tokens the model wrote, the one that ended the answer included."""


@dataclass(frozen=True, slots=True)
class GenerationFailed:
    """The request can't be completed; nothing follows."""

    error: ApiError


Event = PromptRead | TextWritten | ChoiceFinished | GenerationFailed


class Generation:
    """A request on its way through the generation thread.

    Args:
        request: What to write.
        deliver: Takes each event; called in the generation thread, must not block.
    """

    def __init__(self, request: GenerationRequest, deliver: Callable[[Event], None]) -> None:
        self.request = request
        self.deliver = deliver
        self.cancelled = False
        """Set from any thread when nobody waits for the answer any more."""
        self.cache: KeyValueCache | None = None
        """The prompt's, while it is read and until the last answer takes it over."""
        self.cached_tokens = 0
        self.prompt_logprobs: list[TokenLogprob] = []
        self.first_logits: NDArray[np.float32] | None = None
        """What follows the prompt, once it has been read."""
        self.started_choices = 0
        self.running_choices = 0

    @property
    def prompt_left(self) -> Sequence[int]:
        """Return the tokens of the prompt that are still to be read."""
        read = self.cache.length if self.cache is not None else 0
        return self.request.prompt_ids[read:]

    @property
    def done(self) -> bool:
        """Whether every answer has been written."""
        return self.started_choices == self.request.choices and not self.running_choices

    def score_prompt(self, start: int, logits: NDArray[np.float32]) -> None:
        """Note the logprobs of the prompt's tokens behind positions `start` on, given their logits."""
        if start == 0:
            first = self.request.prompt_ids[0]
            self.prompt_logprobs.append(TokenLogprob(first, self._bytes(first), None))
        following = self.request.prompt_ids[start + 1 : start + 1 + len(logits)]
        for token, row in zip(following, logits, strict=False):
            self.prompt_logprobs.append(self.logprob(token, row))

    def logprob(self, token: int, logits: NDArray[np.float32]) -> TokenLogprob:
        """Return the logprob of `token`, and of the likeliest others, given logits [vocabulary]."""
        scores = log_probabilities(logits)
        count = min(self.request.top_logprobs or 0, len(scores))
        best = np.argpartition(-scores, count - 1)[:count] if count else np.zeros(0, dtype=np.intp)
        best = best[np.argsort(-scores[best], kind="stable")]
        alternatives = tuple((self._bytes(int(other)), float(scores[other])) for other in best)
        return TokenLogprob(token, self._bytes(token), float(scores[token]), alternatives)

    def _bytes(self, token: int) -> bytes:
        return self.request.model.base.model.tokenizer.token_bytes(token)


class Choice:
    """One answer being written.

    Args:
        generation: The request it answers.
        cache: What has been read so far; the answer's own.
    """

    def __init__(self, generation: Generation, cache: KeyValueCache) -> None:
        request = generation.request
        self.generation = generation
        self.cache = cache
        self.index = generation.started_choices
        self.next_token = -1
        """The token to be read next, which is the last one written."""
        self._written = 0
        self._sampler = Sampler(request.sampling, self.index)
        self._text = TextStream(request.stops)
        shape, base = request.shape, request.model.base
        self._constraint = JsonConstraint(base.token_bytes(), shape) if shape is not None else None

    def write(self, logits: NDArray[np.float32]) -> bool:
        """Choose and deliver the next token, given logits [vocabulary]; return whether more may follow."""
        request = self.generation.request
        if self._constraint is not None and self._constraint.complete:
            return self._finish("stop")
        if self._written >= request.max_tokens:
            return self._finish("length")
        token = self._sampler.choose(logits, self._constraint)
        if token is None:
            return self._finish("length")
        self._written += 1
        if token in request.model.base.model.tokenizer.end_token_ids:
            return self._finish("stop")
        return self._deliver(token, logits)

    def _deliver(self, token: int, logits: NDArray[np.float32]) -> bool:
        request = self.generation.request
        tokenizer = request.model.base.model.tokenizer
        if self._constraint is not None:
            self._constraint.accept(token)
        logprob = self.generation.logprob(token, logits) if request.top_logprobs is not None else None
        shown = b"" if tokenizer.is_special(token) else tokenizer.token_bytes(token)
        self._send(self._text.feed(shown, logprob))
        self.next_token = token
        if self._text.stopped or (self._constraint is not None and self._constraint.complete):
            return self._finish("stop")
        return True if self._written < request.max_tokens else self._finish("length")

    def _finish(self, reason: FinishReason) -> bool:
        self._send(self._text.finish(cut_short=reason == "length"))
        choice = self.generation.request.first_choice + self.index
        self.generation.deliver(ChoiceFinished(choice, reason, self._written))
        return False

    def _send(self, piece: Piece) -> None:
        if piece:
            self.generation.deliver(TextWritten(self.generation.request.first_choice + self.index, piece))
