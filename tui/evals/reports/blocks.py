"""A report as headings, paragraphs, tables and quoted texts, before it is written in any format."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tui.evals.behaviour import Measure, behaviour_label
from tui.evals.judging import JudgeReport
from tui.evals.result import CheckSummary, ContenderResult, EvalResult, RowResult
from tui.evals.statistics.intervals import Interval
from tui.evals.statistics.labels import LabelReport
from tui.records.evaluations import EvalAnswer
from tui.safe_text import safe_line, safe_text

WORST_SHOWN = 20
_LONGEST_TEXT = 2_000
_MOST_LABELS = 30
_WIDE = 6
"""Columns beyond which a table of few rows is turned."""
READING = "How to read this"
"""Heading of the methods, at the end of every report."""
VERDICT = "Verdict"
"""Heading of the column that says better, worse, or neither."""

METHODS = (
    "Intervals are at 95 %. A share of right answers has Wilson's interval (1927); a mean score has the "
    "bias-corrected and accelerated bootstrap's (Efron 1987), with a fixed seed.",
    "Two models are compared row by row, over the rows that both have a score for: by Bonett and Price's "
    "interval (2012) and McNemar's test where every score is right or wrong, else by the paired bootstrap. "
    "Better and worse mean that the interval excludes 0, with six rows or more that differ. Else nothing can "
    "be told yet; the number of rows is what would show the difference seen (at least two points) with a "
    "power of 80 %.",
    "Tests of several checks are not corrected for their number: of twenty checks without any difference, "
    "one excludes 0 by chance.",
)
"""How the numbers came about; on every report."""


@dataclass(frozen=True, slots=True)
class Heading:
    """A title of a level from 1."""

    level: int
    text: str


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Running text."""

    text: str


@dataclass(frozen=True, slots=True)
class Table:
    """Columns with a heading each; every cell is one line."""

    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def turned(self, most_rows: int) -> Table:
        """Return it with a line for each column where it is wide and has few rows, so that it fits a page."""
        if len(self.headings) <= _WIDE or len(self.rows) > most_rows:
            return self
        lines = zip(self.headings[1:], *(row[1:] for row in self.rows), strict=True)
        return Table(("", *(row[0] for row in self.rows)), tuple(lines))


@dataclass(frozen=True, slots=True)
class Quoted:
    """A text that others wrote, kept in its lines."""

    label: str
    text: str


Block = Heading | Paragraph | Table | Quoted


def points(interval: Interval) -> str:
    """Return a share with its interval, in hundredths: `81.7 (70.1 to 89.4)`."""
    if interval.estimate != interval.estimate:  # no rows
        return "\u2013"
    return f"{100 * interval.estimate:.1f} ({100 * interval.low:.1f} to {100 * interval.high:.1f})"


def report_blocks(result: EvalResult, *, worst: int = WORST_SHOWN) -> Iterator[Block]:
    """Yield the parts of a report; everything is safe to show.

    Args:
        result: Of a run.
        worst: How many rows, worst first.
    """
    test_set = result.plan.test_set
    yield Heading(1, f"Evaluation of {safe_line(test_set.path.name)}")
    skipped = f", {len(test_set.skipped):,} lines left out" if test_set.skipped else ""
    yield Paragraph(f"{len(result.rows):,} rows{skipped}. SHA-256 {test_set.digest}.")
    if not result.complete:
        yield Paragraph(f"Not complete: {result.why_incomplete}.")
    if result.verdict is not None:
        first, last = result.contenders[0].contender.label, result.contenders[-1].contender.label
        yield Paragraph(f"{safe_line(last)} against {safe_line(first)}: {result.verdict.sentence}.")
    yield Heading(2, "Models")
    yield _models(result)
    if result.plan.options.behaviour:
        yield from _behaviour(result)
    else:
        yield Heading(2, "Checks")
        yield _checks(result)
    for one in result.contenders:
        for summary in one.checks.values():
            if summary.labels is not None:
                yield from _labels(one, summary, summary.labels)
    for judge in result.judges:
        yield from _judge(judge)
    if worst and result.rows:
        yield Heading(2, "Worst rows")
        for row in result.rows[:worst]:
            yield from row_blocks(result, row)
    yield Heading(2, READING)
    for words in METHODS:
        yield Paragraph(words)


def _models(result: EvalResult) -> Table:
    rows = []
    for one in result.contenders:
        cost = "not published" if one.cost is None else one.cost.words
        per_thousand = one.usage.completion_tokens / one.answered if one.answered else 0.0
        rows.append(
            (
                safe_line(one.contender.label), f"{one.answered:,}", points(one.score), cost,
                _seconds(one.seconds), _seconds(one.slow_seconds), _seconds(one.first_token_seconds),
                f"{per_thousand:.0f}", f"{one.cut:,}", f"{one.refused:,}", one.likelihood.words,
            )
        )  # fmt: skip
    return Table(
        ("Model", "Answers", "Score of 100 (interval)", "Cost", "Median time", "95 % under", "First token",
         "Tokens an answer", "Cut at limit", "Refused by service", "Perplexity of expected answers"),
        tuple(rows),
    )  # fmt: skip


def _behaviour(result: EvalResult) -> Iterator[Block]:
    label = behaviour_label(result)
    names = [safe_line(one.contender.label) for one in result.contenders]
    yield Heading(2, "Behaviour")
    yield _measures("Measure", names, label.measures)
    yield Heading(3, "Skills by kind")
    yield _measures("Kind", names, label.skills)
    if label.flips:
        yield Heading(3, "Decisions that turned")
        yield Table(
            ("Pair", "Model", "Decisions", "Lines"),
            tuple(
                (
                    safe_line(one.pair),
                    safe_line(one.model),
                    " / ".join(one.decisions),
                    ", ".join(map(str, one.lines)),
                )
                for one in label.flips
            ),
        )
    yield Paragraph(
        "Measures are not added up to one score. A pack of sixty rows finds large costs, not small ones: "
        "read the intervals, and add rows of your own field."
    )


def _measures(heading: str, names: Sequence[str], measures: Sequence[Measure]) -> Table:
    verdict = (VERDICT,) if len(names) > 1 else ()
    rows = []
    for one in measures:
        cells = [points(score) if one.is_share else plain_interval(score) for score in one.scores]
        words = f"{one.name}: {one.explained}" if one.explained else one.name
        rows.append((words, f"{one.rows:,}", *cells, *((one.sentence,) if verdict else ())))
    return Table((heading, "Rows", *names, *verdict), tuple(rows))


def plain_interval(interval: Interval) -> str:
    """Return a mean with its interval: `12.4 (9.0 to 16.1)`."""
    return f"{interval.estimate:.1f} ({interval.low:.1f} to {interval.high:.1f})"


def _seconds(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.2f} s"


def _checks(result: EvalResult) -> Table:
    names = [safe_line(one.contender.label) for one in result.contenders]
    verdict = (VERDICT,) if len(names) > 1 else ()
    rows = []
    for key, title in result.titles.items():
        summaries = [one.checks.get(key) for one in result.contenders]
        if not any(summaries):
            continue
        count = max(summary.rows for summary in summaries if summary is not None)
        cells = [points(summary.score) if summary is not None else "\u2013" for summary in summaries]
        said = result.verdicts.get(key)
        words = (said.sentence if said is not None else "\u2013",) if verdict else ()
        rows.append((title, f"{count:,}", *cells, *words))
    return Table(("Check", "Rows", *names, *verdict), tuple(rows))


def _labels(one: ContenderResult, summary: CheckSummary, labels: LabelReport) -> Iterator[Block]:
    yield Heading(3, f"Labels of {safe_line(one.contender.label)} ({summary.title})")
    yield Paragraph(f"Accuracy {100 * labels.accuracy:.1f} %, macro F1 {labels.macro_f1:.3f}.")
    if len(labels.labels) > _MOST_LABELS:
        yield Paragraph(f"{len(labels.labels):,} labels: the grid is in the JSON report.")
        return
    names = [safe_line(label) for label in labels.labels]
    classes = {score.label: f"{score.f1:.3f}" for score in labels.scores}
    yield Table(
        ("Expected \\ given", *names, "F1"),
        tuple(
            (name, *(str(count) for count in row), classes[label])
            for name, label, row in zip(names, labels.labels, labels.grid, strict=True)
            if label in classes
        ),
    )


def _judge(judge: JudgeReport) -> Iterator[Block]:
    yield Heading(2, f"Judged by {safe_line(judge.judge)}")
    yield Quoted("Rubric", safe_text(judge.rubric))
    ratings = judge.ratings
    yield Paragraph(
        f"Each pair was judged in both orders: {ratings.wins:,} won, {ratings.losses:,} lost, "
        f"{ratings.tie_words}. Win rate {points(judge.rate)}. The verdict turned with the order in "
        f"{points(judge.turned)} of 100 pairs; the longer answer won {points(judge.longer)} of 100 decided."
    )
    if judge.unread:
        yield Paragraph(f"{judge.unread:,} pairs have no verdict that could be read.")
    if judge.human_agreement is None:
        yield Paragraph(
            "Agreement with people is not known: no rows were rated by people. It is once these models are "
            "rated blind on these rows, in Side by side or with `tunedeck compare rate`."
        )
    else:
        kappa = "" if judge.kappa is None else f", kappa {judge.kappa:.2f}"
        blind = f" ({judge.blind_rows:,} rated blind here)" if judge.blind_rows else ""
        yield Paragraph(
            f"Agrees with people on {100 * judge.human_agreement:.0f} % of {judge.human_rows:,} rows"
            f"{blind}{kappa}."
        )


def row_blocks(result: EvalResult, row: RowResult, longest: int = _LONGEST_TEXT) -> Iterator[Block]:
    """Yield one row: what was asked, what is right, and each answer with its score.

    Args:
        result: Of the run.
        row: One of its rows.
        longest: Characters of a text that are shown.
    """
    tags = f" [{', '.join(row.case.tags)}]" if row.case.tags else ""
    yield Heading(3, f"Line {row.case.line:,}{tags}")
    yield Quoted("Question", cut_text(row.case.question, longest))
    if row.case.expected:
        yield Quoted("Expected", cut_text("\nor: ".join(row.case.expected), longest))
    for one, said in zip(result.contenders, row.answers, strict=True):
        score = "no score" if said.score is None else f"{100 * said.score:.0f}"
        notes = _notes(result, row, result.contenders.index(one))
        label = f"{safe_line(one.contender.label)}: {score}{notes}"
        text = answer_text(said.answer, longest) if said.answer else said.refusal
        yield Quoted(label, text)


def _notes(result: EvalResult, row: RowResult, place: int) -> str:
    notes = [
        f"{result.titles[key]}: {grade.note}"
        for key, grade in row.answers[place].grades.items()
        if grade.note
    ]
    return f" ({'; '.join(notes)})" if notes else ""


def answer_text(answer: EvalAnswer, longest: int) -> str:
    """Return what a model said and called, at most so long; safe to show."""
    called = [f"[calls {call.name}({call.arguments})]" for call in answer.tool_calls]
    return cut_text("\n".join([answer.text, *called] if answer.text else called) or "(empty)", longest)


def cut_text(text: str, longest: int) -> str:
    """Return a text, at most so long with a note of its length; safe to show."""
    cut = text if len(text) <= longest else text[:longest] + f"\u2026 ({len(text):,} characters)"
    return safe_text(cut)
