"""Pack tiktoken rank files into the compact vocabularies that the package ships.

Usage: python docs/scripts/build_vocabularies.py RANK_FILE...

Each RANK_FILE is o200k_base.tiktoken or cl100k_base.tiktoken, plain or gzipped, as tiktoken itself downloads
them. The result holds the tokens in rank order, each after one byte with its length, compressed with xz, and
is written only when the rank file has the hash that tiktoken expects.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import lzma
import sys
from pathlib import Path

from tui.datasets.vocabulary import SPECIFICATIONS, pack_tokens

TARGET = Path(__file__).parents[2] / "tui" / "data" / "vocabularies"


def read_tokens(rank_file: bytes) -> list[bytes]:
    """Return the tokens of a rank file, whose ranks must be 0, 1, 2 and so on."""
    tokens: list[bytes] = []
    for line in rank_file.splitlines():
        token, rank = line.split()
        if int(rank) != len(tokens):
            raise SystemExit(f"rank {int(rank)} found where {len(tokens)} was expected")
        tokens.append(base64.b64decode(token))
    return tokens


def build(path: Path) -> Path:
    """Pack one rank file and return the file written."""
    name = path.name.split(".")[0]
    content = path.read_bytes()
    if path.suffix == ".gz":
        content = gzip.decompress(content)
    if hashlib.sha256(content).hexdigest() != SPECIFICATIONS[name].rank_file_sha256:
        raise SystemExit(f"{path} is not tiktoken's own rank file for {name}: its hash differs")
    target = TARGET / f"{name}.xz"
    packed = pack_tokens(read_tokens(content))
    target.write_bytes(lzma.compress(packed, preset=9 | lzma.PRESET_EXTREME))
    return target


def main() -> None:
    """Pack every rank file named on the command line."""
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    for argument in sys.argv[1:]:
        target = build(Path(argument))
        print(f"{target.name}: {target.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
