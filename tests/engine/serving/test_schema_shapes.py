"""An answer held to a schema is valid by it, whatever a model prefers; what can't be held is refused."""

from __future__ import annotations

import json
from typing import Any, Literal

import jsonschema_rs
import numpy as np
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from tests.engine.serving.conftest import RunningEngine
from tests.engine.tiny_model import TINY_NAME
from tui.engine.serving.json_constraint import JsonConstraint, TokenBytes
from tui.engine.serving.sampling import Sampler, SamplingOptions
from tui.engine.serving.schema_machine import advance, advance_all
from tui.engine.serving.schema_shapes import UnheldSchemaError, shape_of

LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "string", "maxLength": 3},
        {"type": "string", "minLength": 1, "maxLength": 2},
        {"type": "number"},
        {"type": "integer"},
        {"type": "boolean"},
        {"type": "null"},
        {"type": ["string", "null"]},
        {"type": ["integer", "number", "boolean"]},
        {"enum": ["A", "AB", 'B"é\n']},
        {"enum": [1, 12, 1.5, True, None, "x"]},
        {"const": "only"},
        {"enum": ["A", 3], "type": "string"},
        {"anyOf": [{"type": "integer"}, {"enum": ["none", "no"]}, {"type": "null"}]},
        {"type": "object", "properties": {}, "additionalProperties": False},
        {"type": "object"},
        {"$ref": "#/$defs/word"},
    ]
)
PARTS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(
            lambda item, most: {"type": "array", "items": item, "maxItems": most}, inner, st.integers(1, 3)
        )
        | st.builds(lambda item: {"type": "array", "items": item, "minItems": 1, "maxItems": 2}, inner)
        | st.builds(
            lambda fields: {"type": "object", "properties": fields, "additionalProperties": False},
            st.dictionaries(st.text('ab é"', max_size=3), inner, max_size=3),
        )
    ),
    max_leaves=6,
)
SCHEMAS = st.builds(
    lambda fields, required: {
        "type": "object",
        "properties": fields,
        "required": [*fields] if required else [],
        "additionalProperties": False,
        "$defs": {"word": {"type": "string", "maxLength": 4, "title": "A word"}},
    },
    st.dictionaries(st.sampled_from(["a", "b", "c"]), PARTS, min_size=1),
    st.booleans(),
)
PIECES = [bytes([byte]) for byte in range(256)] + [
    b'{"',
    b'": ',
    b'", "',
    b'"}',
    b"}}",
    b"12",
    b"\xc3\xa9",
    b"",
]


@given(SCHEMAS, st.integers(0, 2**32), st.sampled_from([0.0, 1.0]))
def test_a_random_model_held_to_a_schema_writes_what_is_valid_by_it(
    schema: dict[str, Any], seed: int, temperature: float
) -> None:
    constraint = JsonConstraint(TokenBytes(PIECES, special={7}), shape_of(schema))
    sampler = Sampler(SamplingOptions(temperature=temperature, seed=seed), 0)
    likings = np.random.default_rng(seed)
    text = b""
    while not constraint.complete and len(text) < 600:
        logits = likings.standard_normal(len(PIECES)).astype(np.float32)
        logits[[ord('"'), ord("}"), ord("]")]] += 4  # what is begun is likely closed
        token = sampler.choose(logits, constraint)
        assert token is not None, text
        constraint.accept(token)
        text += PIECES[token]
    if constraint.complete:
        jsonschema_rs.validate(schema, json.loads(text))


@given(st.data())
def test_whatever_fits_a_schema_can_be_written(data: st.DataObject) -> None:
    answer = {
        "verdict": data.draw(st.sampled_from(["A", "B", "TIE"])),
        "reason": data.draw(st.text(st.characters(exclude_categories=["Cs"]), max_size=8)),
        "sure": data.draw(st.booleans() | st.none()),
        "score": data.draw(st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6, width=32)),
        "tags": data.draw(st.lists(st.sampled_from(["x", "xy"]), max_size=3)),
    }
    schema = {
        "type": "object",
        "properties": {
            "verdict": {"enum": ["A", "B", "TIE"]},
            "reason": {"type": "string", "maxLength": 8},
            "sure": {"type": ["boolean", "null"]},
            "score": {"type": "number"},
            "tags": {"type": "array", "items": {"enum": ["x", "xy"]}},
        },
    }
    for ascii_only in (False, True):
        written = json.dumps(answer, ensure_ascii=ascii_only).encode()
        if rb"\ud" in written.lower():
            continue  # pairs of \u halves are never written
        assert advance_all(shape_of(schema), written) == ()
    assert advance_all(shape_of(schema), b'{"verdict": "C') is None


def test_every_state_has_a_way_on() -> None:
    schema = {
        "type": "object",
        "properties": {
            "n": {"enum": [1, 12]}, "t": {"type": "string", "minLength": 2, "maxLength": 2},
            "l": {"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
        },
    }  # fmt: skip
    generator = np.random.default_rng(1)
    for _ in range(40):
        shape = shape_of(schema)
        while shape:
            allowed = [byte for byte in range(256) if (following := advance(shape, byte)) is not None]
            assert allowed, shape
            following = advance(shape, int(generator.choice(allowed)))
            assert following is not None
            shape = following


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ({"type": "string", "pattern": "^a"}, r"at \$\.a: 'pattern' is not held"),
        ({"type": "integer", "minimum": 3}, "'minimum' is not held"),
        ({"type": "string", "format": "date"}, "'format' is not held"),
        ({"type": "number", "maxLength": 3}, "'maxLength' is not held"),
        ({"oneOf": [{"type": "string"}]}, "'oneOf' is not held"),
        ({"description": "anything"}, "no type is named"),
        (True, "no shape"),
        ({"type": "array"}, "have no schema"),
        ({"type": "wrong"}, "no JSON schema"),
        ({"enum": ["a"], "type": "integer"}, "no value is left"),
        ({"anyOf": [{"type": "string"}, {"const": "x"}]}, "begin with the same character"),
        ({"type": "string", "minLength": 3, "maxLength": 2}, "is below"),
        ({"$ref": "#/$defs/none"}, "nothing is found at"),
        ({"$ref": "https://example.org/s.json"}, "nothing is found at"),
        ({"$ref": "#"}, "for ever|parts"),
        ({"type": "object", "additionalProperties": {"type": "string"}}, "of any name"),
        ({"type": "object", "properties": {}, "required": ["b"]}, "'b' has no schema"),
        ({"const": "\ud800"}, "half of a character"),
    ],
)  # fmt: skip
def test_what_would_not_be_held_is_refused_with_its_place(part: Any, reason: str) -> None:
    with pytest.raises(UnheldSchemaError, match=reason):
        shape_of({"type": "object", "properties": {"a": part}})


def test_only_an_object_can_be_the_root_and_size_has_an_end() -> None:
    with pytest.raises(UnheldSchemaError, match="root"):
        shape_of({"type": "string"})
    many = {f"f{n}": {"type": "null"} for n in range(6_000)}
    with pytest.raises(UnheldSchemaError, match="5,000 parts"):
        shape_of({"type": "object", "properties": many})


class Judgement(BaseModel):
    verdict: Literal["A", "B", "TIE"]
    points: list[Literal[0, 1]]
    sure: bool | None


def test_the_official_client_parses_an_answer_into_its_own_type(engine: RunningEngine) -> None:
    completion = engine.client().chat.completions.parse(
        model=TINY_NAME,
        messages=[{"role": "user", "content": "Which?"}],
        response_format=Judgement,
        seed=3,
        max_completion_tokens=200,
        logit_bias={},
    )
    choice = completion.choices[0]
    assert choice.finish_reason == "stop"
    assert isinstance(choice.message.parsed, Judgement)


def test_a_schema_that_is_not_held_is_a_400_that_says_where(engine: RunningEngine) -> None:
    date = {"type": "string", "format": "date"}
    wanted: Any = {
        "type": "json_schema",
        "json_schema": {"name": "x", "schema": {"type": "object", "properties": {"a": date}}},
    }
    with pytest.raises(openai.BadRequestError, match=r"at \$\.a: 'format' is not held here") as raised:
        engine.client().chat.completions.create(
            model=TINY_NAME,
            messages=[{"role": "user", "content": "Which?"}],
            response_format=wanted,
        )
    assert raised.value.code == "invalid_json_schema"
