from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tui import paths
from tui.records.chats import Answer, Usage
from tui.store.database import StoreError
from tui.store.schema import _UNSPACED_WORDS, _VOWEL_SIGNS, MIGRATIONS
from tui.store.store import Store


@pytest.fixture
def store(isolated_home: Path) -> Iterator[Store]:
    with Store(paths.store_file()) as opened:
        yield opened


def keep(store: Store, question: str, text: str, system: str = "") -> str:
    chat_id = store.create_chat([("local", "m")], title=question, system_prompt=system)
    store.add_message(chat_id, 1, "user", question)
    store.add_answer(answer(chat_id, text))
    return chat_id


def answer(chat_id: str, text: str) -> Answer:
    return Answer(chat_id, 1, "m", "local", text, "stop", Usage(), None, 0.0, 1)


def found(store: Store, words: str, tag: str | None = None) -> list[tuple[str, int]]:
    return [(hit.chat_id, hit.turn) for hit in store.search_chats(words, tag=tag)]


def test_words_are_found_in_questions_answers_prompts_and_tags(store: Store) -> None:
    soup = keep(store, "The soup was cold.", "That is negative.", system="Judge the Tone")
    keep(store, "Who are you?", "A model.")
    store.set_chat_tags(soup, ["kitchen"])
    for words, turn in (("SOUP", 1), ("negat", 1), ("soup negative", 1), ("tone", 0), ("kitchen", 0)):
        assert found(store, words) == [(soup, turn)]
    assert found(store, "soup model") == []
    assert "\x02soup\x03" in store.search_chats("soup")[0].excerpt


@pytest.mark.parametrize(
    ("text", "words", "marked"),
    [
        ("我想退货并且要求退款。", "退款", "退款"),
        ("返金をお願いします", "お願い", "お願い"),
        ("AIモデルの学習", "モデル", "モデル"),
        ("ขอเงินคืนได้ไหม", "เงิน", "เงิน"),
        ("한국어모델을 학습", "모델", "모델"),
        ("𠮷野家で食べた", "野家", "野家"),
        ("Bitte 退款 now", "退 now", "退"),
    ],
)
def test_words_are_found_within_writing_that_has_no_spaces(
    store: Store, text: str, words: str, marked: str
) -> None:
    chat_id = keep(store, text, "ok")
    keep(store, "款退", "ของ งเน 델모 ルデモ")
    (hit,) = store.search_chats(words)
    assert (hit.chat_id, hit.turn) == (chat_id, 1)
    assert f"\x02{marked}\x03" in hit.excerpt
    assert hit.excerpt.replace("\x02", "").replace("\x03", "") == f"{text}\nok"


def test_a_store_indexed_before_letters_were_kept_apart_is_indexed_again(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with Store(path) as store:
        chat_id = keep(store, "退货退款", "ok")
        assert found(store, "退款")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("UPDATE chat_words SET words = '退货退款'")
        assert _UNSPACED_WORDS in MIGRATIONS
        raw.executescript(_UNSPACED_WORDS)
    with Store(path) as store:
        assert found(store, "退款") == [(chat_id, 1)]


@pytest.mark.parametrize(
    ("text", "words", "others"),
    [
        ("हिन्दी भाषा", "हिन्दी", "हान्दा"),
        ("हिन्दी भाषा", "हिन्", "हुन्"),
        ("தமிழ் மொழி", "தமிழ்", "தமழ்"),
        ("ขอเงินคืน", "เงิน", "เงาน"),
        ("ကျေးဇူး", "ကျေး", "ကျား"),
        ("ជំរាបសួរ", "សួរ", "សីរ"),
        ("cafe\u0301 noir", "cafe", "cafo"),
    ],
)
def test_a_vowel_sign_is_part_of_a_word(store: Store, text: str, words: str, others: str) -> None:
    chat_id = keep(store, text, "ok")
    assert found(store, words) == [(chat_id, 1)]
    assert found(store, others) == []


def test_an_index_that_took_vowel_signs_for_spaces_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "old.sqlite3"
    with Store(path) as store:
        chat_id = keep(store, "हिन्दी", "ok")
        assert found(store, "हिन्दी")
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("DROP TABLE chat_words")
        raw.execute(
            "CREATE VIRTUAL TABLE chat_words USING fts5(words, tokenize = 'unicode61 remove_diacritics 2')"
        )
        raw.execute("INSERT INTO chat_words (rowid, words) SELECT number, 'हिन्दी' FROM indexed_turns")
        assert raw.execute("SELECT 1 FROM chat_words WHERE chat_words MATCH '\"हान्दा\"'").fetchall()
        assert _VOWEL_SIGNS in MIGRATIONS
        raw.executescript(_VOWEL_SIGNS)
    with Store(path) as store:
        assert found(store, "हान्दा") == []
        assert found(store, "हिन्दी") == [(chat_id, 1)]


def test_what_a_killed_program_had_kept_of_an_answer_is_found(store: Store) -> None:
    chat_id = keep(store, "Go", "begun")
    assert found(store, "halfway") == []
    store.add_answer(answer(chat_id, "begun and halfway"))
    assert found(store, "halfway") == [(chat_id, 1)]


def test_a_tag_narrows_and_a_deleted_chat_is_found_no_more(store: Store) -> None:
    first, second = keep(store, "apple pie", "yes"), keep(store, "apple tart", "no")
    store.set_chat_tags(second, ["tarts"])
    assert sorted(found(store, "apple")) == sorted([(first, 1), (second, 1)])
    assert found(store, "apple", tag="tarts") == [(second, 1)]
    store.delete_chat(second)
    assert found(store, "apple") == [(first, 1)]
    assert store.query("SELECT count(*) AS left FROM chat_words")[0]["left"] == 2  # its prompt and its turn


def test_a_chat_can_be_deleted_before_anything_was_searched(store: Store) -> None:
    store.delete_chat(keep(store, "a", "b"))
    assert store.chats() == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(st.text(max_size=20))
def test_whatever_is_typed_is_no_syntax(store: Store, words: str) -> None:
    store.search_chats(words)


def test_a_python_without_full_text_search_is_told_so(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tui.store.chat_search_queries._INDEX", "CREATE VIRTUAL TABLE other_words USING no_such_module(words)"
    )
    with pytest.raises(StoreError, match="no full-text search"):
        store.search_chats("a")


def test_excerpts_hold_no_marks_but_those_of_what_was_found(store: Store) -> None:
    keep(store, "\x02evil\x03 word", "x")
    assert store.search_chats("word")[0].excerpt == " evil  \x02word\x03\nx"


def test_a_store_of_before_branches_keeps_its_chats_and_their_errors(tmp_path: Path) -> None:
    from tui.store.schema import MIGRATIONS

    at = next(number for number, text in enumerate(MIGRATIONS) if "turn_places" in text)
    path = tmp_path / "old.sqlite3"
    with sqlite3.connect(path) as raw:
        for statements in MIGRATIONS[:at]:
            raw.executescript(statements)
        raw.execute("INSERT INTO chats VALUES ('c', 'Hi', '[[\"local\", \"m\"]]', '', '{}', 1000, 1000)")
        for turn in (1, 2):
            raw.execute("INSERT INTO messages VALUES ('c', ?, 'user', 'Hi')", (turn,))
        for turn, text, reason in ((1, "Gone.", "error"), (2, "Yes", "stop")):
            raw.execute(
                "INSERT INTO answers VALUES ('c', ?, 'local', 'm', 1, ?, ?, 0, 0, 0, NULL, 0)",
                (turn, text, reason),
            )
        raw.execute(f"PRAGMA user_version = {at}")
    raw.close()
    with Store(path) as opened:
        stored = opened.chat("c")
    assert stored is not None
    assert [(turn.number, turn.parent) for turn in stored.turns] == [(1, None), (2, 1)]
    assert [(one.text, one.error) for one in stored.answers] == [("", "Gone."), ("Yes", "")]
