"""What may stand in the texts and parts of a message."""

from __future__ import annotations

import re
from typing import Any

from tui.datasets.findings import RowFindings
from tui.datasets.locate import JsonPath
from tui.datasets.quoting import quoted

SPECIAL_TOKENS = ("<|endoftext|>", "<|endofprompt|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
"""Tokens that the service refuses in any text (johny-b/llmcomp#59, read 2026-11-21)."""
_MESSAGE_LISTS = frozenset({"messages", "preferred_output", "non_preferred_output"})
"""Where messages stand in a row or its input; the service's sentence about tokens speaks of a message."""
CHAT_MARKUP = ("<|im_start|>", "<|im_end|>", "<|im_sep|>")
MAX_IMAGE_BYTES = 10 * 1024 * 1024
_IMAGE_FORMATS = frozenset({"image/jpeg", "image/jpg", "image/png", "image/webp"})
_DETAILS = frozenset({"low", "high", "auto"})
_DATA_ADDRESS = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),")


def check_text(row: RowFindings, text: str, path: JsonPath) -> None:
    """Find reserved tokens and chat markup in one text."""
    if "<|" not in text:
        return
    in_message = not _MESSAGE_LISTS.isdisjoint(path[:2])
    for token in SPECIAL_TOKENS:
        if token in text:
            row.add(
                "special-token",
                f"The text contains the reserved token {token}.",
                path,
                text=_around(text, token),
                needle=token,
                service=f" message contains an invalid token: {token}." if in_message else None,
            )
    for token in CHAT_MARKUP:
        if token in text:
            row.add(
                "chat-markup",
                f"The text contains chat markup: {token}.",
                path,
                text=_around(text, token),
                needle=token,
            )


def check_nested_text(row: RowFindings, value: object, path: JsonPath) -> None:
    """Find reserved tokens in every text of a value, keys included; without recursion."""
    waiting: list[tuple[object, JsonPath]] = [(value, path)]
    while waiting:
        current, where = waiting.pop()
        if isinstance(current, str):
            check_text(row, current, where)
        elif isinstance(current, dict):
            waiting.extend((child, (*where, key)) for key, child in current.items())
        elif isinstance(current, list):
            waiting.extend((child, (*where, index)) for index, child in enumerate(current))


def check_parts(row: RowFindings, parts: list[Any], path: JsonPath, role: str, message: int) -> int:
    """Check a content list and return how many images it holds.

    Args:
        row: Receives the findings.
        parts: The list.
        path: Of the list.
        role: Who speaks; only a user may show images.
        message: Number of the message, from 1.
    """
    images = 0
    for index, part in enumerate(parts):
        where = (*path, index)
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "image_url":
            images += 1
            _check_image(row, part, where, role)
        elif (kind == "text" or (kind == "refusal" and role == "assistant")) and isinstance(
            part.get(kind), str
        ):
            check_text(row, part[kind], (*where, kind))
        else:
            row.add(
                "content-part",
                f"messages[{message - 1}]: part {index + 1} of the content is no text or image part.",
                where,
                text=quoted(part),
            )
    if not images and not any(_has_text(part) for part in parts):
        row.add("empty-content", f"messages[{message - 1}] ({role}) has no text in its parts.", path)
    return images


def _has_text(part: object) -> bool:
    text = part.get("text") or part.get("refusal") if isinstance(part, dict) else None
    return isinstance(text, str) and not text.isspace()


def _check_image(row: RowFindings, part: dict[str, Any], path: JsonPath, role: str) -> None:
    if role != "user":
        row.add("image-role", f"An image stands in a message of {role}.", path)
    image = part.get("image_url")
    address = image.get("url") if isinstance(image, dict) else None
    if not isinstance(image, dict) or not isinstance(address, str):
        row.add("image-address", "The image has no url.", path, text=quoted(part))
        return
    detail = image.get("detail", "auto")
    if not isinstance(detail, str) or detail not in _DETAILS:
        row.add(
            "image-address",
            "detail must be low, high or auto.",
            (*path, "image_url", "detail"),
            text=quoted(detail),
        )
    where = (*path, "image_url", "url")
    if address.startswith("data:"):
        _check_data_address(row, address, where)
    elif not address.startswith(("http://", "https://")):
        row.add("image-address", "The image address is neither http(s) nor data.", where, text=address)


def _check_data_address(row: RowFindings, address: str, path: JsonPath) -> None:
    match = _DATA_ADDRESS.match(address)
    if match is None or "base64" not in match[2]:
        row.add("image-address", "The data address holds no base64 content.", path, text=address[:200])
        return
    if match[1].lower() not in _IMAGE_FORMATS:
        row.add(
            "image-format", f'The image is "{match[1]}", not JPEG, PNG or WEBP.', path, text=address[:200]
        )
    size = (len(address) - match.end()) * 3 // 4
    if size > MAX_IMAGE_BYTES:
        row.add("image-too-large", f"The image has {size / 1024 / 1024:.1f} MB; 10 are allowed.", path)


def _around(text: str, token: str) -> str:
    start = text.index(token)
    return text[max(0, start - 20) : start + len(token) + 20]
