from __future__ import annotations

from collections import Counter

import pytest

from tests.screens.fakes import make_app
from tui.widgets.keys import all_keys, bindings, display, keys_by_area

INDISTINCT = {"ctrl+m", "ctrl+i", "ctrl+h", "ctrl+left_square_bracket", "ctrl+@", "ctrl+space", "ctrl+slash"}
"""Keys that terminals can't tell from others, or tmux does not pass on."""


def test_every_key_says_what_it_does_in_a_sentence() -> None:
    for named in all_keys():
        assert named.key.description, named
        assert named.key.help.endswith("."), named
        assert named.key.help[0].isupper(), named


def test_ids_are_unique() -> None:
    ids = Counter(f"{named.area}.{named.key.name}" for named in all_keys())
    assert [name for name, count in ids.items() if count > 1] == []


def test_no_action_hangs_only_on_a_key_that_terminals_confuse() -> None:
    for named in all_keys():
        assert set(named.key.keys) - INDISTINCT, named


@pytest.mark.parametrize("area", list(keys_by_area()))
def test_within_an_area_a_key_means_one_thing(area: str) -> None:
    keys = Counter(key for entry in keys_by_area()[area] for key in entry.keys)
    assert [key for key, count in keys.items() if count > 1] == []


def test_bindings_carry_what_the_table_says() -> None:
    binding = bindings("app")[0]
    assert (binding.id, binding.key, binding.action) == ("app.home", "1", "go('home')")
    assert binding.tooltip.startswith("Go to Home")


@pytest.mark.parametrize(
    ("key", "shown"), [("ctrl+d", "^d"), ("question_mark", "?"), ("shift+tab", "⇧tab"), ("G", "G")]
)
def test_keys_are_shown_as_people_read_them(key: str, shown: str) -> None:
    assert display(key) == shown


async def test_every_key_that_is_bound_on_a_screen_comes_from_the_table() -> None:
    known = {f"{named.area}.{named.key.name}" for named in all_keys()}
    app = make_app()
    async with app.run_test(size=(100, 30)) as pilot:
        for place in ("1", "2"):
            await pilot.press(place)
            await pilot.pause()
            strangers = [
                entry.binding
                for entry in app.screen.active_bindings.values()
                if entry.binding.id not in known
            ]
            assert strangers == []
