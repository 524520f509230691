"""Tells a web page from an API's answer: what a proxy, a sign-in page or a wrong address sends."""

from __future__ import annotations

import re

from tui.safe_text import safe_line

_BEGINNING = re.compile(r"\s*(?:<\?xml[^>]*>\s*)?<(?:!doctype|html|head|body|h1|center)\b", re.IGNORECASE)
_TITLE = re.compile(r"<(title|h1)[^>]*>(.*?)</\1", re.IGNORECASE | re.DOTALL)
_LONGEST_LOOKED_AT, _LONGEST_TITLE = 20_000, 80


def web_page_title(body: object) -> str | None:
    """Return ` titled "..."` of a web page, an empty text when it has no title, or None for anything else."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body
    if not isinstance(text, str) or not _BEGINNING.match(text):
        return None
    found = _TITLE.search(text[:_LONGEST_LOOKED_AT])
    words = " ".join(re.sub(r"<[^>]*>", " ", found[2]).split()) if found else ""
    return f' titled "{safe_line(words)[:_LONGEST_TITLE]}"' if words else ""
