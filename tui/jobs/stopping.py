"""Lets the stop rules of a job act: judge, write down why, ask the service, write down what came of it."""

from __future__ import annotations

import time
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.control import Control, control_job
from tui.jobs.diagnosis import curves_of
from tui.jobs.metrics import progress_from
from tui.jobs.ports import JobServices
from tui.jobs.stop_rules import StopRules, judge, parse_stop_rules
from tui.records.jobs import Job, JobState
from tui.store.stop_queries import JobAction
from tui.store.store import Store

_LATE = (JobState.STOPPING, JobState.PAUSED)
"""States in which it is stopped, or about to be."""


def set_stop_rules(store: Store, job: Job, text: str) -> StopRules:
    """Keep the rules that a line of text names for a job, and return them.

    Raises:
        TunedeckError: The text is wrong; the rules stay as they were.
    """
    rules = parse_stop_rules(text)
    store.set_stop_rules(job.account, job.id, rules.text if rules else "")
    return rules


def apply_stop_rules(services: JobServices, job: Job, *, now: float | None = None) -> JobAction | None:
    """Stop a job whose rules say so; returns what was done in this call, or None.

    What a service refuses, or could not be asked, is tried again at the next look; the reason of the first
    time stays in the log.
    """
    text = "" if job.state.is_final or job.state in _LATE else services.store.stop_rules(job.account, job.id)
    if not text:
        return None
    store, rules = services.store, parse_stop_rules(text)
    progress = progress_from(store.events(job.account, job.id))
    total = progress.total_steps if progress else None
    curves = curves_of(
        store.metrics(job.account, job.id),
        total_steps=total,
        has_validation=job.validation_file is not None,
    )
    share = progress.share if progress else None
    spent = spent_so_far(store, job, share)
    reason = judge(rules, job, curves, now=time.time() if now is None else now, spent=spent)
    if reason is None:
        return None
    action = store.log_action(job.account, job.id, reason.rule, str(rules.action), reason.sentence)
    problem = None
    try:
        control_job(services, job, Control(str(rules.action)))
    except TunedeckError as error:
        problem = f"{error.message} {error.remedy}".strip()
    store.note_action(action, problem=problem)
    return next(one for one in store.job_actions(job.account, job.id) if one.rule == reason.rule)


def spent_so_far(store: Store, job: Job, share: float | None) -> float | None:
    """Return about what a job has cost by now: its confirmed price by the share of its steps.

    None for a job that was launched elsewhere, or at a price that is not known.
    """
    launch = store.launch_of_job(job.account, job.id)
    total = launch.price.get("total") if launch is not None else None
    if not isinstance(total, int | float):
        return None
    return float(total) * (1.0 if job.state is JobState.SUCCEEDED else share or 0.0)


def action_json(action: JobAction) -> dict[str, Any]:
    """Return an action for `--json`."""
    return {
        "rule": action.rule, "action": action.action, "reason": action.reason, "at": action.at,
        "done": action.done, "problem": action.problem,
    }  # fmt: skip


def action_words(action: JobAction) -> str:
    """Return an action in a sentence or two."""
    past = {"cancel": "Cancelled", "pause": "Paused"}.get(action.action, action.action)
    if action.done:
        return f"{past} by the stop rule `{action.rule}`: {action.reason}"
    return f"The stop rule `{action.rule}` fired: {action.reason} But: {action.problem or 'no answer yet'}"
