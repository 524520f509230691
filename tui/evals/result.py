"""What an evaluation found: scores with intervals, verdicts, worst rows first, cost and latency too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.evals.cases import Case
from tui.evals.checks.protocol import Grade
from tui.evals.judging import JudgeReport
from tui.evals.plan import EvalPlan
from tui.evals.requests import Contender
from tui.evals.scoring import LikelihoodReport
from tui.evals.statistics.intervals import Interval
from tui.evals.statistics.labels import LabelReport
from tui.evals.statistics.verdict import PairedVerdict
from tui.money.usage_price import Amount
from tui.records.chats import Usage
from tui.records.evaluations import EvalAnswer
from tui.safe_text import safe_line, safe_text


@dataclass(frozen=True, slots=True)
class RowAnswer:
    """One model's answer to one row, judged."""

    answer: EvalAnswer | None
    """None where there is none yet."""
    refusal: str
    """Why the service would not answer; empty where it did."""
    grades: Mapping[str, Grade]
    """Key of a check -> what it says."""
    score: float | None
    """Mean over the checks that apply; None where none does."""


@dataclass(frozen=True, slots=True)
class RowResult:
    """One row with the answers of all models, in the order of the contenders."""

    case: Case
    answers: tuple[RowAnswer, ...]

    @property
    def change(self) -> float | None:
        """Score of the last model less that of the first; None where one of them is missing."""
        first, last = self.answers[0].score, self.answers[-1].score
        if len(self.answers) < 2 or first is None or last is None:
            return None
        return last - first


@dataclass(frozen=True, slots=True)
class CheckSummary:
    """A check over all rows that it applies to."""

    title: str
    rows: int
    score: Interval
    """Mean score with its interval: Wilson's where all are right or wrong, else the bootstrap's."""
    labels: LabelReport | None = None

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "check": self.title,
            "rows": self.rows,
            "score": self.score.as_json(),
            "labels": self.labels.as_json() if self.labels else None,
        }


@dataclass(frozen=True, slots=True)
class ContenderResult:
    """One model over the test set."""

    contender: Contender
    answered: int
    refused: int
    """Requests that the service would not answer."""
    cut: int
    """Answers that ended at the limit of tokens."""
    score: Interval
    """Mean over rows of the mean over checks."""
    checks: Mapping[str, CheckSummary]
    likelihood: LikelihoodReport
    usage: Usage
    """Of all answers together."""
    cost: Amount | None
    """Of all answers, those kept from before too; None where a price is not known."""
    seconds: float | None
    """Median time to a whole answer."""
    slow_seconds: float | None
    """95th percentile."""
    first_token_seconds: float | None
    """Median."""

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        lane = self.contender.lane
        return {
            "account": lane.account,
            "model": lane.model,
            "system": self.contender.system,
            "answered": self.answered,
            "refused": self.refused,
            "cut_at_limit": self.cut,
            "score": self.score.as_json(),
            "checks": [summary.as_json() for summary in self.checks.values()],
            "perplexity": self.likelihood.as_json(),
            "tokens": {
                "prompt": self.usage.prompt_tokens,
                "completion": self.usage.completion_tokens,
                "cached": self.usage.cached_tokens,
            },
            "cost": None if self.cost is None else {
                "amount": str(self.cost.high), "currency": self.cost.currency,
            },
            "seconds": {"median": self.seconds, "p95": self.slow_seconds,
                        "first_token": self.first_token_seconds},
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class EvalResult:
    """A whole evaluation."""

    plan: EvalPlan
    contenders: tuple[ContenderResult, ...]
    rows: tuple[RowResult, ...]
    """Worst first: where the last model lost most against the first, then where it scored least."""
    verdict: PairedVerdict | None
    """Over all checks together; None with one model."""
    verdicts: Mapping[str, PairedVerdict]
    """Key of a check -> its own verdict."""
    judges: tuple[JudgeReport, ...] = ()
    asked: int = 0
    """Answers asked for in this run."""
    spent: Amount | None = None
    """What this run itself has cost."""
    complete: bool = True
    why_incomplete: str = ""
    titles: Mapping[str, str] = field(default_factory=dict)
    """Key of a check -> its title."""

    def as_json(self, rows: int | None = None) -> dict[str, Any]:
        """Return it as JSON values.

        Args:
            rows: How many rows, worst first; None gives all.
        """
        return {
            "test_set": str(self.plan.test_set.path),
            "sha256": self.plan.test_set.digest,
            "rows": len(self.rows),
            "skipped": [{"line": line, "reason": reason} for line, reason in self.plan.test_set.skipped],
            "complete": self.complete,
            "why_incomplete": self.why_incomplete,
            "asked": self.asked,
            "spent": None if self.spent is None else {
                "amount": str(self.spent.high), "currency": self.spent.currency,
            },
            "models": [one.as_json() for one in self.contenders],
            "verdict": self.verdict.as_json() if self.verdict else None,
            "verdicts": {self.titles[key]: one.as_json() for key, one in self.verdicts.items()},
            "judges": [one.as_json() for one in self.judges],
            **self._behaviour_json(),
            "worst": [self._row_json(row) for row in self.rows[:rows]],
        }  # fmt: skip

    def _behaviour_json(self) -> dict[str, Any]:
        if not self.plan.options.behaviour:
            return {}
        from tui.evals.behaviour import behaviour_label  # it reads this module's types

        return {"behaviour": behaviour_label(self).as_json()}

    def _row_json(self, row: RowResult) -> dict[str, Any]:
        return {
            "line": row.case.line,
            "id": safe_line(row.case.id),
            "tags": list(row.case.tags),
            "question": safe_text(row.case.question),
            "expected": [safe_text(one) for one in row.case.expected],
            "change": row.change,
            "answers": [
                {
                    "model": contender.contender.lane.model,
                    "text": safe_text(one.answer.text) if one.answer else None,
                    "tool_calls": [
                        {"name": safe_text(call.name), "arguments": safe_text(call.arguments)}
                        for call in (one.answer.tool_calls if one.answer else ())
                    ],
                    "finish_reason": one.answer.finish_reason if one.answer else None,
                    "refusal": one.refusal,
                    "score": one.score,
                    "checks": {
                        self.titles[key]: {"score": grade.score, "note": grade.note}
                        for key, grade in one.grades.items()
                    },
                }
                for contender, one in zip(self.contenders, row.answers, strict=True)
            ],
        }
