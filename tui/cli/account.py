"""`tunedeck account`: several accounts for each service; keys from the environment or the keyring."""

from __future__ import annotations

import sys
from dataclasses import asdict
from decimal import Decimal, InvalidOperation

import click

from tui.cli.output import json_option, narrate, print_json, print_table, say
from tui.errors import ExitCode, TunedeckError
from tui.money.amounts import format_money
from tui.services import Services


@click.group(invoke_without_command=True)
@json_option
@click.pass_context
def command(ctx: click.Context, as_json: bool) -> None:
    """List the accounts and where each key comes from; with a command, add, remove or test one.

    Keys are never written to the settings file: they are read from an environment variable, or kept in
    the system's keyring (`pip install 'tunedeck[keyring]'`).
    """
    if ctx.invoked_subcommand is None:
        _list(as_json)


@command.command(name="list")
@json_option
def list_accounts(as_json: bool) -> None:
    """List the accounts and where each key comes from."""
    _list(as_json)


@command.command()
@json_option
def services(as_json: bool) -> None:
    """List the services an account can be for, with what each asks."""
    from tui.providers.profile_data import LOCAL_NAME
    from tui.providers.profiles import profiles

    known = [one for name, one in profiles().items() if name != LOCAL_NAME]
    if as_json:
        print_json([{**asdict(one), "cannot": {str(k): v for k, v in one.cannot.items()}} for one in known])
        return
    print_table(
        ["SERVICE", "NAME", "BASE URL", "KEY FROM", "OPTIONS", "LEARNING RATE"],
        [
            [one.name, one.label, one.base_url or one.base_url_hint, one.key_variable or "-",
             " ".join(option.name for option in one.options) or "-", one.learning_rate]
            for one in known
        ],
    )  # fmt: skip


@command.command()
@click.argument("name")
@click.option("--provider", help="Its service; `tunedeck account services` lists them. Default: NAME.")
@click.option("--base-url", help="Its address, where that is not the service's own.")
@click.option("--label", help="What lists call it.")
@click.option("--key-variable", help="Environment variable that holds its key.")
@click.option("--keyring", is_flag=True, help="Ask for the key, unseen, and keep it in the keyring.")
@click.option("--entra", is_flag=True, help="No key: sign in at Microsoft Entra, as `az login` does (Azure).")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="What the service asks for.")
def add(
    name: str, provider: str | None, base_url: str | None, label: str | None, key_variable: str | None,
    keyring: bool, entra: bool, options: tuple[str, ...],
) -> None:  # fmt: skip
    """Add the account NAME, or change it. With --keyring the key is asked for, or read from stdin."""
    from tui.providers.account_settings import DeclaredAccount, check_declared, save_account

    if sum((keyring, bool(key_variable), entra)) > 1:
        raise click.UsageError("Give one of --key-variable, --keyring and --entra.")
    pairs = [one.partition("=") for one in options]
    if not all(sign for _, sign, _ in pairs):
        raise click.UsageError("An option is written as NAME=VALUE.")
    account = DeclaredAccount(
        name, provider or name, base_url, key_variable, keyring, label,
        {key.strip(): value.strip() for key, _, value in pairs}, by_entra=entra,
    )  # fmt: skip
    check_declared(account)
    save_account(account, _asked_key(name) if keyring else None)
    with Services.open() as opened:
        added = opened.account(name)
    say(f"Account {name}: {added.state or 'ready'}")
    if added.ready:
        narrate(f"`tunedeck account test {name}` asks the service what works.")


@command.command()
@click.argument("name")
def remove(name: str) -> None:
    """Remove the account NAME and its key from the keyring; its jobs and models stay listed."""
    from tui.providers.account_settings import drop_account

    had_key = drop_account(name)
    say(f"Account {name} is removed{', with its key' if had_key else ''}.")


@command.command()
@click.argument("name", required=False)
@json_option
def test(name: str | None, as_json: bool) -> int:
    """Ask the service of NAME, or of every account, what works; exit code 1 when something does not."""
    from tui.jobs.account_check import check_account

    failed = False
    found = []
    with Services.open() as opened:
        names = [name] if name is not None else [one.name for one in opened.accounts()]
        for one in names:
            for line in check_account(opened, one):
                failed = failed or line.level == "fail" or (name is not None and line.what == "key")
                found.append({"account": one, **asdict(line)})
                if not as_json:
                    say(f"{line.level.upper():<4}  {one} {line.what}: {line.text} {line.remedy}".rstrip())
            for gauge in opened.rate_gauges(one):
                found.append({"account": one, "level": "ok", "what": "limits", "text": gauge.text()})
                if not as_json:
                    say(f"OK    {one} limits: {gauge.text()}")
    if as_json:
        print_json(found)
    return int(ExitCode.BAD if failed else ExitCode.DONE)


@command.command()
@click.argument("name", required=False)
@click.argument("amount", required=False, metavar="[AMOUNT|none]")
@json_option
def budget(name: str | None, amount: str | None, as_json: bool) -> None:
    """Show what accounts have cost this month and may cost, or set the monthly budget of NAME to AMOUNT.

    A launch whose price would go over the budget is stopped before anything is uploaded. Counted are jobs
    that ended, answers, and the confirmed prices of jobs under way and of launches that wait.
    """
    from tui.jobs.budget import month_spend, monthly_budgets, set_budget

    with Services.open() as opened:
        if name is not None and amount is not None:
            set_budget(opened, name, _amount(amount))
        budgets = monthly_budgets()
        wanted = [opened.account(name)] if name else opened.accounts()
        rows = []
        for one in wanted:
            currency = next((m.currency for m in opened.catalog.models if m.provider == one.provider), "USD")
            spent, allowed = month_spend(opened, one.name, currency), budgets.get(one.name)
            rows.append({
                "account": one.name, "currency": currency, "spent": float(spent.used),
                "promised": float(spent.promised), "unpriced_uses": spent.unpriced,
                "budget": None if allowed is None else float(allowed),
                "words": spent.words,
            })  # fmt: skip
    if as_json:
        print_json(rows)
        return
    print_table(
        ["ACCOUNT", "THIS MONTH", "BUDGET"],
        [
            [row["account"], row["words"], "-" if row["budget"] is None
             else format_money(Decimal(str(row["budget"])), str(row["currency"]))]
            for row in rows
        ],
    )  # fmt: skip


def _amount(text: str) -> Decimal | None:
    if text == "none":
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        raise TunedeckError(f"{text!r} is no amount.", "Write a number, such as 50, or none.") from None


def _asked_key(name: str) -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    key = click.prompt(f"Key of {name} (not shown)", hide_input=True, default="", show_default=False)
    if not isinstance(key, str) or not key.strip():
        raise TunedeckError("No key was given.", f"Run `tunedeck account add {name}` again.")
    return key.strip()


def _list(as_json: bool) -> None:
    with Services.open() as opened:
        accounts = opened.accounts()
    if as_json:
        print_json([account._asdict() for account in accounts])
        return
    print_table(
        ["ACCOUNT", "SERVICE", "ADDRESS", "KEY FROM", "STATE"],
        [
            [one.name, one.provider, one.base_url or "-", one.key_source or "-", one.state or "ready"]
            for one in accounts
        ],
    )
