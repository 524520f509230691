"""Files that nobody should have, and every one of which somebody has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from tests.unit.datasets.builders import assistant, call, chat, clean_chats, preference, tool_chat, user

EVIL = "\x1b]52;c;eA==\x07\x1b[2J\u202e\x9b31m\x00\x7f\u2066[/red][bold]"


def _lines(*rows: object) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def _spelled(*rows: object) -> bytes:
    """Rows whose control characters stand in the file as they are, DEL and C1 among them."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def _odd_chat(odd: object) -> object:
    return chat({"role": odd, "content": odd, "tool_calls": odd, "name": odd, "weight": odd}, tools=odd)


_ODD: tuple[Any, ...] = (None, 1, True, "a", [], {}, [None], [[]], [{}], {"a": []})
_EVIL_ROWS: tuple[object, ...] = (
    chat(user(EVIL), assistant(EVIL, **{EVIL: EVIL}), **{EVIL: 1}),
    chat({"role": EVIL, "content": EVIL}, user(EVIL, name=EVIL), assistant(EVIL)),
    tool_chat(
        call(EVIL, EVIL, EVIL), answer_id=EVIL, tools=[{"type": "function", "function": {"name": EVIL}}]
    ),
    chat(
        user([{"type": "image_url", "image_url": {"url": "data:" + EVIL}}, {"type": EVIL}]), assistant(EVIL)
    ),
    preference(user(EVIL), good=[assistant(EVIL)], bad=[{"role": EVIL}]),
    {"prompt": EVIL, "completion": EVIL},
    {"messages": [user(EVIL)], EVIL: EVIL},
    EVIL,
    [EVIL],
)
_CHATS = _lines(*clean_chats(12))
CONTENTS: Mapping[str, bytes] = {
    "empty": b"",
    "blank": b"\n \r\n\t\n\x0b\n",
    "one byte": b"{",
    "zeros": bytes(3_000),
    "control characters, escaped": _lines(*_EVIL_ROWS) + _CHATS,
    "control characters, bare": _spelled(*_EVIL_ROWS) + EVIL.encode() + b"\n" + _CHATS,
    "every byte": b"\n".join(bytes([byte]) * 3 for byte in range(256)) + b"\n" + _CHATS,
    "UTF-16": _CHATS.decode().encode("utf-16"),
    "half of UTF-16": _CHATS.decode().encode("utf-16-le")[:-1],
    "old Mac": _CHATS.replace(b"\n", b"\r"),
    "a list": b"[" + b",\n".join(_CHATS.splitlines()) + b"]",
    "half a list": b"[" + b",\n".join(_CHATS.splitlines())[:-30],
    "byte order marks": b"\xef\xbb\xbf".join(_CHATS.splitlines(keepends=True)),
    "deep": b"[" * 5_000 + b"\n" + b'{"messages":' * 900 + b"1" + b"}" * 900 + b"\n" + _CHATS,
    "numbers": b'{"messages": [{"role": "user", "weight": NaN}], "a": 1e999, "b": ' + b"9" * 5_000 + b"}\n",
    "halves of characters": b'{"messages": [{"role": "user", "content": "\\ud83d"}]}\n' + _CHATS,
    "keys twice": b'{"messages": [], "messages": [{"role": "user", "role": "user", "content": "a"}]}\n' * 3,
    "wrong types": _lines(
        *(_odd_chat(odd) for odd in _ODD),
        *({"input": odd, "preferred_output": [odd], "non_preferred_output": odd} for odd in _ODD),
        *({"messages": odd} for odd in _ODD),
    ),
    "one long text": _lines(chat(user("a" * 30_000), assistant("word " * 5_000))),
}  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Draw a file of rows with some bytes flipped, cut out or put in."""
    kind = draw(
        st.sampled_from(
            [_CHATS, _lines(*_EVIL_ROWS), _spelled(*_EVIL_ROWS), _lines(preference(), tool_chat())]
        )
    )
    data = bytearray(kind)
    for _ in range(draw(st.integers(1, 8))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=3))
    return bytes(data)
