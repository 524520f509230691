"""Beginning a sweep and going on with one: the price and the time of everything first, then a yes."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from pathlib import Path

from screens.ask_text import AskTextScreen
from screens.base import DeckScreen
from screens.chat_base import typed_path
from screens.confirm import ConfirmScreen
from screens.text_dialog import TextDialog
from tui.errors import TunedeckError
from tui.records.sweeps import Sweep
from tui.safe_text import safe_line, safe_text
from tui.sweeps.find import start_sweep
from tui.sweeps.planning import SweepPlan, plan_sweep, sweep_of
from tui.sweeps.promote import write_new
from tui.sweeps.sweep_file import read_sweep_file, sweep_file_text, terms_of_definition
from tui.sweeps.terms import SweepTerms

_MOST_WARNINGS, _LONGEST_WARNING = 2, 130
"""Below them the two keys must still be seen on a small screen."""


async def begin_sweep(screen: DeckScreen, path: Path) -> str | None:
    """Read a sweep file, say what it would launch, ask, and start it; to be awaited in a worker.

    Returns:
        The sweep's id; None when it was not begun, which has been told.
    """
    try:
        terms = await asyncio.to_thread(read_sweep_file, path)
        screen.tell("Counting jobs, price and time…")
        plan = await asyncio.to_thread(plan_sweep, screen.services, terms)
        if not await agreed_to(screen, plan, "Begin this sweep?"):
            return None
        sweep = sweep_of(plan, int(time.time()))
        await asyncio.to_thread(screen.services.store.add_sweep, sweep)
        await asyncio.to_thread(start_sweep, sweep.id)
    except TunedeckError as error:
        screen.tell_error(error)
        return None
    screen.tell(
        "It runs in a process of its own: it goes on when this app is closed.", title=safe_line(sweep.name)
    )
    return sweep.id


async def agreed_to(screen: DeckScreen, plan: SweepPlan, question: str) -> bool:
    """Show a plan and ask for a yes; what forbids it is shown instead."""
    if not plan.may_begin:
        stops = [line for line in plan.lines if line.level == "stop"]
        text = "\n\n".join(safe_text(f"✗ {line.text}\n  {line.remedy}".rstrip()) for line in stops)
        await screen.app.push_screen_wait(TextDialog("This sweep can't begin", text))
        return False
    terms = plan.terms
    caps = [f"${terms.caps.money:,.2f}"] if terms.caps.money is not None else []
    caps += [f"{terms.caps.hours:g} h"] if terms.caps.hours is not None else []
    warnings = [safe_line(line.text, _LONGEST_WARNING) for line in plan.lines if line.level == "warn"]
    rest = len(warnings) - _MOST_WARNINGS
    more = f" {rest} more: `tunedeck sweep run --dry-run` lists them." if rest > 0 else ""
    answer = await screen.app.push_screen_wait(
        ConfirmScreen(
            question, yes="begin it",
            facts=[
                ("Sweep", safe_line(terms.name, 60)),
                ("Search", f"{terms.search.strategy}: " + ", ".join(
                    safe_line(f"{axis.name} {axis.words}", 60) for axis in terms.axes)),
                ("Best is", safe_line(terms.objective.words, 80)),
                ("Trials", f"{plan.trials:,}, up to {plan.jobs:,} jobs, {plan.at_once} at once"),
                ("Price", plan.price_words),
                ("Time", plan.time_words),
                ("Caps", ", ".join(caps) or "none"),
            ],
            warning=" ".join(warnings[:_MOST_WARNINGS]) + more,
        )
    )  # fmt: skip
    return bool(answer)


async def resume_sweep(screen: DeckScreen, sweep: Sweep) -> bool:
    """Go on with a sweep; what has changed since it was agreed to is shown and asked anew."""
    try:
        known = terms_of_definition(sweep.definition)
        terms = await _with_new_cap(screen, sweep, known)
        if terms is None:
            return False
        plan = await asyncio.to_thread(plan_sweep, screen.services, terms)
        same = terms == known and plan.agreed.get("units") == sweep.agreed.get("units")
        if not same:
            if not await agreed_to(screen, plan, "Go on with this sweep?"):
                return False
            fresh = replace(sweep, definition=terms.as_json(), agreed=plan.agreed)
            await asyncio.to_thread(screen.services.store.agree_to_sweep, fresh)
        # Noted before the process is there to note it, so that the screen goes on looking.
        await asyncio.to_thread(screen.services.store.begin_sweep, sweep.id)
        await asyncio.to_thread(start_sweep, sweep.id)
    except TunedeckError as error:
        screen.tell_error(error)
        return False
    screen.tell("It goes on, in a process of its own.", title=safe_line(sweep.name))
    return True


async def _with_new_cap(screen: DeckScreen, sweep: Sweep, terms: SweepTerms) -> SweepTerms | None:
    """Ask for another cap where the one it has would end it again at once."""
    caps = terms.caps
    if sweep.reason.startswith("The money cap") and caps.money is not None:
        typed = await screen.app.push_screen_wait(
            AskTextScreen("Go on up to which money cap?", value=f"{caps.money}", hint="an amount, such as 5")
        )
        if typed is None:
            return None
        try:
            amount = Decimal(typed.removeprefix("$"))
        except InvalidOperation:
            raise TunedeckError(f"{typed!r} is no amount.", "Write 5 or 2.50.") from None
        if not amount.is_finite() or amount < 0:
            raise TunedeckError(f"{typed!r} is no amount.", "Write 5 or 2.50.")
        return replace(terms, caps=replace(caps, money=amount))
    if sweep.reason.startswith("The time cap") and caps.hours is not None:
        typed = await screen.app.push_screen_wait(
            AskTextScreen(
                "Go on up to which time cap?",
                value=f"{caps.hours:g}",
                hint="hours since the first start, such as 8",
            )
        )
        if typed is None:
            return None
        try:
            hours = float(typed)
        except ValueError:
            hours = -1.0
        if not 0 <= hours < 1e6:
            raise TunedeckError(f"{typed!r} is no number of hours.", "Write 8 or 0.5.")
        return replace(terms, caps=replace(caps, hours=hours))
    return terms


async def stop_sweep(screen: DeckScreen, sweep: Sweep) -> bool:
    """Stop a sweep after a yes."""
    from tui.sweeps.stopping import stop_sweep as stop_now  # only for who stops one

    question = ConfirmScreen(
        "Stop this sweep?", yes="stop it", facts=[("Sweep", safe_line(sweep.name, 60))],
        warning="No further trial begins, and what runs is cancelled where its service can; r goes on later.",
    )  # fmt: skip
    if not await screen.app.push_screen_wait(question):
        return False
    try:
        await asyncio.to_thread(stop_now, screen.services, sweep)
    except TunedeckError as error:
        screen.tell_error(error)
        return False
    return True


async def export_sweep(screen: DeckScreen, sweep: Sweep) -> None:
    """Write a sweep as a file that begins it again."""
    typed = await screen.app.push_screen_wait(
        AskTextScreen(
            "Write the sweep to", value=str(typed_path(f"sweep-{sweep.id}.toml")), hint="a new file: .toml"
        )
    )
    if not typed:
        return
    text = sweep_file_text(terms_of_definition(sweep.definition), (f"Made from the sweep {sweep.id}.",))
    try:
        await asyncio.to_thread(write_new, typed_path(typed), text)
    except TunedeckError as error:
        screen.tell_error(error)
        return
    screen.tell(f"Written: {typed_path(typed)}")
