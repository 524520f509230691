"""Text to tokens and back, and conversations to training examples."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer

from tui.datasets.byte_level import piece_bytes
from tui.engine.llama.chat_template import ChatTemplate, Message
from tui.engine.llama.rendered import Rendered
from tui.engine.llama.special_guard import SpecialGuard, alternatives

NO_TARGET = -1
"""Stands in `targets` where nothing is learned."""

_KEPT_TEXTS = 256
"""Texts whose tokens are kept: the first ones, among which system prompts and roles are."""
_KEPT_LENGTH = 4_000

Tokens = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class TrainingExample:
    """One conversation as the trainer sees it; `ids` and `targets` have the same length.

    `targets[i]` is the token that should follow `ids[i]`, or `NO_TARGET`. Tokens after the last target
    change no loss and are left out; `token_count` counts the whole conversation after truncation.
    """

    ids: Tokens
    targets: Tokens
    token_count: int

    @property
    def target_count(self) -> int:
        """Number of tokens that are learned."""
        return int((self.targets != NO_TARGET).sum())


@dataclass(frozen=True, slots=True)
class ExamplePart:
    """A stretch of a conversation that is read, or one that is learned, as tokens."""

    text: str
    ids: list[int]
    starts: list[int]
    """The character of `text` at which each token begins; parts of one character share theirs."""
    controls: list[int]
    """Which of `ids` are control tokens."""
    learned: int
    """How many of its first tokens are learned: none of what is read, and no more than the end of a turn."""


class ChatTokenizer:
    """The tokenizer and chat template of one model.

    Args:
        tokenizer_json: Text of a `tokenizer.json` of the `tokenizers` library.
        template: Jinja chat template.
        end_token_ids: Tokens that end an answer.
        name: Shown where counts are shown.
        variables: What the template may ask for, such as `bos_token`; found in the tokenizer when None.
    """

    def __init__(
        self,
        tokenizer_json: str,
        template: str,
        end_token_ids: Sequence[int],
        name: str = "model",
        variables: Mapping[str, str] | None = None,
    ) -> None:
        data = json.loads(tokenizer_json)
        added: dict[str, int] = {
            token["content"]: int(token["id"]) for token in data["added_tokens"] if token["special"]
        }
        # The library would find control tokens in any text; it gets none, `encode` places them itself.
        data["added_tokens"] = [token for token in data["added_tokens"] if not token["special"]]
        data["post_processor"] = data["truncation"] = data["padding"] = None
        self._plain = Tokenizer.from_str(json.dumps(data))
        self._special_ids = added
        self._special_texts: dict[int, str] = {number: text for text, number in added.items()}
        self._special_pattern = alternatives(added)
        self._byte_level = "ByteLevel" in json.dumps(data["decoder"])
        self._kept_places: dict[str, tuple[list[int], list[int]]] = {}
        self.name = name
        self.end_token_ids = tuple(end_token_ids)
        self.vocabulary_size = max(
            self._plain.get_vocab_size(), *(number + 1 for number in added.values()), 0
        )
        end_text = self._special_texts.get(self.end_token_ids[0], "") if end_token_ids else ""
        start_text = next((text for text in ("<|begin_of_text|>", "<s>") if text in added), "")
        found = {"bos_token": start_text, "eos_token": end_text}
        self.template = ChatTemplate(template, found if variables is None else variables)

    @classmethod
    def load(cls, folder: Path, end_token_ids: Sequence[int], name: str) -> ChatTokenizer:
        """Read `tokenizer.json` and `chat_template.jinja` of a prepared folder."""
        template = (folder / "chat_template.jinja").read_text("utf-8")
        return cls((folder / "tokenizer.json").read_text("utf-8"), template, end_token_ids, name)

    def encode(self, text: str, *, special: bool = False) -> list[int]:
        """Return the tokens of `text`; control tokens are recognised in it only when `special`."""
        if not special or self._special_pattern is None:
            return self._encode_plain(text)
        ids: list[int] = []
        for part in self._special_pattern.split(text):
            number = self._special_ids.get(part)
            ids.extend(self._encode_plain(part) if number is None else (number,))
        return ids

    def count(self, text: str) -> int:
        """Return the number of tokens of ordinary text."""
        return len(self.encode(text))

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of tokens, without control tokens; broken UTF-8 is replaced."""
        pieces = (self.token_bytes(number) for number in ids if not self.is_special(number))
        return b"".join(pieces).decode("utf-8", "replace")

    def is_special(self, token_id: int) -> bool:
        """Tell whether a token is a control token."""
        return token_id in self._special_texts

    def token_bytes(self, token_id: int) -> bytes:
        """Return a token's bytes, perhaps a part of a character; those of a control token are its name."""
        special = self._special_texts.get(token_id)
        if special is not None:
            return special.encode()
        piece: str | None = self._plain.id_to_token(token_id)
        if piece is None:
            return b""
        return piece_bytes(piece, byte_level=self._byte_level)

    def render(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = True,
    ) -> str:
        """Return the conversation as the model's template writes it, for people to read."""
        return self.template.render(messages, tools, add_generation_prompt)

    def encode_chat(
        self,
        messages: Sequence[Message],
        tools: Sequence[Any] | None = None,
        add_generation_prompt: bool = True,
    ) -> list[int]:
        """Return the conversation's tokens; nothing in the messages can become a control token."""
        guard = SpecialGuard(self._special_ids)
        text = self.template.render(
            guard.protect(list(messages)), guard.protect(tools), add_generation_prompt
        )
        return self._encode_guarded(text, guard)

    def encode_example(
        self, messages: Sequence[Message], tools: Sequence[Any] | None = None, max_tokens: int | None = None
    ) -> TrainingExample:
        """Return tokens and targets; what the assistant says is learned, with the token that ends its turn.

        Turns with `weight` 0 are read but not learned. What exceeds `max_tokens` is cut off at the end.

        Raises:
            TunedeckError: The template hides where an assistant's turn begins or ends.
        """
        guard = self.guard()
        return self.encode_rendered(self.rendered(messages, tools, guard), guard, max_tokens)

    def encode_rendered(
        self, conversation: Rendered, guard: SpecialGuard, max_tokens: int | None = None
    ) -> TrainingExample:
        """Return a conversation that `guard` protects as `encode_example` does; raises as that."""
        ids: list[int] = []
        learned: list[bool] = []
        for part in self.example_parts(conversation, guard, max_tokens):
            ids += part.ids
            learned += [True] * part.learned + [False] * (len(part.ids) - part.learned)
        return _example(ids[:max_tokens], learned[:max_tokens])

    def guard(self) -> SpecialGuard:
        """Return a guard for one conversation."""
        return SpecialGuard(self._special_ids)

    def rendered(
        self, messages: Sequence[Message], tools: Sequence[Any] | None, guard: SpecialGuard
    ) -> Rendered:
        """Return a conversation that `guard` protects as the model's template writes it."""
        return Rendered(self.template, guard.protect(list(messages)), guard.protect(tools))

    def example_parts(
        self, conversation: Rendered, guard: SpecialGuard, until: int | None = None
    ) -> Iterator[ExamplePart]:
        """Yield a conversation as it is learned: joined, the texts are the rendered conversation.

        Args:
            conversation: Of messages that `guard` protected.
            guard: For this conversation.
            until: Tokens after which nothing more is learned, so that no end of a turn is looked for; the
                time for it grows with the square of the turns.

        Raises:
            TunedeckError: As `encode_example`.
        """
        done = tokens = 0
        for start, end in conversation.answers():
            for text, is_answer in (
                (conversation.whole[done:start], False),
                (conversation.whole[start:end], True),
            ):
                part = self._part(text, guard, is_answer=is_answer)
                tokens += len(part.ids)
                yield part
            done = end
            if until is not None and tokens >= until:
                break
        yield self._part(conversation.whole[done:], guard, is_answer=False)

    def _part(self, text: str, guard: SpecialGuard, *, is_answer: bool) -> ExamplePart:
        restored, ids, starts, controls = self._encode_places(text, guard)
        learned = 0
        if is_answer:
            ends = (index for index in reversed(range(len(ids))) if ids[index] in self.end_token_ids)
            learned = next(ends, len(ids) - 1) + 1
        return ExamplePart(restored, ids, starts, controls, learned)

    def encode_completion(self, prompt: str, completion: str, max_tokens: int | None) -> TrainingExample:
        """Return a legacy prompt and completion, joined without any template; the completion is learned."""
        before, after = self.encode(prompt), [*self.encode(completion), *self.end_token_ids[:1]]
        learned = [False] * len(before) + [True] * len(after)
        return _example([*before, *after][:max_tokens], learned[:max_tokens])

    def _encode_places(self, text: str, guard: SpecialGuard) -> tuple[str, list[int], list[int], list[int]]:
        """Return guarded text restored, its tokens, where each begins, and which are control tokens."""
        parts = self._special_pattern.split(text) if self._special_pattern is not None else [text]
        ids: list[int] = []
        starts: list[int] = []
        controls: list[int] = []
        done = 0
        for part in parts:
            number = self._special_ids.get(part)
            restored = part if number is not None else guard.restore(part)
            if number is not None:
                controls.append(len(ids))
                ids.append(number)
                starts.append(done)
            elif restored:
                own, begins = self._plain_places(restored)
                ids += own
                starts += [done + start for start in begins]
            done += len(restored)
        return guard.restore(text), ids, starts, controls

    def _plain_places(self, text: str) -> tuple[list[int], list[int]]:
        """Return the tokens of ordinary text and where each begins; what all rows begin with is kept."""
        known = self._kept_places.get(text)
        if known is None:
            encoding = self._plain.encode(_without_halves(text), add_special_tokens=False)
            known = encoding.ids, [start for start, _ in encoding.offsets]
            if len(self._kept_places) < _KEPT_TEXTS and len(text) < _KEPT_LENGTH:
                self._kept_places[text] = known
        return known

    def _encode_guarded(self, text: str, guard: SpecialGuard) -> list[int]:
        if self._special_pattern is None:
            return self._encode_plain(guard.restore(text))
        ids: list[int] = []
        for part in self._special_pattern.split(text):
            number = self._special_ids.get(part)
            ids.extend(self._encode_plain(guard.restore(part)) if number is None else (number,))
        return ids

    def _encode_plain(self, text: str) -> list[int]:
        ids: list[int] = self._plain.encode(_without_halves(text), add_special_tokens=False).ids
        return ids


def as_prompt(messages: Sequence[Message]) -> list[Message]:
    """Return messages of which nothing is learned."""
    return [{**message, "weight": 0} for message in messages]


def _without_halves(text: str) -> str:
    """Replace lone surrogates: they can't be UTF-8, JSON may hold some, and the library would refuse all."""
    return text.encode("utf-8", "replace").decode()


def _example(ids: list[int], learned: list[bool]) -> TrainingExample:
    """Shift by one: position i is asked for token i + 1."""
    targets = np.array(
        [token if wanted else NO_TARGET for token, wanted in zip(ids, learned, strict=True)], np.int64
    )
    last = int(np.flatnonzero(targets[1:] != NO_TARGET)[-1]) + 1 if (targets[1:] != NO_TARGET).any() else 0
    return TrainingExample(np.array(ids[:last], np.int64), targets[1 : last + 1], len(ids))
