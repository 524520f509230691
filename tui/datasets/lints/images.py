"""Images inside rows that the service will leave out."""

from __future__ import annotations

import base64
import binascii

from tui.datasets.lints.protocol import LintRow, RowLint

_HEAD_CHARACTERS = 48
_SIGNATURES = {
    "png": b"\x89PNG\r\n\x1a\n",
    "jpeg": b"\xff\xd8\xff",
    "webp": b"RIFF",
}
_PNG_COLOUR_TYPE = 25
_PNG_COLOURS = {0: "grey", 3: "a palette", 4: "grey with transparency"}
"""Colour types that are neither RGB (2) nor RGBA (6); PNG specification section 11.2.2."""


class Images(RowLint):
    """What the first bytes of a data: address say; addresses of the web are not fetched."""

    def row(self, row: LintRow) -> None:
        """Look at each image that stands in the row itself."""
        if not row.text.has_parts:
            return
        messages = row.value.get("messages")
        for index, message in enumerate(messages if isinstance(messages, list) else []):
            content = message.get("content") if isinstance(message, dict) else None
            for number, part in enumerate(content if isinstance(content, list) else []):
                image = part.get("image_url") if isinstance(part, dict) else None
                address = image.get("url") if isinstance(image, dict) else None
                problem = _problem(address) if isinstance(address, str) else None
                if problem is not None:
                    path = ("messages", index, "content", number, "image_url", "url")
                    row.findings.add("image-content", problem, path, text=str(address)[:80])


def _problem(address: str) -> str | None:
    kind, comma, content = address.partition(",")
    named = kind.removeprefix("data:image/").split(";")[0].lower().replace("jpg", "jpeg")
    if not comma or named not in _SIGNATURES:
        return None  # image-address and image-format say so
    try:
        head = base64.b64decode(content[:_HEAD_CHARACTERS], validate=True)
    except (binascii.Error, ValueError):
        return "The image's content is no base64."
    if not head.startswith(_SIGNATURES[named]):
        return f"The image's content is no {named.upper()}."
    if named == "png" and len(head) > _PNG_COLOUR_TYPE and head[_PNG_COLOUR_TYPE] in _PNG_COLOURS:
        return f"The image is in {_PNG_COLOURS[head[_PNG_COLOUR_TYPE]]}, neither RGB nor RGBA."
    return None
