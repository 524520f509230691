from __future__ import annotations

import functools
import threading
from pathlib import Path

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.datasets.engines import choose, gigatoken_engine
from tui.datasets.engines.choose import ENGINE_VARIABLE, engine_for
from tui.datasets.engines.gigatoken_engine import SELF_CHECK_TEXTS, SELF_CHECK_TOKENS, GigatokenEngine
from tui.datasets.engines.new_characters import NEW_RANGES, has_new_character, places_of_new_characters
from tui.datasets.engines.protocol import TokenEngine
from tui.datasets.engines.rank_file import rank_file_of
from tui.datasets.engines.tiktoken_engine import TiktokenEngine
from tui.datasets.tokens import TiktokenCounter
from tui.datasets.vocabulary import SPECIFICATIONS, encoder

pytest.importorskip("gigatoken", reason="no wheel for this platform")
ENCODINGS = list(SPECIFICATIONS)


@functools.cache
def fast(name: str) -> GigatokenEngine:
    return GigatokenEngine(name)


def reference(name: str, text: str) -> int:
    encoding: tiktoken.Encoding = encoder(name)
    return len(encoding.encode_ordinary(text))


_NEW_CHARACTERS = st.sampled_from([chr(code) for low, high in NEW_RANGES for code in (low, high)])
_HARD = st.sampled_from(
    [
        "'s", "'S", "'ſ", "'ll", "'LL", "'re", "1", "12", "a", "A", "ǅ", "ʰ", "ª", "中", "ไ", "\u0301",
        "\u20dd", " ", "  ", "\t", "\u3000", "\xa0", "\x85", "\u2028", "\n", "\r\n", "/", "!", "=", "½", "ⅷ",
        "👩‍💻", "<|endoftext|>", "<|im_start|>", "\ud800", "\udfff", "\0", "\ufeff",
        "\x1e", "\0\x1e", "\x1e\0",
    ]
)  # fmt: skip
_TEXTS = st.one_of(
    st.text(max_size=300),
    st.lists(st.one_of(_HARD, _NEW_CHARACTERS, st.characters()), max_size=30).map("".join),
    st.builds(lambda piece, times: piece * times, _HARD, st.integers(1, 4_097)),
)


@settings(max_examples=600, deadline=None)
@given(st.lists(_TEXTS, max_size=5), st.sampled_from(ENCODINGS))
def test_the_fast_engine_counts_what_tiktoken_counts(texts: list[str], name: str) -> None:
    expected = [reference(name, text) for text in texts]
    assert fast(name).counts(texts) == expected
    assert [fast(name).count(text) for text in texts] == expected


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("around", ["1%s's", "a%sb", " %s ", "中%s", "%s'ſ", "A%s's1"])
def test_characters_of_a_newer_unicode_are_counted_as_tiktoken_does(name: str, around: str) -> None:
    texts = [around.replace("%s", chr(code)) for low, high in NEW_RANGES for code in range(low, high + 1, 7)]
    assert fast(name).counts(texts) == [reference(name, text) for text in texts]


@pytest.mark.parametrize("name", ENCODINGS)
def test_every_alphabet_is_counted_as_tiktoken_does(name: str) -> None:
    texts = [
        f"1{chr(code)}'s {chr(code)}a" for code in range(0x20, 0x30000, 23) if not 0xD800 <= code < 0xE000
    ]
    assert fast(name).counts(texts) == [reference(name, text) for text in texts]


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("piece", [" ", "\t", "a", "=", "\n", "中", "👩‍💻", "<|endoftext|>"])
def test_a_megabyte_of_one_thing_is_counted_exactly(name: str, piece: str) -> None:
    text = piece * (1_000_000 // len(piece.encode()))
    assert fast(name).count(text) == TiktokenCounter(name).count(text)


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_self_check_holds_tiktokens_counts(name: str) -> None:
    assert SELF_CHECK_TOKENS[name] == tuple(reference(name, text) for text in SELF_CHECK_TEXTS)


@given(
    st.text(st.one_of(st.characters(exclude_categories=["Cs"]), _NEW_CHARACTERS, st.sampled_from("😀𪜺ಜ")))
)
def test_new_characters_are_found_in_bytes_as_in_text(text: str) -> None:
    encoded = text.encode()
    found = [len(encoded[:place].decode()) for place in places_of_new_characters(encoded)]
    assert found == [place for place, one in enumerate(text) if has_new_character(one)]


def test_what_stands_between_two_texts_may_stand_in_one() -> None:
    texts = ["a\0", "\x1eb", "a \0\x1e b", "", "\0\x1e", "c" * 20_000, "d\ud800"]
    for name in ENCODINGS:
        for part in (texts, texts[:2], texts[:5], [*texts[:2], texts[5]]):
            assert fast(name).counts(part) == [reference(name, text) for text in part]


def test_an_engine_that_counts_otherwise_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {name: (1, *counts[1:]) for name, counts in SELF_CHECK_TOKENS.items()}
    monkeypatch.setattr(gigatoken_engine, "SELF_CHECK_TOKENS", wrong)
    monkeypatch.setattr(choose, "_engines", {})
    assert isinstance(engine_for("o200k_base"), TiktokenEngine)


def test_without_a_wheel_tiktoken_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(_self: object) -> None:
        raise ImportError("no wheel")

    monkeypatch.setattr(GigatokenEngine, "_load", missing)
    monkeypatch.setattr(choose, "_engines", {})
    assert isinstance(engine_for("o200k_base"), TiktokenEngine)


def test_the_reference_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "tiktoken")
    monkeypatch.setattr(choose, "_engines", {})
    assert isinstance(engine_for("cl100k_base"), TiktokenEngine)


def test_a_local_models_tokenizer_counts_itself() -> None:
    class Letters:
        name = "letters"

        def count(self, text: str) -> int:
            return len(text)

    engine: TokenEngine = engine_for("o200k_base", Letters())
    assert (engine.name, engine.counts(["ab", ""]), engine.count("abc")) == ("letters", [2, 0], 3)


def test_a_tokenizer_that_has_grown_is_built_anew_and_counts_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    engine = GigatokenEngine("o200k_base", growth_bytes=1)
    monkeypatch.setattr(gigatoken_engine, "_resident_bytes", lambda: 1 << 40)
    before = engine._tokenizer
    text = "some words to count " * 1_000_000
    assert engine.count(text) == reference("o200k_base", text)
    assert engine._tokenizer is not before


def holds_reference(engine: GigatokenEngine) -> bool:
    return engine._exact is not None


def test_the_reference_is_let_go_when_no_text_needs_it_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gigatoken_engine, "_LOOK_EVERY", 10)
    engine = GigatokenEngine("o200k_base")
    strange = "a \u1acf b"
    assert engine.count(strange) == reference("o200k_base", strange)
    assert holds_reference(engine)
    for _ in range(4):
        engine.count("some words to count")
    assert not holds_reference(engine)
    assert engine.count(strange) == reference("o200k_base", strange)


def test_several_threads_share_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = fast("o200k_base")
    monkeypatch.setattr(gigatoken_engine, "_LOOK_EVERY", 1_000)
    monkeypatch.setattr(gigatoken_engine, "_resident_bytes", lambda: 1 << 40)
    texts = [f"{number} words and 中文" * 20 for number in range(200)]
    expected = [reference("o200k_base", text) for text in texts]
    results: list[list[int]] = []
    threads = [threading.Thread(target=lambda: results.append(engine.counts(texts))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_a_damaged_rank_file_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEDECK_HOME", str(tmp_path))
    path = rank_file_of("cl100k_base")
    right = path.read_bytes()
    path.write_bytes(right[:-1])
    assert rank_file_of("cl100k_base").read_bytes() == right
    assert path.is_relative_to(tmp_path)


def test_a_cache_that_takes_no_file_is_no_hindrance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cache").write_text("a file where a folder should be")
    monkeypatch.setenv("TUNEDECK_HOME", str(tmp_path))
    path = rank_file_of("cl100k_base")
    assert path.is_file()
    path.unlink()
