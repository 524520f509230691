"""Writes chat datasets of any size out of text that this machine holds: `python -m benchmarks.chat_corpus`.

    python -m benchmarks.chat_corpus 1GB /tmp/chat-1gb.jsonl

The text is that of documentation, docstrings, sources and translations (`benchmarks.chat_texts`), cut anew
wherever it is used, so that a large file repeats words, as any language does, but hardly a message. The same
installation gives the same bytes. Rows are written one by one, so that 8 GB take no more memory than 8 MB.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.chat_texts import Pieces, documents

SIZES = {"10MB": 10**7, "100MB": 10**8, "1GB": 10**9, "8GB": 8 * 10**9}
KINDS = {"english": 0.60, "code": 0.18, "cjk": 0.09, "other": 0.06, "markup": 0.07}
"""Kind of a row's text -> its share of the text, in bytes; "markup" is emoji, Markdown and JSON of tools."""
_USER_BYTES, _ASSISTANT_BYTES = 130, 320
"""Medians: questions are shorter than answers."""
_ESCAPED_ROWS, _TOOL_ROWS, _BROKEN_ROWS = 0.30, 0.3, 0.000_2
"""Of all rows, of those with markup, of all rows."""
_REPEATED_ROWS, _NEAR_ROWS = 0.01, 0.01
_KEPT_FOR_REPEATS = 500
_VERSION = 2
"""Of what the rows hold: a file of an older one is not taken for this."""
_EMOJI = "🔥 👩\u200d💻 🇯🇵 ✅ 😀 👍🏽 🧪 📈 ❤️ 🚀 ½ → ≥ “” … ° € ñ"
_FENCES = ("```\n{}\n```", "{}", "```python\n{}\n```", "{}")
_SYSTEM = (
    "You are a helpful assistant.",
    "You answer questions about software in the language they are asked in. Be brief and exact.",
    "You are the support desk of a company that makes database software. Never promise a date.",
    "Translate what the user writes into plain English, and say which language it was in.",
)
_TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "search_documents",
            "description": "Find passages in the documentation.",
            "parameters": {
                "type": "object",
                "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}},
                "required": ["query"],
            },
        },
    }
]

Row = dict[str, Any]


class Corpus:
    """Rows of a chat dataset without end; the same seed gives the same rows."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)
        found = documents()
        if not found["code"]:
            raise SystemExit("No source files were found to make a corpus from.")
        for kind, instead in (("english", "code"), ("other", "english"), ("cjk", "other")):
            if not found[kind]:
                found[kind] = found[instead]
        self._pieces = {
            kind: Pieces(each, Random(seed + 1 + at), is_code=kind == "code", is_cjk=kind == "cjk")
            for at, (kind, each) in enumerate(found.items())
        }
        self._kept: list[bytes] = []
        self.text_bytes: Counter[str] = Counter()
        """Kind -> bytes of text so far, as UTF-8."""

    def text(self, kind: str, role: str) -> str:
        """Return a message of some kind: questions are shorter than answers."""
        median = _USER_BYTES if role == "user" else _ASSISTANT_BYTES
        if kind == "markup":
            text = self._markup(median)
        elif kind == "code":
            text = self._random.choice(_FENCES).format(self._pieces[kind].next(median))
        else:
            text = self._pieces[kind].next(median)
        self.text_bytes[kind] += len(text.encode())
        return text

    def _markup(self, median: int) -> str:
        emoji = " ".join(self._random.sample(_EMOJI.split(), 3))
        pieces = self._pieces["english"]
        points = [f"- **{pieces.next(median // 5)}**: {pieces.next(median // 3)}" for _ in range(2)]
        return f"## {emoji}\n\n" + "\n".join(points)

    def line(self) -> bytes:
        """Return one line without its line feed."""
        random = self._random
        chance = random.random()
        if chance < _REPEATED_ROWS and self._kept:
            return random.choice(self._kept)
        if chance < _REPEATED_ROWS + _NEAR_ROWS and self._kept:
            return self._nearly(random.choice(self._kept))
        kind = random.choices([*KINDS], [*KINDS.values()])[0]
        is_tool_row = kind == "markup" and random.random() < _TOOL_ROWS
        row = self._tool_row() if is_tool_row else self._chat_row(kind)
        if random.random() < _BROKEN_ROWS:
            return self._broken(row)
        escaped = random.random() < _ESCAPED_ROWS
        line = json.dumps(row).encode() if escaped else orjson.dumps(row)
        if len(self._kept) < _KEPT_FOR_REPEATS:
            self._kept.append(line)
        else:
            self._kept[random.randrange(_KEPT_FOR_REPEATS)] = line
        return line

    def _chat_row(self, kind: str) -> Row:
        random = self._random
        messages: list[Row] = []
        if random.random() < 0.4:
            messages.append({"role": "system", "content": random.choice(_SYSTEM)})
        for _ in range(random.choice((1, 1, 2, 3, 4))):
            messages.append({"role": "user", "content": self.text(kind, "user")})
            answer: Row = {"role": "assistant", "content": self.text(kind, "assistant")}
            if random.random() < 0.02:
                answer["weight"] = 0
            messages.append(answer)
        messages[-1].pop("weight", None)
        return {"messages": messages}

    def _tool_row(self) -> Row:
        name = f"call_{self._random.randrange(10**9):09d}"
        arguments = json.dumps(
            {"query": self.text("markup", "user")[:80], "limit": self._random.randrange(1, 9)}
        )
        call = {"id": name, "type": "function"}
        call["function"] = {"name": "search_documents", "arguments": arguments}  # type: ignore[assignment]
        return {
            "messages": [
                {"role": "user", "content": self.text("english", "user")},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": name, "content": self._found()},
                {"role": "assistant", "content": self.text("english", "assistant")},
            ],
            "tools": _TOOLS,
        }

    def _found(self) -> str:
        """Return what a tool answers: passages as JSON."""
        random = self._random
        passages = [
            {"id": random.randrange(10**6), "score": round(random.random(), 4), "text": self._short()}
            for _ in range(random.randrange(1, 6))
        ]
        text = json.dumps({"passages": passages}, ensure_ascii=False)
        self.text_bytes["markup"] += len(text.encode())
        return text

    def _short(self) -> str:
        return self._pieces["english"].next(60)

    def _nearly(self, line: bytes) -> bytes:
        """Return a row with one word changed."""
        return line.replace(b" the ", b" this ", 1)

    def _broken(self, row: Row) -> bytes:
        line = orjson.dumps(row)
        ways: tuple[Callable[[], bytes], ...] = (
            lambda: line[: len(line) // 2].decode("utf-8", "ignore").encode(),
            lambda: line.replace(b'"assistant"', b'"asistant"', 1),
            lambda: line.replace(b'"content"', b'"contnet"', 1),
            lambda: line[:-1] + b',"score":NaN}',
            lambda: line[:40] + b"\xff" + line[40:],
            lambda: b'{"messages": []}',
        )
        return self._random.choice(ways)()


def write_corpus(path: Path, size: int, seed: int = 0, corpus: Corpus | None = None) -> int:
    """Write a file of at least `size` bytes, by no more than a row, and return how many rows it has."""
    corpus = corpus or Corpus(seed)
    rows = written = 0
    with path.open("wb", buffering=1 << 20) as file:
        while written < size:
            line = corpus.line()
            file.write(line + b"\n")
            written += len(line) + 1
            rows += 1
    return rows


def corpus_file(folder: Path, name: str) -> Path:
    """Return the dataset of a size named in `SIZES`, written when it is not there yet."""
    path = folder / f"chat{_VERSION}-{name.lower()}.jsonl"
    if not path.exists():
        part = path.with_suffix(".part")
        write_corpus(part, SIZES[name])
        part.replace(path)
    return path


def main() -> int:
    """Write one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("size", choices=SIZES)
    parser.add_argument("path", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args()
    corpus = Corpus(chosen.seed)
    rows = write_corpus(chosen.path, SIZES[chosen.size], corpus=corpus)
    print(f"{chosen.path}: {rows:,} rows, {chosen.path.stat().st_size:,} bytes")
    text = corpus.text_bytes.total()
    mix = ", ".join(f"{size / text:.1%} {kind}" for kind, size in corpus.text_bytes.most_common())
    print(f"{text:,} bytes of text: {mix}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
