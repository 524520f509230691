"""One row of the key table."""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """What one or more keys do.

    Args:
        name: Name within its area; `area.name` is the public id.
        keys: Textual key names; the first is shown in the footer.
        action: The action method's name without `action_`, with arguments.
        description: One or two words for the footer.
        help: A sentence for the help screen that starts with verb and object; its first clause names the
            command in the palette.
        footer: Whether it deserves one of the footer's few places.
        priority: Whether it works before the focused widget sees the key.
    """

    name: str
    keys: tuple[str, ...]
    action: str
    description: str
    help: str
    footer: bool = False
    priority: bool = False
