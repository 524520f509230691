"""Pictures that go with a question: read from a file, judged by the service's limits, measured."""

from __future__ import annotations

from pathlib import Path

from tui.datasets.image_tokens import picture_size, tiled_tokens
from tui.errors import TunedeckError
from tui.records.chats import ChatImage

MOST_BYTES = 10 * 1024 * 1024
MOST_IMAGES = 10
"""Of one question. Both are OpenAI's limits for images in rows (its vision guide, read 2026-11-21), and the
least of the services of its shape; what a model was asked can then be trained on too."""
_KINDS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
)


def read_image(path: Path) -> ChatImage:
    """Return the picture in a file.

    Raises:
        TunedeckError: It can't be read, is no PNG, JPEG, WebP or GIF, or is too large.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.") from error
    kind = _kind(content)
    if kind is None:
        raise TunedeckError(f"{path.name} is no picture.", "PNG, JPEG, WebP and GIF can be sent.")
    if len(content) > MOST_BYTES:
        raise TunedeckError(
            f"{path.name} is larger than {MOST_BYTES // 1024 // 1024} MB.", "Make the picture smaller."
        )
    size = picture_size(content)
    if size is None:
        raise TunedeckError(f"{path.name} is damaged: its size can't be read.")
    return ChatImage(path.name, kind, content, *size)


def _kind(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _KINDS if content.startswith(start)), None)


def describe_image(image: ChatImage) -> str:
    """Return the facts of a picture: `cat.png · PNG 640 x 480 · 120 KB · about 765 tokens`."""
    kind = image.media_type.removeprefix("image/").upper()
    size = len(image.content)
    weight = f"{size / 1_000_000:.1f} MB" if size >= 1_000_000 else f"{max(1, round(size / 1000)):,} KB"
    tokens = tiled_tokens(image.width, image.height)
    return f"{image.name} · {kind} {image.width} x {image.height} · {weight} · about {tokens:,} tokens"
