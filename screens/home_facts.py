"""What Home says of jobs, accounts, money and models that end, the latter from the radar once it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from screens import job_words
from screens.job_words import HOUR, ago, rough_duration
from tui.chat.model_names import short_model_name
from tui.records.models import ModelInfo
from tui.safe_text import safe_line
from tui.widgets.key_value import Pair
from tui.widgets.table import TableRow
from tui.widgets.tones import Part

if TYPE_CHECKING:
    from tui.jobs.overview import Overview
    from tui.jobs.radar import Radar
    from tui.records.jobs import Job
    from tui.records.models import Account


def account_words(account: Account, radar: Radar | None, headroom: str = "", room: int = 0) -> Part:
    """Return whether an account takes jobs, until when, by what evidence; its state until that is read.

    Args:
        account: The account.
        radar: What was read of it.
        headroom: How much of its rate limits is left, where that is known; left out where it would not fit.
        room: Columns of the line.
    """
    words, tone = _outlook_words(account, radar)
    longer = f"{words} · {headroom}"
    return (longer if headroom and len(longer) <= room else words), tone


def _outlook_words(account: Account, radar: Radar | None) -> Part:
    outlook = radar.outlooks.get(account.name) if radar is not None else None
    if outlook is not None:
        return f"{'✓' if outlook.can_train else '✗'} {outlook.words}", "good" if outlook.can_train else "bad"
    state = account.state or ("ready" if account.ready else "not ready")
    return (f"✓ {state}", "good") if account.ready else (f"– {state}", "muted")


def fitting_pairs(accounts: Sequence[Pair], others: Sequence[Pair], lines: int) -> list[Pair]:
    """Return accounts and what the radar says, in so many lines: of many accounts the last are only counted.

    Args:
        accounts: A line each, in their order.
        others: What ends, what was spent, how old it is; all of it stays.
        lines: How many there is room for.
    """
    room = max(1, lines - len(others))
    if len(accounts) <= room:
        return [*accounts, *others]
    shown = max(1, room - 1)
    return [*accounts[:shown], ("more", (f"{len(accounts) - shown} accounts; a shows all", "muted")), *others]


def radar_pairs(radar: Radar | None) -> list[Pair]:
    """Return what ends, what was spent and how old this is; nothing where there is nothing to say."""
    if radar is None:
        return []
    pairs: list[Pair] = []
    if radar.ending:
        first = radar.ending[0].lifetime
        words = f"{first.shutdown_date}, {first.words}: {first.source}"
        pairs.append((f"{len(radar.ending):,} ending", (words, "warning")))
    if radar.deployed:
        from tui.jobs.deployment_costs import deployed_words  # few people deploy

        pairs.append(("deployed", (deployed_words(radar.deployed), "warning")))
    if radar.spent is not None or radar.spent_is_partial:
        known = radar.spent.words if radar.spent is not None else "not known"
        more = " and what has no published price" if radar.spent_is_partial and radar.spent else ""
        pairs.append(("this month", f"{known}{more}, at list prices"))
    if radar.seen_at is not None and job_words.now() - radar.seen_at > HOUR:
        pairs.append(("lists of", (f"{ago(radar.seen_at)}; r asks the services", "muted")))
    return pairs


def time_left(known: Overview, job: Job) -> str:
    """Return how long a job should still take; empty where nobody can say."""
    seconds = known.left.get((job.account, job.id))
    return "" if seconds is None else rough_duration(seconds)


def model_rows(models: Sequence[ModelInfo], radar: Radar | None) -> list[TableRow]:
    """Return the lines of the models pane, those that end soon first."""
    ending = {(one.model.account, one.model.id): one.model for one in radar.ending} if radar else {}
    rest = [model for model in models if (model.account, model.id) not in ending]
    return [
        TableRow(
            f"{model.account}\n{model.id}",
            (short_model_name(model.id), _ends(model, radar), model.account),
        )
        for model in (*ending.values(), *rest)
    ]


def _ends(model: ModelInfo, radar: Radar | None) -> Part:
    life = radar.lifetimes.get((model.account, model.id)) if radar is not None else None
    if life is None:
        return "", "muted"
    return life.words, "bad" if life.is_over else ("warning" if life.ends_soon else "muted")


def ending_step(radar: Radar | None) -> list[Part]:
    """Return the sentence on the tuned model that ends first, with the key to press; empty without one."""
    if radar is None or not radar.ending:
        return []
    first = radar.ending[0]
    name = safe_line(short_model_name(first.model.id), 40)
    return [
        (f"{name} answers for {first.lifetime.words} more. ", ""),
        ("R", "accent"),
        (" records what it says, ", ""),
        ("7", "accent"),
        (" shows what it was made from, to train it elsewhere.", ""),
    ]
