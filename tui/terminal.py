"""What is known of the terminal from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping

_LIGHT_GROUNDS = ("7", "15")
"""White and bright white among a terminal's 16 colours."""


def is_light(environment: Mapping[str, str] = os.environ) -> bool:
    """Return True when the terminal says that it writes on a light ground.

    Read from `COLORFGBG` ("0;15": foreground, background), which rxvt, Konsole and others set, and which is
    left alone over SSH only where its server lets it through. Without it, terminals are taken for dark.
    """
    return environment.get("COLORFGBG", "").rpartition(";")[2] in _LIGHT_GROUNDS


def is_remote(environment: Mapping[str, str] = os.environ) -> bool:
    """Return True when the program was reached over SSH, where every byte drawn is felt."""
    return bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))
