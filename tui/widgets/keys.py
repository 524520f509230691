"""Every key of the app as data: bindings, footer, help and the cheat sheet are all made from these tables.

An id is public: people name it in their settings to move a key. No action hangs on a key that a terminal
can't tell from another one (ctrl+m is enter, ctrl+i is tab, ctrl+h is backspace, ctrl+[ is escape).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import NamedTuple

from textual.binding import Binding
from textual.keys import _character_to_key

from tui.widgets.key_tables import shell
from tui.widgets.key_tables.key import Key


@lru_cache(1)
def keys_by_area() -> Mapping[str, tuple[Key, ...]]:
    """Return every area of the app with its keys, in the order of the footer and the help."""
    from tui.widgets.key_tables import (  # no screen that is painted first has keys of theirs
        compare,
        evaluating,
        importing,
        jobs_and_chat,
        making,
        money,
        notices,
        queue,
        reshaping,
        rows,
        sweeping,
        tokens,
    )

    return {
        **shell.KEYS,
        **rows.KEYS,
        **tokens.KEYS,
        **jobs_and_chat.KEYS,
        **evaluating.KEYS,
        **compare.KEYS,
        **importing.KEYS,
        **reshaping.KEYS,
        **making.KEYS,
        **money.KEYS,
        **notices.KEYS,
        **queue.KEYS,
        **sweeping.KEYS,
    }


def _keys_of(area: str) -> tuple[Key, ...]:
    return shell.KEYS[area] if area in shell.KEYS else keys_by_area()[area]


class NamedKey(NamedTuple):
    """A key with the area it works in, as help and documentation list it."""

    area: str
    key: Key

    @property
    def action_id(self) -> str:
        """The public id: `job.zoom`."""
        return f"{self.area}.{self.key.name}"


def bindings(*areas: str) -> list[Binding]:
    """Return Textual bindings of these areas, in the order of the table.

    Args:
        areas: Names of the table; what comes first wins a place in the footer first.
    """
    return [_binding(area, key) for area in areas for key in _keys_of(area)]


def _binding(area: str, key: Key) -> Binding:
    return Binding(
        ",".join(key.keys),
        key.action,
        key.description,
        show=key.footer,
        key_display=None,
        priority=key.priority,
        tooltip=key.help,
        id=f"{area}.{key.name}",
    )


def all_keys() -> Iterable[NamedKey]:
    """Yield every key of the app with its area."""
    for area, keys in keys_by_area().items():
        for key in keys:
            yield NamedKey(area, key)


def long_name(key: str) -> str:
    """Return the name that Textual has for a key: `question_mark` for `?`, `ctrl+slash` for `ctrl+/`."""
    head, last = ("", key) if len(key) == 1 else (key[: key.rfind("+") + 1], key[key.rfind("+") + 1 :])
    return head + (_character_to_key(last) if len(last) == 1 else last)


def shown_key(action_id: str, moved: Mapping[str, str]) -> str:
    """Return the key to press for an action, as a person reads it.

    Args:
        action_id: Area and name: `app.help`.
        moved: The app's keymap.
    """
    area, _, name = action_id.partition(".")
    key = next(key for key in _keys_of(area) if key.name == name)
    return display(moved.get(action_id, key.keys[0]).partition(",")[0])


_DISPLAY = {
    "question_mark": "?",
    "colon": ":",
    "slash": "/",
    "escape": "esc",
    "pagedown": "pgdn",
    "pageup": "pgup",
    "left_square_bracket": "[",
    "right_square_bracket": "]",
    "plus": "+",
    "minus": "-",
    "comma": ",",
    "full_stop": ".",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
}


def display(key: str) -> str:
    """Return a key as a person reads it: `ctrl+d` as `^d`, `question_mark` as `?`."""
    *modifiers, name = key.split("+")
    shown = _DISPLAY.get(name, name)
    if "shift" in modifiers and shown == "tab":
        return "⇧tab"
    return f"^{shown}" if "ctrl" in modifiers else shown
