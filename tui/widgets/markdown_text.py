"""Markdown as one piece of text: one widget per message, where Textual's own Markdown takes a dozen.

What a model wrote is never parsed as our markup, and every piece passes the gate after Markdown has read
it: an entity such as `&#8238;` would bring a control character back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.content import Content

from tui.safe_text import safe_text

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

MOST_CHARACTERS = 40_000
"""Of one message that are laid out; the rest is said to be there."""
_LONGEST_LINE = 4_000
"""A text with a longer line is no prose; as Markdown it could take seconds."""
_MOST_MARKS = 2_000
"""Brackets and stars beyond which Markdown's own search for their partners takes too long."""
_MARKS = re.compile(r"[\[*_`<~]")
_TAIL = 1_000
"""Characters at the end of a growing text that are read anew each time."""
_FENCE = re.compile(r"^ {0,3}(?:```|~~~)", re.MULTILINE)

Piece = tuple[str, str]
"""Text with its style."""
_CODE, _MUTED, _HEADING = "$text-accent", "$text-muted", "bold $text-accent"


def markdown_content(text: str) -> Content:
    """Return Markdown as content; what is no Markdown, or takes too long to read as such, stays as it is."""
    if not text:
        return Content("")
    if _is_plain(text):
        return Content(safe_text(text))
    return Content.assemble(*(piece for piece in _Writer(_parser().parse(text)).pieces() if piece[0]))


def _is_plain(text: str) -> bool:
    if max(map(len, text.split("\n"))) > _LONGEST_LINE:
        return True
    return sum(1 for _ in _MARKS.finditer(text)) > _MOST_MARKS


class GrowingMarkdown:
    """Markdown of a text that only grows: what stands before its last paragraphs is read once."""

    def __init__(self) -> None:
        self._done = Content("")
        self._length = 0

    def grown(self, text: str) -> Content:
        """Return the whole text as content."""
        done, tail = self.parts(text)
        return done + Content("\n\n") + tail if done.plain else tail

    def parts(self, text: str) -> tuple[Content, Content]:
        """Return what is read for good, and the end that may still change; a free line belongs between."""
        if len(text) - self._length > 2 * _TAIL:
            end = text.rfind("\n\n", self._length, len(text) - _TAIL)
            if end > 0 and len(_FENCE.findall(text, self._length, end)) % 2 == 0:
                more = markdown_content(text[self._length : end])
                self._done = self._done + Content("\n\n") + more if self._done.plain else more
                self._length = end + 2
        return self._done, markdown_content(text[self._length :])


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt  # only the first answer needs it

    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


class _Writer:
    """Turns the tokens of a text into pieces."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        self._tokens = tokens
        self._lists: list[int | None] = []
        """Of each open list the next number, None for bullets."""
        self._quotes = 0
        self._mark = ""
        """Of the list item that has just begun."""
        self._begun = False
        self._apart = True
        """The next block begins a list of its own, with a free line before it."""
        self._tight = False
        self._in_heading = False

    def pieces(self) -> Iterator[Piece]:
        """Yield the whole text."""
        place = 0
        while place < len(self._tokens):
            token = self._tokens[place]
            if token.type == "table_open":
                end = next(
                    (at for at in range(place, len(self._tokens)) if self._tokens[at].type == "table_close"),
                    len(self._tokens) - 1,
                )
                yield from self._block(_table(self._tokens[place:end]))
                place = end + 1
                continue
            yield from self._token(token)
            place += 1

    def _token(self, token: Token) -> Iterator[Piece]:
        match token.type:
            case "bullet_list_open":
                self._apart = not self._lists
                self._lists.append(None)
            case "ordered_list_open":
                self._apart = not self._lists
                self._lists.append(int(token.attrGet("start") or 1))
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
            case "list_item_open":
                self._begin_item()
            case "blockquote_open":
                self._quotes += 1
            case "blockquote_close":
                self._quotes -= 1
            case "heading_open":
                self._in_heading = True
            case "heading_close":
                self._in_heading = False
            case "paragraph_open":
                self._tight = token.hidden
            case "inline":
                yield from self._block(_inline(token.children or (), _HEADING if self._in_heading else ""))
            case "fence" | "code_block":
                lines = safe_text(token.content.rstrip("\n")).split("\n")
                yield from self._block([("\n".join(f"  {line}" for line in lines), _CODE)])
            case "html_block":
                yield from self._block([(safe_text(token.content.rstrip("\n")), "")])
            case "hr":
                yield from self._block([("─" * 24, _MUTED)])

    def _begin_item(self) -> None:
        number = self._lists[-1]
        self._mark = "• " if number is None else f"{number}. "
        if number is not None:
            self._lists[-1] = number + 1
        self._tight = True

    def _block(self, pieces: Sequence[Piece]) -> Iterator[Piece]:
        """Yield a block behind what it stands in: quotes, the indent of lists, the mark of an item."""
        if self._begun:
            yield ("\n" if self._lists and self._tight and not self._apart else "\n\n", "")
        self._begun, self._apart = True, False
        quote, indent = "▌ " * self._quotes, "  " * max(0, len(self._lists) - 1)
        mark, self._mark = self._mark, ""
        yield (quote, _MUTED)
        yield (indent, "")
        yield (mark or ("  " if self._lists else ""), _MUTED)
        hang = quote + indent + (" " * len(mark) if mark else ("  " if self._lists else ""))
        for text, style in pieces:
            yield (text.replace("\n", f"\n{hang}"), style)


def _inline(tokens: Sequence[Token], base: str) -> list[Piece]:
    pieces: list[Piece] = []
    styles = [base]
    links: list[str] = []
    for token in tokens:
        style = " ".join(filter(None, styles))
        match token.type:
            case "strong_open":
                styles.append("bold")
            case "em_open":
                styles.append("italic")
            case "s_open":
                styles.append("strike")
            case "strong_close" | "em_close" | "s_close":
                styles.pop()
            case "link_open":
                links.append(str(token.attrGet("href") or ""))
            case "link_close":
                target = safe_text(links.pop())
                if pieces and target not in (pieces[-1][0], f"mailto:{pieces[-1][0]}"):
                    pieces.append((f" ({target})", _MUTED))
            case "code_inline":
                pieces.append((safe_text(token.content), f"{base} {_CODE}".strip()))
            case "softbreak" | "hardbreak":
                pieces.append(("\n", ""))
            case "image":
                target = safe_text(str(token.attrGet("src") or ""))
                pieces.append((f"▣ {safe_text(token.content)} ({target})", _MUTED))
            case _:
                pieces.append((safe_text(token.content), style))
    return pieces


def _table(tokens: Sequence[Token]) -> list[Piece]:
    """Return a table with its columns lined up."""
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline" and rows:
            rows[-1].append("".join(text for text, _ in _inline(token.children or (), "")).replace("\n", " "))
    widths = [
        max((cell_len(row[column]) for row in rows if column < len(row)), default=0)
        for column in range(max(map(len, rows), default=0))
    ]
    pieces: list[Piece] = []
    for number, row in enumerate(rows):
        cells = [cell + " " * (width - cell_len(cell)) for cell, width in zip(row, widths, strict=False)]
        pieces.append(("\n" if number else "", ""))
        pieces.append((" │ ".join(cells).rstrip(), "bold" if number == 0 else ""))
    return pieces
