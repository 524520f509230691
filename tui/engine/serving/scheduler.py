"""Decides, step by step, who gets the model: a token for every running answer, and a chunk of one prompt."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tui.engine.api_errors import ApiError
from tui.engine.serving.decoder import Segment, Wanted
from tui.engine.serving.generation import Choice, Generation, GenerationFailed, PromptRead
from tui.engine.serving.key_value_cache import KeyValueCache, PromptCache
from tui.engine.serving.model_pool import LoadedBase

MAX_RUNNING = 8
"""Answers written at the same time; more wait their turn."""

RUNNING_BYTES = 2**30
"""Memory of the answers being written beyond which no further one is begun: 23,000 tokens of a 135M model."""

ALONE_CHUNK = 512
"""Prompt tokens read in one step when no answer is being written: up to a second on two cores, for which a
request that comes meanwhile waits. Each step unpacks all weights once, 5 % of what 256 tokens take."""

SHARED_CHUNK = 64
"""Prompt tokens read in one step beside running answers, so that they go on flowing."""

_log = logging.getLogger(__name__)


class Scheduler:
    """Holds every accepted request until it is done. Not thread-safe: owned by the generation thread."""

    def __init__(self) -> None:
        self.prompt_cache = PromptCache()
        self._waiting: deque[Generation] = deque()
        self._reading: deque[Generation] = deque()
        self._ready: deque[Generation] = deque()
        """Prompts that are read, with answers still to be begun."""
        self._choices: list[Choice] = []

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        return not (self._waiting or self._reading or self._ready or self._choices)

    def add(self, generation: Generation) -> None:
        """Take in a request."""
        self._waiting.append(generation)

    def step(self) -> list[Generation]:
        """Do one forward pass for everybody; return the requests that ended with it."""
        ended = self._drop_cancelled()
        self._admit()
        ended += self._start_choices()
        for base in self._bases():
            choices = [choice for choice in self._choices if choice.generation.request.model.base is base]
            reader = next((g for g in self._reading if g.request.model.base is base), None)
            try:
                ended += self._forward(base, choices, reader)
            except Exception as error:  # one model's fault must not end the thread that serves all
                _log.exception("A generation step failed")
                ended += self._fail(base, error)
        return ended

    def fail_all(self, error: ApiError) -> list[Generation]:
        """End every request with `error`; return them."""
        everyone = list(dict.fromkeys([*self._waiting, *self._reading, *self._ready, *self._writing()]))
        for generation in everyone:
            generation.deliver(GenerationFailed(error))
        self._remove(set(everyone))
        return everyone

    def _writing(self) -> list[Generation]:
        return [choice.generation for choice in self._choices]

    def _bases(self) -> list[LoadedBase]:
        users = [*self._writing(), *self._reading]
        return list(dict.fromkeys(generation.request.model.base for generation in users))

    def _drop_cancelled(self) -> list[Generation]:
        everyone = dict.fromkeys([*self._waiting, *self._reading, *self._ready, *self._writing()])
        cancelled = [generation for generation in everyone if generation.cancelled]
        for generation in cancelled:
            for choice in self._choices:
                if choice.generation is generation and choice.index == 0:
                    self.prompt_cache.store(generation.request.model.id, choice.cache)
            if generation.cache is not None:
                self.prompt_cache.store(generation.request.model.id, generation.cache)
        self._remove(set(cancelled))
        return cancelled

    def _remove(self, gone: set[Generation]) -> None:
        if not gone:
            return
        for queue in (self._waiting, self._reading, self._ready):
            kept = [generation for generation in queue if generation not in gone]
            queue.clear()
            queue.extend(kept)
        self._choices = [choice for choice in self._choices if choice.generation not in gone]

    def _admit(self) -> None:
        """Give waiting requests a cache, as long as there are places for their first answers."""
        while self._waiting and self._has_room(self._promised()):
            generation = self._waiting.popleft()
            request = generation.request
            known = None
            if not request.score_prompt:
                known = self.prompt_cache.take(request.model.id, request.prompt_ids)
            config = request.model.base.model.config
            generation.cache = known or KeyValueCache(config, len(request.prompt_ids))
            generation.cached_tokens = generation.cache.length
            self._reading.append(generation)

    def _has_room(self, promised: int) -> bool:
        """Whether one more answer may be begun beside the running ones and those promised a place."""
        if not self._choices and not promised:
            return True
        used = sum(choice.cache.nbytes for choice in self._choices)
        return len(self._choices) + promised < MAX_RUNNING and used < RUNNING_BYTES

    def _promised(self) -> int:
        """Return the number of requests that will need a place for their first answer."""
        return len(self._reading) + sum(not generation.running_choices for generation in self._ready)

    def _start_choices(self) -> list[Generation]:
        ended = []
        while self._ready and self._has_room(0):
            # A request for many answers must not keep out those who want one.
            generation = min(self._ready, key=lambda ready: ready.running_choices)
            cache, logits = generation.cache, generation.first_logits
            assert cache is not None
            assert logits is not None
            last = generation.started_choices == generation.request.choices - 1
            choice = Choice(generation, cache if last else cache.copy(cache.length))
            generation.started_choices += 1
            generation.running_choices += 1
            if last:
                generation.cache = None
                self._ready.remove(generation)
            if choice.write(logits):
                self._choices.append(choice)
            else:
                ended += self._end_choice(choice)
        return ended

    def _forward(
        self, base: LoadedBase, choices: Sequence[Choice], reader: Generation | None
    ) -> list[Generation]:
        # Answers of one adapter side by side, so that its products are worked out once.
        choices = sorted(choices, key=lambda choice: id(choice.generation.request.model.adapter))
        segments = [
            Segment(choice.cache, [choice.next_token], choice.generation.request.model.adapter)
            for choice in choices
        ]
        if reader is not None:
            segments.append(self._chunk(reader, SHARED_CHUNK if choices else ALONE_CHUNK))
        rows = base.decoder.forward(segments)
        ended: list[Generation] = []
        for choice, logits in zip(choices, rows, strict=False):
            if not choice.write(logits[0]):
                self._choices.remove(choice)
                ended += self._end_choice(choice)
        if reader is not None:
            self._after_chunk(reader, segments[-1], rows[-1])
        return ended

    def _chunk(self, reader: Generation, size: int) -> Segment:
        assert reader.cache is not None
        ids = reader.prompt_left[:size]
        wanted = Wanted.LAST if len(ids) == len(reader.prompt_left) else Wanted.NONE
        if reader.request.score_prompt:
            wanted = Wanted.ALL
        return Segment(reader.cache, ids, reader.request.model.adapter, wanted)

    def _after_chunk(self, reader: Generation, chunk: Segment, logits: NDArray[np.float32]) -> None:
        request, cache = reader.request, chunk.cache
        if request.score_prompt:
            reader.score_prompt(cache.length - len(chunk.ids), logits)
        self._reading.remove(reader)
        if reader.prompt_left:
            self._reading.append(reader)  # behind the others: long prompts take turns
            return
        reader.first_logits = logits[-1].copy()
        reader.deliver(PromptRead(request.first_choice, reader.cached_tokens, tuple(reader.prompt_logprobs)))
        self._ready.append(reader)

    def _end_choice(self, choice: Choice) -> list[Generation]:
        generation = choice.generation
        generation.running_choices -= 1
        if choice.index == 0:
            self.prompt_cache.store(generation.request.model.id, choice.cache)
        return [generation] if generation.done else []

    def _fail(self, base: LoadedBase, error: Exception) -> list[Generation]:
        users = [*self._writing(), *self._reading]
        failed = list(dict.fromkeys(user for user in users if user.request.model.base is base))
        reason = "is out of memory" if isinstance(error, MemoryError) else f"failed ({type(error).__name__})"
        refusal = ApiError(500, f"The engine {reason} while writing; its log says more.", type="server_error")
        for generation in failed:
            generation.deliver(GenerationFailed(refusal))
        self._remove(set(failed))
        return failed
