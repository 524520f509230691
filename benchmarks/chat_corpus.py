"""Writes chat datasets of any size out of text that this machine holds: `python -m benchmarks.chat_corpus`.

    python -m benchmarks.chat_corpus 1GB /tmp/chat-1gb.jsonl

The text is that of Python's library and its packages, of the system's documentation and headers, and of the
translations of its programs (some fifty languages). It is cut anew wherever it is used, so that a large file
repeats words, as any language does, but no rows. The same installation gives the same bytes. Rows are written
one by one, so that 8 GB take no more memory than 8 MB.
"""

from __future__ import annotations

import argparse
import gettext
import gzip
import json
import math
import sys
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson

SIZES = {"10MB": 10**7, "100MB": 10**8, "1GB": 10**9, "8GB": 8 * 10**9}
_CODE = frozenset(
    {".py", ".pyi", ".c", ".h", ".hpp", ".js", ".ts", ".css", ".pl", ".pm", ".sh", ".rs", ".go"}
)
_PROSE = frozenset({".txt", ".rst", ".md", ".html", ".xml", ".gz", ".tex", ".po", ""})
_LARGEST_SOURCE = 4_000_000
_MEAN_PIECE, _SPREAD = 240, 0.9
_OPEN_FILES = 40
_ESCAPED_ROWS, _TOOL_ROWS, _REPEATED_ROWS, _BROKEN_ROWS = 0.30, 0.02, 0.01, 0.000_2
_KEPT_FOR_REPEATS = 500
_CONTROL = {code: None for code in range(32) if chr(code) not in "\n\t"}
_EMOJI = "🔥 👩\u200d💻 🇯🇵 ✅ 😀 👍🏽 🧪 📈 ❤️ 🚀 ½ → ≥ “” … ° € ñ"
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


def folders() -> list[Path]:
    """Return the folders whose text is used, those that exist."""
    places = sysconfig.get_paths()
    named = [places["stdlib"], places["purelib"], places["include"], "/usr/include", "/usr/share/doc"]
    named += ["/usr/share/perl", "/usr/share/i18n/locales", "/usr/share/man", "/usr/share/info"]
    kept: dict[Path, None] = {}
    for name in named:
        folder = Path(name).resolve()
        if folder.is_dir():
            kept[folder] = None
    return list(kept)


def sources(kind: frozenset[str]) -> list[Path]:
    """Return the files with these suffixes, in an order that does not change."""
    found = []
    for folder in folders():
        found += [
            path
            for path in folder.rglob("*")
            if path.suffix in kind
            and path.is_file()
            and not path.is_symlink()
            and 500 < path.stat().st_size < _LARGEST_SOURCE
        ]
    return sorted(set(found))


def translations() -> list[Path]:
    """Return the message catalogs of this system's programs and of Python's packages."""
    places = [Path("/usr/share/locale"), Path(sysconfig.get_paths()["purelib"])]
    return sorted(path for place in places if place.is_dir() for path in place.rglob("*.mo"))


def read_text(path: Path) -> str:
    """Return a file's text without control characters; "" when it is none."""
    try:
        if path.suffix == ".mo":
            with path.open("rb") as stream:
                catalog = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
            text = "\n".join(value for key, value in catalog.items() if key and isinstance(value, str))
        else:
            raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            if b"\0" in raw[:4096]:
                return ""
            text = raw.decode("utf-8")
    except (OSError, ValueError, EOFError, LookupError):
        return ""
    return text.translate(_CONTROL)


def pieces(files: list[Path], random: Random) -> Iterator[str]:
    """Yield pieces of text without end, from several files in turns; each file's turn cuts it anew."""
    waiting = _without_end(files, random)
    opened = [_cut(next(waiting), random) for _ in range(_OPEN_FILES)]
    while True:
        index = random.randrange(_OPEN_FILES)
        piece = next(opened[index], None)
        if piece is None:
            opened[index] = _cut(next(waiting), random)
        else:
            yield piece


def _without_end(files: list[Path], random: Random) -> Iterator[Path]:
    while True:
        random.shuffle(files)
        yield from files


def _cut(path: Path, random: Random) -> Iterator[str]:
    text = read_text(path)
    position = random.randrange(1 + min(len(text) // 2, _MEAN_PIECE))
    while position < len(text):
        length = int(random.lognormvariate(math.log(_MEAN_PIECE), _SPREAD))
        piece = text[position : position + length].strip()
        position += length
        if piece:
            yield piece


class Corpus:
    """Rows of a chat dataset without end; the same seed gives the same rows."""

    def __init__(self, seed: int = 0) -> None:
        self._random = Random(seed)
        code, prose, foreign = sources(_CODE), sources(_PROSE), translations()
        if not code:
            raise SystemExit("No source files were found to make a corpus from.")
        self._code = pieces(code, Random(seed + 1))
        self._prose = pieces(prose or code, Random(seed + 2))
        self._foreign = pieces(foreign or prose or code, Random(seed + 3))
        self._kept: list[bytes] = []

    def text(self) -> str:
        """Return a text: 55 % prose, 18 % code, 20 % other languages, 7 % with emoji and Markdown."""
        chance = self._random.random()
        if chance < 0.55:
            return next(self._prose)
        if chance < 0.73:
            return next(self._code)
        if chance < 0.93:
            return next(self._foreign)
        emoji = " ".join(self._random.sample(_EMOJI.split(), 3))
        return f"## {emoji}\n\n- **{next(self._prose)}**\n- `{next(self._code)}`"

    def line(self) -> bytes:
        """Return one line without its line feed."""
        random = self._random
        chance = random.random()
        if chance < _REPEATED_ROWS and self._kept:
            return random.choice(self._kept)
        row = self._tool_row() if random.random() < _TOOL_ROWS else self._chat_row()
        if random.random() < _BROKEN_ROWS:
            return self._broken(row)
        escaped = random.random() < _ESCAPED_ROWS
        line = json.dumps(row).encode() if escaped else orjson.dumps(row)
        if len(self._kept) < _KEPT_FOR_REPEATS:
            self._kept.append(line)
        else:
            self._kept[random.randrange(_KEPT_FOR_REPEATS)] = line
        return line

    def _chat_row(self) -> Row:
        random = self._random
        messages: list[Row] = []
        if random.random() < 0.4:
            messages.append({"role": "system", "content": random.choice(_SYSTEM)})
        for _ in range(random.choice((1, 1, 2, 3, 4))):
            messages.append({"role": "user", "content": self.text()})
            answer: Row = {"role": "assistant", "content": self.text()}
            if random.random() < 0.02:
                answer["weight"] = 0
            messages.append(answer)
        messages[-1].pop("weight", None)
        return {"messages": messages}

    def _tool_row(self) -> Row:
        name = f"call_{self._random.randrange(10**9):09d}"
        arguments = json.dumps({"query": self.text()[:80], "limit": self._random.randrange(1, 9)})
        call = {"id": name, "type": "function"}
        call["function"] = {"name": "search_documents", "arguments": arguments}  # type: ignore[assignment]
        return {
            "messages": [
                {"role": "user", "content": self.text()},
                {"role": "assistant", "tool_calls": [call]},
                {"role": "tool", "tool_call_id": name, "content": self.text()},
                {"role": "assistant", "content": self.text()},
            ],
            "tools": _TOOLS,
        }

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


def write_corpus(path: Path, size: int, seed: int = 0) -> int:
    """Write a file of at least `size` bytes, by no more than a row, and return how many rows it has."""
    corpus = Corpus(seed)
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
    path = folder / f"chat-{name.lower()}.jsonl"
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
    rows = write_corpus(chosen.path, SIZES[chosen.size], chosen.seed)
    print(f"{chosen.path}: {rows:,} rows, {chosen.path.stat().st_size:,} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
