"""Keys of accounts: from the environment or the keyring, in memory only, written nowhere but the keyring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from tui.errors import TunedeckError

KEYRING = "keyring"
ENTRA = "entra"
"""Where an account's key comes from, when tokens of Microsoft Entra take its place."""
SSH = "ssh"
"""Where it comes from when the account is an engine on another machine: read there, through ssh."""
_SERVICE = "tunedeck"
_NO_KEYRING_REMEDY = (
    "Name an environment variable instead: `tunedeck account add NAME --key-variable VARIABLE`."
)


def key_from_environment(variable: str) -> str:
    """Return the key in a variable, or nothing."""
    return os.environ.get(variable, "").strip()


def is_writable(key: str) -> bool:
    """True when a key has only characters that a header can carry."""
    return bool(key) and all("!" <= char <= "~" for char in key)


def key_from_keyring(account: str) -> str:
    """Return an account's key, or nothing when none is kept; it may ask the person to unlock the keyring.

    Raises:
        TunedeckError: There is no keyring here.
    """
    with _keyring() as keyring:
        return (keyring.get_password(_SERVICE, account) or "").strip()


def keep_key(account: str, key: str) -> None:
    """Put an account's key into the keyring.

    Raises:
        TunedeckError: The key can't be one, or there is no keyring here.
    """
    if not is_writable(key):
        raise TunedeckError("That is no key: it is empty, or holds a space or a letter that no key has.", "")
    with _keyring() as keyring:
        keyring.set_password(_SERVICE, account, key)


def forget_key(account: str) -> bool:
    """Take an account's key out of the keyring; False when there was none.

    Raises:
        TunedeckError: There is no keyring here.
    """
    with _keyring() as keyring:
        if keyring.get_password(_SERVICE, account) is None:
            return False
        keyring.delete_password(_SERVICE, account)
    return True


@contextmanager
def _keyring() -> Iterator[ModuleType]:
    try:
        import keyring  # an extra: on Linux it brings a compiled package of 10 MB
        import keyring.errors
    except ImportError:
        raise TunedeckError(
            "The keyring package is not installed.",
            f"Install it with `pip install 'tunedeck[keyring]'`. {_NO_KEYRING_REMEDY}",
        ) from None
    try:
        yield keyring
    except keyring.errors.NoKeyringError:
        raise TunedeckError("This machine has no keyring.", _NO_KEYRING_REMEDY) from None
    except keyring.errors.KeyringError as error:
        # Its words may come from another program, but the key is never part of them.
        raise TunedeckError(f"The keyring refused: {type(error).__name__}.", _NO_KEYRING_REMEDY) from None
