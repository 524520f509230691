"""`tunedeck payback`: whether fine-tuning on a file is worth its money, with the formula."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import click

from tui.cli.output import json_option, print_json, say
from tui.cli.slow_progress import SlowProgress
from tui.errors import ExitCode, TunedeckError
from tui.money.payback import MOST_CALLS, PaybackChoice, Verdict, payback
from tui.services import Services

_PERCENT = click.IntRange(0, 100)
_MONEY = click.FloatRange(min=0)
_LONGEST_PROMPT = 4 << 20


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--model", required=True, help="The base to tune; a tuned model stands for its base.")
@click.option("--provider", help="Its service, where several train a model of this name.")
@click.option("--against", help="The plain model that gets the long prompt; left out, the same base.")
@click.option("--against-provider", help="Its service.")
@click.option("--prompt", type=click.Path(path_type=Path), help="The long prompt; left out, FILE's own.")
@click.option(
    "--calls-per-day", type=click.IntRange(1, MOST_CALLS), default=1_000, show_default=True, metavar="N"
)
@click.option(
    "--cached", type=_PERCENT, help="Of calls whose beginning is cached, in percent.  [default: 50]"
)
@click.option("--kept", type=_PERCENT, help="Of the long prompt that the tuned model gets.  [default: 10]")
@click.option(
    "--answer", type=click.IntRange(0, 400), help="Length of its answer against FILE's.  [default: 100]"
)
@click.option(
    "--epochs", type=click.IntRange(1, 50), help="Passes; left out, the service's automatic choice."
)
@click.option("--tier", help="A way to train at another price, such as Azure's Developer.")
@click.option("--other-costs", type=_MONEY, default=0, help="Paid once: data, evaluation.")
@click.option("--hosting", type=_MONEY, help="Per hour, instead of the catalog's price.")
@click.option("--trained", is_flag=True, help="Training is paid already; count what comes from now on.")
@json_option
def command(
    file: Path, model: str, provider: str | None, against: str | None, against_provider: str | None,
    prompt: Path | None, tier: str | None, as_json: bool, **turned: Any,
) -> int:  # fmt: skip
    """Say whether tuning --model on FILE pays back: a long prompt against a short one on a tuned model.

    Calls are FILE's own, in tokens. Prices, caching, hosting and the day on which the model is shut down are
    the catalog's, each with its date; one that nobody published is named and never made up. Percentages are
    whole numbers.

    Exit codes: 0 it pays back; 1 it does not, only does on a condition, or can't be told; 2 wrong use or
    unreadable.
    """
    from tui.jobs.payback_file import PaybackFile
    from tui.money.payback_words import formula_lines, notes, payback_json, verdict_line

    with Services.open() as services:
        tuned = services.catalog.model(model, provider)
        same_service = against_provider or (provider if against is None else None)
        plain = services.catalog.model(
            against or tuned.id, same_service or (None if against else tuned.provider)
        )
        if tier is not None and tuned.tier(tier) is None:
            raise TunedeckError(f"{tuned.id} has no tier {tier!r}.", "`tunedeck catalog` lists them.")
        measured = PaybackFile(services, file, None if prompt is None else _read_prompt(prompt))
        with SlowProgress("Counting") as counting:
            measured.measure(plain, on_progress=counting.update)
            measured.measure(tuned, on_progress=counting.update)
        case = measured.case(plain, tuned, tier)
        choice = _choice(measured.usual_choice(tuned), turned)
    found = payback(case, choice)
    if as_json:
        print_json({"file": str(file), **payback_json(found, case)})
    else:
        say(verdict_line(found))
        for name, words in formula_lines(found, case):
            say(f"{name}: {words}")
        for note in notes(found, case):
            say(f"Note: {note}")
    return int(ExitCode.DONE if found.verdict is Verdict.PAYS else ExitCode.BAD)


def _choice(usual: PaybackChoice, turned: dict[str, Any]) -> PaybackChoice:
    hosting = turned["hosting"]
    chosen = {
        "cache_percent": turned["cached"],
        "kept_percent": turned["kept"],
        "answer_percent": turned["answer"],
        "epochs": turned["epochs"],
        "hosting_per_hour": None if hosting is None else Decimal(str(hosting)),
    }
    given = {name: value for name, value in chosen.items() if value is not None}
    return replace(
        usual, calls_per_day=turned["calls_per_day"], other_costs=Decimal(str(turned["other_costs"])),
        training_paid=turned["trained"], **given,
    )  # fmt: skip


def _read_prompt(path: Path) -> str:
    try:
        if path.stat().st_size > _LONGEST_PROMPT:
            raise TunedeckError(
                f"{path} is over 4 MB, which no prompt is.", "Give a file with the prompt alone."
            )
        return path.read_text("utf-8")
    except UnicodeDecodeError:
        raise TunedeckError(f"{path} is no UTF-8 text.", "Save it as UTF-8.") from None
    except OSError as error:
        raise TunedeckError(f"{path} can't be read: {error.strerror or error}.", "Check the path.") from None
