"""Evaluations from before, as they were reported: kept, found, opened and written."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.evals.ports import EvalServices
from tui.evals.reports.blocks import (
    READING,
    WORST_SHOWN,
    Block,
    Heading,
    Paragraph,
    Quoted,
    Table,
    cut_text,
    points,
    report_blocks,
)
from tui.evals.reports.files import write_blocks
from tui.evals.result import EvalResult
from tui.evals.statistics.intervals import Interval
from tui.records.evaluations import EvalRun
from tui.safe_text import safe_line

KEPT_ROWS = 200
"""Rows, worst first, whose texts are kept with a report; the answers themselves are in the store anyway."""
_LONGEST_TEXT = 2_000
_KINDS = {"heading": Heading, "paragraph": Paragraph, "table": Table, "quoted": Quoted}


def kept_text(result: EvalResult) -> str:
    """Return a result as it is kept: JSON with the worst rows, the score of every row, and its report."""
    value = result.as_json(KEPT_ROWS)
    value["scores"] = [
        {"id": safe_line(row.case.id), "line": row.case.line, "scores": [one.score for one in row.answers]}
        for row in result.rows
    ]
    value["blocks"] = [packed(block) for block in report_blocks(result, worst=0)]
    return json.dumps(value, ensure_ascii=True)


def packed(block: Block) -> list[Any]:
    """Return a part of a report as JSON values."""
    match block:
        case Heading(level, text):
            return ["heading", level, text]
        case Paragraph(text):
            return ["paragraph", text]
        case Table(headings, rows):
            return ["table", headings, rows]
        case Quoted(label, text):
            return ["quoted", label, text]


def _unpacked(value: Sequence[Any]) -> Block:
    kind, *fields = value
    if kind == "table":
        headings, rows = fields
        return Table(tuple(headings), tuple(tuple(row) for row in rows))
    block: Block = _KINDS[kind](*fields)
    return block


@dataclass(frozen=True, slots=True)
class KeptRows:
    """Rows with their texts, worst first."""

    title: str
    headings: tuple[str, ...]
    """Of the numbers that are shown of each row."""
    rows: Sequence[Mapping[str, Any]]
    shown: Sequence[Sequence[float | None]]
    """Those numbers, 0 to 1."""


@dataclass(frozen=True, slots=True)
class KeptEvaluation:
    """An evaluation, a prompt diet, or old against new, as it was reported."""

    run: EvalRun
    value: Mapping[str, Any]
    """Its JSON."""

    @property
    def models(self) -> list[str]:
        """Those that were asked; the examined one last."""
        return [safe_line(str(one.get("model", ""))) for one in self.value.get("models", [])]

    @property
    def kind(self) -> str:
        """`DIET`, `PARITY`, or empty for an evaluation."""
        return str(self.value.get("kind") or "")

    @property
    def sentence(self) -> str:
        """What it came to."""
        if self.kind:
            return " ".join(safe_line(str(one), 2_000) for one in self.value.get("sentences", []))
        models = self.models or [""]
        verdict = self.value.get("verdict")
        if verdict:
            return f"{models[-1]} against {models[0]}: {safe_line(str(verdict.get('sentence', '')))}."
        return f"{models[-1]}: {points(interval_of(self.examined.get('score')))} of 100."

    @property
    def examined(self) -> Mapping[str, Any]:
        """The examined model's numbers."""
        models = self.value.get("models") or [{}]
        last: Mapping[str, Any] = models[-1]
        return last

    @property
    def worst(self) -> list[Mapping[str, Any]]:
        """Rows with their texts, worst first; of the examined model."""
        return list(self.tables[0].rows) if self.tables else []

    @property
    def tables(self) -> list[KeptRows]:
        """Rows with their texts: one table, or one for each model of a diet, the examined one first."""
        if not self.kind:
            rows = self.value.get("worst", [])
            scores = [[one.get("score") for one in row.get("answers") or [{}]] for row in rows]
            if len(self.models) > 1:
                shown = [[one[-1], one[0]] for one in scores]
                return [KeptRows("Rows, worst first", ("Score", "was"), rows, shown)]
            return [KeptRows("Rows, worst first", ("Score",), rows, [one[-1:] for one in scores])]
        return [
            KeptRows(
                safe_line(str(one["title"]), 200),
                tuple(safe_line(str(name), 20) for name in one["headings"]),
                one["rows"], [row["shown"] for row in one["rows"]],
            )
            for one in self.value.get("tables", [])
        ]  # fmt: skip

    def scores(self) -> dict[str, tuple[int, float]]:
        """Return case id -> line and score of the examined model, for rows that have one."""
        found = {}
        for row in self.value.get("scores", []):
            score = row["scores"][-1]
            if score is not None:
                found[str(row["id"])] = (int(row["line"]), float(score))
        return found

    def blocks(self, worst: int = WORST_SHOWN) -> Iterator[Block]:
        """Yield the report, with so many rows, worst first."""
        kept = [_unpacked(one) for one in self.value.get("blocks", [])] or list(self._numbers())
        for block in kept:
            if isinstance(block, Heading) and block.text == READING:
                yield from self._worst_blocks(worst)
                worst = 0
            yield block
        yield from self._worst_blocks(worst)

    def _worst_blocks(self, worst: int) -> Iterator[Block]:
        rows = self.worst[:worst]
        if rows:
            yield Heading(2, "Worst rows")
        for row in rows:
            yield from row_blocks(row)

    def _numbers(self) -> Iterator[Block]:
        """Yield what is known of a run whose report was not kept as such: one of an earlier version."""
        yield Heading(1, f"Evaluation of {safe_line(Path(str(self.value.get('test_set', ''))).name)}")
        yield Paragraph(self.sentence)
        yield Heading(2, "Models")
        yield Table(
            ("Model", "Score of 100 (interval)"),
            tuple(
                (name, points(interval_of(one.get("score"))))
                for name, one in zip(self.models, self.value.get("models", []), strict=True)
            ),
        )


def interval_of(value: Mapping[str, Any] | None) -> Interval:
    """Return an interval that was kept; what is not known is no number."""
    told = value or {}
    numbers = [told.get(name) for name in ("estimate", "low", "high")]
    known = [float("nan") if one is None else float(one) for one in numbers]
    return Interval(known[0], known[1], known[2])


def row_blocks(row: Mapping[str, Any], longest: int = _LONGEST_TEXT) -> Iterator[Block]:
    """Yield a kept row: what was asked, what is right, and each answer with its score."""
    tags = f" [{', '.join(map(str, row.get('tags') or ()))}]" if row.get("tags") else ""
    yield Heading(3, safe_line(f"Line {row.get('line', 0):,}{tags}", 200))
    yield Quoted("Question", cut_text(str(row.get("question", "")), longest))
    if row.get("expected"):
        yield Quoted("Expected", cut_text("\nor: ".join(map(str, row["expected"])), longest))
    for answer in row.get("answers", []):
        score = answer.get("score")
        label = (
            f"{safe_line(str(answer.get('model')))}: {'no score' if score is None else f'{100 * score:.0f}'}"
        )
        calls = [f"[calls {one['name']}({one['arguments']})]" for one in answer.get("tool_calls") or ()]
        text = answer.get("text")
        said = "\n".join([*([text] if text else []), *calls])
        if text is None:
            said = str(answer.get("refusal") or "")
        yield Quoted(label, cut_text(said or "(empty)", longest))


def opened(run: EvalRun) -> KeptEvaluation:
    """Return a run with its report read.

    Raises:
        TunedeckError: What is kept is no report.
    """
    try:
        value = json.loads(run.report)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise TunedeckError(
            f"What is kept of evaluation {run.id} can't be read.", "Delete it, and run it again."
        )
    return KeptEvaluation(run, value)


def find_evaluation(services: EvalServices, name: str) -> KeptEvaluation:
    """Return an evaluation by its id, the beginning of it, or `last`.

    Raises:
        TunedeckError: There is none, or several begin so.
    """
    heads = services.store.eval_run_heads()
    matching = heads[:1] if name == "last" else [one for one in heads if name and one.id.startswith(name)]
    if len(matching) > 1:
        raise TunedeckError(f"Several evaluations begin with {name}.", "Give more of the id.")
    run = services.store.eval_run(matching[0].id) if matching else None
    if run is None:
        raise TunedeckError(f"There is no evaluation {name!r}.", "`tunedeck eval list` shows them.")
    return opened(run)


def write_kept(kept: KeptEvaluation, path: Path, *, overwrite: bool = False) -> None:
    """Write a past evaluation as Markdown, HTML or JSON, by the file's ending; all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    value = {name: one for name, one in kept.value.items() if name != "blocks"}
    write_blocks(path, kept.blocks(), value, overwrite=overwrite)
