"""A tokenizer.json in llama.cpp's terms: pieces, kinds, merges and the name of how text is cut into words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.engine.llama.gguf_source import CONTROL_TOKEN, LLAMA3_SPLIT, USER_TOKEN
from tui.errors import TunedeckError

NORMAL_TOKEN, UNUSED_TOKEN = 1, 5
"""llama.cpp's token types of plain pieces and of numbers without a piece (gguf 0.19, TokenType)."""


@dataclass(frozen=True, slots=True)
class GgufTokenizer:
    """What the tokenizer part of a GGUF file holds."""

    pieces: list[str]
    kinds: list[int]
    merges: list[str]
    splitter: str
    """llama.cpp's name of the rule by which text is cut into words."""


def gguf_tokenizer(tokenizer_json: str, vocabulary: int, name: str) -> GgufTokenizer:
    """Translate the text of a tokenizer.json.

    Args:
        tokenizer_json: As the prepared base model has it.
        vocabulary: Rows of the embedding; numbers that have no piece are filled up.
        name: The model's, for the message.

    Raises:
        TunedeckError: It is not a byte-level BPE that llama.cpp has a name for.
    """
    data = json.loads(tokenizer_json)
    model = data["model"]
    if model.get("type") != "BPE" or "ByteLevel" not in json.dumps(data.get("decoder")):
        raise _no_word_for(name)
    pieces = [f"[PAD{number}]" for number in range(vocabulary)]
    kinds = [UNUSED_TOKEN] * vocabulary
    for piece, number in model["vocab"].items():
        pieces[number], kinds[number] = piece, NORMAL_TOKEN
    for token in data["added_tokens"]:
        number = token["id"]
        pieces[number], kinds[number] = token["content"], CONTROL_TOKEN if token["special"] else USER_TOKEN
    merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
    return GgufTokenizer(pieces, kinds, merges, _splitter_name(data, name))


def _splitter_name(data: Mapping[str, Any], name: str) -> str:
    outer = data.get("pre_tokenizer") or {}
    steps = outer.get("pretokenizers", [outer])
    kinds = [step.get("type") for step in steps]
    if kinds == ["ByteLevel"]:
        return "gpt-2"
    if kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        return "smollm"
    if kinds == ["Split", "ByteLevel"]:
        pattern = next(iter((steps[0].get("pattern") or {}).values()), "")
        known = {LLAMA3_SPLIT: "llama-bpe", r"\p{N}": "smollm"}
        if pattern in known:
            return known[pattern]
    raise _no_word_for(name)


def _no_word_for(name: str) -> TunedeckError:
    return TunedeckError(
        f"The tokenizer of {name} is not one that we can describe to llama.cpp.",
        "Export it merged (--as merged) and convert that folder with llama.cpp's convert_hf_to_gguf.py.",
    )
