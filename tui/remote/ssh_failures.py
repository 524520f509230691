"""What ssh says when it fails, as a sentence with what to do; its words are those of OpenSSH 8 to 10."""

from __future__ import annotations

from tui.errors import TunedeckError
from tui.remote.destination import Destination
from tui.safe_text import safe_line

_LONGEST = 300
_CHANGED = "REMOTE HOST IDENTIFICATION HAS CHANGED"


class SshError(TunedeckError):
    """ssh itself failed: the machine was not reached, or did not let us in.

    Args:
        message: What happened.
        remedy: What to do.
        needs_a_person: Trying again changes nothing until somebody acts.
    """

    def __init__(self, message: str, remedy: str, *, needs_a_person: bool = False) -> None:
        super().__init__(message, remedy)
        self.needs_a_person = needs_a_person


def explain(stderr: str, target: Destination) -> SshError:
    """Return what ssh's last words mean.

    Args:
        stderr: All that ssh wrote to its error stream.
        target: The machine that was asked for.
    """
    name = target.target
    by_hand = f"Run `{target.spoken()}` in a terminal"
    if _CHANGED in stderr:
        return SshError(
            f"The key of {name} is another one than ssh knows: a new machine, or somebody in between.",
            f"{by_hand}: it says where the old key is noted. Find out why it changed before you remove it.",
            needs_a_person=True,
        )
    if "Host key verification failed" in stderr:
        return SshError(
            f"ssh does not know the key of {name} yet, and only you can say whether it is the right one.",
            f"{by_hand} once, compare the fingerprint, answer yes, and try again.",
            needs_a_person=True,
        )
    if "Could not resolve hostname" in stderr:
        return SshError(
            f"There is no machine called {target.host}: the name can't be resolved.",
            "Check the spelling, the network, and the Host entries of your ssh configuration.",
        )
    if "Permission denied" in stderr or "Too many authentication failures" in stderr:
        return SshError(
            f"{name} does not let you in: {_last_line(stderr)}",
            f"{by_hand}: it must get in without a password. `ssh-copy-id {name}` puts your key there, "
            "`ssh-add` unlocks one that has a passphrase.",
            needs_a_person=True,
        )
    for words in ("Connection refused", "timed out", "No route to host", "Network is unreachable"):
        if words in stderr:
            return SshError(
                f"{name} can't be reached: {words[0].lower()}{words[1:]}.",
                "Check that the machine is awake, that its ssh server runs, the port and the network.",
            )
    if "Bad configuration option" in stderr or "Can't open user config file" in stderr:
        return SshError(
            f"ssh can't read its configuration: {_last_line(stderr)}", f"{by_hand} to see the line.",
            needs_a_person=True,
        )  # fmt: skip
    return SshError(
        f"The connection to {name} failed: {_last_line(stderr) or 'ssh said nothing.'}",
        f"{by_hand} to see why.",
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return safe_line(lines[-1], _LONGEST) if lines else ""
