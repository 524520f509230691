"""`tunedeck notify`: where you are told of what happened to jobs, and whether that works."""

from __future__ import annotations

import sys
import time
from typing import Any

import click

from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.records.notices import Delivery, NoticeEvent
from tui.services import Services


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the rules, the channels and what was told last; with a command, more.

    Each event (succeeded, failed, cancelled, stopped, attention, sweep) is told through the channels that
    its rule names: bell, terminal (a notification that the terminal shows), desktop, and addresses that you
    add (mail, Slack, ntfy, webhooks: `pip install 'tunedeck[notify]'`). Without a rule only the bell rings.
    `tunedeck config notify` changes the rules. The open app, `tunedeck watch` and `tunedeck sweep` tell, each
    thing once.
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command(name="list")
@json_option
def list_rules(as_json: bool) -> None:
    """List the rules, the channels and what was told last."""
    _list(as_json)


@command.command()
@click.option(
    "--channel", "names", multiple=True, metavar="NAME", help="Only this one; default: all in a rule."
)
@json_option
def test(names: tuple[str, ...], as_json: bool) -> int:
    """Send a test message through each channel; exit code 1 when one does not work."""
    from tui.cli.noticing import terminal_here
    from tui.jobs.notices.channels import tell
    from tui.jobs.notices.rules import notify_rules
    from tui.jobs.notices.words import TEST_MESSAGE

    rules, terminal = notify_rules(), terminal_here()
    used = {name for event in NoticeEvent for name in rules.channels_of(event)}
    wanted = names or tuple(name for name in rules.all_channels if name in used)
    for name in wanted:
        if name not in rules.all_channels:
            raise TunedeckError(
                f"There is no channel {name!r}.", f"Channels: {', '.join(rules.all_channels)}."
            )
    results = []
    with Services.open() as services:
        for name in wanted:
            told = tell(name, TEST_MESSAGE, None, rules, services.settings, terminal)
            results.append({"channel": name, "sent": told.problem is None, "problem": told.problem})
            if not as_json:
                say(f"OK    {name}" if told.problem is None else f"FAIL  {name}: {told.problem}")
    if as_json:
        print_json(results)
    elif not wanted:
        say("No rule names a channel.")
    return int(ExitCode.DONE if all(one["sent"] for one in results) else ExitCode.BAD)


@command.command()
@click.argument("name")
@click.option("--url-variable", metavar="VARIABLE", help="Environment variable that holds its apprise URL.")
@click.option("--keyring", is_flag=True, help="Ask for the URL, unseen, and keep it in the keyring.")
def add(name: str, url_variable: str | None, keyring: bool) -> None:
    """Add the address NAME, or change it: mail, Slack, ntfy or a webhook, as an apprise URL.

    A URL holds a password or token, so it is never written to the settings file. With --keyring it is asked
    for, or read from stdin.
    """
    from tui.jobs.notices.address import check_url
    from tui.jobs.notices.rules import Address, add_address, url_of

    if keyring == bool(url_variable):
        raise click.UsageError("Give either --url-variable or --keyring.")
    address, url = Address(name, url_variable), None
    if keyring:
        url = _asked_url(name)
        service = check_url(url)
    else:
        try:
            service = check_url(url_of(address))
        except TunedeckError as error:
            service = ""
            narrate(f"{error.message} {error.remedy}")
    add_address(address, url)
    say(f"Address {name}: {service or 'not checked'}, from {address.source}")
    narrate(
        f"`tunedeck config notify failed bell {name}` has it told of failed jobs; `notify test` tries it."
    )


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the address NAME, its rules and its URL in the keyring."""
    from tui.jobs.notices.rules import remove_address

    had_url = remove_address(name)
    say(f"Address {name} is removed{', with its URL' if had_url else ''}.")


def _asked_url(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    url = click.prompt(f"apprise URL of {name} (not shown)", hide_input=True, default="", show_default=False)
    if not isinstance(url, str) or not url.strip():
        raise TunedeckError("No URL was given.", f"Run `tunedeck notify add {name}` again.")
    return url.strip()


def _list(as_json: bool) -> None:
    from tui.cli.noticing import terminal_here
    from tui.jobs.notices.overview import notify_overview

    with Services.open() as services:
        known = notify_overview(services, has_terminal=terminal_here() is not None)
    if as_json:
        print_json(
            {
                "rules": {str(event): list(known.rules.channels_of(event)) for event in NoticeEvent},
                "channels": [
                    {"name": one.name, "works": one.works, "words": one.words} for one in known.channels
                ],
                "recent": [_delivery_json(one, title) for one, title in known.recent],
            }
        )
        return
    print_table(
        ["EVENT", "TOLD THROUGH", "MEANING"],
        [[event, known.told_through(event), event.meaning] for event in NoticeEvent],
    )
    say("")
    print_table(
        ["CHANNEL", "WORKS HERE", "HOW"],
        [[one.name, "yes" if one.works else "no", one.words] for one in known.channels],
    )
    if known.recent:
        say("")
        print_table(
            ["TOLD", "CHANNEL", "STATE", "WHAT"],
            [
                [_when(one.notice.at), one.channel, one.state, f"{title}. {one.problem or ''}".strip()]
                for one, title in known.recent
            ],
        )


def _delivery_json(one: Delivery, title: str) -> dict[str, Any]:
    return {
        "at": one.notice.at, "event": str(one.notice.event), "account": one.notice.account,
        "subject": one.notice.subject, "title": title, "channel": one.channel, "state": one.state,
        "tries": one.tries, "problem": one.problem,
    }  # fmt: skip


def _when(at: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
