"""A model card: what a tuned model was made from, with which settings, and how well it did."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tui.jobs.metrics import series_from
from tui.jobs.ports import JobServices
from tui.records.jobs import METRIC_NAMES, Job
from tui.safe_text import safe_line

_MOST_SCORES = 8
_LONG = 200


@dataclass(frozen=True, slots=True)
class CardForm:
    """What a card has to know of the folder in which it lies."""

    library: str
    """As the model hub calls what loads it: "peft", "transformers" or "gguf"."""
    how_to_load: str
    """Markdown."""


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """Where a base model came from, as its prepared folder tells."""

    name: str
    source: str | None = None
    """File that it was prepared from."""
    sha256: str | None = None
    licence: str | None = None


def read_base_facts(folder: Path) -> BaseFacts:
    """Return what provenance.json of a prepared base model says; only the name where there is none."""
    try:
        told = json.loads((folder / "provenance.json").read_text("utf-8"))
    except (OSError, ValueError):
        told = {}
    known = told if isinstance(told, dict) else {}
    source, digest, licence = (known.get(key) for key in ("source", "sha256", "licence"))
    return BaseFacts(folder.name, *(str(one) if one else None for one in (source, digest, licence)))


def model_card(
    services: JobServices, job: Job, base: BaseFacts, form: CardForm, *, model: str, step: int | None
) -> str:
    """Return the text of a README.md.

    Args:
        services: The store is asked for the launch, the numbers by step and the evaluations.
        job: That made the model.
        base: What was tuned.
        form: How the folder is loaded.
        model: The model's name at the service, or the checkpoint's.
        step: Of a checkpoint; None for the model itself.
    """
    parts = [
        _front_matter(base, form),
        f"# {_code(model)}",
        _summary(job, base, step),
        "## How to load it",
        form.how_to_load,
        "## Training data",
        _table(_data_facts(services, job)),
        "## Settings",
        _table(_settings(job, base)),
        "## What was measured",
        _measured(services, job, step),
        "## Evaluations",
        _evaluations(services, model),
        "## Licence",
        _licence(base),
    ]
    return "\n\n".join(parts) + "\n"


def _front_matter(base: BaseFacts, form: CardForm) -> str:
    fields: dict[str, Any] = {"base_model": base.name, "library_name": form.library,
                              "pipeline_tag": "text-generation", "tags": ["lora", "tunedeck"]}  # fmt: skip
    if base.licence:
        fields["license"] = base.licence
    # JSON strings and lists are YAML too, whatever a name holds.
    lines = (f"{key}: {json.dumps(value)}" for key, value in fields.items())
    return "\n".join(["---", *lines, "---"])


def _summary(job: Job, base: BaseFacts, step: int | None) -> str:
    what = f"Checkpoint of step {step} of" if step is not None else "Made by"
    day = time.strftime("%Y-%m-%d", time.gmtime(job.finished_at or job.created_at or 0))
    return (
        f"{what} fine-tuning job {_code(job.id)} ({safe_line(str(job.method))}) on {_code(base.name)},"
        f" {day}, with tunedeck's local engine (LoRA)."
    )


def _data_facts(services: JobServices, job: Job) -> list[tuple[str, str]]:
    launch = services.store.launch_of_job(job.account, job.id)
    facts = []
    if launch is not None:
        facts = [
            ("Training file", _code(launch.dataset_path.name)),
            ("SHA-256", _code(launch.dataset_sha256)),
        ]
    elif job.training_file:
        facts = [("Training file", _code(job.training_file))]
    if job.validation_file:
        facts.append(("Validation file", _code(job.validation_file)))
    if job.trained_tokens is not None:
        facts.append(("Trained tokens", f"{job.trained_tokens:,}"))
    return facts


def _settings(job: Job, base: BaseFacts) -> list[tuple[str, str]]:
    facts = [("Method", safe_line(str(job.method))), ("Base model", _code(base.name))]
    if base.source:
        facts.append(("Base file", _code(base.source)))
    if base.sha256:
        facts.append(("Base SHA-256", _code(base.sha256)))
    facts += [(safe_line(name, 60), _code(str(value))) for name, value in sorted(job.hyperparameters.items())]
    if job.seed is not None:
        facts.append(("Seed", str(job.seed)))
    return facts


def _measured(services: JobServices, job: Job, step: int | None) -> str:
    metrics = services.store.metrics(job.account, job.id)
    if step is not None:
        metrics = {at: values for at, values in metrics.items() if at <= step}
    series = series_from(metrics)
    facts = []
    for name in METRIC_NAMES:
        if name in series and series[name].points:
            at, value = series[name].points[-1]
            facts.append((name, f"{value:.4f} at step {at:,}"))
    return _table(facts) if facts else "No numbers are kept of this job."


def _evaluations(services: JobServices, model: str) -> str:
    lines = []
    for run in services.store.eval_runs():
        try:
            report = json.loads(run.report)
        except ValueError:
            continue
        lines += _scores_of(report, model)
        if len(lines) >= _MOST_SCORES:
            break
    if not lines:
        return "None is kept here. `tunedeck eval` makes one."
    head = ["| test set | SHA-256 | rows | check | score | 95 % interval |", "|---|---|---|---|---|---|"]
    return "\n".join([*head, *lines[:_MOST_SCORES]])


def _scores_of(report: Any, model: str) -> list[str]:
    if not isinstance(report, dict) or not report.get("complete"):
        return []
    found = []
    for one in report.get("models") or []:
        if not isinstance(one, dict) or one.get("model") != model:
            continue
        for check in one.get("checks") or []:
            score: Mapping[str, Any] = check.get("score") or {}
            cells = (
                _code(Path(str(report.get("test_set"))).name), _code(str(report.get("sha256"))[:12]),
                f"{check.get('rows')}", safe_line(str(check.get("check")), 60).replace("|", "/"),
                _number(score.get("estimate")),
                f"{_number(score.get('low'))} to {_number(score.get('high'))}",
            )  # fmt: skip
            found.append("| " + " | ".join(cells) + " |")
    return found


def _number(value: Any) -> str:
    return f"{value:.3f}" if isinstance(value, int | float) else "?"


def _licence(base: BaseFacts) -> str:
    if base.licence is None:
        return f"That of {_code(base.name)}, which its files did not name. What you may do follows from it."
    return f"The base model's: {_code(base.licence)}. The adapter is a change of it."


def _table(facts: Sequence[tuple[str, str]]) -> str:
    if not facts:
        return "Not known here."
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)])


def _code(text: str) -> str:
    """Return text of others as code of one line, so that none of it is Markdown."""
    plain = safe_line(text, _LONG).replace("`", "'").replace("|", "/")
    return f"`{plain}`"
