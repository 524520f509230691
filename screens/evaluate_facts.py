"""What the evaluation screens say of a plan, a run and a result."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from screens.choose import Option
from tui.chat.model_names import short_model_name
from tui.evals.statistics.verdict import Word
from tui.safe_text import safe_line
from tui.widgets.key_value import Pair
from tui.widgets.table import Column
from tui.widgets.tones import Part, Tone
from tui.widgets.words import plural

if TYPE_CHECKING:
    from tui.evals.background import RunState
    from tui.evals.plan import EvalPlan
    from tui.evals.result import EvalResult

CHECK_COLUMNS = (Column("", 1, tone="accent"), Column("Check", 12), Column("What it asks", tone="muted"))
_TONES: dict[Word, Tone] = {Word.BETTER: "good", Word.WORSE: "bad", Word.UNKNOWN: "warning"}


def verdict_part(result: EvalResult) -> Part:
    """Return what a result comes to, as a sentence."""
    last = safe_line(short_model_name(result.contenders[-1].contender.lane.model), 80)
    if result.verdict is None:
        score = result.contenders[-1].score
        if score.estimate != score.estimate:
            return f"{last}: no row has a score.", "warning"
        interval = f"({100 * score.low:.1f} to {100 * score.high:.1f})"
        return f"{last}: {100 * score.estimate:.1f} of 100 {interval}.", "strong"
    first = safe_line(short_model_name(result.contenders[0].contender.lane.model), 80)
    return f"{last} against {first}: {result.verdict.sentence}.", _TONES[result.verdict.word]


def standing_parts(state: RunState[Any, Any]) -> list[Part]:
    """Return how a run stands, or why it broke off; nothing once it has come to its end."""
    if state.is_stopping:
        return [("Stopping…", "warning")]
    if state.is_running:
        return [(f"{state.what}: {state.done:,} of {state.total:,}", "accent")]
    if state.problem is not None:
        again = " What was answered is kept; ctrl+l goes on."
        return [(safe_line(f"{state.problem.message} {state.problem.remedy}", 400) + again, "bad")]
    return []


def run_parts(state: RunState[Any, Any], found: Sequence[str], why_incomplete: str = "") -> list[Part]:
    """Return how a run stands or broke off, or what it found.

    Args:
        state: Of the run.
        found: Sentences of its result; empty without one.
        why_incomplete: Why it is not whole; stands first, where it is not cut.
    """
    before_the_end = standing_parts(state)
    if before_the_end or not found:
        return before_the_end
    end: Part = ("\nctrl+r shows rows and numbers.", "accent")
    if not why_incomplete:
        return [("\n".join(found), "strong"), end]
    told = f"Not complete: {why_incomplete}."
    rest = "\n".join(line for line in found if line != told)
    return [(f"{told} ctrl+l goes on.\n", "warning"), (rest, "strong"), end]


def state_parts(state: RunState[EvalPlan, EvalResult]) -> list[Part]:
    """Return how an evaluation stands, or how it ended."""
    result = state.result
    if result is None or state.is_running:
        return run_parts(state, ())
    spent = "" if result.spent is None else f", {result.spent.words}"
    parts = [verdict_part(result), (f"\n{plural(result.asked, 'answer')} asked for{spent}. ", "muted")]
    if not result.complete:
        parts.append((f"Not complete: {result.why_incomplete}; ctrl+l goes on. ", "warning"))
    return [*parts, ("ctrl+r shows rows and numbers.", "accent")]


def plan_facts(plan: EvalPlan, models: Sequence[str] | None = None) -> list[Pair]:
    """Return whom a run asks, and what.

    Args:
        plan: What is asked.
        models: Their names, where they are not those of the plan.
    """
    names = [one.label for one in reversed(plan.contenders)] if models is None else models
    return [
        ("Models", safe_line(", ".join(names), 200)),
        ("Test set", safe_line(plan.test_set.path.name, 200)),
    ]


def check_options(chosen: Sequence[str]) -> list[Option]:
    """Return every check, those that are chosen first."""
    from tui.evals.checks.registry import described_checks

    options = [
        Option(one, ["✓", safe_line(one, 100), "enter takes it off"], one)
        for one in chosen
    ]  # fmt: skip
    for check in described_checks():
        if check.name not in chosen:
            words = f"{check.summary} ({', '.join(check.options)})" if check.options else check.summary
            options.append(Option(check.name, ["", check.name, words], f"{check.name} {check.summary}"))
    return options
