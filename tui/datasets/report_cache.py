"""Reports that are there again at once: kept by content, found by the file's mark, continued where it grew.

What is trusted without reading a file: that a file of the same path, size, time of change, inode and device,
with the same first and last 64 KB, is the file it was, unless it was changed within two seconds before it was
looked at. Everything else is decided by the SHA-256 of the bytes: whether a file elsewhere has this
content, and whether the beginning of a file that grew is what it was.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from xxhash import xxh3_64_hexdigest

from tui.datasets import cache_files
from tui.datasets.file_mark import FileMark, hash_beginning
from tui.datasets.file_parts import Place
from tui.datasets.files import open_file
from tui.datasets.kept_lines import Kept
from tui.datasets.options import CheckOptions
from tui.datasets.options_travel import options_as_json
from tui.datasets.report import Report
from tui.datasets.report_version import report_version
from tui.errors import TunedeckError

Progress = Callable[[int], None]
_DAMAGED = (ValueError, TypeError, KeyError, AttributeError)


class ReportCache:
    """What is kept about one file and one way to check it.

    Args:
        path: The file.
        options: How it is checked; they must be able to travel.
    """

    def __init__(self, path: Path, options: CheckOptions) -> None:
        self._path = path
        asked = _key_of(options)
        self._asked = asked
        place = xxh3_64_hexdigest(str(path.absolute()).encode("utf-8", "surrogateescape"))
        self._by_place = f"{asked}-{place}.place"
        self._beginning = f"{asked}-{place}.beginning"

    def report(self, on_block: Progress = lambda _done: None) -> Report | None:
        """Return the report of this content where one is kept; the file is read only where one may fit.

        Args:
            on_block: Called with the bytes read so far; may raise to stop.
        """
        mark = self._mark()
        if mark is None:
            return None
        known = self._known(mark)
        if known is not None:
            return known
        if not cache_files.names(self._content(mark)):
            return None
        digest = hashlib.sha256()
        with open_file(self._path) as stream:
            hash_beginning(stream.fileno(), mark.size, digest, on_block)
        if self._mark() != mark:
            return None
        return self._adopted(mark, digest.hexdigest())

    def _known(self, mark: FileMark) -> Report | None:
        place = cache_files.read(self._by_place)
        with suppress(*_DAMAGED):
            if place is not None and place["mark"] == mark.as_json() and mark.is_settled_at(place["seen_ns"]):
                return self._of_content(mark, place["sha256"])
        return None

    def _adopted(self, mark: FileMark, sha256: str) -> Report | None:
        """Return the report of a file that was hashed now, and know it again next time."""
        report = self._of_content(mark, sha256)
        if report is not None:
            self._note(mark, sha256)
        return report

    def _of_content(self, mark: FileMark, sha256: str) -> Report | None:
        record = cache_files.read(self._content(mark) + sha256)
        if record is None:
            return None
        with suppress(*_DAMAGED):
            return Report.from_record({**record, "file": str(self._path)})
        return None

    def keep(self, report: Report, mark: FileMark) -> None:
        """Keep a report of the file as it was when `mark` was taken."""
        if report.bytes == mark.size:
            cache_files.write(self._content(mark) + report.sha256, report.as_record())
            self._note(mark, report.sha256)

    def _note(self, mark: FileMark, sha256: str) -> None:
        seen = {"mark": mark.as_json(), "seen_ns": time.time_ns(), "sha256": sha256}
        cache_files.write(self._by_place, seen)

    def _content(self, mark: FileMark) -> str:
        return f"{self._asked}-{mark.size}-{mark.ends}-"

    def _mark(self) -> FileMark | None:
        try:
            return FileMark.of(self._path)
        except (OSError, TunedeckError):
            return None  # checking it says why

    def beginning(self) -> Kept | None:
        """Return what is known of the lines of a file that may have grown since."""
        value = cache_files.read(self._beginning)
        with suppress(*_DAMAGED):
            if value is not None:
                return Kept(value["start"], Place(*value["place"]), value["sha256"], value["state"])
        return None

    def keep_beginning(self, kept: Kept) -> None:
        """Keep what is known of the lines of a file."""
        value = {"start": kept.start, "place": list(kept.place), "sha256": kept.sha256, "state": kept.state}
        cache_files.write(self._beginning, value)


def _key_of(options: CheckOptions) -> str:
    """Return a hash of everything but the file that decides a report."""
    value: dict[str, Any] = {**options_as_json(options), "version": report_version(), "files": []}
    if options.training_file is not None:
        with suppress(OSError, TunedeckError):
            value["files"].append(FileMark.of(options.training_file).as_json())
    if value["tokenizer"] is not None:
        for part in value["tokenizer"][1]:
            for path in (Path(part), Path(part) / "tokenizer.json"):
                with suppress(OSError):
                    value["files"].append([str(path), path.stat().st_mtime_ns, path.stat().st_size])
    return xxh3_64_hexdigest(json.dumps(value, sort_keys=True).encode())
