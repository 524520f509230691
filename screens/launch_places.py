"""Chooses where the engine has a job trained: places that can't be used now are shown with the reason."""

from __future__ import annotations

import asyncio

from textual import work

from screens.base import DeckScreen
from screens.choose import ChooseScreen, Option
from screens.launch_form import LOCAL, LaunchForm
from screens.launch_pane import LaunchPane
from tui.jobs.run_places import RunPlace, run_places
from tui.widgets.table import Column
from tui.widgets.tones import Tone

_PLACES = (Column("Place", 12), Column("Why not", tone="muted"))
_BILLS = "bills at your own account there"


class ChoosesPlace(DeckScreen, inherit_bindings=False):
    """A screen with a launch form that may say where the job runs."""

    form: LaunchForm

    def form_changed(self) -> None:
        """Offer and judge anew what the form says now."""
        raise NotImplementedError

    @work(thread=True, group="places", exclusive=True, exit_on_error=False, description="ask where jobs run")
    def ask_places(self) -> None:
        """Ask the engine of this machine where jobs can run, if it is there."""
        self.post_from_thread(self._places_known, tuple(run_places(LOCAL)))

    def _places_known(self, places: tuple[RunPlace, ...]) -> None:
        self.form.places = places
        self.query_one(LaunchPane).offer_choices(self.services)

    async def choose_place(self) -> None:
        """Let the person choose; a place that can't be used now tells why."""
        places = await asyncio.to_thread(run_places, self.form.provider)
        if not places:
            self.tell("The engine that trains could not be asked where it can.", title="Runs on")
            return
        places.sort(key=lambda one: bool(one.why_not))
        title = "Where it is trained"
        chosen = await self.app.push_screen_wait(
            ChooseScreen(title, _PLACES, [_option(one) for one in places], hint="part of a name")
        )
        refusal = next((one.why_not for one in places if one.name == chosen), "")
        if refusal:
            self.tell(refusal, title=f"Jobs can't run on {chosen}", severity="warning")
        elif chosen is not None:
            self.form.run_on = str(chosen)
            self.form_changed()


def _option(place: RunPlace) -> Option:
    tone: Tone = "muted" if place.why_not else ""
    words = place.why_not or (_BILLS if place.bills else "")
    return Option(place.name, ((place.name, tone), words), place.name)
