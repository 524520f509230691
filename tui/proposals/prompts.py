"""What a model is asked when rows are to be made: the examples shown as answers it has given before.

A model of 135 million parameters follows what it seems to have done already far better than instructions, and
a large one follows both; so one prompt serves all sizes. JSON, because everything else has to be guessed
apart.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.proposals.definition import PERSONAS, Answers, Definition, Seed
from tui.proposals.seeds import pair_of, spoken_of
from tui.records.chats import ChatMessage
from tui.records.proposals import MakingKind

_SHAPES = {
    DatasetFormat.CHAT: 'an object {"user": ..., "assistant": ...}',
    DatasetFormat.PREFERENCE: 'an object {"user": ..., "preferred": ..., "rejected": ...}, where "preferred" '
    'is the better and "rejected" a plausible but worse answer',
}

_SHOWN_CHANGES = (
    ("The shop on the corner closes at six.", "At six, the corner shop shuts."),
    ("How do I get my money back?", "What do I have to do for a refund?"),
    ("I was very happy with the room.", "The room pleased me a lot."),
)
"""What a small model has seemingly done before: without them it answers the message, and rewrites nothing."""


def generating_messages(definition: Definition, seeds: Sequence[Seed]) -> tuple[ChatMessage, ...]:
    """Return what is asked for new rows.

    Args:
        definition: Task, format, and how many rows one asking is to bring.
        seeds: Examples to show, in this order.
    """
    wanted = definition.at_a_time
    many = "example" if wanted == 1 else f"{wanted} examples, one in each line"
    conversation = any(len(spoken_of(seed.row)) > 2 for seed in seeds)
    shape = _SHAPES[definition.format]
    if conversation and definition.format is DatasetFormat.CHAT:
        shape = 'an object {"messages": [{"role": "user", "content": ...}, ...]} that ends with the assistant'
    told = [f"You write training examples for a model with this task: {definition.task}"]
    if definition.system:
        told.append(f"The model is told: {definition.system}")
    told.append(f"Each example is {shape}, as JSON in one line, and nothing else.")
    messages = [ChatMessage("system", "\n".join(told))]
    for start in range(0, len(seeds), wanted):
        shown = seeds[start : start + wanted]
        lines = [json.dumps(_shown(seed.row, definition.format), ensure_ascii=False) for seed in shown]
        count = "one new example" if len(lines) == 1 else f"{len(lines)} new examples"
        messages.append(ChatMessage("user", f"Write {count} as JSON."))
        messages.append(ChatMessage("assistant", "\n".join(lines)))
    another = "one new example" if wanted == 1 else f"{wanted} new examples"
    again = "Make it" if wanted == 1 else "Make them"
    unlike = f" {again} different from all of these." if seeds else ""
    messages.append(ChatMessage("user", f"Write {another} as JSON.{unlike}"))
    if not seeds:
        messages[-1] = ChatMessage("user", f"Write {another} as JSON: {many}.")
    return tuple(messages)


def _shown(row: Mapping[str, Any], dataset_format: DatasetFormat) -> dict[str, Any]:
    spoken = spoken_of(row)
    if dataset_format is DatasetFormat.PREFERENCE:
        preferred, rejected = pair_of(row)
        return {"user": spoken[-1]["content"], "preferred": preferred, "rejected": rejected}
    if len(spoken) == 2:
        return {one["role"]: one["content"] for one in spoken}
    return {"messages": spoken}


def changed_messages(definition: Definition, seed: Seed) -> list[dict[str, str]]:
    """Return the messages of a row that are to come back changed, in order."""
    spoken = spoken_of(seed.row)
    if definition.answers is Answers.KEEP:
        return [one for one in spoken if one["role"] == "user"]
    return spoken


def changing_messages(definition: Definition, seed: Seed, place: int) -> tuple[ChatMessage, ...]:
    """Return what is asked for a changed row.

    Args:
        definition: What is changed, and what becomes of the answer.
        seed: The row.
        place: Which asking this is: personas are taken in turn.
    """
    texts = changed_messages(definition, seed)
    how = _how(definition, place)
    if len(texts) == 1:
        told = f"{how} Reply with the changed message alone, without quotes and without a comment."
        shown = _SHOWN_CHANGES if definition.kind is MakingKind.PARAPHRASE else ()
        return (
            ChatMessage("system", told),
            *(
                message
                for before, after in shown
                for message in (ChatMessage("user", before), ChatMessage("assistant", after))
            ),
            ChatMessage("user", texts[0]["content"]),
        )
    answers = {
        Answers.TRANSLATE: "",
        Answers.KEEP: "",
        Answers.AGAIN: " Write the assistant's messages anew, so that they answer the changed ones.",
    }[definition.answers]
    if definition.answers is Answers.AGAIN and definition.task:
        answers += f" The assistant's task: {definition.task}"
    told = (
        f"{how}{answers} You get JSON with the messages of a conversation. Reply with the same JSON, as many "
        "messages in the same order with the same roles, the content changed, and nothing else."
    )
    asked = json.dumps({"messages": texts}, ensure_ascii=False)
    return ChatMessage("system", told), ChatMessage("user", asked)


def persona_of(definition: Definition, place: int) -> str:
    """Return the persona of an asking."""
    return definition.detail or PERSONAS[place % len(PERSONAS)]


def _how(definition: Definition, place: int) -> str:
    match definition.kind:
        case MakingKind.TRANSLATION:
            return f"Translate what you are given into {definition.detail}."
        case MakingKind.PERSONA:
            who = persona_of(definition, place)
            return f"Rewrite the user's message as {who} would write it. Keep what is meant."
        case _:
            return "Rewrite the user's message in other words. Keep what is meant, and every fact in it."
