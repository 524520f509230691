"""Where the verdict of a check is a decision of ours, as data: `verdict.toml` beside this module."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from tui.datasets.formats import DatasetFormat
from tui.datasets.rule_examples import expanded


@dataclass(frozen=True, slots=True)
class VerdictException:
    """A shape of row on which we differ from OpenAI's types and schemas."""

    id: str
    summary: str
    schema: str
    """What they say: "accepts" or "refuses"; we do the opposite."""
    rule: str | None
    """Ours that finds it; None when nothing does."""
    reason: str
    source: str
    source_date: str
    """Day the source was read, ISO 8601."""
    format: DatasetFormat
    row: str


@dataclass(frozen=True, slots=True)
class LineDecision:
    """What is decided for bytes or lines on which readers disagree."""

    id: str
    summary: str
    reader: str | None
    """What Python's json module says of the line: "accepts" or "refuses"; None: it is not about one line."""
    verdict: str
    """Ours: "error", "warning" or "fine"."""
    rule: str | None
    reason: str
    source: str
    format: DatasetFormat
    row: str | None
    """One line; None where `content` alone shows it."""
    content: bytes | None
    """A whole file; None where no small one shows it."""


@cache
def verdict_exceptions() -> Mapping[str, VerdictException]:
    """Return id -> exception, in the order of the file."""
    data = _data()
    return {
        name: VerdictException(
            id=name,
            summary=entry["summary"],
            schema=entry["schema"],
            rule=entry.get("rule"),
            reason=entry["reason"],
            source=entry["source"],
            source_date=entry.get("source_date", data["defaults"]["source_date"]),
            format=DatasetFormat(entry.get("format", "chat")),
            row=entry["row"],
        )
        for name, entry in data["exception"].items()
    }


@cache
def line_decisions() -> Mapping[str, LineDecision]:
    """Return id -> decision, in the order of the file."""
    return {
        name: LineDecision(
            id=name,
            summary=entry["summary"],
            reader=entry.get("reader"),
            verdict=entry["verdict"],
            rule=entry.get("rule"),
            reason=entry["reason"],
            source=entry["source"],
            format=DatasetFormat(entry.get("format", "chat")),
            row=expanded(entry["row"]) if "row" in entry else None,
            content=_content(entry),
        )
        for name, entry in _data()["line"].items()
    }


def _content(entry: Mapping[str, Any]) -> bytes | None:
    if "hex" in entry:
        return bytes.fromhex(entry["hex"])
    return expanded(entry["file"]).encode(entry.get("encoding", "utf-8")) if "file" in entry else None


def _data() -> dict[str, Any]:
    text = resources.files("tui.datasets").joinpath("verdict.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
