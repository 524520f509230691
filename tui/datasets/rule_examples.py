"""The example of each rule as a file that breaks it, for the documentation and the tests.

An example is written in `rules.toml` as one `row` (put behind fifty clean ones), as a whole `file`, as `hex`
bytes of a file, or as a `limit` that no tiny file can break. ⟨3×text⟩ stands for the text three times.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.rules import RULES
from tui.datasets.services import DEFAULT_SERVICE

_REPEATED = re.compile("\u27e8(\\d+)×(.*?)\u27e9", re.DOTALL)
_CLEAN_ROWS = 50


@dataclass(frozen=True, slots=True)
class RuleExample:
    """A file that breaks a rule, and how it must be checked for that."""

    content: bytes
    format: DatasetFormat
    service: str
    validation: bool
    training: bytes | None
    """A training file to compare with."""
    grader: Mapping[str, Any] | None
    token_limit: int | None


def rule_example(rule_id: str) -> RuleExample | None:
    """Return the example of a rule, or None where only a file of gigabytes breaks it."""
    entry = RULES[rule_id].example
    dataset_format = DatasetFormat(entry.get("format", "chat"))
    if "hex" in entry:
        content = bytes.fromhex(entry["hex"])
    elif "file" in entry:
        content = expanded(entry["file"]).encode()
    elif "row" in entry:
        content = "\n".join([*_clean(dataset_format), expanded(entry["row"]), ""]).encode()
    else:
        return None
    return RuleExample(
        content=content,
        format=dataset_format,
        service=entry.get("service", DEFAULT_SERVICE),
        validation=entry.get("validation", False),
        training=entry["training"].encode() if "training" in entry else None,
        grader=json.loads(entry["grader"]) if "grader" in entry else None,
        token_limit=entry.get("token_limit"),
    )


def shown_example(rule_id: str) -> str:
    """Return what breaks a rule as it is shown: repetitions stay abbreviated, nothing is invisible."""
    entry = RULES[rule_id].example
    if "limit" in entry:
        return f"({entry['limit']})"
    text = entry.get("row", entry.get("file", entry.get("note", "")))
    if not text:
        return f"({entry.get('note', 'an empty file')})"
    return "".join(char if _visible(char) else _escape(char) for char in text).rstrip("\n")


def _visible(char: str) -> bool:
    # The Cyrillic letter of the example about look-alikes would be mistaken for the Latin one.
    return char == "\n" or (char.isprintable() and char not in "\u0430\ufffd")


def _escape(char: str) -> str:
    return f"\\u{ord(char):04x}"


def expanded(text: str) -> str:
    """Return an example with its repetitions written out."""
    return _REPEATED.sub(lambda match: match[2] * int(match[1]), text)


def _clean(dataset_format: DatasetFormat) -> list[str]:
    return [
        json.dumps(_clean_row(dataset_format, number, words))
        for number, words in zip(range(_CLEAN_ROWS), _WORDS * _CLEAN_ROWS, strict=False)
    ]


_WORDS = ("one", "two", "three", "four", "five", "six", "seven")


def _clean_row(dataset_format: DatasetFormat, number: int, word: str) -> dict[str, Any]:
    asked = {"role": "user", "content": f"Question {number} is about {word}."}
    answer = {"role": "assistant", "content": f"The answer to {number} is {word}."}
    match dataset_format:
        case DatasetFormat.PREFERENCE:
            worse = {"role": "assistant", "content": "I do not know."}
            return {
                "input": {"messages": [asked]},
                "preferred_output": [answer],
                "non_preferred_output": [worse],
            }
        case DatasetFormat.REINFORCEMENT:
            return {"messages": [asked], "answer": word}
        case DatasetFormat.COMPLETION:
            return {"prompt": asked["content"], "completion": answer["content"]}
        case DatasetFormat.TEXT:
            return {"text": answer["content"]}
        case _:
            return {"messages": [asked, answer]}
