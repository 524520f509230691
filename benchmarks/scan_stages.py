"""Where the time of a check goes, layer by layer on one core, and the least that any check could take."""

from __future__ import annotations

import argparse
import gc
import hashlib
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from tui.datasets import check
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.engines.choose import engine_for

PART_BYTES = 64_000_000
_BLOCK = 1 << 20
_BATCH = 3_000
"""Texts in one call, about a megabyte: as many as a check gives at once."""
_ENCODING = "o200k_base"


def stages(path: Path) -> dict[str, float]:
    """Return CPU seconds per GB of each layer, measured on the beginning of a file."""
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as file:
        with path.open("rb") as whole:
            content = whole.read(PART_BYTES)
        content = content[: content.rfind(b"\n") + 1]
        file.write(content)
        file.flush()
        part = Path(file.name)
        lines = content.splitlines()
        texts = [text for line in lines for text in texts_of(line)]
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        engine = engine_for(_ENCODING)
        for batch in batches:  # it remembers words; a large file is counted with most of them known
            engine.counts(batch)
        gigabytes = len(content) / 1e9
        layers: dict[str, Callable[[], Any]] = {
            "read": lambda: read(part),
            "SHA-256": lambda: hashlib.sha256(content),
            "parse every row": lambda: parse(lines),
            "count every text": lambda: [engine.counts(batch) for batch in batches],
            "a check without tokens": lambda: check_here(part, count_tokens=False),
            "a whole check": lambda: check_here(part, count_tokens=True),
        }
        return {name: cpu_of(layer) / gigabytes for name, layer in layers.items()}


def cpu_of(work: Callable[[], Any]) -> float:
    """Return the CPU seconds of one run."""
    started = time.process_time()
    work()
    return time.process_time() - started


def read(path: Path) -> None:
    """Read a file in blocks."""
    with path.open("rb", buffering=0) as file:
        while file.read(_BLOCK):
            pass


def parse(lines: list[bytes]) -> None:
    """Parse rows and let each go: keeping them all would measure the memory they take."""
    for line in lines:
        parsed(line)


def parsed(line: bytes) -> Any:
    """Return a row, or None when it is no JSON."""
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError:
        return None


def texts_of(line: bytes) -> list[str]:
    """Return the texts of a chat row's messages."""
    row = parsed(line)
    messages = row.get("messages") if isinstance(row, dict) else None
    return [text for message in messages or [] if isinstance(text := message.get("content"), str)]


def check_here(path: Path, *, count_tokens: bool) -> None:
    """Check a file in this very process, so that its CPU time can be told."""
    before = check.CHILDREN_FROM_BYTES
    check.CHILDREN_FROM_BYTES = sys.maxsize
    gc.disable()  # as the children of a check do
    try:
        check_file(path, CheckOptions(count_tokens=count_tokens))
    finally:
        gc.enable()
        check.CHILDREN_FROM_BYTES = before


def print_stages(path: Path) -> None:
    """Print the layers and the limit."""
    found = stages(path)
    cores = os.cpu_count() or 1
    rules = found["a check without tokens"] - found["parse every row"] - found["SHA-256"] - found["read"]
    tokens = found["a whole check"] - found["a check without tokens"]
    least = found["read"] + found["parse every row"] + found["count every text"]
    print("| where the time goes | CPU s per GB, one core |")
    print("|---|---|")
    for name, seconds in found.items():
        print(f"| {name} | {seconds:.2f} |")
    print(f"| of a whole check: every rule, duplicates, line by line | {rules:.2f} |")
    print(f"| of a whole check: tokens by role, spread, limits | {tokens:.2f} |")
    print(
        f"\nThe limit: reading, parsing and counting alone take {least:.2f} CPU s per GB,"
        f" so {least / cores:.2f} s on {cores} cores."
        f" SHA-256 can't be split; it takes {found['SHA-256']:.2f} s of one core.\n"
    )


def main() -> int:
    """Print the layers of one file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path)
    print_stages(parser.parse_args().file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
