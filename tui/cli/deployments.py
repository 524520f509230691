"""`tunedeck deployments`: tuned models that a service keeps ready to answer, and what that costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from tui.cli.model_lookup import find_named_model
from tui.cli.output import confirmed, json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.money.catalog_model import NOT_PUBLISHED
from tui.services import Services

if TYPE_CHECKING:
    from tui.jobs.deployment_costs import Standing
    from tui.money.usage_price import Amount

_NO_TERMINAL = "Taking a deployment down needs a confirmation, and there is no terminal to ask on."


@click.group(invoke_without_command=True)
@click.option("--account", help="Only this account's.")
@json_option
@click.pass_context
def command(ctx: click.Context, account: str | None, as_json: bool) -> None:
    """List what is deployed, with its cost for each hour; with a command, deploy or take one down.

    At Azure and Nebius a tuned model answers only once it is deployed. At Azure `chat`, `eval` and `record`
    then take the model's own name; deploying there needs a sign-in (`pip install 'tunedeck[azure]'`, `az
    login`) and the account's options subscription and resource_group.
    """
    if ctx.invoked_subcommand is not None:
        return
    from tui.jobs.deployment_costs import total_per_hour
    from tui.jobs.deployments import standing_deployments

    with Services.open() as services:
        found, problems = standing_deployments(services, account)
    for problem in problems:
        narrate(problem.message)
    if as_json:
        print_json([one.as_json() for one in found])
        return
    if not found:
        say("Nothing is deployed, as far as the accounts say.")
        return
    print_table(
        ["NAME", "ACCOUNT", "MODEL", "STATE", "TIER", "PER HOUR", "SO FAR", "SINCE"],
        [_cells(one) for one in found],
    )
    total = total_per_hour(found)
    if total:
        narrate(
            f"Together at least ${total:,.2f} for every hour; `tunedeck deployments delete NAME` ends one."
        )


@command.command()
@click.argument("model")
@click.option("--account", help="Whose model it is, where several have one of this name.")
@click.option("--name", help="What to call the deployment; its model's suffix when left out.")
@click.option("--tier", help="How it is hosted; the cheapest by the hour when left out.")
@click.option("--capacity", type=click.IntRange(min=1), help="Thousands of tokens a minute to set aside.")
@click.option("--yes", is_flag=True, help="Confirm the price per hour without being asked.")
@click.option("--any-price", is_flag=True, help="With --yes: deploy although no price per hour is published.")
@json_option
def add(
    model: str, account: str | None, name: str | None, tier: str | None, capacity: int | None, yes: bool,
    any_price: bool, as_json: bool,
) -> int:  # fmt: skip
    """Deploy the tuned MODEL, or a checkpoint, at the price per hour you confirm."""
    from tui.jobs.deployment_costs import hourly_cost_of
    from tui.jobs.deployments import deploy, plan_deployment

    with Services.open() as services:
        found = find_named_model(services, model, account)
        plan = plan_deployment(services, found, name=name, tier=tier, capacity=capacity)
        for note in plan.notes:
            narrate(note)
        if plan.standing is None:
            if plan.per_hour is None and yes and not any_price:
                raise TunedeckError(
                    "What it costs by the hour is not published, so --yes can't confirm it.",
                    "Add --any-price.",
                )
            no_terminal = f"{plan.offer}: there is no terminal to ask on."
            if not yes and not confirmed(f"{plan.offer}?", no_terminal, "Add --yes."):
                narrate("Not deployed.")
                return int(ExitCode.INTERRUPTED)
        made = deploy(services, plan)
        standing = hourly_cost_of(services, made)
    if as_json:
        print_json({**standing.as_json(), "was_there": plan.standing is not None})
        return int(ExitCode.DONE)
    was = "is there already" if plan.standing is not None else "is asked for"
    say(f"{made.name} {was}: {made.state} ({made.raw_state}). `tunedeck deployments` shows when it answers.")
    return int(ExitCode.DONE)


@command.command()
@click.argument("name")
@click.option("--account", help="Whose it is, where several accounts have one of this name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def delete(name: str, account: str | None, yes: bool, as_json: bool) -> int:
    """Take the deployment NAME down, which ends its cost. The model stays, and can be deployed again."""
    from tui.jobs.deployments import standing_deployments, undeploy

    with Services.open() as services:
        owner = account
        if owner is None:
            found, problems = standing_deployments(services)
            owners = sorted({one.deployment.account for one in found if one.deployment.name == name})
            if len(owners) != 1:
                for problem in problems:
                    narrate(problem.message)
                raise TunedeckError(
                    f"No account has a deployment {name!r}." if not owners
                    else f"{name!r} is deployed at {', '.join(owners)}.",
                    "`tunedeck deployments` lists them." if not owners else "Name one with --account.",
                )  # fmt: skip
            owner = owners[0]
        if not yes and not confirmed(
            f"Take down {name} on {owner}? Whoever asks it gets an error then.", _NO_TERMINAL, "Add --yes."
        ):
            return int(ExitCode.INTERRUPTED)
        was_there = undeploy(services, owner, name)
    if as_json:
        print_json({"account": owner, "name": name, "deleted": True, "was_there": was_there})
    else:
        say(f"{name} is taken down." if was_there else f"{owner} had no deployment {name} any more.")
    return int(ExitCode.DONE)


def _cells(one: Standing) -> list[str]:
    made = one.deployment
    since = "-"
    if made.created_at is not None:
        since = f"{datetime.fromtimestamp(made.created_at, UTC):%Y-%m-%d %H:%M}"
    state = f"{made.state}: {made.problem}" if made.problem else str(made.state)
    money = [_money(one.per_hour), _money(one.so_far)]
    return [made.name, made.account, made.model, state, made.tier or "-", *money, since]


def _money(amount: Amount | None) -> str:
    if amount is None:
        return NOT_PUBLISHED
    return amount.words if amount.high else "-"
