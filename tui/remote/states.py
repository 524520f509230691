"""How the tunnels are, in words for people; asks no machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from tui.remote.records import read_record


class TunnelState(StrEnum):
    """How an account's tunnel is."""

    OPEN = "open"
    CLOSED = "closed"
    """A person closed it: nothing opens it by itself."""
    WAITING = "waiting"
    """It is opened when it is needed next, or tried again after a failure."""


def tunnel_state(name: str) -> tuple[TunnelState, str]:
    """Return how a tunnel is, and why the last try to open it failed; asks nobody."""
    from tui.remote.connection import (
        last_problem,
    )  # psutil and the rest only where there is an engine to ask for
    from tui.remote.tunnel import find_tunnel

    record = read_record(name)
    if record is not None and not record.is_wanted:
        return TunnelState.CLOSED, ""
    if find_tunnel(name) is not None:
        return TunnelState.OPEN, ""
    problem = last_problem(name)
    return TunnelState.WAITING, problem.message if problem is not None else ""


@dataclass(frozen=True, slots=True)
class TunnelLine:
    """A tunnel for a list or a page of facts."""

    state: TunnelState
    machine: str
    words: str
    problem: str = ""

    @property
    def is_open(self) -> bool:
        """True while its process lives."""
        return self.state is TunnelState.OPEN


def tunnel_line(name: str, *, is_turning: bool = False) -> TunnelLine:
    """Return how the tunnel of an account is.

    Args:
        name: The account.
        is_turning: It is being opened or closed just now.
    """
    record = read_record(name)
    if record is None:
        return TunnelLine(TunnelState.CLOSED, "unknown", "nothing is known here of its machine")
    state, problem = tunnel_state(name)
    if is_turning:
        return TunnelLine(state, record.target, "closing…" if state is TunnelState.OPEN else "opening…")
    words = {
        TunnelState.OPEN: "tunnel open",
        TunnelState.CLOSED: "tunnel closed; c opens it",
        TunnelState.WAITING: "not reached; tried again later" if problem else "tunnel opens when needed",
    }[state]
    return TunnelLine(state, record.target, words, problem)
