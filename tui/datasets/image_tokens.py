"""Tokens of an image in a training row, by OpenAI's published tiles.

Low detail: 85, whatever the size (exact). High or auto detail: the picture is scaled into 2,048 x 2,048,
then so that its shorter side has at most 768 pixels, and costs 85 and 170 for each tile of 512 x 512 it
touches (OpenAI's vision guide for gpt-4o, as read 2026-11-21; only gpt-4o-2024-08-06 is trained with
images).

A picture inside the row (data: URL) is measured in its PNG, JPEG, GIF or WebP header, so its count is exact
by that formula. One behind a link is not fetched and is taken for 1,024 x 1,024: 765. Stated error of such
a guess: the true count lies between 255 (one tile) and 1,445 (eight tiles), -67 % to +89 %.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass

LOW_DETAIL = 85
PER_TILE = 170
TILE = 512
ASSUMED = 765
"""Four tiles: a picture of 1,024 x 1,024."""
LEAST, MOST = 255, 1_445
"""What one picture at high detail can cost: one tile, or eight (2,048 x 768)."""
_LONGEST_SIDE, _SHORTER_SIDE = 2_048, 768
_HEADER_BYTES = 1 << 17
"""How much of a picture is decoded to find its size; a JPEG's may stand behind its preview."""


@dataclass(frozen=True, slots=True)
class ImageTokens:
    """What a picture counts."""

    tokens: int
    is_exact: bool
    """False when the picture's size had to be assumed."""
    why: str
    """In words, such as "high detail, 1024 x 768"."""


def image_tokens(image: object) -> ImageTokens:
    """Return the tokens of an `image_url` value: an object with `url` and `detail`, or the URL itself."""
    url = image.get("url") if isinstance(image, dict) else image
    if isinstance(image, dict) and image.get("detail") == "low":
        return ImageTokens(LOW_DETAIL, True, "low detail")
    size = _size_of(url) if isinstance(url, str) else None
    if size is None:
        return ImageTokens(ASSUMED, False, "high detail, size not known: taken for 1024 x 1024")
    width, height = size
    return ImageTokens(tiled_tokens(width, height), True, f"high detail, {width} x {height}")


def tiled_tokens(width: int, height: int) -> int:
    """Return the tokens of a picture at high detail."""
    shrink = min(1.0, _LONGEST_SIDE / max(width, height))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    shrink = min(1.0, _SHORTER_SIDE / min(width, height))
    width, height = max(1, round(width * shrink)), max(1, round(height * shrink))
    return LOW_DETAIL + PER_TILE * -(-width // TILE) * -(-height // TILE)


def _size_of(url: str) -> tuple[int, int] | None:
    head, comma, data = url[: _HEADER_BYTES * 4 // 3].partition(",")
    if not comma or not head.startswith("data:image/") or not head.endswith(";base64"):
        return None
    try:
        start = base64.b64decode(data[: len(data) // 4 * 4])
    except (binascii.Error, ValueError):
        return None
    return picture_size(start)


def picture_size(start: bytes) -> tuple[int, int] | None:
    """Return width and height of a picture from its first bytes; None when they don't tell."""
    size = _png(start) or _gif(start) or _webp(start) or _jpeg(start)
    return size if size and size[0] and size[1] else None


def _png(start: bytes) -> tuple[int, int] | None:
    if start[:8] != b"\x89PNG\r\n\x1a\n" or len(start) < 24:
        return None
    return int.from_bytes(start[16:20], "big"), int.from_bytes(start[20:24], "big")


def _gif(start: bytes) -> tuple[int, int] | None:
    if start[:4] != b"GIF8" or len(start) < 10:
        return None
    return int.from_bytes(start[6:8], "little"), int.from_bytes(start[8:10], "little")


def _webp(start: bytes) -> tuple[int, int] | None:
    if start[:4] != b"RIFF" or start[8:12] != b"WEBP" or len(start) < 30:
        return None
    little = int.from_bytes
    match start[12:16]:
        case b"VP8X":
            return little(start[24:27], "little") + 1, little(start[27:30], "little") + 1
        case b"VP8L":
            bits = little(start[21:25], "little")
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return little(start[26:28], "little") & 0x3FFF, little(start[28:30], "little") & 0x3FFF
    return None


def _jpeg(start: bytes) -> tuple[int, int] | None:
    if start[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 <= len(start) and start[at] == 0xFF:
        marker, length = start[at + 1], int.from_bytes(start[at + 2 : at + 4], "big")
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(start[at + 7 : at + 9], "big"), int.from_bytes(
                start[at + 5 : at + 7], "big"
            )
        at += 2 + max(2, length)
    return None
