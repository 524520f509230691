"""What is known of the terminal from the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping


def is_remote(environment: Mapping[str, str] = os.environ) -> bool:
    """Return True when the program was reached over SSH, where every byte drawn is felt."""
    return bool(environment.get("SSH_CONNECTION") or environment.get("SSH_TTY"))
