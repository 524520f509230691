"""Puts a tuned model where it answers, price per hour first, or takes it down again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.confirm import ConfirmScreen
from tui.errors import TunedeckError
from tui.safe_text import safe_line
from tui.widgets.key_value import Pair
from tui.widgets.table import Column

if TYPE_CHECKING:
    from tui.jobs.deployment_costs import Standing
    from tui.jobs.deployments import DeploymentPlan
    from tui.jobs.model_family import FamilyModel

_TIERS = (Column("Tier", 18), Column("Costs", tone="muted"))


class DeploysModels(DeckScreen, inherit_bindings=False):
    """A screen with a model that can be deployed."""

    def chosen_model(self) -> FamilyModel | None:
        """Return the model that keys act on."""
        raise NotImplementedError

    def model_changed(self) -> None:
        """Show what an action changed; the store has it already."""
        raise NotImplementedError

    @work(group="deploy-model", exclusive=True, exit_on_error=False, description="deploy a model")
    async def action_deploy_model(self) -> None:
        """Deploy the model under the cursor, or offer to take down what serves it already."""
        model = self.chosen_model()
        if model is None:
            return
        self.tell(f"Asking {model.account} what is deployed…")
        try:
            await self._deploy_or_end(model)
        except TunedeckError as error:
            self.tell_error(error)

    async def _deploy_or_end(self, model: FamilyModel) -> None:
        from tui.jobs.deployments import deploy, plan_deployment  # prices and a service; only for this key

        plan = await asyncio.to_thread(plan_deployment, self.services, model)
        if plan.serving:
            await self._end(plan.serving[0])
            return
        tier = await self._tier(model)
        if tier is None:
            return
        if tier != plan.request.tier:
            plan = await asyncio.to_thread(lambda: plan_deployment(self.services, model, tier=tier))
        dialog = ConfirmScreen(
            f"Deploy this model at {model.account}?", yes="deploy it", facts=_facts(plan),
            warning=" ".join(plan.notes),
        )  # fmt: skip
        if await self.app.push_screen_wait(dialog):
            made = await asyncio.to_thread(deploy, self.services, plan)
            self.tell(f"{safe_line(made.name, 80)} is asked for: {made.state}. D shows it again.")
            self.model_changed()

    async def _tier(self, model: FamilyModel) -> str | None:
        """Ask how it is to be hosted; an empty text where there is one way only, None for not at all."""
        from tui.jobs.deployment_costs import price_words, tiers_of

        tiers = await asyncio.to_thread(tiers_of, self.services, model)
        if not tiers:
            return ""
        options = [Option(name, (name, price_words(price)), name) for name, price in tiers]
        return await self.app.push_screen_wait(
            ChooseScreen("How is it hosted?", _TIERS, options, hint="tier")
        )

    async def _end(self, standing: Standing) -> None:
        from tui.jobs.deployments import undeploy

        one = standing.deployment
        dialog = ConfirmScreen(
            f"{safe_line(one.name, 60)} serves this model. Take it down?", yes="take it down",
            no="leave it", facts=_standing_facts(standing),
            warning="Whoever asks it gets an error then. The model stays, and can be deployed again.",
        )  # fmt: skip
        if await self.app.push_screen_wait(dialog):
            await asyncio.to_thread(undeploy, self.services, one.account, one.name)
            self.tell(f"{safe_line(one.name, 80)} is taken down.")
            self.model_changed()


def _facts(plan: DeploymentPlan) -> list[Pair]:
    from tui.jobs.deployment_costs import price_words

    request = plan.request
    facts: list[Pair] = [("Model", safe_line(request.model, 200)), ("Name", safe_line(request.name, 80))]
    if request.tier:
        facts.append(("Tier", request.tier))
    if request.capacity is not None:
        facts.append(("Capacity", f"{request.capacity},000 tokens a minute"))
    return [*facts, ("Costs", price_words(plan.per_hour))]


def _standing_facts(standing: Standing) -> list[Pair]:
    from tui.jobs.deployment_costs import price_words

    one = standing.deployment
    facts: list[Pair] = [("State", f"{one.state} ({safe_line(one.raw_state, 40)})")]
    if one.tier:
        facts.append(("Tier", safe_line(one.tier, 40)))
    if one.created_at is not None:
        facts.append(("Since", f"{datetime.fromtimestamp(one.created_at, UTC):%Y-%m-%d %H:%M} UTC"))
    facts.append(("Costs", price_words(standing.per_hour)))
    if standing.so_far is not None and standing.so_far.high:
        facts.append(("So far", standing.so_far.words))
    return facts
