from __future__ import annotations

import functools
import hashlib
import importlib
import lzma
import socket
from pathlib import Path
from random import Random

import pytest
import tiktoken
from hypothesis import given, settings
from hypothesis import strategies as st

from tui.datasets import vocabulary
from tui.datasets.engines.choose import engine_for
from tui.datasets.long_words import (
    cut_at_long_words,
    pieces_around_long_words,
    word_tokens,
)
from tui.datasets.token_ids import TiktokenReader
from tui.datasets.tokens import TiktokenCounter, encoding_for, training_limit
from tui.datasets.vocabulary import SPECIFICATIONS, encoder, load_ranks, pack_tokens, rank_file, unpack_tokens
from tui.errors import TunedeckError

ENCODINGS = list(SPECIFICATIONS)


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_shipped_vocabulary_is_tiktokens_own(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    ranks = load_ranks(name)
    public = importlib.import_module("tiktoken_ext.openai_public")
    asked: list[str] = []

    def rebuilt(url: str, expected_hash: str) -> dict[bytes, int]:
        asked.append(expected_hash)
        return ranks

    monkeypatch.setattr(public, "load_tiktoken_bpe", rebuilt)
    theirs = getattr(public, name)()
    assert theirs["pat_str"] == SPECIFICATIONS[name].pattern
    assert theirs["special_tokens"] == SPECIFICATIONS[name].special_tokens
    tokens = sorted(ranks, key=ranks.__getitem__)
    assert asked == [hashlib.sha256(rank_file(tokens)).hexdigest()]


@functools.cache
def reference(name: str) -> tiktoken.Encoding:
    """Build tiktoken's encoding by hand from the ranks whose hash the test above compares."""
    return tiktoken.Encoding(
        f"reference-{name}",
        pat_str=SPECIFICATIONS[name].pattern,
        mergeable_ranks=load_ranks(name),
        special_tokens=SPECIFICATIONS[name].special_tokens,
    )


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=400), st.sampled_from(ENCODINGS))
def test_counts_are_tiktokens_on_any_text(text: str, name: str) -> None:
    assert TiktokenCounter(name).count(text) == len(reference(name).encode(text, disallowed_special=()))


_SPACED = st.lists(
    st.sampled_from(
        [
            " ",
            "\t",
            "\u3000",
            "\xa0",
            "\x85",
            "\u2028",
            "\n",
            "\r\n",
            "a",
            "Éa",
            "'s",
            "!",
            "/",
            "1",
            "中",
            "\x1c",
        ]
    ),
    max_size=40,
).map("".join)


def ids_in_pieces(text: str, name: str, shortest: int, window: int) -> list[int]:
    encoding, ids = encoder(name), list[int]()
    for piece in cut_at_long_words(text, name, shortest):
        if piece.is_word:
            for some in word_tokens(encoding, piece.text, window):
                ids += some
        else:
            ids += encoding.encode_ordinary(piece.text)
    return ids


@settings(max_examples=600, deadline=None)
@given(_SPACED, st.sampled_from(ENCODINGS), st.integers(2, 6))
def test_counting_long_words_apart_changes_no_token(text: str, name: str, shortest: int) -> None:
    assert ids_in_pieces(text, name, shortest, 4_096) == encoder(name).encode_ordinary(text)


_ALPHABETS = (
    "ab", "aab", "abcdefghijklmnopqrstuvwxyz", "aB", "etaoin", "ação", "中文字", "กาิี", "=-",
    "🔥👩\u200d", " \t", "\n ", "\n\r", "e\u0301", "/\n", "\ud800=",
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(_ALPHABETS), st.integers(0, 1 << 32), st.integers(500, 6_000), st.sampled_from(ENCODINGS),
    st.integers(512, 1_500),
)  # fmt: skip
def test_a_long_word_has_the_tokens_of_the_whole_however_it_is_cut(
    alphabet: str, seed: int, length: int, name: str, window: int
) -> None:
    random = Random(seed)
    weights = [random.random() ** 3 for _ in alphabet]
    text = (
        "x. " + "".join(random.choices(alphabet, weights, k=length)) + random.choice(["", " y", "'s", "\n1"])
    )
    assert ids_in_pieces(text, name, 400, window) == encoder(name).encode_ordinary(text)


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize("run", ["a", " ", "=", "\n", "字", "e\u0301", "/\n", "Ab", "aÉ"])
def test_a_long_word_is_noticed_wherever_it_stands_in_a_text(name: str, run: str) -> None:
    word = run * (17_000 // len(run))
    text = "Some words here, and more. " * 900 + word + " and the end." * 2_000
    if len(run) == 1:  # others are one word in one vocabulary and many in the other
        pieces = pieces_around_long_words(text, name)
        assert pieces is not None
        assert max(len(piece.text) for piece in pieces if piece.is_word) >= 16_000
    expected = encoder(name).encode_ordinary(text)
    assert list(TiktokenReader(name).encode(text)) == expected
    assert TiktokenCounter(name).count(text) == engine_for(name).count(text) == len(expected)
    assert engine_for(name).counts(["a", text]) == [1, len(expected)]


@pytest.mark.parametrize(
    "text",
    ["The quick brown fox. ", "สวัสดีครับยินดีต้อนรับสู่ ", "中文，没有空格的文字。", "'s", "aB", "<|a|>", "7"],
)  # fmt: skip
def test_long_texts_of_ordinary_words_are_left_whole(text: str) -> None:
    assert pieces_around_long_words(text * (100_000 // len(text)), "o200k_base") is None


@pytest.mark.parametrize("name", ENCODINGS)
@pytest.mark.parametrize(
    "text",
    [" " * 1_000_000, "\t" * 900_000 + "a", "x" + " " * 800_000 + "\n" + " " * 800_000],
    ids=["spaces", "tabs", "both-sides-of-a-line-end"],
)
def test_a_million_spaces_are_counted_and_end_nothing(name: str, text: str) -> None:
    assert TiktokenCounter(name).count(text) > 5_000


def test_special_tokens_and_lone_surrogates_are_plain_text() -> None:
    counter = TiktokenCounter("o200k_base")
    assert counter.count("<|endoftext|>") > 1
    assert counter.count("a\ud800b") == counter.count("a\ufffdb")
    assert counter.count("") == 0


def test_known_counts_of_the_cookbook() -> None:
    assert encoder("cl100k_base").encode_ordinary("tiktoken is great!") == [83, 1609, 5963, 374, 2294, 0]
    assert TiktokenCounter("o200k_base").count("お誕生日おめでとう") == 8
    assert TiktokenCounter("cl100k_base").count("お誕生日おめでとう") == 9


def test_counting_opens_no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(vocabulary, "_encoders", {})
    assert TiktokenCounter("o200k_base").count("hello world") == 2


@pytest.mark.parametrize(
    ("model", "encoding"),
    [
        ("gpt-4.1-mini-2025-04-14", "o200k_base"),
        ("ft:gpt-4.1-mini-2025-04-14:org:name:id", "o200k_base"),
        ("ft:gpt-4o-2024-08-06:org::id", "o200k_base"),
        ("ft:o4-mini-2025-04-16:org::id", "o200k_base"),
        ("gpt-4o-mini", "o200k_base"),
        ("gpt-4", "cl100k_base"),
        ("gpt-4-0613", "cl100k_base"),
        ("ft:gpt-3.5-turbo-0125:org::id", "cl100k_base"),
        ("babbage-002", "cl100k_base"),
        ("ft:davinci-002:org::id", "cl100k_base"),
        ("gpt-5-mini", "o200k_base"),
        ("smollm2-135m-instruct", "o200k_base"),
    ],
)
def test_each_model_reads_its_vocabulary(model: str, encoding: str) -> None:
    assert encoding_for(model) == encoding


def test_limits_of_an_example_are_known_per_model() -> None:
    assert training_limit("ft:gpt-4.1-2025-04-14:o::i") == 65_536
    assert training_limit("gpt-3.5-turbo-0125") == 16_385
    assert training_limit("gpt-3.5-turbo-0613") == 4_096
    assert training_limit("smollm2-135m-instruct") is None


def test_an_unknown_vocabulary_is_an_error_with_a_remedy() -> None:
    with pytest.raises(TunedeckError, match="p50k_base") as caught:
        encoder("p50k_base")
    assert "o200k_base" in caught.value.remedy


@pytest.mark.parametrize(
    "content",
    [b"no xz", lzma.compress(b"\x01a\x01b"), lzma.compress(b"\x09ab")],
    ids=["no-xz", "other", "cut"],
)
def test_a_damaged_vocabulary_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "vocabularies").mkdir()
    (tmp_path / "vocabularies" / "o200k_base.xz").write_bytes(content)
    monkeypatch.setattr("tui.datasets.vocabulary.resources.files", lambda _: tmp_path)
    with pytest.raises(TunedeckError, match="o200k_base"):
        load_ranks("o200k_base")


@given(st.lists(st.binary(min_size=1, max_size=255)))
def test_packing_tokens_loses_nothing(tokens: list[bytes]) -> None:
    assert unpack_tokens(pack_tokens(tokens)) == tokens
