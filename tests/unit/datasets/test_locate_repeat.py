from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tui.datasets.locate import locate_repeat
from tui.datasets.parsing import repeated_keys

NAMES = ["a", "b", 'q"', "{", "é", "\\", ""]
KEYS = st.sampled_from(NAMES)
VALUES = st.recursive(
    st.sampled_from(["1", "-2.5e3", "null", "true", '"}{"', '"a\\": 1,"', '"\\\\"', "[]", "{}"]),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: f"[{', '.join(items)}]"),
        st.lists(st.tuples(KEYS, inner), max_size=3).map(
            lambda pairs: f"{{{','.join(f' {json.dumps(key)} :{value}' for key, value in pairs)} }}"
        ),
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("line", "key", "path", "column"),
    [
        ('{"a": 1, "a": 2}', "a", ("a",), 10),
        ('{"m": [{"b": 1}, {"b": 1, "b": 2}]}', "b", ("m", 1, "b"), 27),
        ('{"a": {"b": 1, "b": 2}, "a": 3}', "b", ("a", "b"), 16),
        ('{"a": {"a": 1}, "b": ["a", "a"], "\\u0061": 2}', "a", ("a",), 34),
        ('{"a": {"a": 1}}', "a", None, None),
    ],
)
def test_a_repeated_key_is_found_where_it_stands_again(
    line: str, key: str, path: tuple[str | int, ...] | None, column: int | None
) -> None:
    assert locate_repeat(line, key) == (None if path is None else (path, column))


@given(VALUES)
def test_the_place_is_that_of_each_key_that_the_reader_finds_repeated(text: str) -> None:
    repeated = repeated_keys(text.encode())
    for key in NAMES:
        found = locate_repeat(text, key)
        assert (found is not None) == (key in repeated)
        if found is not None:
            path, column = found
            assert path[-1] == key
            assert json.JSONDecoder().raw_decode(text, column - 1)[0] == key
