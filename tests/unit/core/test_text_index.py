"""Which texts are most like a question by their words."""

from __future__ import annotations

import pytest

from tui.store.text_index import TextIndex


@pytest.mark.parametrize(
    ("asked", "same", "other"),
    [
        ("किताब", "किताब खोई", "कुताब खोई"),  # Hindi: without its vowel signs each is k, t, b
        ("பணம்", "பணம் வேண்டும்", "பாணம் வேண்டும்"),  # Tamil
        ("Café", "the cafe", "the cave"),
        ("ที่", "อยู่ที่นี่", "ทาทา"),  # Thai, which has no spaces
    ],
)
def test_words_are_told_apart_by_their_vowel_signs(asked: str, same: str, other: str) -> None:
    index = TextIndex()
    index.add([(1, other), (2, same)])
    assert index.nearest(asked, 1) == [2]
    index.close()
