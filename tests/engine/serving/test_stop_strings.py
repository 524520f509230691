"""Stop strings and the decoding of bytes, for any text cut anywhere."""

from __future__ import annotations

import itertools
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from tui.engine.serving.stop_strings import StopMatcher
from tui.engine.serving.text_stream import TextStream, TokenLogprob

SHORT_TEXT = st.text(alphabet="abé€😀\n", max_size=40)
STOPS = st.lists(st.text(alphabet="abé€😀\n", min_size=1, max_size=4), max_size=4)


Sliceable = TypeVar("Sliceable", str, bytes)


def cut(data: Sliceable, places: list[int]) -> list[Sliceable]:
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    return [data[start:stop] for start, stop in itertools.pairwise(edges)]


def before_first_stop(text: str, stops: list[str]) -> str:
    """Of several, the one that is complete first."""
    found = [(text.find(stop) + len(stop), text.find(stop)) for stop in stops if stop in text]
    return text[: min(found)[1]] if found else text


@given(SHORT_TEXT, STOPS, st.lists(st.integers(0, 200), max_size=30))
def test_what_is_shown_is_the_text_before_the_first_stop_string_wherever_tokens_end(
    text: str, stops: list[str], places: list[int]
) -> None:
    stream = TextStream(stops)
    shown = ""
    for token in cut(text.encode(), places):
        shown += stream.feed(token).text
        if stream.stopped:
            break
    shown += stream.finish().text
    assert shown == before_first_stop(text, stops)
    assert stream.stopped == any(stop in text for stop in stops)


@given(SHORT_TEXT, STOPS, st.lists(st.integers(0, 200), max_size=30))
def test_no_piece_ever_shows_more_than_will_stay(text: str, stops: list[str], places: list[int]) -> None:
    matcher = StopMatcher(stops)
    shown = ""
    for piece in cut(text, places):
        shown += matcher.feed(piece)
        assert before_first_stop(text, stops).startswith(shown)


@given(st.text(max_size=30), st.lists(st.integers(0, 200), max_size=60))
def test_characters_are_never_split(text: str, places: list[int]) -> None:
    text = text.encode("utf-8", "ignore").decode().replace("\ufffd", "")
    stream = TextStream()
    pieces = [stream.feed(token).text for token in cut(text.encode(), places)]
    assert "".join([*pieces, stream.finish().text]) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_an_unfinished_character_is_dropped_when_the_token_limit_cut_it() -> None:
    stream = TextStream()
    assert stream.feed("aé".encode()[:2]).text == "a"
    assert stream.finish(cut_short=True).text == ""


def test_an_unfinished_character_is_shown_as_replacement_when_the_model_ended_there() -> None:
    stream = TextStream()
    stream.feed(b"\xc3")
    assert stream.finish().text == "\ufffd"


def test_logprobs_come_with_the_text_their_token_began_and_never_for_a_stop_string() -> None:
    stream = TextStream(["END"])
    tokens = [b"one ", b"E", b"gg ", b"EN", b"D", b"more"]
    sent: list[bytes] = []
    for token in tokens:
        sent += [entry.token for entry in stream.feed(token, TokenLogprob(0, token, -1.0)).logprobs]
        if stream.stopped:
            break
    sent += [entry.token for entry in stream.finish().logprobs]
    assert sent == [b"one ", b"E", b"gg "]
