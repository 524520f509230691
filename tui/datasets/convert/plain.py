"""The text of a message, for shapes that hold nothing else."""

from __future__ import annotations

from tui.datasets.convert.example import Message
from tui.datasets.convert.losses import LossList, RowProblem


def plain_text(message: Message, losses: LossList) -> str:
    """Return the text of a message and list everything else about it."""
    for key in message.keys() - {"role", "content", "weight", "refusal"}:
        if key in ("tool_calls", "function_call"):
            raise RowProblem("a tool call does not fit into plain text")
        losses.note("message key", key)
    if message.get("weight") == 0:
        losses.note("weight", "", "0 is left out: this shape has no weights")
    content = message.get("content")
    if isinstance(content, list):
        losses.note("content parts", "", "joined to one text")
        for part in content:
            if part["type"] == "image_url":
                losses.note("image")
        return "\n".join(
            part.get("text", part.get("refusal", "")) for part in content if part["type"] != "image_url"
        )
    if message.get("refusal"):
        losses.note("refusal", "", "became plain text")
        return str(content or message["refusal"])
    return content or ""
