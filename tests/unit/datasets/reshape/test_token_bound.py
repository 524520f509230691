from __future__ import annotations

from typing import Any

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.datasets.builders import WEATHER, call
from tui.datasets.row_order import TokenJob

TEXT = st.text(max_size=12) | st.sampled_from(["日本語", "\U0001f600", "\x00\x01", "a" * 30, "é"])
MESSAGE = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["user", "assistant", "", "x"]),
        "content": TEXT
        | st.none()
        | st.lists(st.fixed_dictionaries({"type": st.just("text"), "text": TEXT})),
        "name": TEXT,
        "weight": st.sampled_from([0, 1]),
        "tool_calls": st.just([call()]),
        "image_url": st.just("x"),
    },
)
ROW = st.one_of(
    st.fixed_dictionaries(
        {"messages": st.lists(MESSAGE, max_size=6)}, optional={"tools": st.just([WEATHER])}
    ),
    st.fixed_dictionaries({"prompt": TEXT, "completion": TEXT}),
    st.fixed_dictionaries(
        {"input": st.fixed_dictionaries({"messages": st.lists(MESSAGE, max_size=3)})},
        optional={"preferred_output": st.lists(MESSAGE), "non_preferred_output": st.lists(MESSAGE)},
    ),
)


def counts(line: bytes, above: int) -> int:
    job: dict[str, Any] = {"encoding": "o200k_base", "format": "unknown", "above": above}
    _, payload = TokenJob(job).part([line], is_first=False)
    return int.from_bytes(payload, "little")


@settings(max_examples=300, deadline=None)
@given(ROW)
def test_no_row_that_is_spared_the_count_has_more_tokens_than_the_bound(row: dict[str, Any]) -> None:
    line = orjson.dumps(row)
    exact = counts(line, 0)
    for above in {1, exact - 1, exact, len(line)}:
        assert (counts(line, max(0, above)) > above) == (exact > above)
