"""Models in the order that a person wants: as a tree or sorted, narrowed by kind and by words."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from tui.errors import TunedeckError
from tui.jobs.model_family import FamilyModel, ModelKind
from tui.money.usage_price import Amount, total_of
from tui.records.jobs import JobState
from tui.store.model_queries import ModelKey

_FAR = 10**9


class Sort(StrEnum):
    """How models are put in order."""

    FAMILY = "family"
    """A tree: each model under what it was trained from."""
    DAYS = "days"
    """Those that end first, first."""
    NEWEST = "newest"
    NAME = "name"
    COST = "cost"
    """The dearest first."""


class Only(StrEnum):
    """Which models are listed."""

    ALL = "all"
    TUNED = "tuned"
    """What jobs made: tuned models, checkpoints, jobs under way."""
    TRAINABLE = "trainable"
    ENDING = "ending"
    """Those that end within two months."""


@dataclass(frozen=True, slots=True)
class FamilyLine:
    """A model at its place in the list."""

    model: FamilyModel
    depth: int
    """Generations between it and its base; 0 for all but a tree."""
    cost: Amount | None
    """Training and answers together; None when a part of it is not known."""

    @property
    def cost_words(self) -> str:
        """The cost for people; empty where nothing was trained or used, whatever its price would be."""
        if self.cost is None:
            return "not known"
        was_trained = self.model.kind in (ModelKind.TUNED, ModelKind.JOB)
        return self.cost.words if was_trained or self.cost.high else ""


def arrange(
    family: Sequence[FamilyModel], *, sort: Sort = Sort.FAMILY, only: Only = Only.ALL, words: str = ""
) -> list[FamilyLine]:
    """Return the lines of a list.

    Args:
        family: Every model.
        sort: Order; a tree keeps the ancestors of what fits.
        only: Which models.
        words: Each has to occur in the model's name, account, tags, note, base or dataset.
    """
    wanted = [word.casefold() for word in words.split()]
    fitting = {one.key for one in family if _is(one, only) and _has(one, wanted)}
    if sort is Sort.FAMILY:
        return _tree(family, fitting)
    lines = [FamilyLine(one, 0, cost_of(one)) for one in family if one.key in fitting]
    orders = {
        Sort.DAYS: lambda line: (_days(line.model), line.model.key),
        Sort.NEWEST: lambda line: (-(line.model.created_at or 0), line.model.key),
        Sort.NAME: lambda line: (line.model.id, line.model.account),
        Sort.COST: lambda line: (-(line.cost.high if line.cost else -1), line.model.key),
    }
    return sorted(lines, key=orders[sort])


def cost_of(model: FamilyModel) -> Amount | None:
    """Return what a model has cost until now, or None when a part of it is not known."""
    return total_of((model.training_cost, model.answers_cost))


def _is(model: FamilyModel, only: Only) -> bool:
    match only:
        case Only.TUNED:
            return model.kind is not ModelKind.BASE
        case Only.TRAINABLE:
            return bool(model.trainable)
        case Only.ENDING:
            return model.lifetime.ends_soon and model.deleted_at is None
        case Only.ALL:
            return True


def _has(model: FamilyModel, wanted: Sequence[str]) -> bool:
    if not wanted:
        return True
    dataset = model.job.dataset if model.job is not None else None
    hay = "\n".join(
        (model.id, model.account, *model.tags, model.note, model.base_model or "", dataset or "")
    ).casefold()
    return all(word in hay for word in wanted)


def _days(model: FamilyModel) -> int:
    left = model.lifetime.days_left
    return _FAR if left is None else (_FAR + 1 if left <= 0 else left)


def _tree(family: Sequence[FamilyModel], fitting: set[ModelKey]) -> list[FamilyLine]:
    by_key = {one.key: one for one in family}
    children: dict[ModelKey | None, list[FamilyModel]] = {}
    for one in family:
        children.setdefault(one.parent if one.parent in by_key else None, []).append(one)
    shown = _with_ancestors(by_key, fitting)
    lines: list[FamilyLine] = []
    seen: set[ModelKey] = set()
    roots = sorted(children.get(None, ()), key=lambda one: (one.key not in children, one.key))
    # A ring of parents hangs on no root; its models come last, each for itself.
    for root in (*roots, *family):
        waiting = [(root, 0)]
        while waiting:
            one, depth = waiting.pop()
            if one.key in seen:
                continue
            seen.add(one.key)
            if one.key in shown:
                lines.append(FamilyLine(one, depth, cost_of(one)))
            below = sorted(children.get(one.key, ()), key=_within_family, reverse=True)
            waiting += [(child, depth + 1) for child in below]
    return lines


def _with_ancestors(by_key: dict[ModelKey, FamilyModel], fitting: set[ModelKey]) -> set[ModelKey]:
    shown: set[ModelKey] = set()
    for start in fitting:
        key: ModelKey | None = start
        while key is not None and key in by_key and key not in shown:
            shown.add(key)
            key = by_key[key].parent
    return shown


def _within_family(model: FamilyModel) -> tuple[int, int, str]:
    return model.step or 0, model.created_at or 0, model.id


def fitting_models(models: Iterable[FamilyModel], name: str) -> list[FamilyModel]:
    """Return the models that a name may mean: those with this id, else those that end with it."""
    known = list(models)
    return [one for one in known if one.id == name] or [one for one in known if one.id.endswith(f":{name}")]


def find_model(family: Iterable[FamilyModel], name: str, account: str | None = None) -> FamilyModel:
    """Return the one model that a name means: its id, or an end of it after a colon.

    Raises:
        TunedeckError: There is none, or several.
    """
    known = [one for one in family if _has_weights(one) and account in (None, one.account)]
    found = fitting_models(known, name)
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(f"{one.id} ({one.account})" for one in found[:5])
        raise TunedeckError(f"{name!r} may be any of {names}.", "Give more of the name, or --account.")
    nearest = difflib.get_close_matches(name, [one.id for one in known], n=1, cutoff=0.4)
    guess = f"Did you mean {nearest[0]}? " if nearest else ""
    raise TunedeckError(f"There is no model {name!r}.", f"{guess}`tunedeck models` lists them.")


def _has_weights(one: FamilyModel) -> bool:
    return one.is_model or (one.job is not None and one.job.state == JobState.SUCCEEDED)


def model_json(line: FamilyLine) -> dict[str, Any]:
    """Return a line for `--json`."""
    one, job = line.model, line.model.job
    return {
        "account": one.account, "id": one.id, "kind": str(one.kind), "provider": one.provider,
        "parent": one.parent[1] if one.parent else None, "depth": line.depth,
        "is_fine_tuned": one.kind is not ModelKind.BASE, "base_model": one.base_model,
        "created_at": one.created_at, "owned_by": one.owned_by, "is_listed": one.is_listed,
        "deleted_at": one.deleted_at, "can_chat": one.can_chat, "can_train": bool(one.trainable),
        "cannot_train_because": one.trainable.reason or None,
        "shutdown_date": one.lifetime.shutdown_date, "days_left": one.lifetime.days_left,
        "date_source": one.lifetime.source or None, "date_of_base": one.lifetime.base or None,
        "job_id": job.id if job else None, "job_state": job.state if job else None,
        "method": job.method if job else None, "trained_tokens": job.trained_tokens if job else None,
        "step": one.step, "dataset": job.dataset if job else None,
        "dataset_sha256": job.dataset_sha256 if job else None, "scores": dict(one.scores),
        "cost": _amount_json(line.cost), "training_cost": _amount_json(one.training_cost),
        "answers_cost": _amount_json(one.answers_cost), "tags": list(one.tags), "note": one.note,
    }  # fmt: skip


def _amount_json(amount: Amount | None) -> dict[str, Any] | None:
    if amount is None:
        return None
    return {"low": str(amount.low), "high": str(amount.high), "currency": amount.currency}
