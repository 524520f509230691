"""What decides a report besides the file and the options: rules, the code that asks them, and the counters.

A version number alone would show the report of yesterday's rules to whoever changes one without a release.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from functools import cache
from importlib import util
from pathlib import Path

from xxhash import xxh3_64

from tui import __version__

_PACKAGES = ("tiktoken", "gigatoken", "tokenizers", "orjson", "msgspec", "jsonschema_rs", "rensa")
"""What counts, parses or judges for us; with another release of any of them a report may be another."""
_FOLDERS = ("datasets", "engine/llama")
"""Where rules, checks and counters are, below the package."""
_OTHER_SUBJECTS = frozenset({"edits", "reshape", "convert", "fixes", "__pycache__"})
"""Folders of changes to files: no report depends on them."""
_SUFFIXES = (".py", ".toml")


@cache
def report_version() -> str:
    """Return a word that is another one whenever the same file could get another report.

    It is made of the content of some 150 small files, which takes about 5 ms, once in a process.
    """
    facts = [source_digest(Path(__file__).parent.parent), str(sys.version_info[:2])]
    facts += [_release(package) for package in _PACKAGES]
    return f"{__version__}+{xxh3_64(chr(10).join(facts).encode()).hexdigest()}"


def source_digest(root: Path) -> str:
    """Return a hash of the names and the content of all that decides a report below a folder."""
    digest = xxh3_64()
    for folder in _FOLDERS:
        for path in _sources(root / folder):
            digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return  # run from an archive: the version has to do
    for entry in sorted(folder.iterdir()):
        if entry.name.endswith(_SUFFIXES):
            yield entry
        elif entry.name not in _OTHER_SUBJECTS and entry.is_dir():
            yield from _sources(entry)


def _release(package: str) -> str:
    """Return the release of a package by the folder beside it; `importlib.metadata` takes 100 ms."""
    found = util.find_spec(package)
    if found is None or found.origin is None:
        return f"{package}: none"
    beside = Path(found.origin).parent.parent
    return ",".join(sorted(entry.name for entry in beside.glob(f"{package}-*.dist-info")))
