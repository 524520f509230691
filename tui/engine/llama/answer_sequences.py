"""A conversation as sequences to learn from, where templates write earlier answers otherwise than the last.

Where the template only ever appends, one sequence holds all answers. Where it does not, each answer is
learned at the end of a conversation of its own that stops there, since that is how the model is asked for it.
No answer is dropped, and none is learned in a form that the model would not write.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tui.engine.llama.chat_template import Message
from tui.engine.llama.rendered import Rendered
from tui.engine.llama.special_guard import SpecialGuard
from tui.engine.llama.tokenizer import ChatTokenizer, TrainingExample, as_prompt
from tui.engine.llama.training_rows import answer_of, tools_of
from tui.errors import TunedeckError


def sequences_of(
    tokenizer: ChatTokenizer, messages: Sequence[Message], tools: Sequence[Any] | None, guard: SpecialGuard
) -> Iterator[Rendered]:
    """Yield the conversations that a row is learned as: itself, or one for each of its answers.

    Raises:
        TunedeckError: The template refuses the messages.
    """
    whole = tokenizer.rendered(messages, tools, guard)
    if whole.only_grows():
        yield whole
        return
    for index, message in enumerate(messages):
        if message.get("role") == "assistant" and message.get("weight", 1) != 0:
            yield tokenizer.rendered([*as_prompt(messages[:index]), message], tools, guard)


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
    guard = tokenizer.guard()
    found = []
    for sequence in sequences_of(tokenizer, messages, tools, guard):
        found.append(tokenizer.encode_rendered(sequence, guard, max_tokens))
        if max_tokens is not None and not len(found[-1].ids) and found[-1].token_count >= max_tokens:
            break  # what is read before the later answers is longer still
    return found


def answer_sequence(
    tokenizer: ChatTokenizer, row: Mapping[str, Any], key: str, guard: SpecialGuard
) -> Rendered:
    """Return the conversation that one answer of a preference row is learned in.

    Args:
        tokenizer: Of the base model.
        row: With `input`, and the answer below `key`.
        key: "preferred_output" or "non_preferred_output".
        guard: For this conversation.

    Raises:
        TunedeckError: Its turns can't be learned in one sequence: the template writes some of them anew.
        KeyError: The row lacks something.
    """
    prompt, tools = as_prompt(row["input"]["messages"]), tools_of(row["input"])
    sequences = list(sequences_of(tokenizer, [*prompt, *answer_of(row[key])], tools, guard))
    if len(sequences) != 1:
        raise TunedeckError(
            f"its answer has {len(sequences)} assistant turns, which this model's template writes otherwise "
            "once another one follows"
        )
    return sequences[0]
