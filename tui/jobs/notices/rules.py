"""Which event is told where, and where addresses are: the `[notify]` table of the settings file.

An address (an apprise URL: mail, Slack, ntfy, a webhook) holds a password or token, so the file only says
which environment variable it is in, or that the keyring has it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tui.config import NOTIFY_TABLE, edit_settings_file, read_settings_file
from tui.errors import TunedeckError
from tui.providers.keys import KEYRING, forget_key, keep_key, key_from_environment, key_from_keyring
from tui.records.notices import NoticeEvent

BELL, TERMINAL, DESKTOP = "bell", "terminal", "desktop"
OWN_CHANNELS = (BELL, TERMINAL, DESKTOP)
"""Channels that need no address."""
_ADDRESSES = "to"
_DEFAULT = (BELL,)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = (*OWN_CHANNELS, "none")


@dataclass(frozen=True, slots=True)
class Address:
    """A named address, without the URL itself."""

    name: str
    url_variable: str | None = None
    """Environment variable that holds the URL; None: the keyring has it."""

    @property
    def source(self) -> str:
        """Where the URL comes from, in words."""
        return f"the environment variable {self.url_variable}" if self.url_variable else "the keyring"


@dataclass(frozen=True, slots=True)
class NotifyRules:
    """What a person has chosen; without a `[notify]` table every event rings the bell and nothing else."""

    channels: Mapping[NoticeEvent, tuple[str, ...]] = field(default_factory=dict)
    addresses: tuple[Address, ...] = ()

    def channels_of(self, event: NoticeEvent) -> tuple[str, ...]:
        """Return the channels through which an event is told, in the order of the lists."""
        chosen = self.channels.get(event, _DEFAULT)
        return tuple(name for name in self.all_channels if name in chosen)

    @property
    def all_channels(self) -> tuple[str, ...]:
        """Every channel there is, used or not."""
        return (*OWN_CHANNELS, *(one.name for one in self.addresses))

    def address(self, name: str) -> Address | None:
        """Return the address of that name, or None."""
        return next((one for one in self.addresses if one.name == name), None)


def notify_rules() -> NotifyRules:
    """Return the rules of the settings file.

    Raises:
        TunedeckError: The file can't be read, or its `[notify]` table is wrong; the message names the line.
    """
    path, text, values = read_settings_file()
    table = values.get(NOTIFY_TABLE, {})
    if not isinstance(table, dict):
        raise TunedeckError(f"{path}: {NOTIFY_TABLE} is no table.", f"Begin it with [{NOTIFY_TABLE}].")
    written = table.get(_ADDRESSES, {})
    if not isinstance(written, dict):
        raise TunedeckError(
            f"{path}: {NOTIFY_TABLE}.{_ADDRESSES} is no table.",
            f"Begin each address with [{NOTIFY_TABLE}.{_ADDRESSES}.NAME].",
        )
    addresses = tuple(
        _address(name, entry, _place(path, text, f"[{NOTIFY_TABLE}.{_ADDRESSES}.{name}]", name))
        for name, entry in written.items()
    )
    rules = NotifyRules({}, addresses)
    channels = {
        _event(key, place): _channels(key, chosen, rules, place)
        for key, chosen in table.items()
        if key != _ADDRESSES
        for place in (_place(path, text, key),)
    }
    return NotifyRules(channels, addresses)


def set_rule(event: NoticeEvent, channels: Iterable[str]) -> NotifyRules:
    """Write where an event is told, and return the rules as they are then; no channel: nowhere.

    Raises:
        TunedeckError: There is no such channel, or the file can't be read or written.
    """
    rules, chosen = notify_rules(), list(dict.fromkeys(channels))
    _channels(str(event), chosen, rules, "The rule")
    _edit(lambda table: table.__setitem__(str(event), chosen))
    return notify_rules()


def add_address(address: Address, url: str | None = None) -> None:
    """Write an address to the settings file, in place of one of that name, and its URL to the keyring.

    Args:
        address: Its name, and the variable that holds its URL.
        url: What the keyring shall keep; None for an address in a variable.

    Raises:
        TunedeckError: The name or the variable is none, there is no keyring, or the file can't be written.
    """
    entry = {"url_variable": address.url_variable} if address.url_variable else {"url": KEYRING}
    _address(address.name, entry, "The address")
    notify_rules()  # a wrong file is told before the keyring is changed
    if url is not None:
        keep_key(_keyring_name(address.name), url)
    _edit(lambda table: _subtable(table, _ADDRESSES).__setitem__(address.name, _inline(entry)))


def remove_address(name: str) -> bool:
    """Take an address out of the settings file, every rule and the keyring; True when the keyring had it.

    Raises:
        TunedeckError: There is none of that name, or the file can't be written.
    """
    rules = notify_rules()
    address = rules.address(name)
    if address is None:
        known = ", ".join(one.name for one in rules.addresses) or "none yet"
        raise TunedeckError(f"There is no address {name!r} for notifications.", f"Addresses: {known}.")

    def change(table: Any) -> None:
        table[_ADDRESSES].pop(name)
        for event, chosen in rules.channels.items():
            if name in chosen:
                table[str(event)] = [one for one in chosen if one != name]

    _edit(change)
    return address.url_variable is None and forget_key(_keyring_name(name))


def url_of(address: Address) -> str:
    """Return an address's URL, a secret; the keyring may ask the person to unlock it.

    Raises:
        TunedeckError: The variable is not set, or the keyring has none.
    """
    if address.url_variable:
        url = key_from_environment(address.url_variable)
        if not url:
            raise TunedeckError(
                f"{address.url_variable} is not set, which should hold the address {address.name}.",
                f"Set it to an apprise URL, or `tunedeck notify add {address.name} --keyring`.",
            )
        return url
    url = key_from_keyring(_keyring_name(address.name))
    if not url:
        raise TunedeckError(
            f"The keyring has no address {address.name}.",
            f"`tunedeck notify add {address.name} --keyring` puts it there.",
        )
    return url


def is_set(address: Address) -> bool:
    """False when an address's variable is known to be missing; the keyring is not asked."""
    return not address.url_variable or bool(os.environ.get(address.url_variable, "").strip())


def _event(key: str, place: str) -> NoticeEvent:
    try:
        return NoticeEvent(key)
    except ValueError:
        raise TunedeckError(
            f"{place}: there is no event {key!r} to be told of.", f"Events: {', '.join(NoticeEvent)}."
        ) from None


def _channels(event: str, chosen: object, rules: NotifyRules, place: str) -> tuple[str, ...]:
    if not isinstance(chosen, list) or not all(isinstance(one, str) for one in chosen):
        raise TunedeckError(
            f"{place}: {event} must be a list of channels.", f'Such as {event} = ["bell", "desktop"].'
        )
    for name in chosen:
        if name not in rules.all_channels:
            raise TunedeckError(
                f"{place}: {event} names the channel {name!r}, and there is none.",
                f"Channels: {', '.join(rules.all_channels)}; `tunedeck notify add` adds an address.",
            )
    return tuple(chosen)


def _address(name: str, entry: object, place: str) -> Address:
    if not _NAME.fullmatch(name) or name in _RESERVED:
        raise TunedeckError(
            f"{place}: {name!r} can't be the name of an address.",
            f"Use 1 to 40 small letters, digits, dots, hyphens, underscores; taken: {', '.join(_RESERVED)}.",
        )
    match entry:
        case {"url": "keyring", **rest} if not rest:
            return Address(name)
        case {"url_variable": str(variable), **rest} if not rest:
            if not _VARIABLE.fullmatch(variable):
                raise TunedeckError(
                    # What stands there may be the secret itself: it is not repeated.
                    f"{place}: url_variable of {name} is not the name of an environment variable.",
                    "",
                )
            return Address(name, variable)
    raise TunedeckError(
        f"{place}: the address {name} is not written as it should be.",
        'It is url_variable = "NAME_OF_A_VARIABLE" or url = "keyring"; the URL itself, which holds a '
        "password or token, is not kept in this file.",
    )


def _place(path: object, text: str, key: str, name: str = "") -> str:
    wanted = re.compile(rf"""\s*(?:{re.escape(key)}|["']?{re.escape(name or key)}["']?\s*=)""")
    inside = False
    for number, line in enumerate(text.splitlines(), 1):
        inside = inside or line.strip().startswith(f"[{NOTIFY_TABLE}")
        if inside and wanted.match(line):
            return f"{path}, line {number}"
    return str(path)


def _keyring_name(name: str) -> str:
    return f"notify:{name}"  # no account's name holds a colon


def _inline(entry: Mapping[str, str]) -> Any:
    import tomlkit  # only writing needs it

    table = tomlkit.inline_table()
    table.update(entry)
    return table


def _subtable(table: Any, name: str) -> Any:
    import tomlkit

    if name not in table:
        table[name] = tomlkit.table()
    return table[name]


def _edit(change: Any) -> None:
    edit_settings_file(lambda document: change(_subtable(document, NOTIFY_TABLE)))
