from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.safe_text import safe_line, safe_text

INVISIBLE = (
    "\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060\u2065\u3164\uffa0\ufeff\U0001bca0\U0001d173"
    "\u200c\u200d\ufe00\ufe0f\U000e0100\U000e01ef\u180b\u180fम👩字"
)
"""Characters that draw nothing, and three that may stand before one that stays."""
BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"
ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)
HOSTILE_TEXT = st.text(
    st.sampled_from(
        [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\ud800", "a", *INVISIBLE]
    ),
    max_size=80,
)
BIDIRECTIONAL = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def is_control(char: str) -> bool:
    return ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0


@given(ANY_TEXT | HOSTILE_TEXT)
def test_no_control_byte_but_newline_and_tab_passes(text: str) -> None:
    assert not [char for char in safe_text(text) if is_control(char) and char not in "\n\t"]


@given(ANY_TEXT | HOSTILE_TEXT)
def test_nothing_that_reorders_the_line_passes(text: str) -> None:
    assert not BIDIRECTIONAL & set(safe_text(text))


@given(ANY_TEXT | HOSTILE_TEXT)
def test_what_passed_can_always_be_encoded(text: str) -> None:
    safe_text(text).encode("utf-8")


@given(ANY_TEXT | HOSTILE_TEXT)
def test_passing_twice_changes_nothing(text: str) -> None:
    assert safe_text(safe_text(text)) == safe_text(text)


@given(st.text(max_size=200) | HOSTILE_TEXT.map(lambda text: text.replace("\ud800", "")))
def test_positions_still_agree_with_the_source(text: str) -> None:
    assert len(safe_text(text)) == len(text.replace("\r\n", "\n"))


@given(st.text(st.characters(categories=["L", "N", "P", "S"]), max_size=100))
def test_plain_words_of_any_script_stay_as_they_are(text: str) -> None:
    visible = text.translate(dict.fromkeys(map(ord, BLANK_LETTERS)))
    assert safe_text(visible) == visible


@given(ANY_TEXT | HOSTILE_TEXT, st.integers(min_value=0, max_value=60))
def test_a_safe_line_is_one_line_within_its_limit(text: str, limit: int) -> None:
    line = safe_line(text, limit)

    assert not [char for char in line if is_control(char)]
    assert len(line) <= max(limit, 1)


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b]52;c;cHduZWQ=\x07", "␛]52;c;cHduZWQ=␇"),
        ("a\x9b31mred", "a\ufffd31mred"),
        ("user\u202efdp.exe", "user·fdp.exe"),
        ("one\r\ntwo\rthree", "one\ntwo␍three"),
        ("nul\x00 del\x7f", "nul␀ del␡"),
        ("half \ud83d pair", "half \ufffd pair"),
        ("tab\tnewline\n", "tab\tnewline\n"),
        ("pass\u200bword so\u00adft", "pass·word so·ft"),
        ("ad\u200dmin\u200c", "ad·min·"),
        ("\u3164blank\uffa0", "·blank·"),
        ("A\ufe01", "A·"),
        ("😀\U000e0148\U000e0155\U000e0159", "😀\U000e0148··"),
        ("\u200d\ufe0f", "··"),
    ],
)
def test_the_attacks_known_by_name_are_made_visible(given_text: str, shown: str) -> None:
    assert safe_text(given_text) == shown


def test_joined_emoji_and_ligatures_survive() -> None:
    family = "👩‍👩‍👧 नमस्ते می‌خواهم"
    assert safe_text(family) == family


@pytest.mark.parametrize(
    "text",
    [
        "می\u200cخواهم", "ශ්\u200dරී", "ന്\u200d ", "क्\u200dष", "❤\ufe0f\u200d🔥", "1\ufe0f\u20e3",
        "🏳\ufe0f\u200d🌈",
        "👍🏽", "葛\U000e0100", "e\u0301", "ᠠ\u180b",
    ],
)  # fmt: skip
def test_what_a_script_or_a_picture_needs_stays(text: str) -> None:
    assert safe_text(text) == text


@given(HOSTILE_TEXT)
def test_no_two_invisible_characters_in_a_row_pass(text: str) -> None:
    draws_nothing = set(INVISIBLE) - set("म👩字")
    shown = safe_text(text)
    in_a_row = [
        (one, two) for one, two in itertools.pairwise(shown) if one in draws_nothing and two in draws_nothing
    ]
    assert not [pair for pair in in_a_row if not is_selector_then_joiner(*pair)]


def is_selector_then_joiner(one: str, two: str) -> bool:
    return one in "\ufe00\ufe0f\U000e0100\U000e01ef\u180b\u180f" and two in "\u200c\u200d"
