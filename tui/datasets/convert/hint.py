"""What a file may be that no row of a known format was found in."""

from __future__ import annotations

from pathlib import Path

from tui.datasets.convert.detect import detect_mapping
from tui.datasets.convert.mapping import SourceShape
from tui.datasets.convert.preview import read_sample
from tui.datasets.convert.records import SourceOptions
from tui.datasets.formats import DatasetFormat
from tui.datasets.report import Report
from tui.errors import TunedeckError

_LOOKED_AT = 20


def other_shape(path: Path, report: Report) -> str:
    """Return what a file is taken for that can be converted, such as "JSON list, UTF-8 (alpaca)".

    Empty for a file whose rows have a known format, and for one of which nothing can be made.

    Args:
        path: The file.
        report: What its check found.
    """
    if report.valid or report.format is not DatasetFormat.UNKNOWN:
        return ""
    if any(finding.rule == "old-mac-lines" for finding in report.findings):
        return ""  # a fix of the whole file mends that, and no import reads it
    try:
        sample = read_sample(path, SourceOptions(), _LOOKED_AT)
        shape = detect_mapping(sample.values).shape
    except TunedeckError:
        return ""
    return "" if shape is SourceShape.OPENAI else f"{sample.kind} ({shape.value})"
