"""The keys that a person moved in the settings file, checked before the app uses them.

What is refused would only be found out by pressing: a name that is no action's, a key that terminals can't
tell from another one, a key that does something else in the same place.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from textual.keys import Keys

from tui.chosen_keys import ChosenKeys, load_chosen_keys
from tui.errors import TunedeckError
from tui.widgets.key_tables.key import Key
from tui.widgets.keys import all_keys, display, long_name

INDISTINCT = {
    "ctrl+m": "enter",
    "ctrl+i": "tab",
    "ctrl+h": "backspace",
    "ctrl+left_square_bracket": "escape",
    "ctrl+at": "nothing",
    "ctrl+space": "nothing",
    "ctrl+slash": "ctrl+_",
}
"""Keys that terminals send as another one, or tmux does not pass on."""
_FRAME = ("app", "screen")
"""Areas whose keys work beside those of every other area."""
_MODIFIERS = ("ctrl", "alt", "shift", "super")


def checked_keymap(chosen: Sequence[ChosenKeys]) -> dict[str, str]:
    """Return id -> keys parted by commas, as Textual takes them.

    Raises:
        TunedeckError: A line can't be followed; the message says which, why, and what would do.
    """
    if not chosen:
        return {}
    known = {named.action_id: named.key for named in all_keys()}
    keymap: dict[str, tuple[str, ...]] = {}
    for choice in chosen:
        _check_action(choice, known)
        keymap[choice.action_id] = tuple(_checked_key(key, choice) for key in choice.keys)
    for choice in chosen:
        _check_clashes(choice, keymap, known)
    return {action_id: ",".join(keys) for action_id, keys in keymap.items()}


def chosen_keymap() -> dict[str, str]:
    """Return the keymap of the settings file.

    Raises:
        TunedeckError: A line can't be followed.
    """
    return checked_keymap(load_chosen_keys())


def _check_action(choice: ChosenKeys, known: Mapping[str, Key]) -> None:
    if choice.action_id in known:
        return
    nearest = difflib.get_close_matches(choice.action_id, known, n=1, cutoff=0.5)
    guess = f"Did you mean {nearest[0]!r}? " if nearest else ""
    raise TunedeckError(
        f"{choice.place}: there is no action {choice.action_id!r} to move a key of.",
        f"{guess}`tunedeck config keys` lists them.",
    )


def _checked_key(key: str, choice: ChosenKeys) -> str:
    name = long_name(key)
    *modifiers, base = name.split("+")
    if not set(modifiers) <= set(_MODIFIERS) or not _is_key(base):
        raise TunedeckError(
            f"{choice.place}: there is no key {key!r}.",
            "Keys are written as z, Z, f5, ctrl+z, alt+enter, pageup, question_mark or ?.",
        )
    if name in INDISTINCT:
        raise TunedeckError(
            f"{choice.place}: for {key} terminals send {INDISTINCT[name]}, so it can't be told apart.",
            "Choose another key.",
        )
    return name


def _is_key(base: str) -> bool:
    return (len(base) == 1 and base.isprintable()) or base in _key_names()


@lru_cache(1)
def _key_names() -> frozenset[str]:
    """Return the names of keys without modifiers, and those of the characters that have a name."""
    characters = (long_name(chr(code)) for code in range(33, 127))
    named = (str(key.value).rpartition("+")[2] for key in Keys if not str(key.value).startswith("<"))
    return frozenset((*characters, *named))


def _check_clashes(choice: ChosenKeys, keymap: Mapping[str, Iterable[str]], known: Mapping[str, Key]) -> None:
    area = choice.action_id.partition(".")[0]
    for other, key in known.items():
        if other == choice.action_id:
            continue
        other_area = other.partition(".")[0]
        if other_area != area and other_area not in _FRAME and area not in _FRAME:
            continue
        taken = set(keymap[choice.action_id]) & set(keymap.get(other, key.keys))
        if taken:
            raise TunedeckError(
                f"{choice.place}: {display(min(taken))} is the key of {other} already: {key.help}",
                f"Choose another key, or move {other} too.",
            )
