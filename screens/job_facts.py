"""What is written around a job's curves: who, how far, with which settings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from textwrap import wrap

from textual.content import Content

from screens.job_view import JobView, time_left
from screens.job_words import clock_time, state_part, took
from tui.chat.model_names import job_title, short_model_name
from tui.jobs.diagnosis import Diagnosis
from tui.jobs.diagnosis_rules import Severity
from tui.jobs.plan import RUN_ID_KEY
from tui.jobs.stopping import action_words
from tui.records.jobs import Checkpoint
from tui.safe_text import safe_line
from tui.widgets.chart_scale import format_value
from tui.widgets.key_value import Pair
from tui.widgets.table import Cell
from tui.widgets.tones import Part, Tone, content

_NAMES = {
    "n_epochs": "Epochs",
    "batch_size": "Batch size",
    "learning_rate_multiplier": "Rate multiplier",
    "beta": "Beta",
}
"""Hyperparameters -> how they are called here."""
_MONEY_WIDTH = 28
"""Columns that the pane of settings has beside the longest name on a wide terminal."""


def headline(view: JobView, headroom: str = "") -> Content:
    """Return the first line: name, state, method and model, account and what is left of its rate limits.

    Args:
        view: The job.
        headroom: The last of these, where it is known.
    """
    job = view.job
    account = " · ".join(filter(None, (safe_line(job.account, 40), headroom)))
    return content(
        (safe_line(job_title(job), 60), "strong"),
        "  ",
        state_part(job),
        (
            f"  {job.method} on {safe_line(short_model_name(job.model), 60)} · {account}",
            "muted",
        ),
    )


def standing(view: JobView) -> Content:
    """Return the second line: why it failed or was stopped, or time left, tokens, money and what came out."""
    job = view.job
    if job.error is not None and job.error.message:
        code = f" ({safe_line(job.error.code, 60)})" if job.error.code else ""
        return content((f"{safe_line(job.error.message, 400)}{code}", "bad"))
    if view.actions:
        action = view.actions[-1]
        return content((safe_line(action_words(action), 400), "warning" if action.done else "bad"))
    left = time_left(view)
    words = [left] if left else []
    words.append(f"took {took(job)}" if job.state.is_final else f"started {took(job)} ago")
    words += [part for part in (view.so_far.tokens_words, view.so_far.cost_words) if part]
    parts: list[Part] = [(" · ".join(words), "")]
    if job.fine_tuned_model:
        parts.append((f" · {safe_line(job.fine_tuned_model, 120)}", "good"))
    return content(*parts)


_SEVERITIES: Mapping[Severity, tuple[str, Tone]] = {
    Severity.GOOD: ("✓", "good"),
    Severity.NOTE: ("·", "muted"),
    Severity.WARNING: ("!", "warning"),
    Severity.BAD: ("✗", "bad"),
}


def diagnosis_line(found: Diagnosis | None) -> Content:
    """Return the sentence under the curves, and after it what to do."""
    if found is None:
        return content("")
    sign, tone = _SEVERITIES[found.severity]
    parts: list[Part] = [(f"{sign} {found.sentence}", tone)]
    if found.advice:
        parts.append((f" {found.advice}", "muted"))
    return content(*parts)


def settings_of(view: JobView) -> list[Pair]:
    """Return the job's settings as the service resolved them, its stop rules, and where its copy lies."""
    job, archive = view.job, view.archive
    pairs: list[Pair] = [
        (_NAMES.get(name, safe_line(str(name), 40)), _value(value))
        for name, value in job.hyperparameters.items()
    ]
    known: list[tuple[str, object]] = [
        ("Seed", job.seed),
        ("Suffix", job.suffix),
        ("Dataset", view.dataset.name if view.dataset is not None else None),
        ("Training file", job.training_file),
        ("Validation", job.validation_file),
        ("Created", clock_time(job.created_at)),
        ("Job", job.id),
    ]
    pairs += [(name, str(value)) for name, value in known if value is not None]
    pairs += money_of(view)
    pairs += [
        ("Launch" if name == RUN_ID_KEY else safe_line(str(name), 40), str(value))
        for name, value in job.metadata.items()
    ]
    if view.stop_rules:
        pairs.append(("Stops when", view.stop_rules))
    if archive is not None:
        pairs.append(("Copy", archive.folder or archive.problem or "being made"))
    return [(name, safe_line(str(value), 200)) for name, value in pairs]


def money_of(view: JobView) -> list[Pair]:
    """Return tokens and money so far, and where the amount is from, in lines that fit the pane."""
    found = view.so_far
    facts = [("Tokens", found.tokens_words), ("Cost", found.cost_words), ("Cost by", found.basis)]
    pairs: list[Pair] = []
    for name, words in facts:
        first, *rest = wrap(words, _MONEY_WIDTH) or [""]
        pairs += [(name, first), *(("", line) for line in rest)] if first else []
    return pairs


def _value(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def checkpoint_cells(checkpoint: Checkpoint) -> list[Cell]:
    """Return a checkpoint as a line: step, its losses, when it was made, or that its service dropped it."""
    losses = [checkpoint.metrics.get(name) for name in ("train_loss", "valid_loss", "full_valid_loss")]
    shown: list[Cell] = [
        (format_value(loss), "") if isinstance(loss, int | float) else ("–", "muted") for loss in losses
    ]
    step: Cell = (f"{checkpoint.step:,}", "strong" if checkpoint.is_listed else "muted")
    return [step, *shown, clock_time(checkpoint.created_at) if checkpoint.is_listed else "dropped"]
