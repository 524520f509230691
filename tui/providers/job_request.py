"""A job request as a service wants it: each choice where the profile says that it goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from tui.providers.profiles import Profile
from tui.records.requests import JobRequest, QueueChange, WandbProject

PRIORITY_WORDS = {-1: "low", 0: "normal", 1: "high"}
"""As a service that keeps a queue names them."""


def job_arguments(request: JobRequest, profile: Profile) -> dict[str, Any]:
    """Return the arguments of a creation; what is None is left to the service.

    Only what the profile names as such goes beside the method, so that no choice can override the method.
    """
    method = str(request.method)
    settings: dict[str, Any] = {}
    beside: dict[str, Any] = {}
    grader: dict[str, Any] | None = None
    for name, value in request.hyperparameters.items():
        known = profile.parameter(name, request.method)
        where = known.where if known is not None else "hyperparameters"
        if where == "body":
            beside[name] = value
            if known is not None and value in known.billed:
                beside["accept_costs"] = True  # a request is made of a confirmed plan, and of no other
        elif where == "lambda_grader":
            grader = {"type": "lambda", "lambda": {"function": value}}
        else:
            settings[name] = value
    if profile.keeps_queue and request.priority:
        beside["priority"] = PRIORITY_WORDS[request.priority]
    if profile.keeps_queue and request.start_after is not None:
        beside["start_after"] = request.start_after
    of_method: dict[str, Any] = {"hyperparameters": settings}
    if grader is None and request.grader is not None:
        grader = dict(request.grader)
    if grader is not None:
        of_method["grader"] = grader
    arguments: dict[str, Any] = {
        "model": request.model,
        "training_file": request.training_file,
        "validation_file": request.validation_file,
        "method": {"type": method, method: of_method},
        "suffix": request.suffix if profile.suffix else None,
        "seed": request.seed,
        "metadata": dict(request.metadata) or None,
        "integrations": [_wandb(request.wandb)] if request.wandb is not None else None,
        "extra_body": beside or None,
    }
    return {name: value for name, value in arguments.items() if value is not None}


def queue_path(job_id: str) -> str:
    """Return where a job's place in the engine's queue is changed."""
    return f"/fine_tuning/jobs/{quote(job_id, safe='')}/queue"


def queue_body(change: QueueChange) -> dict[str, Any]:
    """Return the body that changes how a job waits."""
    body: dict[str, Any] = {"place": change.place} if change.place else {}
    if change.priority is not None:
        body["priority"] = PRIORITY_WORDS[change.priority]
    if change.start_after is not None:
        body["start_after"] = change.start_after or None
    return body


def _wandb(where: WandbProject) -> dict[str, Any]:
    names = {"project": where.project, "entity": where.entity}
    return {"type": "wandb", "wandb": {key: value for key, value in names.items() if value}}


def wandb_of(raw: Mapping[str, Any]) -> WandbProject | None:
    """Return where a service says that it logs a job; None when nowhere, or when it can't be read."""
    integrations = raw.get("integrations")
    for one in integrations if isinstance(integrations, list) else ():
        told = one.get("wandb") if isinstance(one, Mapping) else None
        if isinstance(told, Mapping) and isinstance(told.get("project"), str) and told["project"]:
            entity = told.get("entity")
            return WandbProject(told["project"], entity if isinstance(entity, str) and entity else None)
    return None
