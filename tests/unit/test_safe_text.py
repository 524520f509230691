from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.safe_text import safe_line, safe_text

ANY_TEXT = st.text(st.characters(codec=None, exclude_categories=[]), max_size=200)
HOSTILE_TEXT = st.text(
    st.sampled_from(
        [*map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), "\u202e", "\u2066", "\ud800", "a"]
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
    visible = text.replace("\u2061", "").replace("\ufeff", "")
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
    ],
)
def test_the_attacks_known_by_name_are_made_visible(given_text: str, shown: str) -> None:
    assert safe_text(given_text) == shown


def test_joined_emoji_and_ligatures_survive() -> None:
    family = "👩‍👩‍👧 नमस्ते می‌خواهم"
    assert safe_text(family) == family
