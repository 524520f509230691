"""Options of `tunedeck compare`: who answers which prompts, with which settings, and at what cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tui.cli.output import narrate

if TYPE_CHECKING:
    from tui.evals.cases import Case
    from tui.records.chats import ChatParameters
    from tui.records.comparisons import Side
    from tui.services import Services

_SETTINGS: Mapping[str, tuple[str, str]] = {
    "temperature": ("0", "Empty leaves it to the service."),
    "top_p": ("", "0 to 1."),
    "max_tokens": ("512", "Most tokens of an answer."),
    "seed": ("", "Makes answers repeatable where the service can."),
    "stop": ("", r"Texts between | that end the answer; \n for a new line."),
    "response_format": ("", "`json`, or the file of a JSON schema."),
}
"""Name -> (default, help)."""
_FOR_EACH = " Once for all models, or once for each."

message_option = click.option("--message", "-m", "messages", multiple=True, help="Ask this; may be repeated.")
file_option = click.option("--file", type=click.Path(path_type=Path), help="JSONL whose rows are asked.")
system_option = click.option(
    "--system", "systems", multiple=True,
    help="Prompt in place of the rows' own; once for all models, or once for each, in order.",
)  # fmt: skip


def sampling_options(*, for_each: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Add the options of how answers are sampled.

    Args:
        for_each: Each may be given once for every model, in their order.
    """

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for name, (default, words) in reversed(tuple(_SETTINGS.items())):
            add_one = click.option(
                f"--{name.replace('_', '-')}", name, multiple=for_each,
                default=(default,) if for_each else default, show_default=bool(default),
                help=words + (_FOR_EACH if for_each else ""),
            )  # fmt: skip
            function = add_one(function)
        return function

    return add


def money_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of whose models they are, how many prompts, and at what cost."""
    for option in (
        click.option("--yes", is_flag=True, help="Ask without being asked."),
        click.option("--dry-run", is_flag=True, help="Say what would be asked and what it costs."),
        click.option("--max-cost", metavar="AMOUNT", help="Ask nothing more beyond this."),
        click.option("--limit", type=click.IntRange(1), help="Only so many prompts, from the beginning."),
        click.option("--account", help="Whose models they are; left out, found by name."),
    ):
        function = option(function)
    return function


def cases_from(messages: Sequence[str], file: Path | None, limit: int | None) -> tuple[str, list[Case]]:
    """Return where prompts are from, and the prompts.

    Raises:
        click.UsageError: Both or neither were given.
        TunedeckError: The file can't be read.
    """
    from tui.evals.cases import Case
    from tui.evals.test_set import read_test_set
    from tui.records.chats import ChatMessage

    if bool(messages) == (file is not None):
        raise click.UsageError("Give either --message or --file.")
    if file is None:
        return "typed prompts", [
            Case(number, str(number), (ChatMessage("user", text),)) for number, text in enumerate(messages, 1)
        ]
    test_set = read_test_set(file, limit=limit)
    for line, reason in test_set.skipped[:5]:
        narrate(f"{file}:{line}: left out: {reason}")
    return str(file), list(test_set.cases)


def parameters_from(options: Mapping[str, Any], *, logprobs: int | None) -> ChatParameters:
    """Return the sampling that options say.

    Args:
        options: Name -> text, of `sampling_options`.
        logprobs: Likeliest tokens to ask for beside each token; None asks for none.

    Raises:
        TunedeckError: One of them can't be understood or is out of its range.
    """
    from dataclasses import replace

    from tui.chat.parameters import parse_parameters

    return replace(parse_parameters({name: options[name] for name in _SETTINGS}), logprobs=logprobs)


def sides_from(
    services: Services,
    models: Sequence[str],
    systems: Sequence[str],
    options: Mapping[str, Any],
    *,
    logprobs: int | None,
) -> list[Side]:
    """Return who answers, each with its own prompt and settings.

    Raises:
        click.UsageError: Something was given neither once nor once for each model.
        TunedeckError: A model is not found, or a setting can't be understood.
    """
    from tui.chat.models import find_lane
    from tui.records.comparisons import Side

    prompts: list[str | None] = [None] * len(models)
    if systems:
        prompts = list(_for_each("system", systems, len(models)))
    settings = {name: _for_each(name, options[name], len(models)) for name in _SETTINGS}
    sides = []
    for place, (model, prompt) in enumerate(zip(models, prompts, strict=True)):
        lane = find_lane(services, model, options["account"])
        own = {name: values[place] for name, values in settings.items()}
        sides.append(Side(lane.account, lane.model, prompt, parameters_from(own, logprobs=logprobs)))
    return sides


def _for_each(name: str, given: Sequence[str], models: int) -> list[str]:
    if len(given) not in (1, models):
        raise click.UsageError(f"Give --{name.replace('_', '-')} once, or once for each model.")
    return list(given) if len(given) == models else [given[0]] * models
