"""What answers cost: before they are asked for, while they come, and afterwards; with a cap that holds."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

from tui.chat.lanes import Lane
from tui.evals.ports import EvalServices
from tui.money.catalog_model import CatalogModel
from tui.money.usage_price import Amount, answers_cost
from tui.providers.profiles import profile
from tui.records.chats import Usage
from tui.records.evaluations import EvalAnswer
from tui.records.model_names import base_of


class Prices:
    """Prices of models by the catalog."""

    def __init__(self, services: EvalServices) -> None:
        self._services = services
        self._models: dict[Lane, CatalogModel | None] = {}

    def _model(self, lane: Lane) -> CatalogModel | None:
        """Return the base model of a lane, looked up once: a plan asks for every row."""
        if lane not in self._models:
            provider = self._services.account(lane.account).provider
            self._models[lane] = self._services.catalog.find(base_of(lane.model), provider)
        return self._models[lane]

    def cost(self, lane: Lane, usage: Usage, *, batched: bool = False) -> Amount | None:
        """Return what an answer that used so much costs; None where no price is published.

        Of a batch, the catalog's batch prices of tuned models; elsewhere half the price (OpenAI's guide to
        the Batch API, read 2026-09), or between half and all of it where that depends on the model
        (docs.together.ai, read 2026-11-30).
        """
        model = self._model(lane)
        if model is None:
            return None
        tuned = base_of(lane.model) != lane.model
        low = high = Decimal(1)
        if batched and tuned and model.batch_input_price_per_million is not None:
            model = _at_batch_prices(model)
        elif batched:
            share = profile(self._services.account(lane.account).provider).batch_share
            low, high = (Decimal(str(one)) for one in share)
        amount = answers_cost(
            model, tuned=tuned, prompt_tokens=usage.prompt_tokens,
            cached_tokens=usage.cached_tokens, completion_tokens=usage.completion_tokens,
        )  # fmt: skip
        if amount is None:
            return None
        return Amount(amount.low * low, amount.high * high, amount.currency)

    def answer_cost(self, lane: Lane, answer: EvalAnswer) -> Amount | None:
        """Return what a kept answer has cost."""
        return self.cost(lane, answer.usage, batched=answer.batched)


def _at_batch_prices(model: CatalogModel) -> CatalogModel:
    return replace(
        model,
        input_price_per_million=model.batch_input_price_per_million,
        cached_input_price_per_million=model.batch_cached_input_price_per_million,
        output_price_per_million=model.batch_output_price_per_million,
    )


class CostMeter:
    """Counts what a run spends; a request starts only when its dearest end still fits under the cap.

    Args:
        prices: Of the models.
        cap: In the currency of the prices; None for none.
    """

    def __init__(self, prices: Prices, cap: Decimal | None = None) -> None:
        self._prices = prices
        self._cap = cap
        self._lock = threading.Lock()
        self._reserved = Decimal(0)
        self.spent = Decimal(0)
        """What the answers of this run have cost so far, as far as prices are known."""

    def reserve(self, most: Decimal | None) -> bool:
        """Set aside what a request may cost; False when it would pass the cap.

        Args:
            most: Its dearest end; None where no price is known, which a capped run never asks.
        """
        with self._lock:
            if self._cap is not None and (most is None or self.spent + self._reserved + most > self._cap):
                return False
            self._reserved += most or 0
            return True

    def settle(self, most: Decimal | None, used: tuple[Lane, Usage] | None) -> None:
        """Put what a request did cost in the place of what was set aside; None when it was not answered."""
        told = used is not None and used[1].prompt_tokens > 0
        cost = self._prices.cost(*used) if used is not None and told else None
        with self._lock:
            self._reserved -= most or 0
            if cost is not None:
                self.spent += cost.high
            elif used is not None:
                self.spent += most or 0  # a service that tells no usage may have charged all of it
