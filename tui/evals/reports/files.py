"""Writes a report as Markdown, HTML or JSON, by the name of the file."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tui.datasets.atomic import new_file
from tui.errors import TunedeckError
from tui.evals.reports.blocks import Block, Heading, Paragraph, Quoted, Table, report_blocks
from tui.evals.result import EvalResult

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")
_MOST_TURNED = 4
"""Models side by side on a page."""
_STYLE = """\
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
table { border-collapse: collapse; display: block; overflow-x: auto; margin: 1rem 0; }
th, td { border: 1px solid #8888; padding: .3rem .6rem; text-align: left; }
h1, h2, h3, p { overflow-wrap: break-word; }
td:last-child { min-width: 8rem; }
@media print { body { font-size: 11px; margin: 0; } table { display: table; } tr { break-inside: avoid; } }
pre { white-space: pre-wrap; overflow-wrap: anywhere; border-left: 4px solid #8888; padding-left: 1rem; }
:root { color-scheme: light dark; }"""


def report_format(path: Path) -> str:
    """Return "md", "html" or "json" by a file's ending.

    Raises:
        TunedeckError: It has another ending.
    """
    ending = path.suffix.lower().lstrip(".")
    known = {"md": "md", "markdown": "md", "html": "html", "htm": "html", "json": "json"}
    if ending not in known:
        raise TunedeckError(
            f"{path}: a report is .md, .html or .json.", "Give the file one of these endings."
        )
    return known[ending]


def write_report(result: EvalResult, path: Path, *, overwrite: bool = False) -> None:
    """Write a report, all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    write_blocks(path, report_blocks(result), result.as_json(), overwrite=overwrite)


def write_blocks(
    path: Path, blocks: Iterable[Block], value: Mapping[str, Any], *, overwrite: bool = False
) -> None:
    """Write blocks as Markdown or HTML, or `value` as JSON, all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    kind = report_format(path)
    if kind == "json":
        text = json.dumps(value, ensure_ascii=False, indent=2) + "\n"
    else:
        text = (as_markdown if kind == "md" else as_html)(blocks)
    with new_file(path, overwrite=overwrite) as file:
        file.write(text.encode("utf-8", "replace"))


def as_markdown(blocks: Iterable[Block]) -> str:
    """Return a report as Markdown, in which no text of others can pass for markup."""
    return "\n\n".join(_markdown(block) for block in blocks) + "\n"


def _markdown(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"{'#' * level} {_plain(text)}"
        case Paragraph(text):
            return _plain(text)
        case Table():
            table = block.turned(_MOST_TURNED)
            headings, rows = table.headings, table.rows
            lines = [headings, tuple("---" for _ in headings), *rows]
            return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)
        case Quoted(label, text):
            longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
            fence = "`" * max(3, longest + 1)
            return f"{_plain(label)}:\n\n{fence}text\n{text}\n{fence}"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text)


def _cell(text: str) -> str:
    return text if text == "---" else _plain(text.replace("\n", " "))


def as_html(blocks: Iterable[Block]) -> str:
    """Return a report as one HTML page without scripts or links to elsewhere."""
    parts = list(blocks)
    title = next((block.text for block in parts if isinstance(block, Heading)), "Evaluation")
    body = "\n".join(_html(block) for block in parts)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>\n{_STYLE}\n</style>\n</head>\n<body>\n{body}\n"
        "</body>\n</html>\n"
    )


def _html(block: Block) -> str:
    match block:
        case Heading(level, text):
            return f"<h{level}>{html.escape(text)}</h{level}>"
        case Paragraph(text):
            return f"<p>{html.escape(text)}</p>"
        case Table():
            table = block.turned(_MOST_TURNED)
            headings, rows = table.headings, table.rows
            head = "".join(f'<th scope="col">{html.escape(cell)}</th>' for cell in headings)
            lines = ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
            body = "\n".join(f"<tr>{line}</tr>" for line in lines)
            return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody>\n</table>"
        case Quoted(label, text):
            return f"<p>{html.escape(label)}:</p>\n<pre>{html.escape(text)}</pre>"
