"""Accounts that a person named: the `[accounts.NAME]` tables of the settings file, without keys."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.config import ACCOUNTS_TABLE, edit_settings_file, read_settings_file
from tui.errors import TunedeckError
from tui.providers.keys import ENTRA, KEYRING, SSH, forget_key, keep_key
from tui.providers.profile_data import LOCAL_NAME
from tui.providers.profiles import Profile, profiles
from tui.providers.redaction import redact

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_TEXTS = ("provider", "base_url", "key_variable", "key", "label")


@dataclass(frozen=True, slots=True)
class DeclaredAccount:
    """An account as a person declared it."""

    name: str
    provider: str
    base_url: str | None = None
    """None takes the profile's."""
    key_variable: str | None = None
    """Environment variable that holds the key; None takes the profile's, unless the keyring has it."""
    in_keyring: bool = False
    label: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    """What the profile asks of an account, such as the Azure resource."""
    by_entra: bool = False
    """No key: a token of Microsoft Entra, renewed by itself, where the service takes one."""
    by_ssh: bool = False
    """An engine on another machine that `tunedeck engine deploy` made: its token stays there."""


def declared_accounts() -> list[DeclaredAccount]:
    """Return the accounts of the settings file, in its order.

    Raises:
        TunedeckError: The file can't be read, or an account in it is wrong; the message names the line.
    """
    path, text, values = read_settings_file()
    tables = values.get(ACCOUNTS_TABLE, {})
    if not isinstance(tables, dict) or not all(isinstance(entry, dict) for entry in tables.values()):
        raise TunedeckError(
            f"{path}: {ACCOUNTS_TABLE} is no table.", f"Begin each with [{ACCOUNTS_TABLE}.NAME]."
        )
    return [_declared(name, entry, f"{path}, line {_line_of(text, name)}") for name, entry in tables.items()]


def save_account(account: DeclaredAccount, key: str | None = None) -> None:
    """Put an account's key into the keyring and the account into the settings file.

    Args:
        account: In place of one of that name.
        key: None leaves the keyring as it is.

    Raises:
        TunedeckError: The account or the key is wrong, there is no keyring, or the file can't be written.
    """
    check_declared(account)
    if key is not None:
        keep_key(account.name, key)
    declare_account(account)


def check_declared(account: DeclaredAccount) -> None:
    """Say what is wrong with an account before it is written.

    Raises:
        TunedeckError: Something is.
    """
    _declared(account.name, _entry(account), f"Account {account.name}")


def drop_account(name: str) -> bool:
    """Remove an account from the settings file, and its key from the keyring; True when there was one.

    Raises:
        TunedeckError: There is no such account there, or the file can't be written.
    """
    in_keyring = any(one.name == name and one.in_keyring for one in declared_accounts())
    remove_account(name)
    return in_keyring and forget_key(name)


def declare_account(account: DeclaredAccount) -> None:
    """Write an account to the settings file, in place of one of that name.

    Raises:
        TunedeckError: It is wrong, or the file can't be written.
    """
    check_declared(account)
    entry = _entry(account)

    def change(document: Any) -> None:
        import tomlkit  # only writing needs it

        tables = document.setdefault(ACCOUNTS_TABLE, tomlkit.table(is_super_table=True))
        tables[account.name] = entry

    edit_settings_file(change)


def _entry(account: DeclaredAccount) -> dict[str, Any]:
    values: dict[str, Any] = {
        "provider": account.provider,
        "label": account.label,
        "base_url": account.base_url,
        "key_variable": account.key_variable,
        "key": _key_word(account),
        "options": dict(account.options) or None,
    }
    return {key: value for key, value in values.items() if value is not None}


def _key_word(account: DeclaredAccount) -> str | None:
    if account.in_keyring:
        return KEYRING
    return ENTRA if account.by_entra else SSH if account.by_ssh else None


def remove_account(name: str) -> None:
    """Take an account out of the settings file; its jobs and models stay in the store.

    Raises:
        TunedeckError: There is none of that name in it, or the file can't be written.
    """
    if name not in [account.name for account in declared_accounts()]:
        raise TunedeckError(
            f"The settings file has no account {name!r}.", "`tunedeck account` lists those there are."
        )
    edit_settings_file(lambda document: document[ACCOUNTS_TABLE].pop(name))


def _declared(name: str, entry: Mapping[str, Any], place: str) -> DeclaredAccount:
    if not _NAME.fullmatch(name) or name == LOCAL_NAME:
        raise TunedeckError(
            f"{place}: {name!r} can't be an account's name.",
            f"Use 1 to 40 small letters, digits, dots, hyphens, underscores; {LOCAL_NAME!r} is taken.",
        )
    known = {key: one for key, one in profiles().items() if key != LOCAL_NAME}
    provider = entry.get("provider")
    if provider not in known:
        raise TunedeckError(
            f"{place}: provider of account {name} is {provider!r}.", f"There are {', '.join(known)}."
        )
    for key, value in entry.items():
        if key != "options" and (key not in _TEXTS or not isinstance(value, str)):
            raise TunedeckError(
                f"{place}: account {name} has a wrong {key!r}.",
                f"Its keys are {', '.join(_TEXTS)}, each a text in quotes, and options, a table.",
            )
        if isinstance(value, str) and redact(value) != value:
            raise TunedeckError(
                f"{place}: {key} of account {name} looks like a key, and keys are not kept in this file.",
                "Remove it; `tunedeck account add` puts a key into the keyring.",
            )
    options = _options(name, entry.get("options", {}), known[provider], place)
    variable = entry.get("key_variable")
    if variable is not None and not _VARIABLE.fullmatch(variable):
        raise TunedeckError(f"{place}: {variable!r} is not the name of an environment variable.", "")
    if entry.get("key") not in (None, KEYRING, ENTRA, SSH):
        raise TunedeckError(
            f'{place}: key of account {name} can only be "{KEYRING}", "{ENTRA}" or "{SSH}".',
            "Keys are not kept here.",
        )
    if entry.get("key") == ENTRA and not known[provider].entra_scopes:
        raise TunedeckError(
            f"{place}: {known[provider].label} takes no tokens of Microsoft Entra.", "Give it a key."
        )
    return DeclaredAccount(
        name,
        provider,
        entry.get("base_url"),
        variable,
        entry.get("key") == KEYRING,
        entry.get("label"),
        options,
        entry.get("key") == ENTRA,
        entry.get("key") == SSH,
    )


def _options(name: str, written: object, profile: Profile, place: str) -> dict[str, str]:
    known = [option.name for option in profile.options]
    if not isinstance(written, dict) or not all(isinstance(value, str) for value in written.values()):
        raise TunedeckError(f"{place}: options of account {name} is no table of texts.", "")
    for key in written:
        if key not in known:
            takes = f"{profile.label} takes {', '.join(known)}." if known else f"{profile.label} takes none."
            raise TunedeckError(f"{place}: account {name} has no option {key!r}.", takes)
    return {str(key): str(value) for key, value in written.items()}


def _line_of(text: str, name: str) -> int:
    header = re.compile(rf"""\s*\[\s*{ACCOUNTS_TABLE}\s*\.\s*["']?{re.escape(name)}["']?\s*[\].]""")
    return next((number for number, line in enumerate(text.splitlines(), 1) if header.match(line)), 1)
