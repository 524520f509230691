"""A conversation as sequences to learn from, where templates write earlier answers otherwise than the last.

Where the template only ever appends, one sequence holds all answers. Where it does not, each answer is
learned at the end of a conversation of its own that stops there, since that is how the model is asked for it.
No answer is dropped, and none is learned in a form that the model would not write.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from tui.engine.llama.chat_template import Message
from tui.engine.llama.tokenizer import ChatTokenizer, TrainingExample, as_prompt


def sequences_of(
    tokenizer: ChatTokenizer, messages: Sequence[Message], tools: Sequence[Any] | None
) -> Iterator[list[Message]]:
    """Yield the conversations that a row is learned as: itself, or one for each of its answers.

    Raises:
        TunedeckError: The template refuses the messages.
    """
    if tokenizer.rendered(messages, tools, tokenizer.guard()).only_grows():
        yield list(messages)
        return
    for index, message in enumerate(messages):
        if message.get("role") == "assistant" and message.get("weight", 1) != 0:
            yield [*as_prompt(messages[:index]), message]


def encode_sequences(
    tokenizer: ChatTokenizer,
    messages: Sequence[Message],
    tools: Sequence[Any] | None = None,
    max_tokens: int | None = None,
) -> list[TrainingExample]:
    """Return what a row is learned as; what exceeds `max_tokens` is cut off at the end of each sequence.

    Raises:
        TunedeckError: The template refuses the messages, or hides where an answer begins.
    """
    return [
        tokenizer.encode_example(sequence, tools, max_tokens)
        for sequence in sequences_of(tokenizer, messages, tools)
    ]
