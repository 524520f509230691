"""What one catalog says differently from another, key by key."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from decimal import Decimal
from typing import Any

from tui.money.catalog import Catalog, CatalogModel


@dataclass(frozen=True, slots=True)
class CatalogChange:
    """One key of one model; None stands for a key that one side does not have."""

    provider: str
    model: str
    key: str
    """Empty for a model that only one side has."""
    before: Any
    after: Any


def diff_catalogs(before: Catalog, after: Catalog) -> list[CatalogChange]:
    """Return what changes from one catalog to another, in the order of the models."""
    old = {(model.provider, model.id): model for model in before.models}
    new = {(model.provider, model.id): model for model in after.models}
    changes: list[CatalogChange] = []
    for provider, model_id in dict.fromkeys([*old, *new]):
        one, other = old.get((provider, model_id)), new.get((provider, model_id))
        if one is None or other is None:
            changes.append(
                CatalogChange(provider, model_id, "", one and model_json(one), other and model_json(other))
            )
            continue
        changes += [
            CatalogChange(provider, model_id, entry.name, plain(first), plain(second))
            for entry in fields(CatalogModel)
            if (first := getattr(one, entry.name)) != (second := getattr(other, entry.name))
        ]
    return changes


def model_json(model: CatalogModel) -> dict[str, Any]:
    """Return a model as JSON values: prices as numbers, null where nothing is published."""
    return {key: plain(value) for key, value in asdict(model).items()}


def plain(value: Any) -> Any:
    """Return a value of the catalog as JSON has it."""
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, dict):
        return {key: plain(one) for key, one in value.items()}
    return value
