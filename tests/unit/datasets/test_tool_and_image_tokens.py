from __future__ import annotations

import base64
import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.datasets.builders import WEATHER, tool_chat, write
from tui.datasets import checks_tools
from tui.datasets.check import CheckOptions, check_file
from tui.datasets.fixes.row_rules import judge
from tui.datasets.image_tokens import ASSUMED, LEAST, LOW_DETAIL, MOST, image_tokens, tiled_tokens
from tui.datasets.quoting import json_text
from tui.datasets.tokens import TiktokenCounter
from tui.datasets.tool_tokens import tool_tokens


def function(**properties: Any) -> dict[str, Any]:
    return {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Get it.",
            "parameters": {"type": "object", "properties": properties},
        },
    }


def letters(text: str) -> int:
    return len(text)


def test_a_function_counts_by_the_cookbooks_constants() -> None:
    place = {"type": "string", "description": "Where."}
    unit = {"type": "string", "description": "Unit", "enum": ["c", "ff"]}
    around = 7 + len("weather:Get it") + 12
    assert tool_tokens([function()], letters, "o200k_base") == around
    properties = 3 + 3 + len("place:string:Where") + 3 + len("unit:string:Unit") - 3 + 3 + 1 + 3 + 2
    assert tool_tokens([function(place=place, unit=unit)], letters, "o200k_base") == around + properties
    assert tool_tokens([function()], letters, "cl100k_base") == around + 3


def test_what_the_constants_do_not_know_counts_as_json() -> None:
    nested = {"type": "object", "properties": {"a": {"type": "string"}}}
    flat = tool_tokens([function(place={"type": "object"})], letters, "o200k_base")
    more = tool_tokens([function(place=nested)], letters, "o200k_base")
    assert more - flat == len(json_text({"properties": nested["properties"]}))
    for odd in ("text", [1, 2], {"a": 1}, [{"no": "name"}]):
        assert tool_tokens(odd, letters, "o200k_base") == len(json_text(odd))
    assert tool_tokens([function()], letters, "smollm2") == len(json_text([function()]))


@given(
    st.recursive(
        st.none() | st.text(max_size=5) | st.integers(),
        lambda deeper: (
            st.lists(deeper)
            | st.dictionaries(
                st.sampled_from(["function", "name", "parameters", "properties", "enum", "type"]), deeper
            )
        ),
        max_leaves=20,
    )
)
def test_any_definition_can_be_counted(value: object) -> None:
    assert tool_tokens(value, letters, "o200k_base") >= 0
    assert tool_tokens([{"name": "f", "parameters": value}], letters, "o200k_base") > 0


@pytest.mark.parametrize(
    ("width", "height", "tokens"),
    [
        (512, 512, 255),
        (1024, 1024, 765),
        (2048, 4096, 1105),
        (10, 10, 255),
        (768, 2048, 1445),
        (1, 9000, 765),
    ],
)
def test_tiles_follow_the_published_formula(width: int, height: int, tokens: int) -> None:
    assert tiled_tokens(width, height) == tokens


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_a_picture_costs_between_the_stated_bounds(width: int, height: int) -> None:
    assert LEAST <= tiled_tokens(width, height) <= MOST


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", width, height) + b"\x08\x02\0\0\0"


def jpeg(width: int, height: int) -> bytes:
    preview = b"\xff\xe0" + struct.pack(">H", 900) + b"\0" * 898
    return b"\xff\xd8" + preview + b"\xff\xc2" + struct.pack(">HBHHB", 17, 8, height, width, 3)


def gif(width: int, height: int) -> bytes:
    return b"GIF89a" + struct.pack("<HH", width, height)


def webp(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return b"RIFF\0\0\0\0WEBPVP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size


@pytest.mark.parametrize("make", [png, jpeg, gif, webp])
def test_a_picture_in_the_row_is_measured(make: Any) -> None:
    url = "data:image/x;base64," + base64.b64encode(make(2048, 4096) + b"\0" * 30).decode()
    found = image_tokens({"url": url, "detail": "high"})
    assert (found.tokens, found.is_exact) == (1105, True)
    assert "2048 x 4096" in found.why


@given(
    st.one_of(
        st.none(),
        st.text(),
        st.binary(max_size=60).map(lambda raw: "data:image/png;base64," + base64.b64encode(raw).decode()),
    )
)
def test_any_image_value_counts_something(url: object) -> None:
    assert image_tokens(url).tokens in range(LOW_DETAIL, MOST + 1)
    assert image_tokens({"url": url, "detail": "low"}).tokens == LOW_DETAIL


def test_a_picture_behind_a_link_is_assumed() -> None:
    found = image_tokens({"url": "https://example.org/a.png"})
    assert (found.tokens, found.is_exact) == (ASSUMED, False)


def test_definitions_that_rows_repeat_are_judged_and_counted_alike_in_each(tmp_path: Path) -> None:
    checks_tools._faultless.clear()
    wrong = {"type": "function", "function": {"name": "a b", "description": "<|endoftext|>"}}
    rows = [tool_chat(tools=[WEATHER]), tool_chat(tools=[wrong]), tool_chat(tools=[WEATHER, wrong])] * 3
    judged = [judge(json.dumps(row).encode()).rules for row in rows]
    report = check_file(write(tmp_path / "rows.jsonl", rows), CheckOptions(lints="none"))
    for rule in ("tool-name-form", "special-token"):
        assert [line for line, rules in enumerate(judged, 1) if rule in rules] == [2, 3, 5, 6, 8, 9]
        assert [one.line for one in report.findings if one.rule == rule] == [2, 3, 5, 6, 8, 9]
    assert len(checks_tools._faultless) == 1
    assert report.tokens.by_role["tools"] == 3 * sum(
        tool_tokens(row["tools"], TiktokenCounter("o200k_base").count, "o200k_base") for row in rows[:3]
    )
