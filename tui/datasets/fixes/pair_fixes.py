"""Fixes of preference rows, completion rows and images."""

from __future__ import annotations

from typing import Any

from tui.datasets.fixes.base import Fix
from tui.datasets.fixes.json_text import JsonText
from tui.datasets.fixes.message_fixes import at
from tui.datasets.fixes.row_rules import RowVerdict, Wrong, judge
from tui.datasets.formats import DatasetFormat


def _input_object(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text, value = JsonText(line.decode("utf-8")), verdict.value["input"]
    if isinstance(value, str) and value.strip():
        text.replace(("input",), {"messages": [{"role": "user", "content": value}]})
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        text.replace_text(
            ("input",), text.dump({"messages": 0}).removesuffix("0}") + text.part(("input",)) + "}"
        )
    else:
        return None
    return text.text().encode()


def _one_message(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        value = at(verdict.value, found.path)
        if isinstance(value, str):
            text.replace(found.path, [{"role": "assistant", "content": value}])
        elif isinstance(value, dict) and "role" in value:
            text.replace_text(found.path, f"[{text.part(found.path)}]")
        else:
            return None
    return text.text().encode()


def _as_chat(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    prompt, completion = verdict.value.get("prompt"), verdict.value.get("completion")
    if not isinstance(prompt, str) or not isinstance(completion, str) or len(verdict.value) != 2:
        return None
    text = JsonText(line.decode("utf-8"))
    messages = [
        {"role": "user", "content": prompt.strip()},
        {"role": "assistant", "content": completion.strip()},
    ]
    row = text.dump({"messages": messages}).encode()
    return None if judge(row, DatasetFormat.CHAT).rules else row


def _as_text(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        value: Any = at(verdict.value, found.path)
        if type(value) not in (int, float, bool):
            return None
        text.replace(found.path, text.part(found.path))
    return text.text().encode()


def _image_object(line: bytes, verdict: RowVerdict, wrong: tuple[Wrong, ...]) -> bytes | None:
    text = JsonText(line.decode("utf-8"))
    for found in wrong:
        if found.path[-1] == "detail":
            detail = at(verdict.value, found.path)
            plain = detail.strip().lower() if isinstance(detail, str) else None
            if plain in ("low", "high", "auto"):
                text.replace(found.path, plain)
            elif detail is None:
                text.remove(found.path)
            else:
                return None
        elif isinstance(found.path[-1], int) and isinstance(
            address := at(verdict.value, found.path).get("image_url"), str
        ):
            text.replace((*found.path, "image_url"), {"url": address})
        else:
            return None
    return text.text().encode()


FIXES = (
    Fix(
        "input-not-object",
        "Put the input into messages",
        "A text becomes the user's message; a list of messages becomes input.messages.",
        _input_object,
    ),
    Fix(
        "output-count",
        "Put the answer into a list",
        "A text becomes the assistant's message; a single message is put into a list. Lists of "
        "several messages "
        "are left alone.",
        _one_message,
    ),
    Fix(
        "completion-format",
        "Turn prompt and completion into messages",
        "The prompt becomes the user's message, the completion the assistant's; white space at "
        "their ends goes. "
        "Separators and stop sequences of the old format stay: see tunedeck convert.",
        _as_chat,
        changes_format=True,
    ),
    Fix(
        "value-not-text",
        "Write the value as text",
        "Numbers, true and false become the same JSON as text.",
        _as_text,
    ),
    Fix(
        "image-address",
        "Put the address into image_url.url",
        "An address that stands as bare text is put into an object; detail is written as the service has it. "
        "Addresses themselves are left alone.",
        _image_object,
    ),
)
