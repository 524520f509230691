"""The texts that `benchmarks.chat_corpus` makes chats of: documents of this machine, rendered and cut."""

from __future__ import annotations

import gettext
import gzip
import hashlib
import math
import re
import sysconfig
from collections import Counter
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from random import Random

Document = tuple[Path, Callable[[Path], str]]
"""A file, and what makes plain text of it."""

CODE = frozenset({".py", ".c", ".h", ".hpp", ".js", ".ts", ".css", ".pl", ".pm", ".sh", ".rs", ".go"})
CJK_LANGUAGES = ("ja", "ko", "zh")
_DOCUMENTATION = frozenset({".txt", ".rst", ".md", ".html", ".pod"})
_NO_PROSE = re.compile(r"(?i)copyright|licen[cs]e|copying|changelog|authors|^thanks|credits")
"""Names of files that stand in every package alike, or hold lists of names and changes."""
_LEAST_SOURCE, _LARGEST_SOURCE, _LARGEST_FAMILY = 500, 4_000_000, 1_500_000
_OPEN_FILES, _PIECES_PER_TURN = 40, 60
_SPREAD = 0.8
_CONTROL = {code: None for code in range(32) if chr(code) not in "\n\t"}
_DOCSTRING = re.compile(r'(?:\A|[:)]\n)\s*[rR]?"""([^"]{120,}?)"""')
_SENTENCE = re.compile(r"(?<=[.!?:;])\s+|(?<=[。！？；])")
_LETTERS_WITHOUT_SPACES = re.compile(r"[\u3041-\u30ff\u3400-\u9fff]{6,}")
_ROFF_FONT = re.compile(r"\\f(\[[^\]]*\]|\(..|.)|\\s[-+]?\d|\\[&|^/,%:cz]|\\\*(\[[^\]]*\]|\(..|.)")
_ROFF_SIGNS = {
    r"\-": "-", r"\(aq": "'", r"\(dq": '"', r"\(bu": "•", r"\(em": "—", r"\(en": "–", r"\(co": "©",
    r"\(lq": "“", r"\(rq": "”", r"\(cq": "’", r"\(oq": "‘", r"\e": "\\", r"\ ": " ", r"\~": " ",
}  # fmt: skip
_ROFF_SIGN = re.compile(r"\\\(..|\\\[[^\]\n]*\]|\\.")
_ROFF_TEXT = frozenset(
    ("B", "I", "BR", "IR", "RB", "RI", "BI", "IB", "SM", "SB", "Nm", "Pa", "Xr", "Em", "Nd")
)
_ROFF_HEADS = frozenset(("SH", "SS", "Sh", "Ss"))
_ROFF_BREAKS = frozenset(("PP", "P", "LP", "TP", "IP", "Pp", "It", "sp", "HP"))


def folders() -> list[Path]:
    """Return the folders whose text is used, those that exist."""
    places = sysconfig.get_paths()
    named = [places["stdlib"], places["purelib"], places["include"], "/usr/include", "/usr/share/doc"]
    named += ["/usr/share/perl", "/usr/share/man", "/usr/share/info", "/usr/share/vim", "/usr/lib/python3"]
    named += ["/usr/lib/node_modules", "/usr/share/cmake-3.25/Help", "/usr/local/go/src"]
    kept: dict[Path, None] = {}
    for name in named:
        folder = Path(name).resolve()
        if folder.is_dir():
            kept[folder] = None
    return list(kept)


def documents() -> dict[str, list[Document]]:
    """Return the documents by kind: "english", "code", "cjk" and "other" (languages)."""
    found: dict[str, list[Document]] = {"english": [], "code": [], "cjk": [], "other": []}
    for path in _files():
        if path.suffix in CODE:
            found["code"].append((path, read_plain))
            if path.suffix == ".py":
                found["english"].append((path, read_docstrings))
        elif "man" in path.parts:
            found[_kind_of_manual(path)].append((path, read_manual))
        else:
            reader = read_html if ".html" in path.suffixes else read_plain
            found["english"].append((path, reader))
    for path in translations():
        name = path.parts[-3] if path.parent.name == "LC_MESSAGES" else path.parent.name
        kind = "english" if name.startswith("en") else "cjk" if name[:2] in CJK_LANGUAGES else "other"
        found[kind].append((path, read_catalog))
    return found


def _files() -> Iterator[Path]:
    """Yield each text once, in an order that does not change, and no more of one family than of another."""
    seen: set[bytes] = set()
    families: Counter[tuple[Path, str]] = Counter()
    paths = sorted({path for folder in folders() for path in folder.rglob("*") if _is_wanted(path)})
    for path in paths:
        size = path.stat().st_size
        family = path.parent, re.split(r"[-_.]", path.name, maxsplit=1)[0]
        digest = hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
        if digest in seen or families[family] > _LARGEST_FAMILY:
            continue
        seen.add(digest)
        families[family] += size * (4 if path.suffix == ".gz" else 1)
        yield path


def _is_wanted(path: Path) -> bool:
    inner = path.with_suffix("").suffix if path.suffix == ".gz" else path.suffix
    in_manual = "man" in path.parts and path.suffix == ".gz"
    if not in_manual and inner not in CODE and inner not in _DOCUMENTATION:
        return False
    return (
        not _NO_PROSE.search(path.name)
        and path.is_file()
        and not path.is_symlink()
        and _LEAST_SOURCE < path.stat().st_size < _LARGEST_SOURCE
    )


def _kind_of_manual(path: Path) -> str:
    language = path.parts[path.parts.index("man") + 1]
    if re.fullmatch(r"man\d\w*", language):
        return "english"
    return "cjk" if language[:2] in CJK_LANGUAGES else "other"


def translations() -> list[Path]:
    """Return the message catalogs of this system's programs and of Python's packages."""
    places = [Path("/usr/share/locale"), Path(sysconfig.get_paths()["purelib"])]
    return sorted(path for place in places if place.is_dir() for path in place.rglob("*.mo"))


def read_plain(path: Path) -> str:
    """Return a file's text without control characters; "" when it is none."""
    try:
        raw = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        return "" if b"\0" in raw[:4096] else raw.decode("utf-8").translate(_CONTROL)
    except (OSError, ValueError, EOFError):
        return ""


def read_catalog(path: Path) -> str:
    """Return the translations of a message catalog, a paragraph each."""
    try:
        with path.open("rb") as stream:
            catalog = gettext.GNUTranslations(stream)._catalog  # type: ignore[attr-defined]
    except (OSError, ValueError, LookupError):
        return ""
    texts = (value for key, value in catalog.items() if key and isinstance(value, str) and len(value) > 20)
    return "\n\n".join(texts).translate(_CONTROL)


def read_docstrings(path: Path) -> str:
    """Return the longer texts between triple quotes of a Python file."""
    return "\n\n".join(_DOCSTRING.findall(read_plain(path)))


class _Shown(HTMLParser):
    """Collects what a page shows."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._hidden += tag in ("script", "style")
        if tag in ("p", "div", "li", "tr", "pre", "h1", "h2", "h3", "h4", "dt", "dd"):
            self.parts.append("\n\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style") and self._hidden > 0

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


def read_html(path: Path) -> str:
    """Return what a page shows."""
    page = _Shown()
    page.feed(read_plain(path))
    return "".join(page.parts)


def read_manual(path: Path) -> str:
    """Return a manual page as a reader sees it: roff's requests and fonts are gone."""
    lines = []
    for line in read_plain(path).splitlines():
        if not line.startswith((".", "'")):
            lines.append(line)
            continue
        request, _, rest = line[1:].strip().partition(" ")
        if request in _ROFF_HEADS:
            lines += ["", rest.strip().strip('"'), ""]
        elif request in _ROFF_TEXT:
            lines.append(rest.replace('" "', "").replace('"', "") if rest else "")
        elif request in _ROFF_BREAKS:
            lines.append("")
    return _ROFF_SIGN.sub(_sign, _ROFF_FONT.sub("", "\n".join(lines)))


def _sign(match: re.Match[str]) -> str:
    found: str = match[0]
    if re.fullmatch(r"\\\[u[0-9A-F]{4}\]", found):
        return chr(int(found[3:7], 16))
    return _ROFF_SIGNS.get(found) or _ROFF_SIGNS.get(r"\(" + found[2:-1], "")


class Pieces:
    """Pieces of text without end, from several documents in turns; each turn cuts a document anew.

    Args:
        sources: Where they come from.
        random: Decides.
        is_code: They are cut between lines, else between sentences, and at last between words.
        is_cjk: Long runs of letters are put together anew. A tokenizer takes a run for one word, and the
            machine holds far less of such text than a large file needs: no run would be new to it.
    """

    def __init__(
        self, sources: list[Document], random: Random, *, is_code: bool = False, is_cjk: bool = False
    ) -> None:
        self._sources = list(sources)
        self._random = random
        self._is_code, self._is_cjk = is_code, is_cjk
        self._waiting = self._without_end()
        self._open = [self._units(*next(self._waiting)) for _ in range(_OPEN_FILES)]

    def next(self, median: int) -> str:
        """Return a piece of whole sentences or lines.

        Args:
            median: Bytes that half of the pieces have at least.
        """
        wanted = int(self._random.lognormvariate(math.log(median), _SPREAD))
        while True:
            index = self._random.randrange(_OPEN_FILES)
            piece = self._piece(self._open[index], wanted)
            if piece:
                return piece
            self._open[index] = self._units(*next(self._waiting))

    def _without_end(self) -> Iterator[Document]:
        while True:
            self._random.shuffle(self._sources)
            yield from self._sources

    def _units(self, path: Path, read: Callable[[Path], str]) -> Iterator[str]:
        """Yield what is not cut through, lines or sentences; a part of a document in one turn."""
        text = read(path)
        if self._is_cjk:
            text = self._anew(text)
        units = text.splitlines(keepends=True) if self._is_code else _sentences(text)
        most = _PIECES_PER_TURN * (8 if self._is_code else 3)
        start = self._random.randrange(1 + max(0, len(units) - most))
        return iter(units[start : start + most])

    def _anew(self, text: str) -> str:
        runs = _LETTERS_WITHOUT_SPACES.findall(text)
        self._random.shuffle(runs)
        others = iter(runs)

        def join(match: re.Match[str]) -> str:
            own: str = match[0]
            other: str = next(others)
            at = self._random.randrange(1, len(own))
            return own[:at] + other[min(at, len(other) - 1) :]

        return _LETTERS_WITHOUT_SPACES.sub(join, text)

    def _piece(self, units: Iterator[str], wanted: int) -> str:
        parts: list[str] = []
        size = 0
        for unit in units:
            parts.append(unit)
            size += len(unit.encode())
            if size >= wanted:
                break
        text = "".join(parts).strip()
        if len(text.encode()) > 2 * wanted:
            text = _first_words(text, wanted)
        return text


def _sentences(text: str) -> list[str]:
    """Return the sentences of a text; lines are joined, and a blank line stands between paragraphs."""
    found: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        sentences = [one for one in _SENTENCE.split(" ".join(paragraph.split())) if one]
        if sentences:
            ends = ["" if sentence[-1] in "。！？；" else " " for sentence in sentences[:-1]]
            found += [sentence + end for sentence, end in zip(sentences, [*ends, "\n\n"], strict=True)]
    return found


def _first_words(text: str, wanted: int) -> str:
    """Return the beginning of a text, about as many bytes, cut between words where it has any."""
    cut = text.encode()[: wanted + 40].decode("utf-8", "ignore")
    space = max(cut.rfind(" "), cut.rfind("\n"))
    return (cut[:space] if space > len(cut) // 2 else cut).strip()
