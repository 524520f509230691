"""A parity report as blocks, as JSON, and in one file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tui.evals.parity import ParityReport, ParityRow
from tui.evals.reports.blocks import READING, Block, Heading, Paragraph, Quoted, Table, cut_text
from tui.evals.reports.files import write_blocks
from tui.evals.statistics.intervals import Interval
from tui.money.usage_price import Amount
from tui.records.evaluations import EvalAnswer
from tui.safe_text import safe_line

WORST_SHOWN = 20
_LONGEST_TEXT = 2_000
_ASKED = (
    "The old answers were recorded; the new model was asked the same questions with the same parameters. Two "
    "answers are the same when they differ in nothing but spaces, letter case and punctuation. The share of "
    "same answers has Wilson's interval at 95 %."
)
_BY_WORDS = (
    "Agreement is the share of words in common blocks (Ratcliff and Obershelp); tool calls that are the same "
    "take half its weight. Its mean has the interval of the bias-corrected and accelerated bootstrap at 95 %."
)
_BY_CHECK = (
    "Agreement is the mean score of the check {check}, with the old answer as the right one; rows to which "
    "it does not apply are left out. Its interval at 95 % is Wilson's where every score is 0 or 1, else that "
    "of the bias-corrected and accelerated bootstrap."
)
_NOT_RIGHT = (
    "Agreement says how alike two models are, not which is right: the checks say that, where rows have a "
    "right answer of their own."
)


def _methods(report: ParityReport) -> tuple[str, ...]:
    by = report.agreement_by
    return _ASKED, _BY_WORDS if by is None else _BY_CHECK.format(check=by.title), _NOT_RIGHT


def sentences(report: ParityReport) -> list[str]:
    """Return what came out in a few sentences."""
    by = "" if report.agreement_by is None else f" by {report.agreement_by.title}"
    lines = [
        f"{report.compared:,} of {len(report.rows):,} recorded answers are compared: "
        f"{_percent(report.same)} the same, agreement{by} {_percent(report.agreement)}."
    ]
    if report.verdict is not None:
        titles = ", ".join(spec.title for spec in report.checks)
        lines.append(f"By {titles}, the new model is: {report.verdict.sentence}.".replace("..", "."))
    cost = f"{_amount(report.old_cost)}, new {_amount(report.new_cost)}"
    seconds = f"old {_seconds(report.old_seconds)}, new {_seconds(report.new_seconds)}"
    tokens = f"old {_tokens(report.old_tokens)}, new {_tokens(report.new_tokens)}"
    lines.append(
        f"Cost of the answers: old {cost}. Tokens of an answer: {tokens}. Seconds in the middle: {seconds}."
    )
    if report.missing_old:
        lines.append(f"{report.missing_old:,} rows have no recorded answer and are left out.")
    if report.why_incomplete:
        lines.append(f"Not complete: {report.why_incomplete}.")
    return lines


def _percent(interval: Interval) -> str:
    if interval.estimate != interval.estimate:
        return "not known"
    return f"{100 * interval.estimate:.1f} % ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def _amount(amount: Amount | None) -> str:
    return "not published" if amount is None else amount.words


def _tokens(tokens: float | None) -> str:
    return "not known" if tokens is None else f"{tokens:.1f}"


def _seconds(seconds: float | None) -> str:
    return "not known" if seconds is None else f"{seconds:.1f} s"


def parity_blocks(report: ParityReport, worst: int = WORST_SHOWN) -> Iterator[Block]:
    """Yield the report, the worst rows first."""
    yield Heading(1, f"{safe_line(report.old.model)} (recorded) against {safe_line(report.new.label)}")
    for sentence in sentences(report):
        yield Paragraph(sentence)
    verdict = report.verdict
    if verdict is not None:
        yield Table(
            ("Rows", "Old", "New", "Difference", "Low", "High"),
            ((f"{verdict.rows:,}", f"{verdict.first:.3f}", f"{verdict.second:.3f}",
              f"{verdict.difference.estimate:+.3f}", f"{verdict.difference.low:+.3f}",
              f"{verdict.difference.high:+.3f}"),),
        )  # fmt: skip
    differing = [
        row for row in report.rows if not row.is_same or (row.agreement is not None and row.agreement < 1)
    ]
    shown = differing[:worst]
    if shown:
        yield Heading(
            2, f"The {len(shown):,} rows that differ most" if len(shown) > 1 else "The row that differs"
        )
    for row in shown:
        yield from row_blocks(row)
    yield Heading(2, READING)
    for method in _methods(report):
        yield Paragraph(method)


def row_blocks(row: ParityRow, longest: int = _LONGEST_TEXT) -> Iterator[Block]:
    """Yield one row with both answers, each text at most so long."""
    yield Heading(3, safe_line(f"{row.case.id}: {_row_words(row)}", 200))
    yield Quoted("Question", cut_text(row.case.question, longest))
    yield Quoted("Old", cut_text(_answer_text(row.old), longest))
    yield Quoted("New", cut_text(row.refusal if row.new is None else _answer_text(row.new), longest))
    if row.case.expected:
        yield Quoted("Right by the row", cut_text(row.case.expected[0], longest))


def _row_words(row: ParityRow) -> str:
    words = "no answer" if row.new is None else "no agreement to tell"
    if row.agreement is not None:
        words = f"agreement {100 * row.agreement:.0f} %"
    if row.old_score is not None and row.new_score is not None:
        words += f", score {row.old_score:.2f} old, {row.new_score:.2f} new"
    return words


def _answer_text(answer: EvalAnswer) -> str:
    calls = [f"{call.name}({call.arguments})" for call in answer.tool_calls]
    return "\n".join([*([answer.text] if answer.text else []), *calls])


def parity_json(report: ParityReport) -> dict[str, Any]:
    """Return all of it as JSON values."""
    return {
        "old": {"account": report.old.account, "model": report.old.model},
        "new": {
            "account": report.new.lane.account,
            "model": report.new.lane.model,
            "system": report.new.system,
        },
        "rows": len(report.rows),
        "compared": report.compared,
        "missing_old": report.missing_old,
        "asked": report.asked,
        "complete": not report.why_incomplete,
        "why_incomplete": report.why_incomplete,
        "same": report.same.as_json(),
        "agreement": report.agreement.as_json(),
        "agreement_by": "words" if report.agreement_by is None else report.agreement_by.title,
        "verdict": report.verdict.as_json() if report.verdict is not None else None,
        "checks": [spec.title for spec in report.checks],
        "old_cost": None if report.old_cost is None else str(report.old_cost.high),
        "new_cost": None if report.new_cost is None else str(report.new_cost.high),
        "old_seconds": report.old_seconds,
        "new_seconds": report.new_seconds,
        "old_tokens": report.old_tokens,
        "new_tokens": report.new_tokens,
        "worst_first": [_row_json(row) for row in report.rows],
    }


def _row_json(row: ParityRow) -> dict[str, Any]:
    return {
        "id": row.case.id,
        "line": row.case.line,
        "question": row.case.question,
        "old": _answer_text(row.old),
        "new": None if row.new is None else _answer_text(row.new),
        "refusal": row.refusal or None,
        "same": row.is_same,
        "agreement": row.agreement,
        "old_score": row.old_score,
        "new_score": row.new_score,
        "old_seconds": row.old.seconds,
        "new_seconds": None if row.new is None else row.new.seconds,
    }


def write_parity(report: ParityReport, path: Path, *, overwrite: bool = False) -> None:
    """Write the report as Markdown, HTML or JSON, by the file's ending; all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    write_blocks(path, parity_blocks(report), parity_json(report), overwrite=overwrite)
