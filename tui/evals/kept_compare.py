"""Two evaluations from before: their examined models over the rows that both have scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tui.errors import TunedeckError
from tui.evals.kept import KeptEvaluation, interval_of
from tui.evals.reports.blocks import WORST_SHOWN, Block, Heading, Paragraph, Table, points
from tui.evals.reports.files import write_blocks
from tui.evals.statistics.verdict import PairedVerdict, compare_paired
from tui.safe_text import safe_line

_LONGEST_QUESTION = 120


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row with the scores of both."""

    line: int
    question: str
    """As far as one of the two has kept its text; safe."""
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class KeptComparison:
    """The second against the first."""

    first: KeptEvaluation
    second: KeptEvaluation
    verdict: PairedVerdict | None
    """None where they have no row in common."""
    rows: tuple[ChangedRow, ...]
    """Worst first: where the second lost most."""

    @property
    def sentence(self) -> str:
        """What it comes to."""
        if self.verdict is None:
            return "They have no rows in common: their scores can't be compared row by row."
        names = [(one.models or [""])[-1] for one in (self.second, self.first)]
        if names[0] == names[1]:
            names = [f"{names[0]} ({_day(one)})" for one in (self.second, self.first)]
        return f"{names[0]} against {names[1]}: {self.verdict.sentence}."

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "first": self.first.run.id,
            "second": self.second.run.id,
            "sentence": self.sentence,
            "verdict": None if self.verdict is None else self.verdict.as_json(),
            "rows": [
                {"line": row.line, "question": row.question, "first": row.first, "second": row.second}
                for row in self.rows
            ],
        }

    def blocks(self, worst: int = WORST_SHOWN) -> Iterator[Block]:
        """Yield both side by side, then the rows that changed, worst first."""
        yield Heading(1, "Two evaluations")
        yield Paragraph(self.sentence)
        yield Heading(2, "Side by side")
        both = (self.first, self.second)
        yield Table(("", "First", "Second"), tuple((name, *cells) for name, cells in _facts(both)))
        checks = _checks(both)
        if checks:
            yield Heading(2, "Checks")
            yield Table(("Check", "First", "Second"), checks)
        changed = [row for row in self.rows if row.first != row.second]
        if changed and worst:
            yield Heading(2, f"Rows that changed, worst first ({len(changed):,})")
            yield Table(
                ("Line", "First", "Second", "Question"),
                tuple(
                    (f"{row.line:,}", f"{100 * row.first:.0f}", f"{100 * row.second:.0f}",
                     row.question[:_LONGEST_QUESTION])
                    for row in changed[:worst]
                ),
            )  # fmt: skip


def compare_kept(first: KeptEvaluation, second: KeptEvaluation) -> KeptComparison:
    """Compare the examined models of two evaluations over the rows of the same test set.

    Rows are the same where the file is, byte for byte, and the case's id.

    Raises:
        TunedeckError: One of them is a prompt diet, or old against new.
    """
    if first.kind or second.kind:
        raise TunedeckError(
            "Only evaluations are compared with one another.",
            "A prompt diet and old against new are comparisons already: `tunedeck eval show`.",
        )
    before, after = first.scores(), second.scores()
    same_file = first.value.get("sha256") == second.value.get("sha256")
    common = [one for one in before if one in after] if same_file else []
    questions = {
        str(row.get("id")): safe_line(str(row.get("question", "")), 300)
        for row in (*first.worst, *second.worst)
    }
    rows = [
        ChangedRow(before[one][0], questions.get(one, ""), before[one][1], after[one][1]) for one in common
    ]
    verdict = compare_paired([row.first for row in rows], [row.second for row in rows]) if rows else None
    rows.sort(key=lambda row: (row.second - row.first, row.second, row.line))
    return KeptComparison(first, second, verdict, tuple(rows))


def write_comparison(found: KeptComparison, path: Path, *, overwrite: bool = False) -> None:
    """Write a comparison as Markdown, HTML or JSON, by the file's ending; all or nothing.

    Raises:
        TunedeckError: The ending is not known, the file exists already, or it can't be written.
    """
    write_blocks(path, found.blocks(), found.as_json(), overwrite=overwrite)


def _day(kept: KeptEvaluation) -> str:
    return f"{datetime.fromtimestamp(kept.run.created_at, UTC):%Y-%m-%d %H:%M}"


def _facts(both: tuple[KeptEvaluation, KeptEvaluation]) -> list[tuple[str, list[str]]]:
    columns = [_numbers(one) for one in both]
    return [(name, [column[name] for column in columns]) for name in columns[0]]


def _numbers(one: KeptEvaluation) -> dict[str, str]:
    cost = one.examined.get("cost")
    seconds = (one.examined.get("seconds") or {}).get("median")
    return {
        "Model": (one.models or [""])[-1],
        "Test set": safe_line(Path(str(one.value.get("test_set", ""))).name),
        "When (UTC)": _day(one),
        "Rows": f"{one.value.get('rows', 0):,}",
        "Score of 100": points(interval_of(one.examined.get("score"))),
        "Cost": "not published" if not cost else f"{cost.get('amount')} {cost.get('currency')}",
        "Median time": "–" if seconds is None else f"{seconds:.2f} s",
        "Complete": "yes" if one.value.get("complete") else safe_line(str(one.value.get("why_incomplete"))),
    }


def _checks(both: tuple[KeptEvaluation, KeptEvaluation]) -> tuple[tuple[str, ...], ...]:
    told = [
        {
            str(one.get("check")): points(interval_of(one.get("score")))
            for one in kept.examined.get("checks") or ()
        }
        for kept in both
    ]
    names = dict.fromkeys([*told[0], *told[1]])
    return tuple((safe_line(name), *(one.get(name, "–") for one in told)) for name in names)
