"""The account of an engine on another machine, in the settings file as any other; its key stays there."""

from __future__ import annotations

from tui.errors import TunedeckError
from tui.providers.account_settings import DeclaredAccount, declare_account, declared_accounts, remove_account
from tui.remote.records import RemoteEngine, read_record

PROVIDER = "tunedeck-engine"


def declare(record: RemoteEngine, url: str) -> None:
    """Write the account, with the address its tunnel has now.

    Raises:
        TunedeckError: The settings file can't be read or written.
    """
    declare_account(
        DeclaredAccount(record.name, PROVIDER, url, label=f"Engine at {record.target}", by_ssh=True)
    )


def drop(name: str) -> None:
    """Take the account out of the settings file, if it is there.

    Raises:
        TunedeckError: The settings file can't be read or written.
    """
    if any(one.name == name and one.by_ssh for one in declared_accounts()):
        remove_account(name)


def check_name(name: str) -> None:
    """Say whether a new engine's account may have this name.

    Raises:
        TunedeckError: Another account has it, or it can't be one.
    """
    from tui.providers.account_settings import check_declared

    check_declared(DeclaredAccount(name, PROVIDER, "http://127.0.0.1:1/v1", by_ssh=True))
    taken = any(one.name == name and not one.by_ssh for one in declared_accounts())
    if taken and read_record(name) is None:
        raise TunedeckError(f"There is an account {name} already.", "Give another one with --name.")
