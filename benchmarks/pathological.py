"""Whether text made to be hard explodes anywhere that tokens are counted.

    python -m benchmarks.pathological

Every way of ours to count gets a text of 10 thousand, 100 thousand and a million bytes, of one letter, of
spaces, without a space, of emoji and so on, each time another one, since engines remember words. Time that
grows with the text is fine: some ten times as long for ten times the text. More than `MOST_GROWTH` times as
long, and `START_SECONDS`, is not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random

from benchmarks.measurement import machine
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.engines.choose import engine_for
from tui.datasets.estimate import estimate_file
from tui.datasets.formats import DatasetFormat
from tui.datasets.row_tokens import RowTokenCounter
from tui.datasets.token_ids import TiktokenReader
from tui.datasets.token_view import view_row
from tui.datasets.tokens import TiktokenCounter

SIZES = (10_000, 100_000, 1_000_000)
MOST_GROWTH = 15.0
"""From 100 thousand bytes to a million. Linear is 10; half as much again is left to caches that a million
bytes leave and a hundred thousand do not. n log n with a heap in memory is some 25, quadratic is 100."""
START_SECONDS = 0.05
"""What may come once, however long the text is: tables that are made, pages that are asked for."""
ENCODING = "o200k_base"


def texts(size: int, turn: int) -> dict[str, str]:
    """Return texts of about `size` bytes in UTF-8, others for each turn."""
    random = Random(turn)
    size -= 13 * turn
    letters = "abcdefghijklmnopqrstuvwxyz"
    family = "👨\u200d👩\u200d👧\u200d👦"
    return {
        "one letter": "a" * size,
        "spaces": " " * size,
        "tabs": "\t" * size,
        "line feeds": "\n" * size,
        "= signs": "=" * size,
        "one digit": "7" * size,
        "random letters, no space": "".join(random.choices(letters, k=size)),
        "capitals and letters by turns": "aB" * (size // 2),
        "apostrophes": "'s" * (size // 2),
        "one emoji": "🔥" * (size // 4),
        "joined emoji": family * (size // len(family.encode())),
        "random CJK": "".join(chr(random.randrange(0x4E00, 0x9FFF)) for _ in range(size // 3)),
        "combining marks": "e" + "\u0301" * (size // 2),
        "base64": "".join(random.choices(letters + letters.upper() + "0123456789+/", k=size)),
        "special tokens": "<|endoftext|>" * (size // 13),
    }


def row_of(text: str) -> dict[str, object]:
    """Return a chat row that holds the text as question and answer."""
    half = len(text) // 2
    return {
        "messages": [
            {"role": "user", "content": text[:half]},
            {"role": "assistant", "content": text[half:] or "yes"},
        ]
    }


def counters(folder: Path) -> Mapping[str, Callable[[str], object]]:
    """Return every way of ours to count a text."""
    engine, tiktoken, reader = engine_for(ENCODING), TiktokenCounter(ENCODING), TiktokenReader(ENCODING)
    file = folder / "row.jsonl"

    def written(text: str) -> Path:
        file.write_text(json.dumps(row_of(text)) + "\n", encoding="utf-8")
        return file

    return {
        "the engine": engine.count,
        "the engine, in batches": lambda text: engine.counts([text]),
        "tiktoken": tiktoken.count,
        "a row": lambda text: RowTokenCounter(engine).row(row_of(text), DatasetFormat.CHAT),
        "token by token": reader.encode,
        "the token view": lambda text: view_row(row_of(text), DatasetFormat.CHAT, reader, 65_536),
        "a check": lambda text: check_file(written(text), CheckOptions()),
        "an estimate": lambda text: estimate_file(written(text), ENCODING),
    }


class Turns:
    """Hands out a text of a name and size that nobody has counted yet."""

    def __init__(self) -> None:
        self._turn = 0

    def text(self, name: str, size: int) -> str:
        """Return the next one."""
        self._turn = self._turn % 300 + 1
        return texts(size, self._turn)[name]


def cpu_of(count: Callable[[str], object], turns: Turns, name: str, size: int) -> float:
    """Return CPU seconds: the less of two runs on texts of their own."""
    taken = []
    for _ in range(2):
        text = turns.text(name, size)
        started = time.process_time()
        count(text)
        taken.append(time.process_time() - started)
    return min(taken)


def main() -> int:
    """Print the table; the exit code is 1 when something grows faster than its text."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    print(f"CPU ms for 10 kB / 100 kB / 1 MB. {machine()}\n")
    turns = Turns()
    with tempfile.TemporaryDirectory() as folder:
        ways = counters(Path(folder))
        for count in ways.values():
            count("warm up")
            count("w" * 20_000)  # what only long words need is loaded too
        print("| text | " + " | ".join(ways) + " |")
        print("|---" * (len(ways) + 1) + "|")
        growths: list[float] = []
        bad: list[str] = []
        for name in texts(SIZES[0], 0):
            cells = []
            for way, count in ways.items():
                small, middle, large = (cpu_of(count, turns, name, size) for size in SIZES)
                growth = large / max(middle, 1e-9)
                if large > START_SECONDS:
                    growths.append(growth)
                explodes = large > MOST_GROWTH * middle + START_SECONDS
                if explodes:
                    bad.append(f"{way}, {name}: x{growth:.0f}")
                mark = " **!**" if explodes else ""
                cells.append(f"{small * 1000:.1f} / {middle * 1000:.1f} / {large * 1000:.0f}{mark}")
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)
    if growths:
        middle, most = statistics.median(growths), max(growths)
        print(f"\nTen times the text takes {middle:.1f} times as long (median), {most:.1f} at most.")
    print("Grows faster than its text: " + ("; ".join(bad) or "nothing") + ".")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
