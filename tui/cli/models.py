"""`tunedeck models`: what can be trained and talked to, where it comes from, and how long it lives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from tui.cli.model_lookup import find_named_model, models_of_accounts
from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import TunedeckError
from tui.services import Services

if TYPE_CHECKING:
    from tui.jobs.model_family import FamilyModel
    from tui.jobs.model_list import FamilyLine

_SORTS = ("family", "days", "newest", "name", "cost")
account_option = click.option("--account", help="Whose model it is, where several have one of this name.")


@click.group(invoke_without_command=True)
@click.option("--account", help="Only this account's.")
@click.option("--tuned", is_flag=True, help="Only fine-tuned models, their checkpoints and jobs under way.")
@click.option("--trainable", is_flag=True, help="Only models on which a job can be created today.")
@click.option("--ending", is_flag=True, help="Only models that end within two months.")
@click.option("--filter", "words", default="", help="Only models with these words in name, tags or note.")
@click.option("--sort", type=click.Choice(_SORTS), default="family", show_default=True)
@click.option("--offline", is_flag=True, help="Show what is known without asking any service.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, account: str | None, tuned: bool, trainable: bool, ending: bool, words: str,
    sort: str, offline: bool, as_json: bool,
) -> None:  # fmt: skip
    """List the models of every account as a family tree, with the days left; with a command, more.

    Below each base stand the models that jobs made of it, with their checkpoints and what was trained
    further from them. Costs are the catalog's prices for the tokens that jobs and chats have used.
    """
    if ctx.invoked_subcommand is not None:
        return
    if sum((tuned, trainable, ending)) > 1:
        raise click.UsageError("Give one of --tuned, --trainable and --ending.")
    from tui.jobs.model_family import model_family
    from tui.jobs.model_list import Only, Sort, arrange, model_json

    only = Only.TUNED if tuned else Only.TRAINABLE if trainable else Only.ENDING if ending else Only.ALL
    with Services.open() as services:
        if account is not None:
            services.account(account)
        models = models_of_accounts(services, account, offline=offline)
        family = [one for one in model_family(services, models) if account in (None, one.account)]
    lines = arrange(family, sort=Sort(sort), only=only, words=words)
    if as_json:
        print_json([model_json(line) for line in lines])
    elif not lines:
        say("No models. `tunedeck doctor` tests each account.")
    else:
        heads = ["MODEL", "ACCOUNT", "KIND", "TRAINABLE", "DAYS LEFT", "STOPS ON", "COST", "TAGS"]
        print_table(heads, [_cells(line) for line in lines], below=heads[2:])


@command.command()
@click.argument("model")
@account_option
@json_option
def show(model: str, account: str | None, as_json: bool) -> None:
    """Print all that is known of MODEL, as last seen."""
    from tui.jobs.model_facts import model_facts
    from tui.jobs.model_list import FamilyLine, cost_of, model_json

    with Services.open() as services:
        found = find_named_model(services, model, account)
    if as_json:
        print_json(model_json(FamilyLine(found, 0, cost_of(found))))
        return
    for name, value in model_facts(found):
        say(f"{name}: {value}")


@command.command()
@click.argument("model")
@click.argument("tags", nargs=-1)
@click.option("--remove", is_flag=True, help="Take the TAGS off; without any, all of them.")
@account_option
@json_option
def tag(model: str, tags: tuple[str, ...], remove: bool, account: str | None, as_json: bool) -> None:
    """Add TAGS to MODEL, or take them off. Tags are kept on this machine."""
    from tui.jobs.model_words import read_tags, set_tags

    named = read_tags(" ".join(tags))
    if not named and not remove:
        raise click.UsageError("Which tags?")
    with Services.open() as services:
        found = find_named_model(services, model, account)
        gone = set(named or found.tags) if remove else set()
        wanted = sorted((set(found.tags) | set(() if remove else named)) - gone)
        set_tags(services, found, wanted)
    if as_json:
        print_json({"account": found.account, "id": found.id, "tags": wanted})
    else:
        say(f"{found.id}: {' '.join(wanted) or 'no tags'}")


@command.command()
@click.argument("model")
@click.argument("text", required=False)
@click.option("--remove", is_flag=True, help="Take the note away.")
@account_option
@json_option
def note(model: str, text: str | None, remove: bool, account: str | None, as_json: bool) -> None:
    """Print the note on MODEL, or write TEXT in its place. Notes are kept on this machine."""
    from tui.jobs.model_words import set_note

    if remove and text is not None:
        raise click.UsageError("Give either TEXT or --remove.")
    with Services.open() as services:
        found = find_named_model(services, model, account)
        if text is not None or remove:
            set_note(services, found, text or "")
        now = services.store.model_notes().get(found.key, "")
    if as_json:
        print_json({"account": found.account, "id": found.id, "note": now})
    else:
        say(now or f"{found.id} has no note.")


@command.command()
@click.argument("model")
@click.option("--confirm", metavar="NAME", help="The model's whole name, instead of typing it when asked.")
@account_option
@json_option
def delete(model: str, confirm: str | None, account: str | None, as_json: bool) -> None:
    """Delete the tuned MODEL at its service, for good.

    Its job, tags and note stay here; a model that no job here made leaves the list.
    """
    from tui.jobs.model_words import check_deletable, delete_model

    with Services.open() as services:
        found = find_named_model(services, model, account)
        check_deletable(services, found)
        was_there = delete_model(services, found, confirm if confirm is not None else _typed(found))
    if as_json:
        print_json({"account": found.account, "id": found.id, "deleted": True, "was_there": was_there})
    else:
        say(f"{found.id} is deleted." if was_there else f"{found.account} had no {found.id} any more.")


def _typed(model: FamilyModel) -> str:
    if not sys.stdin.isatty():
        raise TunedeckError("There is no terminal to ask on.", f"Add --confirm {model.id}")
    narrate(f"This deletes {model.id} at {model.account} for good; a service brings none back.")
    typed = click.prompt("Type its whole name", default="", show_default=False, err=True)
    return typed.strip() if isinstance(typed, str) else ""


def _cells(line: FamilyLine) -> list[str]:
    one = line.model
    return [
        f"{'  ' * line.depth}{one.id}", one.account, str(one.kind), "yes" if one.trainable else "no",
        "deleted" if one.deleted_at else one.lifetime.words.replace("–", "-"),
        one.lifetime.shutdown_date or "-",
        line.cost_words or "-", " ".join(one.tags) or "-",
    ]  # fmt: skip
