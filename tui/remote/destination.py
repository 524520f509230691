"""Which machine is meant: what a person types for ssh, checked before it reaches a command line."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tui.errors import TunedeckError

_TARGET = re.compile(r"(?:[A-Za-z0-9_.+-]+@)?(?:[A-Za-z0-9_.-]+|\[?[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\]?)")
_NOT_IN_A_NAME = re.compile(r"[^a-z0-9._-]+")


@dataclass(frozen=True, slots=True)
class Destination:
    """A machine as ssh is asked for it."""

    target: str
    """user@host, host, or an alias of the person's own ssh configuration."""
    port: int | None = None
    """None leaves the port to ssh's configuration."""
    config: str | None = None
    """Another configuration file than the person's usual one."""

    @property
    def host(self) -> str:
        """The machine's name without the user."""
        return self.target.rpartition("@")[2]

    def spoken(self) -> str:
        """Return the command a person types to reach it."""
        parts = ["ssh"]
        if self.config is not None:
            parts += ["-F", self.config]
        if self.port is not None:
            parts += ["-p", str(self.port)]
        return " ".join([*parts, self.target])


def destination(target: str, port: int | None = None, config: str | None = None) -> Destination:
    """Return the machine that is meant.

    Args:
        target: user@host, host or an alias.
        port: Where its ssh server listens; None leaves it to ssh.
        config: Path of an ssh configuration file; None for the person's own.

    Raises:
        TunedeckError: It can't be the name of a machine; one that ssh would take for an option least of all.
    """
    written = target.strip()
    if written.startswith("-") or not _TARGET.fullmatch(written) or written.rpartition("@")[2][:1] == "-":
        raise TunedeckError(
            f"{target!r} is no machine that ssh could reach.",
            "Write user@host, host, or a Host of your ssh configuration; the port goes into --ssh-port.",
        )
    return Destination(written, port, config)


def account_name(target: Destination) -> str:
    """Return a name for the account, made of the host's."""
    return _NOT_IN_A_NAME.sub("-", target.host.lower()).strip("-.")[:40].strip("-.") or "remote"
