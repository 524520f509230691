"""The JSON machine accepts what parsers accept and nothing they refuse, and keeps a model inside it."""

from __future__ import annotations

import json

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from tui.engine.serving.json_constraint import JsonConstraint, TokenBytes
from tui.engine.serving.json_machine import JsonState, Mode, advance, advance_all
from tui.engine.serving.sampling import Sampler, SamplingOptions

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False, width=32)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('aé\n"', max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)
OBJECTS = st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), VALUES, max_size=5)
JSON_BYTES = st.sampled_from(list(b'{}[]",:0123456789.-+eE truefalsn\\u\n\xc3\xa9'))


@given(OBJECTS, st.sampled_from([None, 2]))
def test_every_object_that_python_writes_is_accepted(value: dict[str, object], indent: int | None) -> None:
    state = advance_all(JsonState(), json.dumps(value, indent=indent, ensure_ascii=False).encode())
    assert state is not None
    assert state.mode is Mode.DONE


@given(st.lists(JSON_BYTES, max_size=60))
def test_whatever_the_machine_takes_to_its_end_parses_as_an_object(choices: list[int]) -> None:
    state: JsonState = JsonState()
    text = bytearray()
    for byte in [*b'{"a":', *choices]:
        following = advance(state, byte)
        if following is not None:
            state = following
            text.append(byte)
    if state.mode is Mode.DONE:
        assert isinstance(orjson.loads(bytes(text)), dict)
        assert isinstance(json.loads(text), dict)


def test_every_state_has_a_way_on_until_the_object_is_closed() -> None:
    generator = np.random.default_rng(1)
    for _ in range(200):
        state = JsonState()
        for _ in range(80):
            allowed = [byte for byte in range(256) if advance(state, byte) is not None]
            if state.mode is Mode.DONE:
                break
            assert allowed, state
            following = advance(state, int(generator.choice(allowed)))
            assert following is not None
            state = following


def test_lone_surrogates_broken_utf8_and_endless_numbers_are_refused() -> None:
    for text in (
        b'{"\\ud800',
        b'{"\xff',
        b'{"\xe0\x80',
        b'{"a":01',
        b'{"a":' + b"1" * 41,
        b'{"a":1e999',
        b"[",
        b'{"a":1}}',
    ):
        assert advance_all(JsonState(), text) is None, text


@given(st.integers(0, 2**32), st.sampled_from([0.0, 0.7, 2.0]), st.sampled_from([0.3, 1.0]))
def test_a_random_model_held_to_json_writes_json_that_parses(
    seed: int, temperature: float, top_p: float
) -> None:
    pieces = [bytes([byte]) for byte in range(256)] + [
        b'{"',
        b'":',
        b'"}',
        b"}}",
        b"tru",
        b'", "',
        b"12",
        b"\xe2\x82",
        b"",
    ]
    constraint = JsonConstraint(TokenBytes(pieces, special={7}))
    sampler = Sampler(SamplingOptions(temperature=temperature, top_p=top_p, seed=seed), 0)
    logits_generator = np.random.default_rng(seed)
    text = b""
    for _ in range(400):
        logits = logits_generator.standard_normal(len(pieces)).astype(np.float32)
        logits[ord("}")] += 4
        token = sampler.choose(logits, constraint)
        assert token is not None
        constraint.accept(token)
        text += pieces[token]
        if constraint.complete:
            break
    if constraint.complete:
        assert isinstance(orjson.loads(text), dict)
    else:
        assert advance_all(JsonState(), text) is not None


def test_special_tokens_and_tokens_without_text_are_never_permitted() -> None:
    constraint = JsonConstraint(TokenBytes([b"{", b"", b'"<|end|>'], special={2}))
    assert [constraint.permits(token) for token in range(4)] == [True, False, False, False]
    constraint.accept(0)
    assert not constraint.permits(2)
