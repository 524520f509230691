"""What a model has cost until now: its training, and the answers that it gave."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from tui.money.usage_price import Amount, answers_cost, training_cost
from tui.records.jobs import Method
from tui.store.usage_rows import UsageKind, UsageTotal

if TYPE_CHECKING:
    from tui.money.catalog import Catalog
    from tui.money.catalog_model import CatalogModel
    from tui.store.model_queries import ModelKey
    from tui.store.model_rows import JobOrigin

NOTHING = Amount()
"""What a base model's training, or no answer, has cost the person."""


class ModelCosts:
    """Prices what was used.

    Args:
        catalog: Prices.
        usage: Tokens used by account, kind and model.
    """

    def __init__(self, catalog: Catalog, usage: Iterable[UsageTotal]) -> None:
        self._catalog = catalog
        self._answers = {(one.account, one.model): one for one in usage if one.kind is UsageKind.CHAT}

    def of_training(self, model: CatalogModel | None, job: JobOrigin | None) -> Amount | None:
        """Return what the job that made a model has cost; None when that is not known."""
        if model is None or job is None or not job.trained_tokens:
            return None
        return training_cost(model, job.trained_tokens, Method(job.method))

    def of_answers(self, model: CatalogModel | None, key: ModelKey, *, tuned: bool) -> Amount | None:
        """Return what a model's answers cost; None when no price is published."""
        used = self._answers.get(key)
        if used is None:
            return NOTHING
        if model is None:
            return None
        return answers_cost(
            model, tuned=tuned, prompt_tokens=used.prompt_tokens, cached_tokens=used.cached_tokens,
            completion_tokens=used.completion_tokens,
        )  # fmt: skip
