"""What a model wrote, read leniently: examples wherever they can be made out, and why not where they can't.

Small models write JSON with a comma too many, in a code fence, in single quotes, with a sentence before it,
or labelled lines in its place. All of that is read. What is missing is never made up.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.safe_text import safe_line

MOST_PIECES = 100
"""Examples that are taken from one answer."""
_LONGEST = 400_000
"""Characters of an answer that are read."""
_LONGEST_VALUE = 20_000
"""Characters in which a bracket has to be closed."""
_THINKING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_COMMA = re.compile(r",(\s*[}\]])")
_USER = ("user", "question", "prompt", "input", "instruction", "query", "human", "q")
_ASSISTANT = ("assistant", "answer", "response", "completion", "output", "label", "reply", "a")
_PREFERRED = ("preferred", "chosen", "preferred_output", "better")
_REJECTED = ("rejected", "non_preferred", "non_preferred_output", "worse")
_LABELLED = re.compile(
    rf"^\s*[*#\-\d.)]*\s*\**({'|'.join((*_USER, *_ASSISTANT))})\**\s*:\**[ \t]*", re.IGNORECASE | re.MULTILINE
)
_NOT_CLOSED = "it breaks off in the middle of an example"
_OPENING = re.compile(r"[{\[]")
_MOST_FAILURES = 40
"""Brackets that begin nothing: looking for the end of each takes time with the square of the text."""
_WRAPPERS = ("examples", "rows", "data", "items", "conversations", "results")
_PREFACE = re.compile(
    r"^(sure|certainly|of course|okay|here(?:'s| is| are)|the (?:rewritten|changed|translated))\b"
    r"[^\n]{0,120}:\s*\n?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Piece:
    """One example that was made out, or why none could be."""

    messages: tuple[dict[str, str], ...] = ()
    """Of user and assistant; of a preference pair those before the answers."""
    preferred: str = ""
    rejected: str = ""
    why_not: str = ""
    """Why it is none, as it follows "the model's answer can't be used:"; empty for an example."""
    text: str = ""
    """What the model wrote there."""


def read_examples(answer: str, dataset_format: DatasetFormat, *, was_cut: bool = False) -> list[Piece]:
    """Return the examples of an answer in order; a single piece that says why where there is none.

    Args:
        answer: All that the model wrote.
        dataset_format: Which kind of examples were asked for.
        was_cut: It ended at the limit of tokens.
    """
    text = _THINKING.sub("", answer[:_LONGEST]).strip()
    if not text:
        return [Piece(why_not="it is empty", text=answer)]
    pieces: list[Piece] = []
    for value, written in _values(text):
        for one in _unwrapped(value):
            pieces.append(_piece(one, dataset_format, written))
        if len(pieces) >= MOST_PIECES:
            return pieces[:MOST_PIECES]
    if not any(not one.why_not for one in pieces) and dataset_format is DatasetFormat.CHAT:
        labelled = _labelled(text)
        if labelled is not None:
            return [labelled]
    if pieces:
        return pieces
    why = _NOT_CLOSED if was_cut or "{" in text else "there is no example in it"
    return [Piece(why_not=why, text=text)]


def read_text(answer: str) -> Piece:
    """Return the one message that a model was asked for, without what it wrapped around it."""
    text = _THINKING.sub("", answer[:_LONGEST]).strip()
    text = _PREFACE.sub("", text).strip()
    if text.startswith("{"):
        for value, _ in _values(text):
            texts = [one for one in value.values() if isinstance(one, str)] if isinstance(value, dict) else []
            if len(texts) == 1:
                text = texts[0].strip()
                break
    for opening, closing in (('"', '"'), ("“", "”"), ("'", "'"), ("```", "```")):
        if len(text) > len(opening) + len(closing) and text.startswith(opening) and text.endswith(closing):
            inner = text[len(opening) : -len(closing)].strip()
            text = inner if opening not in inner else text
    if not text:
        return Piece(why_not="it is empty", text=answer)
    return Piece(({"role": "user", "content": text},), text=answer)


def read_conversation(answer: str, roles: list[str]) -> Piece:
    """Return the messages of a changed conversation: as many as there were, with the same roles."""
    for one in read_examples(answer, DatasetFormat.CHAT):
        if one.why_not:
            continue
        if [message["role"] for message in one.messages] == roles:
            return one
        count = f"{len(one.messages)} message(s) came back for {len(roles)}"
        return Piece(why_not=f"{count}, or their roles changed", text=answer)
    return Piece(why_not="there is no conversation in it", text=answer)


def _values(text: str) -> Iterator[tuple[Any, str]]:
    """Yield the JSON values that stand in a text, mended where that is safe, with how they are written."""
    decoder = json.JSONDecoder()
    place = failures = 0
    while failures < _MOST_FAILURES and (found := _OPENING.search(text, place)) is not None:
        start = found.start()
        try:
            value, end = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            end = _closing(text, start)
            value = _mended(text[start:end]) if end else None
            if value is None:
                place, failures = start + 1, failures + 1
                continue
        if isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict) for v in value)):
            yield value, text[start:end]
        place = end


def _closing(text: str, start: int) -> int:
    """Return where the bracket that opens at `start` is closed, quotes heeded; 0 where it is not."""
    depth, quote, escaped = 0, "", False
    for place in range(start, min(len(text), start + _LONGEST_VALUE)):
        letter = text[place]
        if quote:
            if escaped:
                escaped = False
            elif letter == "\\":
                escaped = True
            elif letter == quote:
                quote = ""
        elif letter == '"':
            quote = letter
        elif letter in "{[":
            depth += 1
        elif letter in "}]":
            depth -= 1
            if not depth:
                return place + 1
    return 0


def _mended(written: str) -> Any:
    """Return the value of what is nearly JSON: raw line ends, a comma too many, Python's quotes."""
    without_comma = _COMMA.sub(r"\1", written)
    try:
        return json.loads(without_comma, strict=False)
    except (ValueError, RecursionError):
        pass
    try:
        # Only literals: nothing is run, and what is no literal is an error.
        return ast.literal_eval(written)
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
        return None


def _unwrapped(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        if value and all(isinstance(one, dict) and "role" in one for one in value):
            yield {"messages": value}
            return
        for one in value[:MOST_PIECES]:
            yield from _unwrapped(one)
        return
    if isinstance(value, dict):
        inner = next((value[key] for key in _WRAPPERS if isinstance(value.get(key), list)), None)
        if inner is not None:
            yield from _unwrapped(inner)
            return
    yield value


def _piece(value: Any, dataset_format: DatasetFormat, written: str) -> Piece:
    if not isinstance(value, dict):
        return Piece(why_not="an example is no object", text=written)
    known = {str(key).strip().lower(): one for key, one in value.items()}
    if isinstance(known.get("messages"), list):
        return _of_messages(known["messages"], written)
    question = _first(known, _USER)
    if question is None:
        return Piece(why_not=f"an example has no question: {_keys(known)}", text=written)
    asked = ({"role": "user", "content": question},)
    if dataset_format is DatasetFormat.PREFERENCE:
        preferred, rejected = _first(known, _PREFERRED), _first(known, _REJECTED)
        if preferred is None or rejected is None:
            return Piece(why_not=f"an example lacks one of its two answers: {_keys(known)}", text=written)
        if preferred.strip() == rejected.strip():
            return Piece(why_not="both answers of an example are the same", text=written)
        return Piece(asked, preferred, rejected, text=written)
    answer = _first(known, _ASSISTANT)
    if answer is None:
        return Piece(why_not=f"an example has no answer: {_keys(known)}", text=written)
    return Piece((*asked, {"role": "assistant", "content": answer}), text=written)


def _keys(known: dict[str, Any]) -> str:
    return safe_line(f"it has {', '.join(known) or 'nothing'}", 120)


def _first(known: dict[str, Any], names: tuple[str, ...]) -> str | None:
    """Return the text under the first of these names that has one; what is no text is written as JSON."""
    for name in names:
        value = known.get(name)
        if isinstance(value, str) and value.strip():
            return value.strip()
        if isinstance(value, dict | list | int | float) and value not in ({}, []):
            try:
                return json.dumps(value, ensure_ascii=False)
            except (ValueError, TypeError, RecursionError):
                return None
    return None


def _of_messages(messages: list[Any], written: str) -> Piece:
    said = []
    for one in messages:
        role = one.get("role") if isinstance(one, dict) else None
        content = one.get("content") if isinstance(one, dict) else None
        if role in ("system", "developer"):
            continue  # the person's own prompt takes its place
        if role not in ("user", "assistant") or not isinstance(content, str) or not content.strip():
            return Piece(why_not="a message of an example has no role or no text", text=written)
        said.append({"role": str(role), "content": content.strip()})
    return Piece(tuple(said), text=written) if said else Piece(why_not="it has no messages", text=written)


def _labelled(text: str) -> Piece | None:
    """Return an example that is written as `User: ...` and `Assistant: ...`."""
    marks = list(_LABELLED.finditer(text))
    said: list[dict[str, str]] = []
    ends = [*(mark.start() for mark in marks[1:]), len(text)]
    for mark, end in zip(marks, ends, strict=False):
        content = text[mark.end() : end].strip()
        role = "user" if mark[1].lower() in _USER else "assistant"
        if not content or (said and said[-1]["role"] == role):
            break
        said.append({"role": role, "content": content})
    if len(said) < 2 or said[0]["role"] != "user":
        return None
    if said[-1]["role"] == "user":
        said.pop()
    return Piece(tuple(said), text=text)
